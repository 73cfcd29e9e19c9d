/** Calls of the host half (`src/engine/crypto/node`), and arguments as Node takes them. */
import { host } from 'isolane:host';
import { Buffer } from '../buffer/buffer.ts';
import { encodingOf } from '../buffer/encodings.ts';
import { coded, invalidArgType } from '../errors.ts';

export type Fields = Record<string, unknown>;
type Kind = new (message?: string) => Error;

const KINDS: Readonly<Record<string, Kind>> = { Error, TypeError, RangeError, SyntaxError };

const refusal = (text: string): Error => {
  const [name, code, message] = JSON.parse(text.slice(1)) as [string, string | null, string];
  const Kind = KINDS[name] ?? Error;
  return code === null ? new Kind(message) : coded(Kind, code, message);
};

/** Binary arguments of one call: what stands in the JSON is an index. */
export class Bytes {
  readonly list: Uint8Array[] = [];
  add(bytes: Uint8Array): number {
    return this.list.push(plain(bytes)) - 1;
  }
}

const plain = (bytes: Uint8Array): Uint8Array =>
  Object.getPrototypeOf(bytes) === Uint8Array.prototype
    ? bytes
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const NONE = new Bytes();

export const askBytes = (op: string, fields: Fields, bytes: Bytes = NONE): Buffer => {
  const got = host.crypto(op, JSON.stringify(fields), bytes.list);
  if (typeof got === 'string') throw refusal(got);
  return Buffer.from(got.buffer as ArrayBuffer, got.byteOffset, got.byteLength);
};

export const askJson = <T>(op: string, fields: Fields, bytes: Bytes = NONE): T => {
  const got = host.crypto(op, JSON.stringify(fields), bytes.list);
  if (typeof got !== 'string' || got[0] === '!') throw refusal(got as string);
  return JSON.parse(got) as T;
};

/** Bytes as a Buffer, anything else parsed. */
export const askLater = async (op: string, fields: Fields, bytes: Bytes): Promise<unknown> => {
  const got = await host.cryptoLater(op, JSON.stringify(fields), bytes.list);
  if (typeof got !== 'string') return Buffer.from(got);
  if (got[0] === '!') throw refusal(got);
  return JSON.parse(got);
};

export type Callback = (error: Error | null, ...results: unknown[]) => void;

/** `callback` gets what the promise brings, outside of it: what it throws is not the promise's. */
export const toCallback = (promise: Promise<unknown>, callback: Callback, spread = false): void => {
  promise.then(
    (value) => queueMicrotask(() => (spread ? callback(null, ...(value as unknown[])) : callback(null, value))),
    (error: Error) => queueMicrotask(() => callback(error)),
  );
};

/** A text by its encoding, a buffer or view as it is. */
export const bytesOf = (value: unknown, name: string, encoding?: unknown): Uint8Array => {
  if (typeof value === 'string') {
    const known = encodingOf(encoding ?? 'utf8');
    return Buffer.from(value, known ?? 'utf8');
  }
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
  throw invalidArgType(name, ['string', 'Buffer', 'TypedArray', 'DataView'], value);
};

export const looseBytesOf = (value: unknown, name: string, encoding?: unknown): Uint8Array =>
  value instanceof ArrayBuffer ? new Uint8Array(value) : bytesOf(value, name, encoding);

/** As a Buffer, or as text where an encoding is named. */
export const shown = (bytes: Buffer, encoding: unknown): Buffer | string =>
  encoding === undefined || encoding === null || encoding === 'buffer' ? bytes : bytes.toString(encoding as 'hex');

export const join = (parts: readonly Uint8Array[]): Uint8Array =>
  parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);

export const unbase64 = (text: string): Buffer => Buffer.from(text, 'base64');
