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
  NativeRangeError,
  NativeTypeError,
  reflectApply,
} from './00-primordials.ts';
import { put } from './06-guards.ts';

type Method = (...args: unknown[]) => unknown;

const MOST = 1000;
const localeText = Intl.Locale.prototype.toString as () => string;

/** A real list of at most 1000, or what was given when that is no list. */
export const plainLocales = (given: unknown): unknown => {
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
] as const) {
  for (const name of names) guardLocales(owner, name, at);
}
