/** node:timers, and setImmediate on timers of 0 ms: objects that convert to the numbers the global functions use. */
import { checkFunction } from './errors.ts';
import * as promises from './timers/promises.ts';

type Callback = (...args: never[]) => void;
const CUSTOM = Symbol.for('nodejs.util.promisify.custom');
const web = {
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
  clearTimeout: globalThis.clearTimeout,
} as unknown as {
  setTimeout(callback: Callback, ms?: number, ...args: unknown[]): number;
  setInterval(callback: Callback, ms?: number, ...args: unknown[]): number;
  clearTimeout(id?: number): void;
};

/** Nothing keeps an isolate alive, so `ref` and `unref` only remember. */
export class Timeout {
  #id: number;
  #ref = true;
  readonly #again: () => number;
  constructor(arm: () => number) {
    this.#again = arm;
    this.#id = arm();
  }
  ref(): this {
    this.#ref = true;
    return this;
  }
  unref(): this {
    this.#ref = false;
    return this;
  }
  hasRef(): boolean {
    return this.#ref;
  }
  refresh(): this {
    web.clearTimeout(this.#id);
    this.#id = this.#again();
    return this;
  }
  close(): this {
    web.clearTimeout(this.#id);
    return this;
  }
  [Symbol.toPrimitive](): number {
    return this.#id;
  }
  [Symbol.dispose](): void {
    this.close();
  }
}
export class Immediate extends Timeout {}

export const setTimeout = (callback: Callback, ms?: number, ...args: unknown[]): Timeout => {
  checkFunction(callback, 'callback');
  return new Timeout(() => web.setTimeout(callback, ms, ...args));
};
export const setInterval = (callback: Callback, ms?: number, ...args: unknown[]): Timeout => {
  checkFunction(callback, 'callback');
  return new Timeout(() => web.setInterval(callback, ms, ...args));
};
export const setImmediate = (callback: Callback, ...args: unknown[]): Immediate => {
  checkFunction(callback, 'callback');
  return new Immediate(() => web.setTimeout(callback, 0, ...args));
};
const clear = (timer: unknown): void => {
  if (timer instanceof Timeout) timer.close();
  else if (typeof timer === 'number' || typeof timer === 'string') web.clearTimeout(Number(timer));
};
export const clearTimeout: (timer?: unknown) => void = clear;
export const clearInterval: (timer?: unknown) => void = clear;
export const clearImmediate: (timer?: unknown) => void = clear;

Object.defineProperty(setTimeout, CUSTOM, { get: () => promises.setTimeout, enumerable: true });
Object.defineProperty(setImmediate, CUSTOM, { get: () => promises.setImmediate, enumerable: true });

export { promises };
export default { clearImmediate, clearInterval, clearTimeout, promises, setImmediate, setInterval, setTimeout };
