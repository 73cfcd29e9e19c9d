// biome-ignore-all lint/complexity/noArguments: WebIDL counts the arguments given
/**
 * Headers, after the fetch standard, and stricter where Node's HTTP is: control characters are refused too. A list that
 * came from the host is parsed on first touch; one that was never touched goes back as it came.
 */
import {
  charCodeAt,
  defineProperty,
  indexOf,
  isArray,
  isObject,
  List,
  NativeTypeError,
  reflectApply,
  reflectOwnKeys,
  SafeMap,
  SYM_ITERATOR,
  slice,
  toLowerCase,
  uncurry,
} from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { once } from './13-rare.ts';
import { pairIterator } from './33-pairs.ts';
import { arity, callback, isToken } from './43-webidl.ts';

const isEnumerable = uncurry(Object.prototype.propertyIsEnumerable) as (self: object, key: PropertyKey) => boolean;
const arrayIterator = Array.prototype[SYM_ITERATOR];

/** Names that were checked before, as given. Few are in use; a guest that makes them up gains nothing. */
const names = new SafeMap<string, string>();
const MOST_NAMES = 256;

const checkName = (name: unknown): string => {
  const text = `${name as string}`;
  const known = names.get(text);
  if (known !== undefined) return known;
  if (!isToken(text)) throw new NativeTypeError(`Headers: '${slice(text, 0, 128)}' is not a header name`);
  const lower = toLowerCase(text);
  if (names.size < MOST_NAMES && text.length <= 64) names.set(text, lower);
  return lower;
};

/** Trimmed and checked in one walk: this is every header of every response. */
const checkValue = (name: string, value: unknown): string => {
  const text = `${value as string}`;
  let from = text.length;
  let to = 0;
  for (let i = 0; i < text.length; i++) {
    const code = charCodeAt(text, i);
    if (code === 32 || code === 9 || code === 10 || code === 13) continue;
    if (code < 32 || code === 127 || code > 255) throw badValue(name);
    if (from > i) from = i;
    to = i + 1;
  }
  const trimmed = from === 0 && to === text.length ? text : slice(text, from, to);
  if (indexOf(trimmed, '\n') >= 0 || indexOf(trimmed, '\r') >= 0) throw badValue(name);
  return trimmed;
};

const badValue = (name: string): TypeError =>
  new NativeTypeError(`Headers: the value of '${name}' has characters that are not allowed in a header`);

/** Converts what is to become a name: only what each character may be is looked at yet. */
const byteString = (value: unknown): string => {
  const text = `${value as string}`;
  for (let i = 0; i < text.length; i++) {
    if (charCodeAt(text, i) > 255) {
      throw new NativeTypeError(`Headers: '${slice(text, 0, 128)}' has characters above U+00FF`);
    }
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

const setHeader = (state: HeaderState, key: string, text: string): void => {
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
const iterator = once(() =>
  pairIterator('Headers Iterator', (self, i) => {
    const pair = sortedPairs(stateOf(self as Headers))[i];
    return pair === undefined ? undefined : [pair[0], pair[1]];
  }),
);

export class Headers {
  readonly #state: HeaderState;

  static {
    stateOf = (headers) => headers.#state;
    hasState = (value) => #state in value;
  }

  constructor(init: unknown = undefined, state?: HeaderState) {
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
    this.#state;
    arity(arguments.length, 2, 'Headers.append');
    const key = checkName(name);
    const text = checkValue(key, value);
    openList(this.#open()).push(key, text);
  }
  delete(name: unknown): void {
    this.#state;
    arity(arguments.length, 1, 'Headers.delete');
    const key = checkName(name);
    removeHeader(this.#open(), key);
  }
  get(name: unknown): string | null {
    const state = this.#state;
    arity(arguments.length, 1, 'Headers.get');
    return getHeader(state, checkName(name));
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
    const state = this.#state;
    arity(arguments.length, 1, 'Headers.has');
    return hasHeader(state, checkName(name));
  }
  set(name: unknown, value: unknown): void {
    this.#state;
    arity(arguments.length, 2, 'Headers.set');
    const key = checkName(name);
    setHeader(this.#open(), key, checkValue(key, value));
  }
  forEach(run: unknown, self: unknown = undefined): void {
    const state = this.#state;
    const each = callback(run, 'Headers.forEach');
    for (let i = 0; i < sortedPairs(state).length; i++) {
      const pair = sortedPairs(state)[i] as [string, string];
      reflectApply(each, self, [pair[1], pair[0], this]);
    }
  }
  keys(): IterableIterator<unknown> {
    this.#state;
    return iterator()(this, 'keys');
  }
  values(): IterableIterator<unknown> {
    this.#state;
    return iterator()(this, 'values');
  }
  entries(): IterableIterator<unknown> {
    this.#state;
    return iterator()(this, 'entries');
  }
}
const { entries } = Headers.prototype;
defineProperty(Headers.prototype, SYM_ITERATOR, { value: entries, writable: true, configurable: true });
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

/** Converts a pair; how many items it has is looked at when it is used. */
const readPair = (pair: unknown, to: List<string>): void => {
  if (!isObject(pair)) throw new NativeTypeError('Headers: each pair must be an iterable [name, value]');
  let count = 0;
  const add = (item: unknown): void => {
    to.push(byteString(item));
    count++;
  };
  if (isArray(pair) && pair[SYM_ITERATOR] === arrayIterator) for (let i = 0; i < pair.length; i++) add(pair[i]);
  else for (const item of pair as Iterable<unknown>) add(item);
  if (count !== 2) throw new NativeTypeError('Headers: each pair must be an iterable [name, value]');
};

/** Fills from a HeadersInit. All of it is converted before any of it is judged, as WebIDL has it. */
export const fillHeaders = (state: HeaderState, init: unknown): void => {
  if (!isObject(init))
    throw new NativeTypeError('Headers: the init must be a Headers object, a list of pairs or a record');
  const iterate = (init as Partial<Iterable<unknown>>)[SYM_ITERATOR];
  const to = openList(state);
  if (hasState(init) && iterate === (entries as unknown)) {
    const from = listOf(stateOf(init as Headers));
    for (let i = 0; i < from.length; i++) to.push(from[i] as string);
    return;
  }
  const given = new List<string>();
  if (iterate !== undefined && iterate !== null) {
    if (isArray(init) && iterate === arrayIterator) for (let i = 0; i < init.length; i++) readPair(init[i], given);
    else for (const pair of init as Iterable<unknown>) readPair(pair, given);
  } else {
    const keys = reflectOwnKeys(init);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as PropertyKey;
      if (!isEnumerable(init, key)) continue;
      if (typeof key === 'symbol') throw new NativeTypeError('Headers: a name must not be a symbol');
      const name = names.has(key as string) ? (key as string) : byteString(key);
      given.push(name, byteString((init as Record<string, unknown>)[name]));
    }
  }
  for (let i = 0; i < given.length; i += 2) {
    const key = checkName(given[i]);
    to.push(key, checkValue(key, given[i + 1]));
  }
};
