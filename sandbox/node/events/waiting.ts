/** Events as promises and iterators: `once`, `on`, and what EventTarget shares with EventEmitter. */
import { AbortError, checkAbortSignal, invalidArgType } from '../errors.ts';

type Name = string | symbol;
type Listener = (...args: unknown[]) => void;
interface Emitter {
  on(name: Name, listener: Listener): unknown;
  once(name: Name, listener: Listener): unknown;
  removeListener(name: Name, listener: Listener): unknown;
}
interface Options {
  readonly signal?: AbortSignal;
  readonly close?: readonly Name[];
}

const isEmitter = (value: unknown): value is Emitter =>
  typeof (value as Partial<Emitter> | null)?.on === 'function' &&
  typeof (value as Partial<Emitter>).removeListener === 'function';

const listen = (target: unknown, name: Name, listener: Listener): (() => void) => {
  if (isEmitter(target)) {
    target.on(name, listener);
    return () => target.removeListener(name, listener);
  }
  if (target instanceof EventTarget) {
    target.addEventListener(name as string, listener);
    return () => target.removeEventListener(name as string, listener);
  }
  throw invalidArgType('emitter', ['EventEmitter', 'EventTarget'], target);
};

export const addAbortListener = (signal: AbortSignal, listener: Listener): { [Symbol.dispose](): void } => {
  if (signal === undefined) throw invalidArgType('signal', 'AbortSignal', signal);
  checkAbortSignal(signal, 'signal');
  if (signal.aborted) queueMicrotask(() => listener());
  else signal.addEventListener('abort', listener, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', listener) };
};

export const once = async (target: unknown, name: Name, options: Options = {}): Promise<unknown[]> => {
  const { signal } = options;
  checkAbortSignal(signal, 'options.signal');
  if (signal?.aborted === true) throw new AbortError(undefined, { cause: signal.reason });
  return new Promise((resolve, reject) => {
    const ends: (() => void)[] = [];
    const settle = (end: () => void): void => {
      for (const stop of ends) stop();
      end();
    };
    ends.push(listen(target, name, (...args) => settle(() => resolve(args))));
    if (name !== 'error' && isEmitter(target)) {
      ends.push(listen(target, 'error', (error) => settle(() => reject(error))));
    }
    if (signal !== undefined) {
      const stop = (): void => settle(() => reject(new AbortError(undefined, { cause: signal.reason })));
      signal.addEventListener('abort', stop, { once: true });
      ends.push(() => signal.removeEventListener('abort', stop));
    }
  });
};

/** An endless iterator over the arguments of each event; an `error` event or the signal makes it throw. */
export const on = (target: unknown, name: Name, options: Options = {}): AsyncIterableIterator<unknown[]> => {
  const { signal, close = [] } = options;
  checkAbortSignal(signal, 'options.signal');
  if (signal?.aborted === true) throw new AbortError(undefined, { cause: signal.reason });
  const values: unknown[][] = [];
  const waiting: PromiseWithResolvers<IteratorResult<unknown[]>>[] = [];
  const ends: (() => void)[] = [];
  let failure: { readonly error: unknown } | null = null;
  let finished = false;
  const finish = (): Promise<IteratorResult<unknown[]>> => {
    for (const stop of ends.splice(0)) stop();
    finished = true;
    for (const one of waiting.splice(0)) one.resolve({ value: undefined, done: true });
    return Promise.resolve({ value: undefined, done: true });
  };
  const fail = (error: unknown): void => {
    const first = waiting.shift();
    if (first === undefined) failure = { error };
    else first.reject(error);
    finish();
  };
  ends.push(
    listen(target, name, (...args) => {
      const first = waiting.shift();
      if (first === undefined) values.push(args);
      else first.resolve({ value: args, done: false });
    }),
  );
  if (name !== 'error' && isEmitter(target)) ends.push(listen(target, 'error', fail));
  for (const one of close) ends.push(listen(target, one, () => void finish()));
  if (signal !== undefined) {
    const stop = (): void => fail(new AbortError(undefined, { cause: signal.reason }));
    signal.addEventListener('abort', stop, { once: true });
    ends.push(() => signal.removeEventListener('abort', stop));
  }
  return {
    next() {
      const value = values.shift();
      if (value !== undefined) return Promise.resolve({ value, done: false });
      if (failure !== null) {
        const { error } = failure;
        failure = null;
        return Promise.reject(error);
      }
      if (finished) return finish();
      const pending = Promise.withResolvers<IteratorResult<unknown[]>>();
      waiting.push(pending);
      return pending.promise;
    },
    return: finish,
    throw(error: unknown) {
      if (!(error instanceof Error)) throw invalidArgType('EventEmitter.AsyncIterator', 'Error', error);
      fail(error);
      return Promise.resolve({ value: undefined, done: true });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
};

export const getEventListeners = (target: unknown, name: Name): unknown[] => {
  const listeners = (target as { listeners?: unknown } | null)?.listeners;
  if (typeof listeners === 'function') return listeners.call(target, name) as unknown[];
  if (target instanceof EventTarget) return [];
  throw invalidArgType('emitter', ['EventEmitter', 'EventTarget'], target);
};

const limits = new WeakMap<EventTarget, number>();
export const setListenerLimit = (target: EventTarget, count: number): void => {
  limits.set(target, count);
};
export const getMaxListeners = (target: unknown): number => {
  const own = (target as { getMaxListeners?: unknown } | null)?.getMaxListeners;
  if (typeof own === 'function') return own.call(target) as number;
  if (target instanceof EventTarget) return limits.get(target) ?? (target instanceof AbortSignal ? 0 : 10);
  throw invalidArgType('emitter', ['EventEmitter', 'EventTarget'], target);
};
