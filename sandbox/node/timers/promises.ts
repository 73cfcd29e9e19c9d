/** node:timers/promises. */
import { AbortError, checkAbortSignal, coded } from '../errors.ts';

interface Options {
  readonly signal?: AbortSignal;
  readonly ref?: boolean;
}

const aborted = (signal: AbortSignal): AbortError => new AbortError(undefined, { cause: signal.reason });

const after = <T>(ms: number | undefined, value: T, { signal }: Options): Promise<T> => {
  try {
    checkAbortSignal(signal, 'options.signal');
  } catch (error) {
    return Promise.reject(error);
  }
  if (signal?.aborted === true) return Promise.reject(aborted(signal));
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      globalThis.clearTimeout(timer);
      reject(aborted(signal as AbortSignal));
    };
    const timer = globalThis.setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve(value);
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
};

export function setTimeout<T = void>(ms?: number, value?: T, options: Options = {}): Promise<T> {
  return after(ms, value as T, options);
}
export function setImmediate<T = void>(value?: T, options: Options = {}): Promise<T> {
  return after(0, value as T, options);
}
export async function* setInterval<T = void>(ms?: number, value?: T, options: Options = {}): AsyncGenerator<T> {
  for (;;) {
    await after(ms, value as T, options);
    yield value as T;
  }
}

class Scheduler {
  constructor() {
    throw coded(TypeError, 'ERR_ILLEGAL_CONSTRUCTOR', 'Illegal constructor');
  }
  yield(): Promise<void> {
    return setImmediate();
  }
  wait(ms: number, options?: Options): Promise<void> {
    return setTimeout(ms, undefined, options);
  }
}
export const scheduler: Scheduler = Object.create(Scheduler.prototype) as Scheduler;

export default { scheduler, setImmediate, setInterval, setTimeout };
