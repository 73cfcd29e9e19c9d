/**
 * Whose continuation runs: with limits.concurrency above 1 the host lowers async functions to promises, and this `then`
 * carries the invocation from registration to callback. At 1 the native `then` stays in place and costs nothing.
 * Imported before the streams library, which captures `Promise.prototype.then` when it is evaluated.
 */
import { defineProperty, type promiseThen, reflectApply, uncurry } from './00-primordials.ts';
import { current, enter, type Invocation } from './10-box.ts';

let carrying = false;

const carry = (callback: unknown, inv: Invocation): unknown => {
  if (typeof callback !== 'function') return callback;
  return (value: unknown): unknown => {
    const before = enter(inv);
    try {
      return reflectApply(callback as (v: unknown) => unknown, undefined, [value]);
    } finally {
      enter(before);
    }
  };
};

/** Wraps a callback that is to run later so that it runs as the invocation that registered it. */
export const inContext = <T extends (...args: never[]) => unknown>(callback: T): T =>
  carrying ? (carry(callback, current) as T) : callback;

const nativeThen = uncurry(Promise.prototype.then) as typeof promiseThen;
const { then } = {
  // biome-ignore lint/suspicious/noThenProperty: it is made to be Promise.prototype.then
  then(this: Promise<unknown>, ok?: unknown, no?: unknown): Promise<unknown> {
    if (!carrying) return nativeThen(this, ok as null, no as null);
    const inv = current;
    return nativeThen(this, carry(ok, inv) as null, carry(no, inv) as null);
  },
};
const native = Object.getOwnPropertyDescriptor(Promise.prototype, 'then') as PropertyDescriptor;

/** For the time the streams library is being evaluated. */
export const installThen = (): void => {
  defineProperty(Promise.prototype, 'then', { ...native, value: then });
};
export const restoreThen = (): void => {
  defineProperty(Promise.prototype, 'then', native);
};

/** Called once, at load, when limits.concurrency is above 1. */
export const carryContext = (): void => {
  carrying = true;
  installThen();
};
export const isCarrying = (): boolean => carrying;

installThen();
