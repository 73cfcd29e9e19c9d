/**
 * Intl, bounded. A list of locales is an array-like that the natives walk without a pause: it is copied here first, in a
 * loop that can be ended. And a formatter lives outside the heap, some tens of KB that no limit counts: each carries a
 * buffer of that size which the limit does count.
 */
import {
  defineProperty,
  getOwnPropertyDescriptor,
  isArray,
  isObject,
  NativeArrayBuffer,
  NativeRangeError,
  NativeTypeError,
  reflectApply,
  reflectConstruct,
  reflectOwnKeys,
  SafeWeakMap,
} from './00-primordials.ts';
import { dress, put } from './06-guards.ts';

type Method = (...args: unknown[]) => unknown;

const MOST = 1000;
const localeText = Intl.Locale.prototype.toString as () => string;

/** A real list of at most 1000, or what was given when that is no list. */
const plainLocales = (given: unknown): unknown => {
  if (typeof given === 'string') {
    if (given.length > MOST) throw new NativeRangeError('Incorrect locale information provided');
    return given;
  }
  if (!isObject(given)) return given;
  if (!isArray(given)) {
    try {
      return reflectApply(localeText, given, []);
    } catch {
      // No Intl.Locale: an array-like.
    }
  }
  const size = (given as { length: unknown }).length as number;
  if (size > MOST) throw new NativeRangeError(`More than ${MOST} locales`);
  const list: unknown[] = [];
  for (let i = 0; i < size; i++) {
    if (!(i in given)) continue;
    const value: unknown = (given as Record<number, unknown>)[i];
    if (typeof value !== 'string' && !isObject(value))
      throw new NativeTypeError('Incorrect locale information provided');
    defineProperty(list, list.length, { value, writable: true, enumerable: true, configurable: true });
  }
  return list;
};

/** `owner[name]` with its argument `at` made plain. */
export const guardLocales = (owner: object, name: string, at: number): void => {
  const native = getOwnPropertyDescriptor(owner, name)?.value as Method | undefined;
  if (native === undefined) return;
  const { method } = {
    method(this: unknown, ...args: unknown[]): unknown {
      if (args.length > at && args[at] !== undefined) args[at] = plainLocales(args[at]);
      return reflectApply(native, this, args);
    },
  };
  put(owner, name, method);
};

for (const [owner, names, at] of [
  [Date.prototype, ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'], 0],
  [Number.prototype, ['toLocaleString'], 0],
  [BigInt.prototype, ['toLocaleString'], 0],
  [String.prototype, ['toLocaleLowerCase', 'toLocaleUpperCase'], 0],
  [String.prototype, ['localeCompare'], 1],
  [Intl, ['getCanonicalLocales'], 0],
] as const) {
  for (const name of names) guardLocales(owner, name, at);
}

/** Bytes outside the heap, about; measured by making many. */
const COSTS: Readonly<Record<string, number>> = {
  Collator: 16_384,
  DateTimeFormat: 65_536,
  DisplayNames: 16_384,
  DurationFormat: 65_536,
  ListFormat: 4096,
  NumberFormat: 32_768,
  PluralRules: 32_768,
  RelativeTimeFormat: 32_768,
  Segmenter: 32_768,
};
// Older than the standard's Segmenter, and guarded by nothing.
delete (Intl as unknown as Record<string, unknown>)['v8BreakIterator'];

const ballast = new SafeWeakMap<object, ArrayBuffer>();

const wrap = (name: string, bytes: number): void => {
  const native = (Intl as unknown as Record<string, Method | undefined>)[name];
  if (native === undefined) return;
  const Wrapped = function (this: unknown, ...args: unknown[]): unknown {
    if (args.length > 0) args[0] = plainLocales(args[0]);
    const target = new.target as unknown;
    const made =
      target === undefined
        ? reflectApply(native, this, args)
        : reflectConstruct(native as never, args, (target === Wrapped ? native : target) as never);
    if (isObject(made) && !ballast.has(made)) ballast.set(made, new NativeArrayBuffer(bytes));
    return made;
  };
  const prototype = (native as { prototype?: object }).prototype as object;
  const keys = reflectOwnKeys(native);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as PropertyKey;
    if (key === 'prototype' || key === 'name' || key === 'length') continue;
    defineProperty(Wrapped, key, getOwnPropertyDescriptor(native, key) as PropertyDescriptor);
  }
  dress(Wrapped, native);
  defineProperty(Wrapped, 'prototype', { value: prototype, writable: false });
  guardLocales(Wrapped, 'supportedLocalesOf', 0);
  defineProperty(prototype, 'constructor', { value: Wrapped, writable: true, configurable: true });
  defineProperty(Intl, name, { value: Wrapped, writable: true, configurable: true });
};
const names = reflectOwnKeys(COSTS);
for (let i = 0; i < names.length; i++) wrap(names[i] as string, COSTS[names[i] as string] as number);

/** As guests have it, for what is built later. */
export const Formatter: typeof Intl.DateTimeFormat = Intl.DateTimeFormat;
