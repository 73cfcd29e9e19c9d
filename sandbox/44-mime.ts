/** MIME types after the MIME Sniffing standard: parsed, written, and taken out of a content-type header. */
import { charCodeAt, exec, indexOf, List, slice, toLowerCase } from './00-primordials.ts';
import { isToken } from './43-webidl.ts';

// late:

export interface Mime {
  /** `type/subtype`, lower case. */
  readonly essence: string;
  /** Names and values, alternating. */
  readonly params: List<string>;
}

const QUOTABLE = /^[\t\x20-\x7e\x80-\xff]*$/;

const isSpace = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 13;

const leading = (text: string): number => {
  let from = 0;
  while (from < text.length && isSpace(charCodeAt(text, from))) from++;
  return from;
};
const trailing = (text: string): string => {
  let to = text.length;
  while (to > 0 && isSpace(charCodeAt(text, to - 1))) to--;
  return to === text.length ? text : slice(text, 0, to);
};
/** Without HTTP whitespace at both ends. */
export const trimHttp = (text: string): string => {
  const from = leading(text);
  return trailing(from === 0 ? text : slice(text, from));
};

/** Where `mark` stands from `at` on, or the end. */
const until = (text: string, mark: string, at: number): number => {
  const found = indexOf(text, mark, at);
  return found < 0 ? text.length : found;
};

/** The quoted string that opens at `at`: its value, and where it ends. */
const quoted = (text: string, at: number): { value: string; end: number } => {
  let value = '';
  let i = at + 1;
  for (; i < text.length && text[i] !== '"'; i++) {
    if (text[i] === '\\' && i + 1 < text.length) i++;
    value += text[i] as string;
  }
  return { value, end: i + 1 };
};

export const mimeParam = (mime: Mime, name: string): string | null => {
  const { params } = mime;
  for (let i = 0; i < params.length; i += 2) if (params[i] === name) return params[i + 1] as string;
  return null;
};

/** Adds the parameters that follow the first `;` of `text` to `params`. */
const readParams = (text: string, params: List<string>): void => {
  const mime: Mime = { essence: '', params };
  let at = until(text, ';', 0);
  while (at < text.length) {
    const end = until(text, ';', at + 1);
    const equals = until(text, '=', at + 1);
    if (equals >= end) {
      at = end;
      continue;
    }
    const given = slice(text, at + 1, equals);
    const name = toLowerCase(slice(given, leading(given)));
    let value: string;
    if (text[equals + 1] === '"') {
      const found = quoted(text, equals + 1);
      value = found.value;
      at = until(text, ';', found.end);
    } else {
      value = trailing(slice(text, equals + 1, end));
      at = end;
      if (value === '') continue;
    }
    if (isToken(name) && exec(QUOTABLE, value) !== null && mimeParam(mime, name) === null) params.push(name, value);
  }
};

export const parseMime = (given: string): Mime | null => {
  const text = trimHttp(given);
  const end = until(text, ';', 0);
  const essence = trailing(slice(text, 0, end));
  const slash = indexOf(essence, '/');
  if (slash < 0 || !isToken(slice(essence, 0, slash)) || !isToken(slice(essence, slash + 1))) return null;
  const params = new List<string>();
  readParams(text, params);
  return { essence: toLowerCase(essence), params };
};

export const mimeText = (mime: Mime): string => {
  let out = mime.essence;
  const { params } = mime;
  for (let i = 0; i < params.length; i += 2) {
    const value = params[i + 1] as string;
    out += `;${params[i] as string}=`;
    if (isToken(value)) out += value;
    else {
      out += '"';
      for (let j = 0; j < value.length; j++) out += value[j] === '"' || value[j] === '\\' ? `\\${value[j]}` : value[j];
      out += '"';
    }
  }
  return out;
};

/** What a content-type header says in the end: the last type that makes sense, with the charset said before. */
export const extractMime = (header: string | null): Mime | null => {
  if (header === null) return null;
  if (indexOf(header, ',') < 0) {
    const only = parseMime(header);
    return only === null || only.essence === '*/*' ? null : only;
  }
  let mime: Mime | null = null;
  let charset: string | null = null;
  let from = 0;
  for (let at = 0; at <= header.length; at++) {
    if (header[at] === '"') at = quoted(header, at).end - 1;
    else if (at === header.length || header[at] === ',') {
      const found = parseMime(slice(header, from, at));
      from = at + 1;
      if (found === null || found.essence === '*/*') continue;
      const said = mimeParam(found, 'charset');
      if (found.essence !== mime?.essence) charset = said;
      else if (said !== null) charset = said;
      else if (charset !== null) found.params.push('charset', charset);
      mime = found;
    }
  }
  return mime;
};
