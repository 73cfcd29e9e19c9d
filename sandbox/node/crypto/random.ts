/** randomBytes, randomInt, randomUUID, random keys and primes. */
import { host } from 'isolane:host';
import { Buffer } from '../buffer/buffer.ts';
import { checkFunction, checkInteger, invalidArgType, invalidArgValue, outOfRange } from '../errors.ts';
import { askBytes, askJson, askLater, Bytes, type Callback, looseBytesOf, toCallback } from './ask.ts';
import { createSecretKey, type KeyObject } from './keys.ts';

const AT_ONCE = 65_536;
const MOST = 2 ** 31 - 1;

const fill = (bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length; at += AT_ONCE) bytes.set(host.random(Math.min(AT_ONCE, bytes.length - at)), at);
};

/** Calls back after what runs now. */
const deliver = (value: unknown, callback: unknown): void => {
  checkFunction(callback, 'callback');
  toCallback(Promise.resolve(value), callback as Callback);
};

export const randomBytes = (size: unknown, callback?: unknown): Buffer | undefined => {
  checkInteger(size, 'size', 0, MOST);
  const bytes = Buffer.allocUnsafeSlow(size);
  fill(bytes);
  if (callback === undefined) return bytes;
  deliver(bytes, callback);
  return undefined;
};
export const pseudoRandomBytes = randomBytes;
export const prng = randomBytes;
export const rng = randomBytes;

export const randomFillSync = <T>(target: T, offset = 0, size?: number): T => {
  const isBuffer = target instanceof ArrayBuffer;
  if (!isBuffer && !ArrayBuffer.isView(target)) {
    throw invalidArgType('buf', ['ArrayBuffer', 'ArrayBufferView'], target);
  }
  const unit = isBuffer ? 1 : ((target as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1);
  const all = isBuffer
    ? new Uint8Array(target)
    : new Uint8Array(target.buffer as ArrayBuffer, target.byteOffset, target.byteLength);
  const from = offset * unit;
  checkInteger(from, 'offset', 0, all.length);
  const length = size === undefined ? all.length - from : size * unit;
  if (length < 0 || from + length > all.length) throw outOfRange('size + offset', `<= ${all.length}`, from + length);
  fill(all.subarray(from, from + length));
  return target;
};
export const randomFill = (target: unknown, ...rest: unknown[]): void => {
  const callback = rest.pop();
  checkFunction(callback, 'callback');
  deliver(randomFillSync(target, ...(rest as [number?, number?])), callback);
};

const SPAN = 2 ** 48;
export const randomInt = (first: unknown, second?: unknown, third?: unknown): number | undefined => {
  const one = second === undefined || typeof second === 'function';
  const min = one ? 0 : first;
  const max = one ? first : second;
  const callback = one ? second : third;
  if (!Number.isSafeInteger(min)) throw invalidArgType('min', 'a safe integer', min);
  if (!Number.isSafeInteger(max)) throw invalidArgType('max', 'a safe integer', max);
  const [low, high] = [min as number, max as number];
  if (high <= low) throw outOfRange('max', `greater than the value of "min" (${low})`, high);
  const range = high - low;
  if (range >= SPAN) throw outOfRange(one ? 'max' : 'max - min', `<= ${SPAN - 1}`, range);
  const fair = SPAN - (SPAN % range);
  let drawn: number;
  do drawn = (Buffer.from(host.random(6)) as Buffer).readUIntBE(0, 6);
  while (drawn >= fair);
  const value = low + (drawn % range);
  if (callback === undefined) return value;
  deliver(value, callback);
  return undefined;
};

export const randomUUID = (): string => crypto.randomUUID();
/** The time in ms, a fixed four bits, the rest random (RFC 9562, §5.7). */
export const randomUUIDv7 = (): string => {
  const bytes = Buffer.from(host.random(16)) as Buffer;
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

export const generateKeySync = (kind: unknown, options: { length?: unknown }): KeyObject => {
  const length = options?.length;
  if (kind === 'aes') {
    if (length !== 128 && length !== 192 && length !== 256) {
      throw invalidArgValue('options.length', length, 'must be one of: 128, 192, 256');
    }
  } else if (kind === 'hmac') checkInteger(length, 'options.length', 8, 8 * 1024 * 1024);
  else throw invalidArgValue('type', kind, 'must be a supported key type');
  return createSecretKey(randomBytes(Math.floor((length as number) / 8)));
};
export const generateKey = (kind: unknown, options: { length?: unknown }, callback: unknown): void =>
  deliver(generateKeySync(kind, options), callback);

interface PrimeOptions {
  safe?: boolean;
  bigint?: boolean;
  add?: unknown;
  rem?: unknown;
}
const bigBytes = (value: unknown, name: string): Uint8Array => {
  if (typeof value !== 'bigint') return looseBytesOf(value, name);
  const digits = value.toString(16);
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
};
const primeFields = (bits: unknown, { safe = false, add, rem }: PrimeOptions): [Record<string, unknown>, Bytes] => {
  checkInteger(bits, 'size', 1, MOST);
  const bytes = new Bytes();
  const more = {
    ...(add === undefined ? {} : { add: bytes.add(bigBytes(add, 'options.add')) }),
    ...(rem === undefined ? {} : { rem: bytes.add(bigBytes(rem, 'options.rem')) }),
  };
  return [{ bits, safe, ...more }, bytes];
};
const primeOf = (bytes: Buffer, { bigint = false }: PrimeOptions): ArrayBuffer | bigint =>
  bigint
    ? BigInt(`0x${bytes.toString('hex')}`)
    : (bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer);
export const generatePrimeSync = (bits: unknown, options: PrimeOptions = {}): ArrayBuffer | bigint =>
  primeOf(askBytes('newPrime', ...primeFields(bits, options)), options);
export const generatePrime = (bits: unknown, options: unknown, callback?: unknown): void => {
  const given = typeof options === 'function' ? {} : (options as PrimeOptions);
  const done = typeof options === 'function' ? options : callback;
  checkFunction(done, 'callback');
  const found = askLater('newPrime', ...primeFields(bits, given)).then((bytes) => primeOf(bytes as Buffer, given));
  toCallback(found, done as Callback);
};
export const checkPrimeSync = (candidate: unknown, { checks = 0 }: { checks?: number } = {}): boolean => {
  const bytes = new Bytes();
  return askJson<boolean>('isPrime', { candidate: bytes.add(bigBytes(candidate, 'candidate')), checks }, bytes);
};
export const checkPrime = (candidate: unknown, options: unknown, callback?: unknown): void => {
  const done = typeof options === 'function' ? options : callback;
  deliver(checkPrimeSync(candidate, typeof options === 'function' ? {} : (options as object)), done);
};
