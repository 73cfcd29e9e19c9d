/** URL: parsing and serialising are the host's (one call each); the parts are kept here as eleven strings. */
import { defineProperty, indexOf, List, NativeTypeError, slice, toWellFormed } from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { host, mustCross } from './10-box.ts';
import { linkParams, resetParams, type URLSearchParams } from './35-search-params.ts';

const [HREF, PROTOCOL, USERNAME, PASSWORD, HOST, HOSTNAME, PORT, PATHNAME, SEARCH, HASH, ORIGIN] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
] as const;

const split = (text: string): List<string> => {
  const parts = new List<string>();
  let at = 0;
  for (;;) {
    const end = indexOf(text, '\n', at);
    if (end < 0) break;
    parts.push(slice(text, at, end));
    at = end + 1;
  }
  parts.push(slice(text, at));
  return parts;
};

/** The normalised href of an absolute URL, or `null`. */
export const parseParts = (input: string, base: string): List<string> | null => {
  mustCross(input.length + base.length);
  const text = host().parseUrl(toWellFormed(input), base);
  return text === null ? null : split(text);
};
export const partOf = { HREF, PROTOCOL, USERNAME, PASSWORD } as const;

let hrefOf: (url: URL) => string;
let hasParts: (value: object) => boolean;

export class URL {
  #parts: List<string>;
  #params: URLSearchParams | null = null;

  static {
    hrefOf = (url) => url.#parts[HREF] as string;
    hasParts = (value) => #parts in value;
  }

  constructor(url: unknown, base?: unknown) {
    const text = `${url as string}`;
    const from = base === undefined ? '' : `${base as string}`;
    let parts: List<string> | null;
    if (base !== undefined && parseParts(from, '') === null) parts = null;
    else parts = parseParts(text, from);
    if (parts === null) {
      const error = new NativeTypeError('Invalid URL') as TypeError & { code?: string; input?: string };
      defineProperty(error, 'code', { value: 'ERR_INVALID_URL', writable: true, configurable: true, enumerable: true });
      defineProperty(error, 'input', { value: text, writable: true, configurable: true, enumerable: true });
      throw error;
    }
    this.#parts = parts;
  }

  static canParse(url: unknown, base?: unknown): boolean {
    try {
      new URL(url, base);
      return true;
    } catch {
      return false;
    }
  }
  static parse(url: unknown, base?: unknown): URL | null {
    try {
      return new URL(url, base);
    } catch {
      return null;
    }
  }

  #set(part: string, value: unknown): void {
    const given = `${value as string}`;
    mustCross(given.length);
    const text = host().setUrl(this.#parts[HREF] as string, part, toWellFormed(given));
    if (text === null) return;
    this.#parts = split(text);
    if (this.#params !== null && (part === 'search' || part === 'href')) {
      resetParams(this.#params, slice(this.#parts[SEARCH] as string, 1));
    }
  }

  get href(): string {
    return this.#parts[HREF] as string;
  }
  set href(value: unknown) {
    const parts = parseParts(`${value as string}`, '');
    if (parts === null) throw new NativeTypeError('Invalid URL');
    this.#parts = parts;
    if (this.#params !== null) resetParams(this.#params, slice(parts[SEARCH] as string, 1));
  }
  get origin(): string {
    return this.#parts[ORIGIN] as string;
  }
  get protocol(): string {
    return this.#parts[PROTOCOL] as string;
  }
  set protocol(value: unknown) {
    this.#set('protocol', value);
  }
  get username(): string {
    return this.#parts[USERNAME] as string;
  }
  set username(value: unknown) {
    this.#set('username', value);
  }
  get password(): string {
    return this.#parts[PASSWORD] as string;
  }
  set password(value: unknown) {
    this.#set('password', value);
  }
  get host(): string {
    return this.#parts[HOST] as string;
  }
  set host(value: unknown) {
    this.#set('host', value);
  }
  get hostname(): string {
    return this.#parts[HOSTNAME] as string;
  }
  set hostname(value: unknown) {
    this.#set('hostname', value);
  }
  get port(): string {
    return this.#parts[PORT] as string;
  }
  set port(value: unknown) {
    this.#set('port', value);
  }
  get pathname(): string {
    return this.#parts[PATHNAME] as string;
  }
  set pathname(value: unknown) {
    this.#set('pathname', value);
  }
  get search(): string {
    return this.#parts[SEARCH] as string;
  }
  set search(value: unknown) {
    this.#set('search', value);
  }
  get searchParams(): URLSearchParams {
    if (this.#params === null) {
      const change = (query: string): void => {
        const text = host().setUrl(this.#parts[HREF] as string, 'search', query);
        if (text !== null) this.#parts = split(text);
      };
      this.#params = linkParams(slice(this.#parts[SEARCH] as string, 1), change);
    }
    return this.#params;
  }
  get hash(): string {
    return this.#parts[HASH] as string;
  }
  set hash(value: unknown) {
    this.#set('hash', value);
  }
  toString(): string {
    return this.#parts[HREF] as string;
  }
  toJSON(): string {
    return this.#parts[HREF] as string;
  }
}
enumerable(URL.prototype, [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'searchParams',
  'hash',
  'toString',
  'toJSON',
]);
enumerable(URL, ['canParse', 'parse']);
expose('URL', URL);

export const isUrl = (value: unknown): value is URL => typeof value === 'object' && value !== null && hasParts(value);
export const urlHref = (url: URL): string => hrefOf(url);
