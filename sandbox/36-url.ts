/**
 * URL: a parser's answer is one text, and the parts are found in it when they are asked for. What a parser would leave as it
 * is never leaves the isolate, of what is left mostly the authority does; everything else is one call to the host.
 */
import { defineProperty, List, NativeTypeError, slice, toWellFormed } from './00-primordials.ts';
import { arity, enumerable, lengthOf } from './04-globals.ts';
import { host, mustCross } from './10-box.ts';
import { authorityEnd, plainAuthority, plainPath, type Spans, spansOf, writtenRest } from './34-url-text.ts';
import { linkParams, resetParams, type URLSearchParams } from './35-search-params.ts';

// late:
// brands: isUrl

/** The last authority only the host's parser could read, with its scheme, and what it wrote for it. */
let asked = '';
let answered = '';

/** An http or https URL of which the host has to see the authority at most, and that once; `null`: somebody else has to parse it. */
const written = (input: string): string | null => {
  const end = authorityEnd(input);
  const rest = end < 0 ? null : writtenRest(input, end);
  if (rest === null) return null;
  const authority = slice(input, 0, end);
  if (plainAuthority(input) === end) return authority + rest;
  if (authority !== asked) {
    const href = host().parseUrl(toWellFormed(authority), '');
    if (href === null) return null;
    asked = authority;
    answered = slice(href, 0, -1);
  }
  return answered + rest;
};

/** The serialised URL, or `null`; `base` is absent for `undefined`. */
export const parseHref = (input: string, base?: string): string | null => {
  const path = plainPath(input);
  const from = base === undefined || base === input ? path : plainPath(base);
  if (path >= 0 && from >= 0) return path === input.length ? `${input}/` : input;
  mustCross(input.length + (base?.length ?? 0));
  if (base === undefined) return written(input) ?? host().parseUrl(toWellFormed(input), '');
  if (from >= 0 && input[0] === '/' && input[1] !== '/' && input[1] !== '\\') {
    const rest = writtenRest(input, 0);
    if (rest !== null) return slice(base, 0, from) + rest;
  }
  // An empty base is none for the host.
  return base === '' ? null : host().parseUrl(toWellFormed(input), toWellFormed(base));
};

const username = (spans: Spans): string => slice(spans.href, spans.user, spans.userEnd);
const password = (spans: Spans): string =>
  spans.host - spans.userEnd < 2 ? '' : slice(spans.href, spans.userEnd + 1, spans.host - 1);

/** Some parts of an absolute URL, by `partOf`, or `null`. */
export const parseParts = (input: string, base: string): List<string> | null => {
  const href = parseHref(input, base === '' ? undefined : base);
  if (href === null) return null;
  const spans = spansOf(href);
  const parts = new List<string>();
  parts.push(href, slice(href, 0, spans.scheme), username(spans), password(spans));
  return parts;
};
export const partOf = { HREF: 0, PROTOCOL: 1, USERNAME: 2, PASSWORD: 3 } as const;

const TUPLES = ['http:', 'https:', 'ws:', 'wss:', 'ftp:'];
const originOf = (spans: Spans): string => {
  const protocol = slice(spans.href, 0, spans.scheme);
  if (protocol === 'blob:') {
    const inner = parseHref(slice(spans.href, spans.path, spans.query));
    const own = inner === null ? null : spansOf(inner);
    const scheme = own === null ? '' : slice(own.href, 0, own.scheme);
    return own !== null && (scheme === 'http:' || scheme === 'https:') ? originOf(own) : 'null';
  }
  for (let i = 0; i < TUPLES.length; i++) {
    if (protocol === TUPLES[i]) return `${protocol}//${slice(spans.href, spans.host, spans.path)}`;
  }
  return 'null';
};

/** A query or fragment without anything after its mark is none. */
const marked = (text: string): string => (text.length === 1 ? '' : text);

let hrefOf: (url: URL) => string;
let isOne: (value: object) => boolean;
const NONE: unknown = {};

export class URL {
  #href: string;
  #spans: Spans | null = null;
  #params: URLSearchParams | null = null;

  static {
    hrefOf = (url) => url.#href;
    isOne = (value) => #href in value;
  }

  constructor(url: unknown = NONE, base?: unknown) {
    if (url === NONE) throw new NativeTypeError('URL: 1 argument required');
    const text = `${url as string}`;
    const href = parseHref(text, base === undefined ? undefined : `${base as string}`);
    if (href === null) {
      const error = new NativeTypeError('Invalid URL') as TypeError & { code?: string; input?: string };
      defineProperty(error, 'code', { value: 'ERR_INVALID_URL', writable: true, configurable: true, enumerable: true });
      defineProperty(error, 'input', { value: text, writable: true, configurable: true, enumerable: true });
      throw error;
    }
    this.#href = href;
  }

  static canParse(url: unknown, base?: unknown): boolean {
    return parseHref(`${url as string}`, base === undefined ? undefined : `${base as string}`) !== null;
  }
  static parse(url: unknown, base?: unknown): URL | null {
    const href = parseHref(`${url as string}`, base === undefined ? undefined : `${base as string}`);
    return href === null ? null : new URL(href);
  }

  #at(): Spans {
    return (this.#spans ??= spansOf(this.#href));
  }
  #become(href: string): void {
    this.#href = href;
    this.#spans = null;
  }
  #set(part: string, value: unknown): void {
    const given = `${value as string}`;
    mustCross(given.length);
    const href = host().setUrl(this.#href, part, toWellFormed(given));
    if (href === null) return;
    this.#become(href);
    if (part === 'search') this.#reset();
  }
  #query(): string {
    const { href, query, hash } = this.#at();
    return slice(href, query + 1, hash);
  }
  #reset(): void {
    if (this.#params !== null) resetParams(this.#params, this.#query());
  }

  get href(): string {
    return this.#href;
  }
  set href(value: unknown) {
    const href = parseHref(`${value as string}`);
    if (href === null) throw new NativeTypeError('Invalid URL');
    this.#become(href);
    this.#reset();
  }
  get origin(): string {
    return originOf(this.#at());
  }
  get protocol(): string {
    return slice(this.#href, 0, this.#at().scheme);
  }
  set protocol(value: unknown) {
    this.#set('protocol', value);
  }
  get username(): string {
    return username(this.#at());
  }
  set username(value: unknown) {
    this.#set('username', value);
  }
  get password(): string {
    return password(this.#at());
  }
  set password(value: unknown) {
    this.#set('password', value);
  }
  get host(): string {
    const { href, host, hostEnd, path } = this.#at();
    return host === hostEnd ? '' : slice(href, host, path);
  }
  set host(value: unknown) {
    this.#set('host', value);
  }
  get hostname(): string {
    const { href, host, hostEnd } = this.#at();
    return slice(href, host, hostEnd);
  }
  set hostname(value: unknown) {
    this.#set('hostname', value);
  }
  get port(): string {
    const { href, hostEnd, path, host } = this.#at();
    return host === hostEnd ? '' : slice(href, hostEnd + 1, path);
  }
  set port(value: unknown) {
    this.#set('port', value);
  }
  get pathname(): string {
    const { href, path, query } = this.#at();
    return slice(href, path, query);
  }
  set pathname(value: unknown) {
    this.#set('pathname', value);
  }
  get search(): string {
    const { href, query, hash } = this.#at();
    return marked(slice(href, query, hash));
  }
  set search(value: unknown) {
    this.#set('search', value);
  }
  get searchParams(): URLSearchParams {
    this.#params ??= linkParams(this.#query(), (query) => {
      const href = host().setUrl(this.#href, 'search', query);
      if (href !== null) this.#become(href);
    });
    return this.#params;
  }
  get hash(): string {
    const { href, hash } = this.#at();
    return marked(slice(href, hash));
  }
  set hash(value: unknown) {
    this.#set('hash', value);
  }
  toString(): string {
    return this.#href;
  }
  toJSON(): string {
    return this.#href;
  }
}
lengthOf(URL, 1);
arity(URL, 'URL', { canParse: 1, parse: 1 });
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

export const isUrl = (value: unknown): value is URL => typeof value === 'object' && value !== null && isOne(value);
export const urlHref = (url: URL): string => hrefOf(url);
