/** data: URLs, after the fetch standard: answered here, without the host and without a place to go to. */
import { charCodeAt, exec, indexOf, slice, startsWith, U8 } from './00-primordials.ts';
import { tight } from './10-box.ts';
import { rare } from './13-rare.ts';
import { hexDigit } from './35-search-params.ts';
import { mimeText, parseMime } from './44-mime.ts';

export interface DataUrl {
  readonly type: string;
  readonly bytes: Uint8Array;
}

const late = rare(
  'data-url>',
  '',
  () => {
    const BASE64 = /;\x20*base64$/i;

    /** `text` is a serialised URL: nothing but ASCII in it. */
    const percentDecode = (text: string): Uint8Array => {
      const out = new U8(text.length);
      let size = 0;
      for (let i = 0; i < text.length; i++) {
        const code = charCodeAt(text, i);
        const high = code === 37 && i + 2 < text.length ? hexDigit(charCodeAt(text, i + 1)) : -1;
        const low = high < 0 ? -1 : hexDigit(charCodeAt(text, i + 2));
        if (low >= 0) i += 2;
        out[size++] = low < 0 ? code : high * 16 + low;
      }
      return new U8(out.buffer, 0, size);
    };

    const digitOf = (code: number): number =>
      code >= 65 && code <= 90
        ? code - 65
        : code >= 97 && code <= 122
          ? code - 71
          : code >= 48 && code <= 57
            ? code + 4
            : code === 43
              ? 62
              : code === 47
                ? 63
                : -1;

    /** Forgiving base64: whitespace anywhere, padding optional. `null` for anything else. */
    const base64Decode = (text: Uint8Array): Uint8Array | null => {
      const out = new U8(text.length);
      let size = 0;
      let bits = 0;
      let held = 0;
      let digits = 0;
      let pads = 0;
      for (let i = 0; i < text.length; i++) {
        const code = text[i] as number;
        if (code === 32 || code === 9 || code === 10 || code === 12 || code === 13) continue;
        if (code === 61) {
          pads++;
          continue;
        }
        const digit = digitOf(code);
        if (digit < 0 || pads > 0) return null;
        digits++;
        bits = (bits << 6) | digit;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out[size++] = (bits >> held) & 255;
        bits &= (1 << held) - 1;
      }
      if (digits % 4 === 1 || pads > 2 || (pads > 0 && (digits + pads) % 4 !== 0)) return null;
      return new U8(out.buffer, 0, size);
    };

    const trim = (text: string): string => {
      const blank = (code: number): boolean => code === 32 || (code >= 9 && code <= 13 && code !== 11);
      let from = 0;
      let to = text.length;
      while (from < to && blank(charCodeAt(text, from))) from++;
      while (to > from && blank(charCodeAt(text, to - 1))) to--;
      return slice(text, from, to);
    };

    const readDataUrl = (url: string): DataUrl | null => {
      const comma = indexOf(url, ',');
      if (comma < 0) return null;
      let type = trim(slice(url, 5, comma));
      let bytes: Uint8Array | null = percentDecode(slice(url, comma + 1));
      const mark = exec(BASE64, type);
      if (mark !== null) {
        bytes = base64Decode(bytes);
        if (bytes === null) return null;
        type = slice(type, 0, mark.index);
      }
      const mime = parseMime(startsWith(type, ';') ? `text/plain${type}` : type);
      return { type: mime === null ? 'text/plain;charset=US-ASCII' : mimeText(mime), bytes: tight(bytes) };
    };

    return { readDataUrl, base64Decode };
  },
  '<data-url',
);

/** `url` without fragment. `null`: it is not one that can be read. */
export const readDataUrl = (url: string): DataUrl | null => late().readDataUrl(url);
export const base64Decode = (text: Uint8Array): Uint8Array | null => late().base64Decode(text);
