/**
 * What takes less time than the way to the thread pool and back is done at once: hashes and HMACs of little data, and
 * taking in a secret key (tried on a busy machine: three times the requests a second). Whatever is not plainly right
 * is left to WebCrypto, whose refusals are the ones to be seen.
 */
import { createHmac, createSecretKey, hash, KeyObject, timingSafeEqual } from 'node:crypto';
import { type CryptoKey, type Dictionary, isKey } from './marshal.ts';

const MOST_BYTES = 16 * 1024;

const HASHES: ReadonlyMap<unknown, string> = new Map([
  ['SHA-1', 'sha1'],
  ['SHA-256', 'sha256'],
  ['SHA-384', 'sha384'],
  ['SHA-512', 'sha512'],
]);
const SECRETS: ReadonlySet<unknown> = new Set(['HMAC', 'AES-GCM', 'AES-CBC', 'AES-CTR', 'AES-KW', 'PBKDF2', 'HKDF']);

const nameOf = (algorithm: unknown): unknown => {
  const name =
    typeof algorithm === 'object' && algorithm !== null ? (algorithm as Dictionary)['name'] : (algorithm as unknown);
  return typeof name === 'string' ? name.toUpperCase() : undefined;
};
const isBytes = (value: unknown): value is Uint8Array | ArrayBuffer =>
  value instanceof Uint8Array || value instanceof ArrayBuffer;
const view = (bytes: Uint8Array | ArrayBuffer): Uint8Array =>
  bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);

/** The result, or `undefined`: it is for the thread pool. Throws nothing. */
export function quickly(op: string, args: readonly unknown[], bytes: number): unknown {
  if (bytes > MOST_BYTES) return undefined;
  try {
    switch (op) {
      case 'digest':
        return digest(args);
      case 'sign':
        return mac('sign', args);
      case 'verify': {
        const expected = mac('verify', [args[0], args[1], args[3]]);
        if (expected === undefined || !isBytes(args[2])) return undefined;
        const given = view(args[2]);
        return given.length === expected.byteLength && timingSafeEqual(given, new Uint8Array(expected));
      }
      case 'importKey':
        return secret(args);
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

function digest([algorithm, data]: readonly unknown[]): ArrayBuffer | undefined {
  const name = HASHES.get(nameOf(algorithm));
  return name === undefined || !isBytes(data) ? undefined : exact(hash(name, view(data), 'buffer'));
}

function mac(usage: 'sign' | 'verify', [algorithm, key, data]: readonly unknown[]): ArrayBuffer | undefined {
  if (nameOf(algorithm) !== 'HMAC' || !isKey(key) || key.algorithm.name !== 'HMAC' || !isBytes(data)) return undefined;
  const name = HASHES.get((key.algorithm as unknown as { hash: { name: string } }).hash.name);
  if (name === undefined || !key.usages.includes(usage)) return undefined;
  return exact(createHmac(name, KeyObject.from(key)).update(view(data)).digest());
}

function secret([format, data, algorithm, extractable, usages]: readonly unknown[]): CryptoKey | undefined {
  if (format !== 'raw' || !SECRETS.has(nameOf(algorithm)) || !isBytes(data)) return undefined;
  return createSecretKey(view(data)).toCryptoKey(algorithm as never, extractable === true, usages as never);
}

function exact(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}
