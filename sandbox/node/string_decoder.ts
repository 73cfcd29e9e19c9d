/** node:string_decoder: text from bytes that come in pieces. */
import { Buffer } from './buffer/buffer.ts';
import { decode, type Encoding, encodingOf } from './buffer/encodings.ts';
import { coded, invalidArgType } from './errors.ts';

/** How many bytes at the end begin a character that is not whole yet. */
const unfinished = (bytes: Uint8Array, encoding: Encoding): number => {
  const size = bytes.length;
  switch (encoding) {
    case 'utf8':
      return unfinishedUtf8(bytes);
    case 'utf16le': {
      const odd = size % 2;
      const high = bytes[size - odd - 1] ?? 0;
      return size - odd >= 2 && high >= 0xd8 && high <= 0xdb ? odd + 2 : odd;
    }
    case 'base64':
    case 'base64url':
      return size % 3;
    default:
      return 0;
  }
};
const unfinishedUtf8 = (bytes: Uint8Array): number => {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number;
    if ((byte & 0xc0) === 0x80) continue;
    const needs =
      byte >= 0xf0 && byte <= 0xf4 ? 4 : byte >= 0xe0 && byte < 0xf0 ? 3 : byte >= 0xc2 && byte < 0xe0 ? 2 : 1;
    if (needs <= back) return 0;
    // What can become no character any more is not waited for.
    return back === 1 || fits(byte, bytes[bytes.length - back + 1] as number) ? back : 0;
  }
  return 0;
};
const fits = (lead: number, second: number): boolean => {
  if (lead === 0xe0) return second >= 0xa0;
  if (lead === 0xed) return second < 0xa0;
  if (lead === 0xf0) return second >= 0x90;
  return lead === 0xf4 ? second < 0x90 : true;
};

interface Decoder {
  encoding: string;
  held: Uint8Array;
  as: Encoding;
}

export function StringDecoder(this: Decoder, encoding?: string): void {
  const as = encodingOf(encoding);
  if (as === undefined) throw coded(TypeError, 'ERR_UNKNOWN_ENCODING', `Unknown encoding: ${encoding}`);
  this.encoding = as;
  Object.defineProperty(this, 'as', { value: as });
  Object.defineProperty(this, 'held', { value: new Uint8Array(0), writable: true });
}

Object.assign(StringDecoder.prototype, {
  write(this: Decoder, chunk: unknown): string {
    if (typeof chunk === 'string') return chunk;
    if (!ArrayBuffer.isView(chunk)) throw invalidArgType('buf', ['Buffer', 'TypedArray', 'DataView'], chunk);
    let bytes: Uint8Array = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.held.length > 0) bytes = Buffer.concat([this.held, bytes]);
    const rest = unfinished(bytes, this.as);
    const whole = bytes.length - rest;
    this.held = bytes.slice(whole);
    return decode(rest === 0 ? bytes : bytes.subarray(0, whole), this.as);
  },
  end(this: Decoder & { write(chunk: unknown): string }, chunk?: unknown): string {
    const text = chunk === undefined ? '' : this.write(chunk);
    const { held } = this;
    this.held = new Uint8Array(0);
    return text + decode(held, this.as);
  },
  text(this: Decoder & { end(chunk: unknown): string }, chunk: Uint8Array, offset: number): string {
    this.held = new Uint8Array(0);
    return this.end(chunk.subarray(offset));
  },
});
Object.defineProperties(StringDecoder.prototype, {
  lastNeed: {
    get(this: Decoder): number {
      const lead = this.held[0] ?? 0;
      if (this.held.length === 0) return 0;
      if (this.as === 'utf8') return (lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2) - this.held.length;
      return this.as === 'utf16le' ? (this.held.length % 2 === 1 ? 1 : 2) : 3 - this.held.length;
    },
    enumerable: true,
    configurable: true,
  },
  lastTotal: {
    get(this: Decoder & { lastNeed: number }): number {
      return this.held.length === 0 ? 0 : this.held.length + this.lastNeed;
    },
    enumerable: true,
    configurable: true,
  },
  lastChar: {
    get(this: Decoder): Uint8Array {
      return Buffer.concat([this.held], 4);
    },
    enumerable: true,
    configurable: true,
  },
});

export default { StringDecoder };
