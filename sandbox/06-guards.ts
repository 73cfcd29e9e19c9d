/**
 * Built-ins that never check for termination hold a core past every limit when they are given absurd sizes. Each is
 * replaced by one that looks the same, checks the size, and calls the captured native. What lies about its size (a
 * Proxy, a getter) and what is syntax (spread, templates) is not caught here: engine processes contain that.
 *
 * A guard costs nothing in optimised code, on four conditions: rest parameters and not `arguments`, constants of its own
 * closure and not parameters, a closure of its own for each (type feedback is shared otherwise), and no branch before
 * the native sees its receiver (`?.` is one). Hence the texts that are evaluated, made of constants and nothing else.
 */
import {
  defineProperty,
  functionToString,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  indexOf,
  isArray,
  isObject,
  isView,
  List,
  NativeRangeError,
  own,
  reflectApply,
  reflectOwnKeys,
  SafeSet,
  SafeWeakMap,
  uncurry,
} from './00-primordials.ts';

/** Elements an array method walks at most; without a callback that is some tenths of a second. */
export const ELEMENTS: number = 2 ** 25;
/** Characters or elements whose index names become keys at once. */
export const KEYS: number = 2 ** 21;

/** Size of a BigInt whose digits may be written out: that takes time by the square. */
export const BITS = 2n ** 18n;

const NATIVE = '{ [native code] }';

type Method = (...args: unknown[]) => unknown;

/** Functions of ours that stand for native ones, by the name their text shows. */
const natives = new SafeWeakMap<object, string>();

/** Lets `f` look like a native function to `Function.prototype.toString`. */
export const asNative = (f: object, name: string): void => {
  natives.set(f, name);
};

/** A text or a view, each index of which is a key. */
const wide = (value: unknown): boolean =>
  typeof value === 'string' ? value.length > KEYS : isView(value) && (value as Uint8Array).byteLength > KEYS;
const anyWide = (values: readonly unknown[]): boolean => {
  for (let i = 1; i < values.length; i++) if (wide(values[i])) return true;
  return false;
};
/** A list of absurd length; a Proxy of one tells the same length, unless it lies. */
const longList = (value: unknown): boolean => isArray(value) && value.length > ELEMENTS;
const WORD = 2n ** 64n;
const LEAST = -WORD;
const hugeBig = (value: unknown): boolean => {
  if (typeof value !== 'bigint' || (value < WORD && value > LEAST)) return false;
  const bound = 1n << BITS;
  return value > bound || value < -bound;
};

interface Guard {
  readonly owner: object;
  readonly key: string;
  /** An expression over `this`, `args` and the tools; true means: refuse. */
  test: string;
  readonly what: string;
}
const wanted = new List<Guard>();

/** Guards several methods of `owner` alike, as soon as `installGuards` is called. */
export const guard = (owner: object, keys: readonly string[], test: string, why: string): void => {
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    if (typeof getOwnPropertyDescriptor(owner, key)?.value !== 'function') continue;
    const earlier = guarding(owner, key);
    if (earlier === undefined) wanted.push({ owner, key, test, what: `${key}: ${why}` });
    else earlier.test = `${earlier.test}||${test}`;
  }
};
const guarding = (owner: object, key: string): Guard | undefined => {
  for (let i = 0; i < wanted.length; i++) {
    const one = wanted[i] as Guard;
    if (one.owner === owner && one.key === key) return one;
  }
  return undefined;
};

/** By guard, what to say. */
const reasons = new List<string>();
const refuse = (which: number): never => {
  throw new NativeRangeError(reasons[which]);
};

// biome-ignore lint/security/noGlobalEval: the text is made here of our own constants
const indirect = eval;
type Make = (
  apply: unknown,
  tools: object,
  natives: readonly Method[],
  refuse: (which: number) => never,
) => readonly Method[];

/** One function makes them all: a text or a maker for each would cost every isolate some hundred KB. */
export const installGuards = (): void => {
  const natives = new List<Method>();
  let consts = '';
  let methods = '';
  for (let i = 0; i < wanted.length; i++) {
    const { owner, key, test, what } = wanted[i] as Guard;
    natives.push(getOwnPropertyDescriptor(owner, key)?.value as Method);
    reasons.push(what);
    consts += `const n${i}=natives[${i}];`;
    methods += `({${key}(...args){if(${test})refuse(${i});return apply(n${i},this,args)}}).${key},`;
  }
  const text = `"use strict";((apply,{wide,anyWide,hugeBig,longList},natives,refuse)=>{${consts}return[${methods}]})`;
  const made = (indirect(text) as Make)(reflectApply, { wide, anyWide, hugeBig, longList }, natives, refuse);
  for (let i = 0; i < wanted.length; i++) {
    const { owner, key } = wanted[i] as Guard;
    put(owner, key, made[i] as Method);
  }
  wanted.length = 0;
};

/** Puts `value` where a native method is, looking as it does. */
export const put = (owner: object, key: PropertyKey, value: (...args: never[]) => unknown): void => {
  const found = getOwnPropertyDescriptor(owner, key) as PropertyDescriptor;
  dress(value, found.value as Method);
  defineProperty(owner, key, { value, writable: true, configurable: true, enumerable: found.enumerable === true });
};

/** Gives `f` the name, the length and the text of the native it stands for. */
export const dress = (f: object, native: Method): void => {
  const { name, length } = native;
  // A function with properties of its own costs some hundred bytes more, twice in every isolate.
  if ((f as Method).name !== name) defineProperty(f, 'name', { value: name, configurable: true });
  if ((f as Method).length !== length) defineProperty(f, 'length', { value: length, configurable: true });
  asNative(f, name);
};

/** `Function.prototype.toString` as guests have it, which calls what belongs to the runtime native, too. */
export let shownText: (f: unknown) => string;
{
  const native = Function.prototype.toString;
  const { method } = {
    method(this: unknown): string {
      const name = typeof this === 'function' ? natives.get(this) : undefined;
      if (name === undefined) return functionToString(this as never);
      return `function ${name}() ${NATIVE}`;
    },
  };
  dress(method, native as Method);
  shownText = uncurry(method);
  defineProperty(Function.prototype, 'toString', { value: method, writable: true, configurable: true });
}

const hide = (value: object): void => {
  if (typeof value === 'function' && !natives.has(value) && indexOf(functionToString(value as never), NATIVE) < 0) {
    natives.set(value, getOwnPropertyDescriptor(value, 'name')?.value as string);
  }
};

/** Everything of ours that `root` leads to looks native from here on: no source of the runtime is shown to guests. */
export const hideSources = (root: object): void => {
  const seen = new SafeSet<unknown>();
  const queue = new List<unknown>();
  queue.push(root);
  for (let at = 0; at < queue.length; at++) {
    const value = queue[at];
    if (!isObject(value) || seen.has(value)) continue;
    seen.add(value);
    hide(value);
    queue.push(getPrototypeOf(value));
    const keys = reflectOwnKeys(value);
    for (let i = 0; i < keys.length; i++) {
      const found = getOwnPropertyDescriptor(value, keys[i] as PropertyKey) as PropertyDescriptor;
      queue.push(found.value, found.get, found.set);
    }
  }
};

/** The same for one class (or function) of ours made after boot: its own members and its prototype's, no further. */
export const hideClass = (made: object): void => {
  hide(made);
  const proto = getOwnPropertyDescriptor(made, 'prototype')?.value as unknown;
  hideMembers(made);
  if (isObject(proto)) hideMembers(proto);
};
const hideMembers = (owner: object): void => {
  const keys = reflectOwnKeys(owner);
  for (let i = 0; i < keys.length; i++) {
    const found = getOwnPropertyDescriptor(owner, keys[i] as PropertyKey) as PropertyDescriptor;
    const value = own(found, 'value');
    const get = own(found, 'get');
    const set = own(found, 'set');
    if (isObject(value)) hide(value);
    if (isObject(get)) hide(get);
    if (isObject(set)) hide(set);
  }
};
