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
/** First (or last) place of `needle` from `offset` on, as Node's indexOf counts. */
export const search = (
  self: Bytes,
  value: unknown,
  byteOffset: unknown,
  encoding: unknown,
  forward: boolean,
): number => {
  let name = encoding;
  let offset = byteOffset;
  if (typeof offset === 'string') {
    name = offset;
    offset = undefined;
  }
  let from = Number(offset);
  if (Number.isNaN(from) || offset === undefined) from = forward ? 0 : self.length;
  from = Math.trunc(Math.max(-0x80000000, Math.min(from, 0x7fffffff)));
  if (from < 0) from += self.length;
  if (typeof value === 'number') {
    const byte = value & 255;
    if (forward) return Uint8Array.prototype.indexOf.call(self, byte, Math.max(0, from));
    return from < 0 ? -1 : Uint8Array.prototype.lastIndexOf.call(self, byte, from);
  }
  let needle: Bytes;
  let step = 1;
  if (typeof value === 'string') {
    const as = wanted(name);
    needle = encode(value, as);
    if (as === 'utf16le') step = 2;
  } else if (value instanceof Uint8Array) {
    needle = value;
    if (name !== undefined && encodingOf(name) === 'utf16le') step = 2;
  } else throw invalidArgType('value', ['number', 'string', 'Buffer', 'Uint8Array'], value);
  const last = self.length - needle.length;
  if (from < 0) {
    if (!forward) return -1;
    from = 0;
  }
  if (needle.length === 0) return Math.min(from, self.length);
  if (forward) {
    for (let i = from; i <= last; i += step) if (matches(self, needle, i)) return i;
  } else for (let i = Math.min(from, last); i >= 0; i -= step) if (matches(self, needle, i)) return i;
  return -1;
};
const matches = (self: Bytes, needle: Bytes, at: number): boolean => {
  for (let i = 0; i < needle.length; i++) if (self[at + i] !== needle[i]) return false;
  return true;
};
