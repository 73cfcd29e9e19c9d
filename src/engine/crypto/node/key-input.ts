/**
 * Keys as node:crypto's guest half sends them: what the caller gave, or the DER of a KeyObject it holds itself. Nothing is kept
 * here between calls. Refuses moduli and password iterations beyond reason before any work on them.
 */
import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { Refusal } from '../marshal.ts';

const MOST_MODULUS = 8192;
const MOST_ITERATIONS = 250_000;

export interface KeyInput {
  /** `held`: the DER of a KeyObject. Otherwise the format the caller named. */
  readonly form: 'held' | 'secret' | 'pem' | 'der' | 'jwk';
  /** Index of its bytes. */
  readonly at?: number;
  readonly type?: string;
  readonly jwk?: Readonly<Record<string, string>>;
  /** Index of the passphrase's bytes. */
  readonly passphrase?: number;
}

type Chunks = readonly Uint8Array[];

export function bytesAt(bytes: Chunks, at: unknown): Buffer {
  const found = typeof at === 'number' ? bytes[at] : undefined;
  if (found === undefined) throw new Refusal('TypeError', 'crypto: the arguments do not fit');
  return Buffer.from(found.buffer, found.byteOffset, found.byteLength);
}

export function keyOf(input: KeyInput, bytes: Chunks, wanted: 'public' | 'private'): KeyObject {
  const key = read(input, bytes, wanted);
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (modulusLength > MOST_MODULUS) {
    throw new Refusal(
      'RangeError',
      `crypto: the modulus has ${modulusLength} bits, at most ${MOST_MODULUS} are used here`,
    );
  }
  return key;
}

function read(input: KeyInput, bytes: Chunks, wanted: 'public' | 'private'): KeyObject {
  const make = wanted === 'private' ? createPrivateKey : (createPublicKey as typeof createPrivateKey);
  switch (input.form) {
    case 'jwk':
      return make({ key: (input.jwk ?? {}) as never, format: 'jwk' });
    case 'secret':
      return createSecretKey(bytesAt(bytes, input.at));
    case 'held': {
      const key = bytesAt(bytes, input.at);
      if (input.type === 'public') return createPublicKey({ key, format: 'der', type: 'spki' });
      const held = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
      return wanted === 'private' ? held : createPublicKey(held as never);
    }
    case 'pem':
    case 'der': {
      const key = bytesAt(bytes, input.at);
      const passphrase = input.passphrase === undefined ? undefined : bytesAt(bytes, input.passphrase);
      if (passphrase !== undefined) for (const der of encrypted(input, key)) boundIterations(der);
      const { form: format, type } = input;
      return make({
        key,
        format,
        ...(type === undefined ? {} : { type: type as 'pkcs8' }),
        ...(passphrase === undefined ? {} : { passphrase }),
      });
    }
    default:
      throw new Refusal('TypeError', 'crypto: the arguments do not fit');
  }
}

/** What a passphrase is to open, as DER. */
function encrypted({ form }: KeyInput, key: Buffer): readonly Buffer[] {
  if (form === 'der') return [key];
  const blocks = key.toString('latin1').matchAll(/-----BEGIN ENCRYPTED PRIVATE KEY-----([^-]*)-----END/g);
  return [...blocks].map((block) => Buffer.from(block[1] ?? '', 'base64'));
}

/** The parameters of every method there is have fewer, less deep. */
const MOST_INTEGERS = 16;
const DEEPEST = 8;
const BEYOND: number[] = [Number.POSITIVE_INFINITY];
/** Object identifier of scrypt. */
const SCRYPT: Buffer = Buffer.from('06092b06010401da47040b', 'hex');

/** How often a password is hashed stands in the key itself, so whoever made it decides what opening it costs. */
function boundIterations(der: Buffer): void {
  const numbers = integers(der, 0, der.length, 0);
  const work = der.includes(SCRYPT) ? numbers.slice(0, 3).reduce((all, one) => all * one, 1) : Math.max(1, ...numbers);
  if (work > MOST_ITERATIONS || numbers.length > MOST_INTEGERS) {
    throw new Refusal('RangeError', `crypto: the key is encrypted with more than ${MOST_ITERATIONS} iterations`);
  }
}

/**
 * The integers in the algorithm's parameters, in their order: iterations, or scrypt's cost, block size and parallelization;
 * then perhaps the length of the key. The salt before them may be as long as it likes.
 */
function integers(der: Buffer, from: number, to: number, depth: number): number[] {
  const found: number[] = [];
  for (let at = from; at + 2 <= to; ) {
    const tag = der[at]!;
    let length = der[at + 1]!;
    let start = at + 2;
    if (length > 0x80) {
      const octets = length - 0x80;
      if (octets > 4 || start + octets > to) return BEYOND;
      length = der.readUIntBE(start, octets);
      start += octets;
    } else if (length === 0x80) return BEYOND;
    const end = start + length;
    if (tag === 0x02) {
      if (length < 1 || length > 6 || end > to) return BEYOND;
      found.push(der.readUIntBE(start, length));
    } else if (tag === 0x30) {
      if (depth >= DEEPEST) return BEYOND;
      found.push(...integers(der, start, Math.min(end, to), depth + 1));
    }
    if (found.length > MOST_INTEGERS) return BEYOND;
    at = end;
  }
  return found;
}
