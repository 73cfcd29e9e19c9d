/** URLSearchParams and the urlencoded format, after the URL standard, on top of our own list of pairs. */
import {
  charCodeAt,
  defineProperty,
  fromCharCode,
  indexOf,
  isObject,
  List,
  NativeTypeError,
  reflectApply,
  SYM_ITERATOR,
  slice,
  toWellFormed,
  U8,
} from './00-primordials.ts';
import { arity, enumerable, expose, lengthOf } from './04-globals.ts';
import { utf8Decode, utf8Encode } from './30-encoding.ts';
import { pairIterator, readPairs } from './33-pairs.ts';

// late: URLSearchParams
// brands: isSearchParams

/** Names and values, alternating. */
export type Pairs = List<string>;

/** What a hexadecimal digit counts; -1: it is none. */
export const hexDigit = (code: number): number =>
  code >= 48 && code <= 57
    ? code - 48
    : code >= 65 && code <= 70
      ? code - 55
      : code >= 97 && code <= 102
        ? code - 87
        : -1;

const decodePart = (text: string): string => {
  if (indexOf(text, '%') < 0 && indexOf(text, '+') < 0) return toWellFormed(text);
  const bytes = utf8Encode(text);
  const size = bytes.length;
  const out = new U8(size);
  let at = 0;
  for (let i = 0; i < size; i++) {
    const byte = bytes[i] as number;
    if (byte === 43) out[at++] = 32;
    else if (
      byte === 37 &&
      i + 2 < size &&
      hexDigit(bytes[i + 1] as number) >= 0 &&
      hexDigit(bytes[i + 2] as number) >= 0
    ) {
      out[at++] = hexDigit(bytes[i + 1] as number) * 16 + hexDigit(bytes[i + 2] as number);
      i += 2;
    } else out[at++] = byte;
  }
  return utf8Decode(new U8(out.buffer, 0, at), true);
};

export const parseUrlencoded = (text: string): Pairs => {
  const pairs = new List<string>();
  let at = 0;
  while (at <= text.length) {
    let end = indexOf(text, '&', at);
    if (end < 0) end = text.length;
    if (end > at) {
      const piece = slice(text, at, end);
      const equals = indexOf(piece, '=');
      pairs.push(decodePart(equals < 0 ? piece : slice(piece, 0, equals)));
      pairs.push(equals < 0 ? '' : decodePart(slice(piece, equals + 1)));
    }
    at = end + 1;
  }
  return pairs;
};

const HEX = '0123456789ABCDEF';

const encodePart = (text: string): string => {
  let plain = true;
  for (let i = 0; i < text.length && plain; i++) {
    const c = charCodeAt(text, i);
    plain = (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || (c >= 48 && c <= 57);
  }
  if (plain) return text;
  const bytes = utf8Encode(text);
  let out = '';
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i] as number;
    if (c === 32) out += '+';
    else if (
      (c >= 97 && c <= 122) ||
      (c >= 65 && c <= 90) ||
      (c >= 48 && c <= 57) ||
      c === 42 ||
      c === 45 ||
      c === 46 ||
      c === 95
    ) {
      out += reflectApply(fromCharCode, undefined, [c]);
    } else out += `%${HEX[c >> 4] as string}${HEX[c & 15] as string}`;
  }
  return out;
};

export const serializeUrlencoded = (pairs: Pairs): string => {
  let out = '';
  for (let i = 0; i < pairs.length; i += 2) {
    out += `${i > 0 ? '&' : ''}${encodePart(pairs[i] as string)}=${encodePart(pairs[i + 1] as string)}`;
  }
  return out;
};

let attach: (params: URLSearchParams, pairs: Pairs, changed: (query: string) => void) => void;
let replace: (params: URLSearchParams, query: string) => void;
let pairsOf: (params: URLSearchParams) => Pairs;
let hasPairs: (value: object) => boolean;
const iterator = pairIterator('URLSearchParams Iterator', (self, i) => {
  const pairs = pairsOf(self as URLSearchParams);
  return 2 * i < pairs.length ? [pairs[2 * i], pairs[2 * i + 1]] : undefined;
});

const usv = (value: unknown): string => toWellFormed(`${value as string}`);

export class URLSearchParams {
  #pairs: Pairs;
  #changed: ((query: string) => void) | null = null;

  static {
    attach = (params, pairs, changed) => {
      params.#pairs = pairs;
      params.#changed = changed;
    };
    replace = (params, query) => {
      params.#pairs = parseUrlencoded(query);
    };
    pairsOf = (params) => params.#pairs;
    hasPairs = (value) => #pairs in value;
  }

  constructor(init: unknown = '') {
    this.#pairs = new List<string>();
    if (isObject(init)) {
      readPairs(init, 'URLSearchParams', (name, value, record) => {
        const key = toWellFormed(name);
        const text = usv(value);
        // Two names of a record can become one.
        for (let i = 0; record && indexOf(key, '\ufffd') >= 0 && i < this.#pairs.length; i += 2) {
          if (this.#pairs[i] !== key) continue;
          this.#pairs[i + 1] = text;
          return;
        }
        this.#pairs.push(key, text);
      });
    } else {
      const text = `${init as string}`;
      this.#pairs = parseUrlencoded(text[0] === '?' ? slice(text, 1) : text);
    }
  }
  #update(): void {
    if (this.#changed !== null) this.#changed(serializeUrlencoded(this.#pairs));
  }
  get size(): number {
    return this.#pairs.length / 2;
  }
  append(name: unknown, value: unknown): void {
    this.#pairs.push(usv(name), usv(value));
    this.#update();
  }
  delete(name: unknown, value?: unknown): void {
    const key = usv(name);
    const only = value === undefined ? undefined : usv(value);
    const kept = new List<string>();
    for (let i = 0; i < this.#pairs.length; i += 2) {
      if (this.#pairs[i] === key && (only === undefined || this.#pairs[i + 1] === only)) continue;
      kept.push(this.#pairs[i] as string, this.#pairs[i + 1] as string);
    }
    this.#pairs = kept;
    this.#update();
  }
  get(name: unknown): string | null {
    const key = usv(name);
    for (let i = 0; i < this.#pairs.length; i += 2) if (this.#pairs[i] === key) return this.#pairs[i + 1] as string;
    return null;
  }
  getAll(name: unknown): string[] {
    const key = usv(name);
    const found: string[] = [];
    for (let i = 0; i < this.#pairs.length; i += 2) {
      if (this.#pairs[i] !== key) continue;
      defineProperty(found, found.length, {
        value: this.#pairs[i + 1],
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    return found;
  }
  has(name: unknown, value?: unknown): boolean {
    const key = usv(name);
    const only = value === undefined ? undefined : usv(value);
    for (let i = 0; i < this.#pairs.length; i += 2) {
      if (this.#pairs[i] === key && (only === undefined || this.#pairs[i + 1] === only)) return true;
    }
    return false;
  }
  set(name: unknown, value: unknown): void {
    const key = usv(name);
    const kept = new List<string>();
    let done = false;
    for (let i = 0; i < this.#pairs.length; i += 2) {
      if (this.#pairs[i] !== key) kept.push(this.#pairs[i] as string, this.#pairs[i + 1] as string);
      else if (!done) {
        kept.push(key, usv(value));
        done = true;
      }
    }
    if (!done) kept.push(key, usv(value));
    this.#pairs = kept;
    this.#update();
  }
  sort(): void {
    const old = this.#pairs;
    const order = new List<number>();
    for (let i = 0; i < old.length; i += 2) order.push(i);
    order.sort((a, b) => ((old[a] as string) < (old[b] as string) ? -1 : old[a] === old[b] ? a - b : 1));
    const sorted = new List<string>();
    for (let i = 0; i < order.length; i++) {
      sorted.push(old[order[i] as number] as string, old[(order[i] as number) + 1] as string);
    }
    this.#pairs = sorted;
    this.#update();
  }
  forEach(callback: unknown, self?: unknown): void {
    if (typeof callback !== 'function') throw new NativeTypeError('forEach: the callback must be a function');
    for (let i = 0; i < this.#pairs.length; i += 2) {
      reflectApply(callback as () => void, self, [this.#pairs[i + 1], this.#pairs[i], this]);
    }
  }
  keys(): IterableIterator<unknown> {
    this.#pairs;
    return iterator(this, 'keys');
  }
  values(): IterableIterator<unknown> {
    this.#pairs;
    return iterator(this, 'values');
  }
  entries(): IterableIterator<unknown> {
    this.#pairs;
    return iterator(this, 'entries');
  }
  toString(): string {
    return serializeUrlencoded(this.#pairs);
  }
}
defineProperty(URLSearchParams.prototype, SYM_ITERATOR, {
  value: URLSearchParams.prototype.entries,
  writable: true,
  configurable: true,
});
enumerable(URLSearchParams.prototype, [
  'size',
  'append',
  'delete',
  'get',
  'getAll',
  'has',
  'set',
  'sort',
  'forEach',
  'keys',
  'values',
  'entries',
  'toString',
]);
arity(URLSearchParams.prototype, 'URLSearchParams', {
  append: 2,
  delete: 1,
  get: 1,
  getAll: 1,
  has: 1,
  set: 2,
  forEach: 1,
});
lengthOf(URLSearchParams, 0);
expose('URLSearchParams', URLSearchParams);

export const isSearchParams = (value: unknown): value is URLSearchParams =>
  typeof value === 'object' && value !== null && hasPairs(value);
export const searchParamsText = (params: URLSearchParams): string => serializeUrlencoded(pairsOf(params));
export const linkParams = (query: string, changed: (query: string) => void): URLSearchParams => {
  const params = new URLSearchParams();
  attach(params, parseUrlencoded(query), changed);
  return params;
};
export const resetParams = (params: URLSearchParams, query: string): void => replace(params, query);
