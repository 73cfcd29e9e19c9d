/**
 * Whose continuation runs: with limits.concurrency above 1, or where a bundle has AsyncLocalStorage, async functions are
 * lowered to promises and this `then` carries invocation and frame from registration to callback. Elsewhere the native
 * `then` stays in place and costs nothing.
 */
import {
  defineProperty,
  getOwnPropertyDescriptor,
  isObject,
  NativePromise,
  promiseResolve,
  type promiseThen,
  reflectApply,
  uncurry,
} from './00-primordials.ts';
import { current, enter, type Invocation } from './10-box.ts';

let carrying = false;

/** The guest's own context beside the invocation (values of AsyncLocalStorage); the prelude never looks into it. */
export let frame: unknown;
export const enterFrame = (next: unknown): unknown => {
  const before = frame;
  frame = next;
  return before;
};

const carry = (callback: unknown, inv: Invocation, its: unknown): unknown => {
  if (typeof callback !== 'function') return callback;
  return (value: unknown): unknown => {
    const before = enter(inv);
    const outer = enterFrame(its);
    try {
      return reflectApply(callback as (v: unknown) => unknown, undefined, [value]);
    } finally {
      enter(before);
      frame = outer;
    }
  };
};

/** Wraps a callback that is to run later so that it runs as the invocation that registered it. */
export const inContext = <T extends (...args: never[]) => unknown>(callback: T): T =>
  carrying ? (carry(callback, current, frame) as T) : callback;

const nativeThen = uncurry(Promise.prototype.then) as typeof promiseThen;
const { then } = {
  // biome-ignore lint/suspicious/noThenProperty: it is made to be Promise.prototype.then
  then(this: Promise<unknown>, ok?: unknown, no?: unknown): Promise<unknown> {
    if (!carrying) return nativeThen(this, ok as null, no as null);
    const inv = current;
    const its = frame;
    return nativeThen(this, carry(ok, inv, its) as null, carry(no, inv, its) as null);
  },
};
const native = Object.getOwnPropertyDescriptor(Promise.prototype, 'then') as PropertyDescriptor;

/** Runs `evaluate`, which captures `Promise.prototype.then`, with one that carries, whatever the guest has put there. */
export const underThen = <T>(evaluate: () => T): T => {
  const found = getOwnPropertyDescriptor(NativePromise.prototype, 'then');
  installThen();
  try {
    return evaluate();
  } finally {
    if (found === undefined) delete (NativePromise.prototype as { then?: unknown }).then;
    else defineProperty(NativePromise.prototype, 'then', found);
  }
};
const installThen = (): void => {
  defineProperty(NativePromise.prototype, 'then', { ...native, value: then });
};

/** What is no promise but has a `then` (a query that runs when it is awaited) is asked for it in the context that awaits. */
const { resolve } = {
  resolve(this: unknown, value: unknown): unknown {
    const ask = this === NativePromise && isObject(value) ? (value as { then?: unknown }).then : undefined;
    if (typeof ask !== 'function' || ask === then) return reflectApply(nativeResolve, this, [value]);
    return new NativePromise((ok, no) => {
      const run = inContext((): void => {
        try {
          reflectApply(ask as () => void, value, [ok, no]);
        } catch (error) {
          no(error);
        }
      });
      nativeThen(promiseResolve(undefined), run);
    });
  },
};
const nativeResolve = Promise.resolve;

/** At load where limits.concurrency is above 1; by the bundle itself where it has AsyncLocalStorage. */
export const carryContext = (): void => {
  if (carrying) return;
  carrying = true;
  installThen();
  defineProperty(NativePromise, 'resolve', { value: resolve, writable: true, configurable: true });
};
export const isCarrying = (): boolean => carrying;
