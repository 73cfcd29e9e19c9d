/**
 * Text ⇄ bytes in Node's encodings, as lenient as Node is. Goes by V8's own base64 and hex where it has them, by the host
 * for UTF-8 that is not short.
 */

export type Encoding = 'utf8' | 'utf16le' | 'latin1' | 'ascii' | 'base64' | 'base64url' | 'hex';

const NAMES: ReadonlyMap<string, Encoding> = new Map<string, Encoding>([
  ['utf8', 'utf8'],
  ['utf-8', 'utf8'],
  ['ucs2', 'utf16le'],
  ['ucs-2', 'utf16le'],
  ['utf16le', 'utf16le'],
  ['utf-16le', 'utf16le'],
  ['latin1', 'latin1'],
  ['binary', 'latin1'],
  ['ascii', 'ascii'],
  ['base64', 'base64'],
  ['base64url', 'base64url'],
  ['hex', 'hex'],
]);

/** The encoding Node means by `name`; `undefined` for none it knows. */
export const encodingOf = (name: unknown): Encoding | undefined => {
  if (name === undefined || name === null || name === '') return 'utf8';
  return NAMES.get(name as string) ?? (typeof name === 'string' ? NAMES.get(name.toLowerCase()) : undefined);
};

interface Native {
  toBase64?(options: object): string;
  toHex?(): string;
}
interface NativeStatic {
  fromBase64?(text: string, options: object): Uint8Array<ArrayBuffer>;
}
const native = Uint8Array.prototype as Native;
const { fromBase64 } = Uint8Array as NativeStatic;
const { toBase64, toHex } = native;

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const CHUNK = 8192;

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BASE64URL = `${BASE64.slice(0, 62)}-_`;
/** Character code, of which Node sees eight bits, → six bits; 255: none of the alphabets. */
const SIX = new Uint8Array(256).fill(255);
for (let i = 0; i < 64; i++) SIX[BASE64.charCodeAt(i)] = SIX[BASE64URL.charCodeAt(i)] = i;

/** Of a character's lower eight bits, which is all Node sees of it. */
const nibble = (character: number): number => {
  const code = character & 255;
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
};

/** As many bytes as `text` takes; for base64 what Node allots, which malformed text does not fill. */
export const lengthOf = (text: string, encoding: Encoding): number => {
  switch (encoding) {
    case 'utf8':
      return utf8Length(text);
    case 'utf16le':
      return text.length * 2;
    case 'hex':
      return text.length >>> 1;
    case 'base64':
    case 'base64url': {
      let size = text.length;
      if (size > 0 && text[size - 1] === '=') size--;
      if (size > 1 && text[size - 1] === '=') size--;
      return (size * 3) >>> 2;
    }
    default:
      return text.length;
  }
};

const utf8Length = (text: string): number => {
  let size = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    size += code < 0x800 ? 1 : 2;
    if (code >= 0xd800 && code < 0xdc00 && i + 1 < text.length) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next < 0xe000) {
        // A pair has four bytes, counted as two characters so far.
        i++;
      }
    }
  }
  return size;
};

export const encode = (text: string, encoding: Encoding): Uint8Array<ArrayBuffer> => {
  switch (encoding) {
    case 'utf8':
      return encodeUtf8(text);
    case 'base64':
    case 'base64url':
      return decodeBase64(text);
    case 'hex':
      return decodeHex(text);
    case 'utf16le': {
      const out = new Uint8Array(text.length * 2);
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        out[2 * i] = code;
        out[2 * i + 1] = code >> 8;
      }
      return out;
    }
    default: {
      const out = new Uint8Array(text.length);
      for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
      return out;
    }
  }
};

const encodeUtf8 = (text: string): Uint8Array<ArrayBuffer> => {
  const size = text.length;
  if (size <= 64) {
    const out = new Uint8Array(size);
    let i = 0;
    for (; i < size; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) break;
      out[i] = code;
    }
    if (i === size) return out;
  }
  return utf8Encoder.encode(text) as Uint8Array<ArrayBuffer>;
};

const decodeBase64 = (text: string): Uint8Array<ArrayBuffer> => {
  if (fromBase64 !== undefined && text.length > 32) {
    try {
      const alphabet = text.includes('-') || text.includes('_') ? 'base64url' : 'base64';
      return fromBase64.call(Uint8Array, text, { alphabet, lastChunkHandling: 'loose' });
    } catch {
      // Not what the standard asks for; Node takes it anyway.
    }
  }
  const out = new Uint8Array(((text.length + 3) * 3) >>> 2);
  let size = 0;
  let bits = 0;
  let held = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 61) break;
    const six = SIX[code & 255] as number;
    if (six === 255) continue;
    held = (held << 6) | six;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[size++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  return out.slice(0, Math.min(size, lengthOf(text, 'base64')));
};

const decodeHex = (text: string): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(text.length >>> 1);
  for (let i = 0; i < out.length; i++) {
    const high = nibble(text.charCodeAt(2 * i));
    const low = nibble(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) return out.slice(0, i);
    out[i] = (high << 4) | low;
  }
  return out;
};

export const decode = (bytes: Uint8Array, encoding: Encoding): string => {
  if (bytes.length === 0) return '';
  switch (encoding) {
    case 'utf8':
      return decodeUtf8(bytes);
    case 'latin1':
      return fromCodes(bytes);
    case 'ascii':
      return fromCodes(Uint8Array.from(bytes, (byte) => byte & 0x7f));
    case 'utf16le': {
      const codes = new Uint16Array(bytes.length >>> 1);
      for (let i = 0; i < codes.length; i++) {
        codes[i] = (bytes[2 * i] as number) | ((bytes[2 * i + 1] as number) << 8);
      }
      return fromCodes(codes);
    }
    case 'hex':
      return toHex === undefined ? encodeHex(bytes) : toHex.call(bytes as never);
    case 'base64':
      return toBase64 === undefined ? encodeBase64(bytes, BASE64, true) : toBase64.call(bytes as never, {});
    case 'base64url':
      return toBase64 === undefined
        ? encodeBase64(bytes, BASE64URL, false)
        : toBase64.call(bytes as never, { alphabet: 'base64url', omitPadding: true });
    default:
      return encoding satisfies never;
  }
};

const decodeUtf8 = (bytes: Uint8Array): string => {
  const size = bytes.length;
  if (size <= 64) {
    let text = '';
    let i = 0;
    for (; i < size; i++) {
      const byte = bytes[i] as number;
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (i === size) return text;
  }
  return utf8Decoder.decode(bytes);
};

const fromCodes = (codes: Uint8Array | Uint16Array): string => {
  if (codes.length <= CHUNK) return String.fromCharCode.apply(null, codes as unknown as number[]);
  let text = '';
  for (let i = 0; i < codes.length; i += CHUNK) {
    text += String.fromCharCode.apply(null, codes.subarray(i, i + CHUNK) as unknown as number[]);
  }
  return text;
};

const encodeHex = (bytes: Uint8Array): string => {
  let text = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    text += `${'0123456789abcdef'[byte >> 4]}${'0123456789abcdef'[byte & 15]}`;
  }
  return text;
};

const encodeBase64 = (bytes: Uint8Array, alphabet: string, pad: boolean): string => {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const three =
      ((bytes[i] as number) << 16) |
      (left > 1 ? (bytes[i + 1] as number) << 8 : 0) |
      (left > 2 ? (bytes[i + 2] as number) : 0);
    text += `${alphabet[three >> 18]}${alphabet[(three >> 12) & 63]}`;
    text += left > 1 ? alphabet[(three >> 6) & 63] : pad ? '=' : '';
    text += left > 2 ? alphabet[three & 63] : pad ? '=' : '';
  }
  return text;
};

/** Writes what fits into `target`, whole characters only; the number of bytes written. */
export const writeInto = (target: Uint8Array, text: string, encoding: Encoding): number => {
  if (encoding === 'utf8') return utf8Encoder.encodeInto(text, target).written;
  const bytes = encode(text, encoding);
  const fits = encoding === 'utf16le' ? target.length & ~1 : target.length;
  const part = bytes.length > fits ? bytes.subarray(0, fits) : bytes;
  target.set(part);
  return part.length;
};
