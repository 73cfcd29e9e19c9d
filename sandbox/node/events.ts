/** node:events. A function and no class: old packages call it on objects of their own. */

import { host } from 'isolane:host';
import { AsyncResource } from './async-context.ts';
import { checkFunction, coded, invalidArgType, outOfRange } from './errors.ts';
import { addAbortListener, getEventListeners, getMaxListeners, on, once, setListenerLimit } from './events/waiting.ts';

type Name = string | symbol;
type Listener = ((...args: unknown[]) => unknown) & { listener?: Listener };
type Table = Record<Name, Listener | Listener[]>;
interface Emitter {
  _events?: Table | undefined;
  _eventsCount: number;
  _maxListeners?: number | undefined;
  emit(name: Name, ...args: unknown[]): boolean;
  [key: symbol]: unknown;
}

export const errorMonitor: unique symbol = Symbol('events.errorMonitor');
export const captureRejectionSymbol: unique symbol = Symbol.for('nodejs.rejection') as never;
const CAPTURE = Symbol('kCapture');
const WARNED = Symbol('warned');
let capturing = false;
let most = 10;

const checkCount = (name: string, value: unknown): number => {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value);
  if (Number.isNaN(value) || value < 0) throw outOfRange(name, '>= 0', value);
  return value;
};

export function EventEmitter(this: Emitter, options?: { captureRejections?: boolean }): void {
  init(this, options);
}

export const init = (emitter: Emitter, options?: { captureRejections?: boolean }): void => {
  if (emitter._events === undefined || emitter._events === (Object.getPrototypeOf(emitter) as Emitter)._events) {
    emitter._events = Object.create(null) as Table;
    emitter._eventsCount = 0;
  }
  emitter._maxListeners ||= undefined;
  if (options?.captureRejections !== undefined) {
    if (typeof options.captureRejections !== 'boolean') {
      throw invalidArgType('options.captureRejections', 'boolean', options.captureRejections);
    }
    emitter[CAPTURE] = options.captureRejections;
  } else emitter[CAPTURE] = (EventEmitter.prototype as Emitter)[CAPTURE];
};

const limitOf = (emitter: Emitter): number => emitter._maxListeners ?? most;
const listOf = (emitter: Emitter, name: Name): readonly Listener[] => {
  const found = emitter._events?.[name];
  return found === undefined ? [] : typeof found === 'function' ? [found] : found;
};
const plain = (listener: Listener): Listener => listener.listener ?? listener;

const add = (emitter: Emitter, name: Name, listener: Listener, first: boolean): Emitter => {
  checkFunction(listener, 'listener');
  let table = emitter._events;
  if (table === undefined) {
    table = emitter._events = Object.create(null) as Table;
    emitter._eventsCount = 0;
  } else if (table['newListener'] !== undefined) {
    emitter.emit('newListener', name, listener.listener ?? listener);
    table = emitter._events as Table;
  }
  const found = table[name];
  if (found === undefined) {
    table[name] = listener;
    emitter._eventsCount++;
    return emitter;
  }
  const list = typeof found === 'function' ? [found] : found;
  table[name] = list;
  if (first) list.unshift(listener);
  else list.push(listener);
  const limit = limitOf(emitter);
  if (limit > 0 && list.length > limit && (list as { [WARNED]?: true })[WARNED] !== true) {
    (list as { [WARNED]?: true })[WARNED] = true;
    host.log(
      'warn',
      `MaxListenersExceededWarning: Possible EventEmitter memory leak detected. ${list.length} ${String(name)} listeners added to ` +
        `${host.inspect((emitter as object).constructor.name)}. MaxListeners is ${limit}. Use emitter.setMaxListeners() to increase limit`,
    );
  }
  return emitter;
};

const onceOf = (emitter: Emitter, name: Name, listener: Listener): Listener => {
  checkFunction(listener, 'listener');
  let fired = false;
  const wrapped: Listener = function (this: unknown, ...args: unknown[]): unknown {
    if (fired) return undefined;
    methods.removeListener.call(emitter, name, wrapped);
    fired = true;
    return listener.apply(emitter, args);
  };
  wrapped.listener = listener;
  return wrapped;
};

/** A listener's promise that rejects becomes an `error` event, where the emitter asked for it. */
const watch = (emitter: Emitter, result: unknown, name: Name, args: unknown[]): void => {
  const then = (result as { then?: unknown }).then;
  if (typeof then !== 'function') return;
  then.call(result, undefined, (error: unknown) => {
    queueMicrotask(() => {
      const own = emitter[captureRejectionSymbol];
      if (typeof own === 'function') {
        own.call(emitter, error, name, ...args);
        return;
      }
      const before = emitter[CAPTURE];
      try {
        emitter[CAPTURE] = false;
        emitter.emit('error', error);
      } finally {
        emitter[CAPTURE] = before;
      }
    });
  });
};

const throwError = (error: unknown): never => {
  if (error instanceof Error) throw error;
  const text = typeof error === 'string' ? `'${error}'` : host.inspect(error);
  throw coded(Error, 'ERR_UNHANDLED_ERROR', `Unhandled error. (${text})`, { context: error });
};

const methods = {
  emit(this: Emitter, name: Name, ...args: unknown[]): boolean {
    const table = this._events;
    if (name === 'error') {
      if (table?.[errorMonitor] !== undefined) this.emit(errorMonitor, ...args);
      if (table?.['error'] === undefined) throwError(args[0]);
    }
    const found = table?.[name];
    if (found === undefined) return false;
    const capture = this[CAPTURE] === true;
    if (typeof found === 'function') {
      const result = Reflect.apply(found, this, args);
      if (capture && result !== undefined && result !== null) watch(this, result, name, args);
      return true;
    }
    for (const listener of found.slice()) {
      const result = Reflect.apply(listener, this, args);
      if (capture && result !== undefined && result !== null) watch(this, result, name, args);
    }
    return true;
  },
  addListener(this: Emitter, name: Name, listener: Listener): Emitter {
    return add(this, name, listener, false);
  },
  prependListener(this: Emitter, name: Name, listener: Listener): Emitter {
    return add(this, name, listener, true);
  },
  once(this: Emitter, name: Name, listener: Listener): Emitter {
    return (this as Emitter & { on: typeof methods.addListener }).on(name, onceOf(this, name, listener));
  },
  prependOnceListener(this: Emitter, name: Name, listener: Listener): Emitter {
    return add(this, name, onceOf(this, name, listener), true);
  },
  removeListener(this: Emitter, name: Name, listener: Listener): Emitter {
    checkFunction(listener, 'listener');
    const table = this._events;
    const list = listOf(this, name);
    let at = list.length - 1;
    while (at >= 0 && list[at] !== listener && list[at]?.listener !== listener) at--;
    if (table === undefined || at < 0) return this;
    const removed = list[at] as Listener;
    if (list.length === 1) {
      delete table[name];
      this._eventsCount--;
    } else {
      const left = (list as Listener[]).toSpliced(at, 1);
      table[name] = left.length === 1 ? (left[0] as Listener) : left;
    }
    if (table['removeListener'] !== undefined) this.emit('removeListener', name, plain(removed));
    return this;
  },
  removeAllListeners(this: Emitter, ...names: Name[]): Emitter {
    const [name] = names;
    const table = this._events;
    if (table === undefined) return this;
    if (names.length === 0) {
      if (table['removeListener'] !== undefined) {
        for (const key of Reflect.ownKeys(table))
          if (key !== 'removeListener') methods.removeAllListeners.call(this, key);
      }
      this._events = Object.create(null) as Table;
      this._eventsCount = 0;
      return this;
    }
    const list = listOf(this, name as Name);
    if (table['removeListener'] === undefined) {
      if (list.length > 0) {
        delete table[name as Name];
        this._eventsCount--;
      }
      return this;
    }
    for (const listener of list.toReversed()) methods.removeListener.call(this, name as Name, listener);
    return this;
  },
  listeners(this: Emitter, name: Name): Listener[] {
    return listOf(this, name).map(plain);
  },
  rawListeners(this: Emitter, name: Name): Listener[] {
    return [...listOf(this, name)];
  },
  listenerCount(this: Emitter, name: Name, listener?: Listener): number {
    const list = listOf(this, name);
    return listener === undefined
      ? list.length
      : list.filter((one) => one === listener || one.listener === listener).length;
  },
  eventNames(this: Emitter): Name[] {
    return this._events === undefined ? [] : Reflect.ownKeys(this._events);
  },
  setMaxListeners(this: Emitter, count: number): Emitter {
    this._maxListeners = checkCount('setMaxListeners', count);
    return this;
  },
  getMaxListeners(this: Emitter): number {
    return limitOf(this);
  },
};
for (const [name, method] of Object.entries({ ...methods, on: methods.addListener, off: methods.removeListener })) {
  Object.defineProperty(EventEmitter.prototype, name, {
    value: method,
    writable: true,
    configurable: true,
    enumerable: true,
  });
}
Object.assign(EventEmitter.prototype, { _events: undefined, _eventsCount: 0, _maxListeners: undefined });
Object.defineProperty(EventEmitter.prototype, CAPTURE, { value: false, writable: true });

export const setMaxListeners = (count: number = most, ...targets: unknown[]): void => {
  checkCount('n', count);
  if (targets.length === 0) most = count;
  for (const target of targets) {
    if (typeof (target as Partial<typeof methods>).setMaxListeners === 'function') {
      (target as { setMaxListeners(n: number): void }).setMaxListeners(count);
    } else if (target instanceof EventTarget) setListenerLimit(target, count);
    else throw invalidArgType('eventTargets', ['EventEmitter', 'EventTarget'], target);
  }
};
export const listenerCount = (emitter: Emitter, name: Name): number =>
  typeof (emitter as unknown as typeof methods).listenerCount === 'function'
    ? (emitter as unknown as typeof methods & Emitter).listenerCount(name)
    : methods.listenerCount.call(emitter, name);

/** An emitter whose listeners run in the context in which it was made. */
export class EventEmitterAsyncResource extends (EventEmitter as unknown as new (options?: object) => Emitter) {
  readonly #resource: AsyncResource;
  constructor(options: { name?: string } | string = {}) {
    super(typeof options === 'string' ? undefined : options);
    this.#resource = new AsyncResource((typeof options === 'string' ? options : options.name) ?? new.target.name);
  }
  override emit(name: Name, ...args: unknown[]): boolean {
    return this.#resource.runInAsyncScope(methods.emit, this, name, ...args) as boolean;
  }
  emitDestroy(): void {
    this.#resource.emitDestroy();
  }
  get asyncId(): number {
    return this.#resource.asyncId();
  }
  get triggerAsyncId(): number {
    return this.#resource.triggerAsyncId();
  }
  get asyncResource(): AsyncResource {
    return this.#resource;
  }
}

const { defaultMaxListeners, captureRejections, usingDomains } = {
  defaultMaxListeners: 10,
  captureRejections: false,
  usingDomains: false,
};

export {
  addAbortListener,
  captureRejections,
  defaultMaxListeners,
  getEventListeners,
  getMaxListeners,
  on,
  once,
  usingDomains,
};

Object.assign(EventEmitter, {
  EventEmitter,
  EventEmitterAsyncResource,
  addAbortListener,
  captureRejectionSymbol,
  errorMonitor,
  getEventListeners,
  getMaxListeners,
  init,
  listenerCount,
  on,
  once,
  setMaxListeners,
  usingDomains,
});
Object.defineProperties(EventEmitter, {
  defaultMaxListeners: {
    enumerable: true,
    get: () => most,
    set: (count: unknown) => {
      most = checkCount('defaultMaxListeners', count);
    },
  },
  captureRejections: {
    enumerable: true,
    configurable: true,
    get: () => capturing,
    set: (value: unknown) => {
      if (typeof value !== 'boolean') throw invalidArgType('EventEmitter.captureRejections', 'boolean', value);
      capturing = value;
      (EventEmitter.prototype as Emitter)[CAPTURE] = value;
    },
  },
});

export default EventEmitter;
