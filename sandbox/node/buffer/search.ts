/** Finding and comparing bytes, as Buffer's indexOf and compare count them. */
import { coded, invalidArgType } from '../errors.ts';
import { type Encoding, encode, encodingOf } from './encodings.ts';

type Bytes = Uint8Array;

/** The encoding by that name; throws Node's error for none it knows. */
export const wanted = (name: unknown): Encoding => {
  const encoding = encodingOf(name);
  if (encoding === undefined) {
    throw coded(TypeError, 'ERR_UNKNOWN_ENCODING', `Unknown encoding: ${String(name)}`);
  }
  return encoding;
};

export const compareBytes = (a: Bytes, b: Bytes): -1 | 0 | 1 => {
  const size = Math.min(a.length, b.length);
  for (let i = 0; i < size; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return a.length === b.length ? 0 : a.length < b.length ? -1 : 1;
};
/** Where a search begins; -1: nowhere. A negative offset counts from the end. */
const begin = (size: number, offset: number, needle: number, forward: boolean): number => {
  if (offset < 0) {
    if (offset + size >= 0) return size + offset;
    return forward || needle === 0 ? 0 : -1;
  }
  if (offset + needle <= size) return offset;
  if (needle === 0) return size;
  return forward ? -1 : size - 1;
};

/** First (or last) place of `value` from `byteOffset` on, as Node's indexOf counts. */
export const search = (
  self: Bytes,
  value: unknown,
  byteOffset: unknown,
  encoding: unknown,
  forward: boolean,
): number => {
  const [name, offset] = typeof byteOffset === 'string' ? [byteOffset, undefined] : [encoding, byteOffset];
  let from = Math.trunc(Math.max(-0x80000000, Math.min(Number(offset), 0x7fffffff)));
  if (Number.isNaN(from)) from = forward ? 0 : self.length;
  if (typeof value === 'number') {
    const at = begin(self.length, from, 1, forward);
    if (at < 0 || self.length === 0) return -1;
    const byte = value & 255;
    return forward
      ? Uint8Array.prototype.indexOf.call(self, byte, at)
      : Uint8Array.prototype.lastIndexOf.call(self, byte, at);
  }
  let needle: Bytes;
  if (typeof value === 'string') needle = encode(value, wanted(name));
  else if (value instanceof Uint8Array) needle = value;
  else throw invalidArgType('value', ['number', 'string', 'Buffer', 'Uint8Array'], value);
  const step = encodingOf(name) === 'utf16le' ? 2 : 1;
  const at = begin(self.length, from, needle.length, forward);
  if (at < 0 || needle.length === 0) return at;
  const last = self.length - needle.length;
  if (forward) {
    for (let i = at; i <= last; i += step) if (matches(self, needle, i)) return i;
  } else for (let i = Math.min(at, last); i >= 0; i -= step) if (matches(self, needle, i)) return i;
  return -1;
};
const matches = (self: Bytes, needle: Bytes, at: number): boolean => {
  for (let i = 0; i < needle.length; i++) if (self[at + i] !== needle[i]) return false;
  return true;
};
