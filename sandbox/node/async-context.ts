/**
 * AsyncLocalStorage and AsyncResource on the prelude's frame: an immutable map of the storages' values that follows promises,
 * timers and listeners once node:async_hooks has asked for it. Without that, a resource simply finds no frame.
 */
import { host } from 'isolane:host';
import { checkFunction, checkString, coded } from './errors.ts';

type Frame = ReadonlyMap<AsyncLocalStorage, unknown> | undefined;
type Run<A extends unknown[] = unknown[], R = unknown> = (...args: A) => R;

const inFrame = <R>(frame: unknown, run: () => R): R => {
  const before = host.enterFrame(frame);
  try {
    return run();
  } finally {
    host.enterFrame(before);
  }
};

export class AsyncLocalStorage<T = unknown> {
  readonly name: string;
  readonly #default: T | undefined;
  constructor(options: { defaultValue?: T; name?: string } = {}) {
    this.name = options.name === undefined ? '' : String(options.name);
    this.#default = options.defaultValue;
  }
  static bind<F extends Run>(fn: F): F {
    return AsyncResource.bind(fn);
  }
  static snapshot(): <R>(fn: Run<unknown[], R>, ...args: unknown[]) => R {
    const frame = host.frame();
    return (fn, ...args) => inFrame(frame, () => fn(...args));
  }
  #with(store: T | undefined): Frame {
    const next = new Map(host.frame() as Frame);
    next.set(this as AsyncLocalStorage, store);
    return next;
  }
  run<R>(store: T, fn: Run<unknown[], R>, ...args: unknown[]): R {
    return inFrame(this.#with(store), () => fn(...args));
  }
  exit<R>(fn: Run<unknown[], R>, ...args: unknown[]): R {
    return inFrame(this.#with(undefined), () => fn(...args));
  }
  enterWith(store: T): void {
    host.enterFrame(this.#with(store));
  }
  getStore(): T | undefined {
    const frame = host.frame() as Frame;
    return frame?.has(this as AsyncLocalStorage) === true
      ? (frame.get(this as AsyncLocalStorage) as T | undefined)
      : this.#default;
  }
  disable(): void {
    const next = new Map(host.frame() as Frame);
    next.delete(this as AsyncLocalStorage);
    host.enterFrame(next);
  }
  withScope(store: T): { [Symbol.dispose](): void; dispose(): void } {
    const before = host.enterFrame(this.#with(store));
    const dispose = (): void => {
      host.enterFrame(before);
    };
    return { dispose, [Symbol.dispose]: dispose };
  }
}

let lastId = 1;

export class AsyncResource {
  readonly type: string;
  readonly #frame: unknown = host.frame();
  readonly #id = ++lastId;
  constructor(type: string) {
    checkString(type, 'type');
    if (type === '') throw coded(TypeError, 'ERR_ASYNC_TYPE', 'Invalid name for async "type": ');
    this.type = type;
  }
  static bind<F extends Run>(fn: F, type?: string, thisArg?: unknown): F {
    checkFunction(fn, 'fn');
    return new AsyncResource(type ?? (fn.name || 'bound-anonymous-fn')).bind(fn, thisArg);
  }
  bind<F extends Run>(fn: F, thisArg?: unknown): F {
    checkFunction(fn, 'fn');
    const resource = this;
    const bound = function (this: unknown, ...args: unknown[]): unknown {
      return resource.runInAsyncScope(fn, thisArg ?? this, ...args);
    };
    return Object.defineProperties(bound, {
      length: { value: fn.length },
      asyncResource: { value: this },
    }) as unknown as F;
  }
  runInAsyncScope<R>(fn: Run<never[], R>, thisArg?: unknown, ...args: unknown[]): R {
    return inFrame(this.#frame, () => Reflect.apply(fn, thisArg, args));
  }
  emitDestroy(): this {
    return this;
  }
  asyncId(): number {
    return this.#id;
  }
  triggerAsyncId(): number {
    return 1;
  }
}
