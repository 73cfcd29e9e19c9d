/** TextEncoder, TextDecoder (all encodings, by the host's tables), atob and btoa. */
import {
  charCodeAt,
  defineProperty,
  fromCharCode,
  isObject,
  isView,
  NativeRangeError,
  NativeTypeError,
  reflectApply,
  SafeSet,
  slice,
  toLowerCase,
  typedArrayName,
  typedSet,
  U8,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} from './00-primordials.ts';
import { arity, enumerable, expose, exposeFunction, lengthOf } from './04-globals.ts';
import { copyBytes, host, mustCross, tight } from './10-box.ts';
import { DOMException } from './15-dom-exception.ts';
import { bytesOf, utf8Encode } from './30-encoding.ts';

// late: TextEncoder TextDecoder atob() btoa()

class TextEncoder {
  readonly #brand: true = true;
  get encoding(): string {
    this.#brand;
    return 'utf-8';
  }
  encode(text: unknown = ''): Uint8Array {
    this.#brand;
    return utf8Encode(`${text as string}`);
  }
  encodeInto(source: unknown, destination: unknown): { read: number; written: number } {
    this.#brand;
    const text = `${source as string}`;
    if (!isView(destination) || typedArrayName(destination) !== 'Uint8Array') {
      throw new NativeTypeError('TextEncoder.encodeInto: the destination must be a Uint8Array');
    }
    const room = viewByteLength(destination);
    let read = 0;
    let written = 0;
    const size = text.length;
    while (read < size) {
      const unit = charCodeAt(text, read);
      let units = 1;
      let width = unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
      if (unit >= 0xd800 && unit < 0xdc00 && read + 1 < size) {
        const low = charCodeAt(text, read + 1);
        if (low >= 0xdc00 && low < 0xe000) {
          units = 2;
          width = 4;
        }
      }
      if (written + width > room) break;
      read += units;
      written += width;
    }
    if (written > 0) typedSet(destination as unknown as Uint8Array, utf8Encode(slice(text, 0, read)));
    return { read, written };
  }
}
enumerable(TextEncoder.prototype, ['encoding', 'encode', 'encodeInto']);
arity(TextEncoder.prototype, 'TextEncoder', { encodeInto: 2 });
lengthOf(TextEncoder.prototype.encode, 0);
expose('TextEncoder', TextEncoder);

/** Bytes at the end of `bytes` that begin a UTF-8 sequence it does not complete. */
const danglingUtf8 = (bytes: Uint8Array, size: number): number => {
  for (let back = 1; back <= 3 && back <= size; back++) {
    const byte = bytes[size - back] as number;
    if ((byte & 0xc0) === 0x80) continue;
    const need = byte >= 0xf0 && byte < 0xf5 ? 4 : byte >= 0xe0 ? (byte < 0xf0 ? 3 : 0) : byte >= 0xc2 ? 2 : 0;
    return need > back ? back : 0;
  }
  return 0;
};

const EMPTY = new U8(0);

/** Encodings whose characters can be cut apart between two chunks, and whose tables are the host's: it keeps their state. */
const STATEFUL = new SafeSet<string>();
STATEFUL.add('gbk').add('gb18030').add('big5').add('euc-jp').add('iso-2022-jp').add('shift_jis').add('euc-kr');
let lastStream = 0;
/** Bytes of such an encoding that cross at once. */
const PIECE = 4 * 1024 * 1024;

export class TextDecoder {
  readonly #encoding: string;
  readonly #fatal: boolean;
  readonly #ignoreBom: boolean;
  #rest: Uint8Array = EMPTY;
  #bomSeen = false;
  /** The host's number for what it keeps of this decoder, 0 between streams. */
  #stream = 0;

  constructor(label: unknown = 'utf-8', options?: { fatal?: unknown; ignoreBOM?: unknown }) {
    const text = `${label as string}`;
    const lower = toLowerCase(text);
    const name = lower === 'utf-8' || lower === 'utf8' ? 'utf-8' : host().encodingName(slice(text, 0, 64));
    if (name === null || name === 'replacement') {
      throw new NativeRangeError(`TextDecoder: the encoding label '${slice(text, 0, 64)}' is not known`);
    }
    const given = optionsOf(options);
    this.#encoding = name;
    this.#fatal = !!given?.fatal;
    this.#ignoreBom = !!given?.ignoreBOM;
  }
  get encoding(): string {
    return this.#encoding;
  }
  get fatal(): boolean {
    return this.#fatal;
  }
  get ignoreBOM(): boolean {
    return this.#ignoreBom;
  }
  decode(input?: unknown, options?: { stream?: unknown }): string {
    let bytes: Uint8Array;
    if (input === undefined) bytes = EMPTY;
    else {
      const given = bytesOf(input);
      if (given === null)
        throw new NativeTypeError('TextDecoder.decode: the argument must be a buffer or a view on one');
      bytes = given;
    }
    const stream = !!optionsOf(options)?.stream;
    if (STATEFUL.has(this.#encoding)) return this.#decodeByHost(bytes, stream);
    const held = viewByteLength(this.#rest);
    if (held > 0) {
      const joined = new U8(held + viewByteLength(bytes));
      typedSet(joined, this.#rest);
      typedSet(joined, bytes, held);
      bytes = joined;
      this.#rest = EMPTY;
    }
    let size = viewByteLength(bytes);
    if (stream && size > 0) {
      const keep = this.#dangling(bytes, size);
      if (keep > 0) {
        this.#rest = copyBytes(new U8(viewBuffer(bytes), viewByteOffset(bytes) + size - keep, keep));
        size -= keep;
        bytes = new U8(viewBuffer(bytes), viewByteOffset(bytes), size);
      }
    }
    const skipBom = !this.#ignoreBom && !this.#bomSeen;
    if (size > 0) this.#bomSeen = true;
    if (!stream) this.#bomSeen = false;
    if (size === 0) return '';
    mustCross(size);
    const text = host().decode(tight(bytes), this.#encoding, this.#fatal, !skipBom, 0, false);
    if (text === null) {
      this.#bomSeen = false;
      throw invalid(this.#encoding);
    }
    return text;
  }
  #decodeByHost(bytes: Uint8Array, stream: boolean): string {
    const size = viewByteLength(bytes);
    mustCross(size);
    if (size > PIECE) {
      // The slowest encoding takes 10 ms for a MiB, and nothing ends a call of the host's.
      let all = '';
      let at = 0;
      for (; size - at > PIECE; at += PIECE) {
        all += this.#decodeByHost(new U8(viewBuffer(bytes), viewByteOffset(bytes) + at, PIECE), true);
      }
      return all + this.#decodeByHost(new U8(viewBuffer(bytes), viewByteOffset(bytes) + at, size - at), stream);
    }
    const id = this.#stream === 0 && stream ? ++lastStream : this.#stream;
    this.#stream = stream ? id : 0;
    const text = host().decode(tight(bytes), this.#encoding, this.#fatal, this.#ignoreBom, id, stream);
    if (text === null) {
      this.#stream = 0;
      throw invalid(this.#encoding);
    }
    return text;
  }
  #dangling(bytes: Uint8Array, size: number): number {
    switch (this.#encoding) {
      case 'utf-8':
        return danglingUtf8(bytes, size);
      case 'utf-16le':
      case 'utf-16be': {
        const odd = size % 2;
        if (size < 2 + odd) return odd;
        const high = bytes[size - odd - (this.#encoding === 'utf-16le' ? 1 : 2)] as number;
        return high >= 0xd8 && high < 0xdc ? odd + 2 : odd;
      }
      default:
        return 0;
    }
  }
}
const optionsOf = <T extends object>(value: T | null | undefined): T | undefined => {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw new NativeTypeError('TextDecoder: the options must be an object');
  return value;
};
const invalid = (encoding: string): TypeError & { code?: string } => {
  const error = new NativeTypeError(`The encoded data was not valid for encoding ${encoding}`);
  defineProperty(error, 'code', { value: 'ERR_ENCODING_INVALID_ENCODED_DATA', writable: true, configurable: true });
  return error;
};
lengthOf(TextDecoder.prototype.decode, 0);
enumerable(TextDecoder.prototype, ['encoding', 'fatal', 'ignoreBOM', 'decode']);
expose('TextDecoder', TextDecoder);
export const decodeWith = TextDecoder.prototype.decode as (...args: unknown[]) => unknown;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** One more than each counts; 0: it is none. */
const DIGITS = new U8(128);
for (let i = 0; i < 64; i++) DIGITS[charCodeAt(ALPHABET, i)] = i + 1;

exposeFunction('btoa', (...args: unknown[]) => {
  if (args.length === 0) throw new NativeTypeError('btoa: 1 argument required');
  const text = `${args[0] as string}`;
  let out = '';
  for (let i = 0; i < text.length; i += 3) {
    const a = charCodeAt(text, i);
    const b = i + 1 < text.length ? charCodeAt(text, i + 1) : 0;
    const c = i + 2 < text.length ? charCodeAt(text, i + 2) : 0;
    if (a > 255 || b > 255 || c > 255) {
      throw new DOMException('btoa: the string has characters outside Latin-1', 'InvalidCharacterError');
    }
    const bits = (a << 16) | (b << 8) | c;
    out += (ALPHABET[bits >> 18] as string) + (ALPHABET[(bits >> 12) & 63] as string);
    out += i + 1 < text.length ? (ALPHABET[(bits >> 6) & 63] as string) : '=';
    out += i + 2 < text.length ? (ALPHABET[bits & 63] as string) : '=';
  }
  return out;
});

const badBase64 = (): DOMException =>
  new DOMException('atob: the string is not correctly encoded', 'InvalidCharacterError');

exposeFunction('atob', (...args: unknown[]) => {
  if (args.length === 0) throw new NativeTypeError('atob: 1 argument required');
  const given = `${args[0] as string}`;
  let out = '';
  let bits = 0;
  let held = 0;
  let digits = 0;
  let pads = 0;
  for (let i = 0; i < given.length; i++) {
    const code = charCodeAt(given, i);
    if (code === 32 || code === 9 || code === 10 || code === 12 || code === 13) continue;
    if (code === 61) {
      pads++;
      continue;
    }
    const digit = code < 128 ? (DIGITS[code] as number) - 1 : -1;
    if (digit < 0 || pads > 0) throw badBase64();
    digits++;
    bits = (bits << 6) | digit;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += reflectApply(fromCharCode, undefined, [(bits >> held) & 255]);
      bits &= (1 << held) - 1;
    }
  }
  if (digits % 4 === 1 || pads > 2 || (pads > 0 && (digits + pads) % 4 !== 0)) throw badBase64();
  return out;
});
