/**
 * Headers, after the fetch standard, and stricter where Node's HTTP is: control characters are refused too. A list that
 * came from the host is parsed on first touch; one that was never touched goes back as it came.
 */
import {
  charCodeAt,
  defineProperty,
  exec,
  indexOf,
  isObject,
  List,
  NativeTypeError,
  reflectApply,
  SafeMap,
  SYM_ITERATOR,
  slice,
  toLowerCase,
} from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { pairIterator, readPairs } from './35-search-params.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

const checkName = (name: unknown): string => {
  const text = `${name as string}`;
  if (exec(TOKEN, text) === null) throw new NativeTypeError(`Headers: '${slice(text, 0, 128)}' is not a header name`);
  return toLowerCase(text);
};

const isSpace = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 13;

export const trimHttp = (text: string): string => {
  let from = 0;
  let to = text.length;
  while (from < to && isSpace(charCodeAt(text, from))) from++;
  while (to > from && isSpace(charCodeAt(text, to - 1))) to--;
  return from === 0 && to === text.length ? text : slice(text, from, to);
};

const checkValue = (name: string, value: unknown): string => {
  const text = trimHttp(`${value as string}`);
  if (exec(BAD_VALUE, text) !== null) {
    throw new NativeTypeError(`Headers: the value of '${name}' has characters that are not allowed in a header`);
  }
  return text;
};

/** What a Headers object holds: a raw wire list until somebody looks inside. */
export class HeaderState {
  raw: string;
  list: List<string> | null;
  /** What iteration shows of `list`; `null` after every change. A client chooses how many there are to sort. */
  sorted: List<[string, string]> | null = null;
  immutable = false;

  constructor(raw: string) {
    this.raw = raw;
    this.list = null;
  }
}
Object.setPrototypeOf(HeaderState.prototype, null);

/** To be read only; who changes it takes `openList`. */
export const listOf = (state: HeaderState): List<string> => {
  if (state.list !== null) return state.list;
  const list = new List<string>();
  const raw = state.raw;
  let at = 0;
  while (at < raw.length) {
    let end = indexOf(raw, '\n', at);
    if (end < 0) end = raw.length;
    const name = toLowerCase(slice(raw, at, end));
    at = end + 1;
    end = indexOf(raw, '\n', at);
    if (end < 0) end = raw.length;
    list.push(name, slice(raw, at, end));
    at = end + 1;
  }
  state.list = list;
  return list;
};

const openList = (state: HeaderState): List<string> => {
  const list = listOf(state);
  state.sorted = null;
  return list;
};

/** The wire form: names and values joined by "\n". Values cannot contain one. */
export const wireHeaders = (state: HeaderState): string => {
  const list = state.list;
  if (list === null) return state.raw;
  let out = '';
  for (let i = 0; i < list.length; i++) out += i === 0 ? (list[i] as string) : `\n${list[i] as string}`;
  return out;
};

export const hasHeader = (state: HeaderState, name: string): boolean => {
  if (state.list === null && state.raw === '') return false;
  const list = listOf(state);
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return true;
  return false;
};

export const getHeader = (state: HeaderState, name: string): string | null => {
  const list = listOf(state);
  let found: string | null = null;
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] === name) found = found === null ? (list[i + 1] as string) : `${found}, ${list[i + 1] as string}`;
  }
  return found;
};

const removeHeader = (state: HeaderState, name: string): void => {
  const list = listOf(state);
  const kept = new List<string>();
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] !== name) kept.push(list[i] as string, list[i + 1] as string);
  }
  state.list = kept;
  state.sorted = null;
};

/** Adds a header of our own making (name lower case, value valid) unless there is one. */
export const defaultHeader = (state: HeaderState, name: string, value: string): void => {
  if (state.list === null && state.raw === '') state.raw = `${name}\n${value}`;
  else if (!hasHeader(state, name)) openList(state).push(name, value);
};

export const copyState = (from: HeaderState): HeaderState => {
  const copy = new HeaderState(from.raw);
  if (from.list !== null) {
    const list = new List<string>();
    for (let i = 0; i < from.list.length; i++) list.push(from.list[i] as string);
    copy.list = list;
  }
  return copy;
};

/** Sorted and combined, Set-Cookie kept apart: what iteration shows. */
const sortedPairs = (state: HeaderState): List<[string, string]> => {
  if (state.sorted !== null) return state.sorted;
  const list = listOf(state);
  const values = new SafeMap<string, string>();
  const names = new List<string>();
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string;
    const before = values.get(name);
    if (before === undefined) names.push(name);
    values.set(name, before === undefined ? (list[i + 1] as string) : `${before}, ${list[i + 1] as string}`);
  }
  names.sort();
  const pairs = new List<[string, string]>();
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (name !== 'set-cookie') pairs.push([name, values.get(name) as string]);
    else for (let j = 0; j < list.length; j += 2) if (list[j] === name) pairs.push([name, list[j + 1] as string]);
  }
  state.sorted = pairs;
  return pairs;
};

const RAW = {};
let stateOf: (headers: Headers) => HeaderState;
let hasState: (value: object) => boolean;
const iterator = pairIterator('Headers Iterator', (self, i) => {
  const pair = sortedPairs(stateOf(self as Headers))[i];
  return pair === undefined ? undefined : [pair[0], pair[1]];
});

export class Headers {
  readonly #state: HeaderState;

  static {
    stateOf = (headers) => headers.#state;
    hasState = (value) => #state in value;
  }

  constructor(init?: unknown, state?: HeaderState) {
    if (init === RAW) {
      this.#state = state as HeaderState;
      return;
    }
    this.#state = new HeaderState('');
    if (init !== undefined) fillHeaders(this.#state, init);
  }
  #open(): HeaderState {
    if (this.#state.immutable) throw new NativeTypeError('Headers: these headers are immutable; copy them first');
    return this.#state;
  }
  append(name: unknown, value: unknown): void {
    const key = checkName(name);
    const text = checkValue(key, value);
    openList(this.#open()).push(key, text);
  }
  delete(name: unknown): void {
    const key = checkName(name);
    removeHeader(this.#open(), key);
  }
  get(name: unknown): string | null {
    return getHeader(this.#state, checkName(name));
  }
  getSetCookie(): string[] {
    const list = listOf(this.#state);
    const found: string[] = [];
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] !== 'set-cookie') continue;
      const value = list[i + 1];
      defineProperty(found, found.length, { value, writable: true, enumerable: true, configurable: true });
    }
    return found;
  }
  has(name: unknown): boolean {
    return hasHeader(this.#state, checkName(name));
  }
  set(name: unknown, value: unknown): void {
    const key = checkName(name);
    const text = checkValue(key, value);
    const state = this.#open();
    const list = openList(state);
    let at = -1;
    let more = false;
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] !== key) continue;
      if (at < 0) at = i;
      else more = true;
    }
    if (at < 0) list.push(key, text);
    else if (!more) list[at + 1] = text;
    else {
      removeHeader(state, key);
      openList(state).push(key, text);
    }
  }
  forEach(callback: unknown, self?: unknown): void {
    if (typeof callback !== 'function') throw new NativeTypeError('forEach: the callback must be a function');
    const pairs = sortedPairs(this.#state);
    for (let i = 0; i < pairs.length; i++) {
      const pair = pairs[i] as [string, string];
      reflectApply(callback as () => void, self, [pair[1], pair[0], this]);
    }
  }
  keys(): IterableIterator<unknown> {
    this.#state;
    return iterator(this, 'keys');
  }
  values(): IterableIterator<unknown> {
    this.#state;
    return iterator(this, 'values');
  }
  entries(): IterableIterator<unknown> {
    this.#state;
    return iterator(this, 'entries');
  }
}
defineProperty(Headers.prototype, SYM_ITERATOR, {
  value: Headers.prototype.entries,
  writable: true,
  configurable: true,
});
enumerable(Headers.prototype, [
  'append',
  'delete',
  'get',
  'getSetCookie',
  'has',
  'set',
  'forEach',
  'keys',
  'values',
  'entries',
]);
expose('Headers', Headers);

export const isHeaders = (value: unknown): value is Headers => isObject(value) && hasState(value);
export const headerState = (headers: Headers): HeaderState => stateOf(headers);
export const wrapHeaders = (state: HeaderState): Headers => new Headers(RAW, state);

/** Fills from a HeadersInit; `{}` and short records are the common case. */
export const fillHeaders = (state: HeaderState, init: unknown): void => {
  if (!isObject(init))
    throw new NativeTypeError('Headers: the init must be a Headers object, a list of pairs or a record');
  if (hasState(init)) {
    const from = listOf(stateOf(init as Headers));
    const to = openList(state);
    for (let i = 0; i < from.length; i++) to.push(from[i] as string);
    return;
  }
  const to = openList(state);
  readPairs(init, 'Headers', (name, value) => {
    const key = checkName(name);
    to.push(key, checkValue(key, value));
  });
};
