/**
 * What an operation will cost, roughly, before it begins: whether it is refused, measured, or made to wait for a place.
 * The figures are of the order of one core's nanoseconds; nobody is billed by them beyond a fifth of a millisecond.
 */
import { type CryptoKey, type Dictionary, isKey, Refusal } from './marshal.ts';

/** From here on the CPU an operation used is measured. */
export const MEASURED_NS = 200_000;
/** From here on an operation needs one of the few places for long ones. */
export const LONG_NS = 5_000_000;

const MOST_ITERATIONS = 2_000_000;
const MOST_MODULUS = 4096;
/** Of keys that are brought along. */
const MOST_FOREIGN_MODULUS = 8192;
const MOST_KEY_BITS = 1 << 20;
const MOST_OUTPUT_BITS = 1 << 23;
const MOST_DERIVED_BITS = 1 << 19;
const MOST_ARGON_KIB = 64 * 1024;
const MOST_ARGON_WORK = 4 * MOST_ARGON_KIB;
const MOST_ENCODED_BYTES = 64 * 1024;
const MOST_SECRET_BYTES = 1024 * 1024;

const refuse = (what: string): never => {
  throw new Refusal('NotSupportedError', `crypto: ${what}`);
};
const absurd = (what: string, given: number, most: number, unit: string): void => {
  // Not a number, too: what Node would make of it does not matter here.
  if (given > most) refuse(`${what} is ${given} ${unit}, at most ${most} are done here`);
};

const nameOf = (algorithm: unknown): string => {
  const name = isDictionary(algorithm) ? algorithm['name'] : algorithm;
  return typeof name === 'string' ? name.toUpperCase() : '';
};
const isDictionary = (value: unknown): value is Dictionary =>
  typeof value === 'object' && value !== null && !(value instanceof ArrayBuffer) && !ArrayBuffer.isView(value);
const figure = (algorithm: unknown, name: string, otherwise = 0): number => {
  const value = isDictionary(algorithm) ? Number(algorithm[name]) : otherwise;
  return Number.isFinite(value) ? value : otherwise;
};

/** Length of a member that is binary. */
const bytesOf = (algorithm: unknown, name: string): number => {
  const value = isDictionary(algorithm) ? algorithm[name] : null;
  return value instanceof Uint8Array || value instanceof ArrayBuffer ? value.byteLength : 0;
};

/** Nanoseconds, about; throws `Refusal` for what is beyond reason. `bytes`: of all data that came along. */
export function price(op: string, args: readonly unknown[], bytes: number): number {
  let ns = 20_000 + bytes * 4;
  const begun = op === 'importKey' || op === 'unwrapKey' ? null : args[0];
  for (const arg of args) if (isKey(arg)) ns += keyNs(op, arg);
  if (begun !== null) ns += algorithmNs(begun, derivedBits(op, args));
  if (op === 'generateKey') ns += generateNs(args[0]);
  if (op === 'importKey') ns += importNs(args[0], bytes);
  if (op === 'deriveBits' && typeof args[2] === 'number')
    absurd('the derived length', args[2], MOST_DERIVED_BITS, 'bits');
  return ns;
}

function derivedBits(op: string, args: readonly unknown[]): number {
  if (op === 'deriveBits') return typeof args[2] === 'number' ? args[2] : 512;
  if (op !== 'deriveKey') return 0;
  const length = figure(args[2], 'length', 1024);
  absurd('the derived key', length, MOST_DERIVED_BITS, 'bits');
  return length;
}

const HASH_BITS: Readonly<Record<string, number>> = { 'SHA-1': 160, 'SHA-384': 384, 'SHA-512': 512 };

function algorithmNs(algorithm: unknown, bits: number): number {
  absurd('the output', figure(algorithm, 'outputLength'), MOST_OUTPUT_BITS, 'bits');
  const name = nameOf(algorithm);
  if (name === 'PBKDF2') {
    const hash = nameOf(isDictionary(algorithm) ? algorithm['hash'] : '');
    const blocks = Math.max(1, Math.ceil(bits / (HASH_BITS[hash] ?? 256)));
    // Its salt is hashed once a block; 128 bytes take as long as an iteration.
    const work = (figure(algorithm, 'iterations') + bytesOf(algorithm, 'salt') / 128) * blocks;
    absurd('PBKDF2', work, MOST_ITERATIONS, 'iterations over all blocks of the output');
    return work * 500;
  }
  if (name === 'HKDF') {
    const hash = nameOf(isDictionary(algorithm) ? algorithm['hash'] : '');
    const work = Math.ceil(bits / (HASH_BITS[hash] ?? 256)) * (1 + bytesOf(algorithm, 'info') / 128);
    absurd('HKDF', Math.ceil(work), MOST_ITERATIONS, 'rounds over all blocks of the output');
    return work * 500;
  }
  if (name.startsWith('ARGON2')) {
    const memory = figure(algorithm, 'memory');
    absurd('the memory of Argon2', memory, MOST_ARGON_KIB, 'KiB');
    const work = memory * Math.max(1, figure(algorithm, 'passes'));
    absurd('Argon2', work, MOST_ARGON_WORK, 'KiB over all passes');
    absurd('the parallelism of Argon2', figure(algorithm, 'parallelism'), 64, 'lanes');
    return work * 1500;
  }
  return 0;
}

function generateNs(algorithm: unknown): number {
  const name = nameOf(algorithm);
  absurd('the key', figure(algorithm, 'length'), MOST_KEY_BITS, 'bits');
  if (name.startsWith('RSA')) {
    const bits = figure(algorithm, 'modulusLength');
    absurd('the modulus', bits, MOST_MODULUS, 'bits');
    if (bits > 0 && bits < 512) throw new Refusal('OperationError', `crypto: a modulus of ${bits} bits is too short`);
    const exponent = isDictionary(algorithm) ? algorithm['publicExponent'] : null;
    if (exponent instanceof Uint8Array) {
      absurd('the public exponent', exponent.length, 4, 'bytes');
      // No prime fits an even exponent, or one: it would be looked for without end.
      const last = exponent[exponent.length - 1] ?? 0;
      if (last % 2 === 0 || exponent.every((one, at) => one === (at === exponent.length - 1 ? 1 : 0))) {
        throw new Refusal('OperationError', 'crypto: the public exponent must be odd and more than one');
      }
    }
    return 200e6 * (bits / 2048) ** 4;
  }
  return slowness(name, algorithm);
}

function importNs(format: unknown, bytes: number): number {
  if (format === 'raw' || format === 'raw-secret') absurd('the key data', bytes, MOST_SECRET_BYTES, 'bytes');
  else absurd('the key data', bytes, MOST_ENCODED_BYTES, 'bytes');
  return 50_000;
}

/** Of an operation with an asymmetric key. */
function slowness(name: string, algorithm: unknown): number {
  if (name.startsWith('ML-') || name === 'ED448' || name === 'X448') return 500_000;
  const curve = isDictionary(algorithm) ? algorithm['namedCurve'] : '';
  if (curve === 'P-384' || curve === 'P-521') return 1_500_000;
  return 100_000;
}

function keyNs(op: string, key: CryptoKey): number {
  const algorithm = key.algorithm as unknown as Dictionary;
  const name = nameOf(algorithm);
  if (key.type === 'secret') return 0;
  if (!name.startsWith('RSA')) return slowness(name, algorithm);
  const bits = figure(algorithm, 'modulusLength', 2048);
  return key.type === 'private' && op !== 'exportKey' ? 1e6 * (bits / 2048) ** 3 : 300_000;
}

/** A key that was brought along and would make every operation with it absurd. */
export function acceptable(key: CryptoKey): void {
  absurd('the modulus', figure(key.algorithm as object, 'modulusLength'), MOST_FOREIGN_MODULUS, 'bits');
}
