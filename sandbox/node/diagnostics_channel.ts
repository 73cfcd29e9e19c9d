/** node:diagnostics_channel. */
import { host } from 'isolane:host';
import type { AsyncLocalStorage } from './async-context.ts';
import { checkFunction, invalidArgType } from './errors.ts';

type Name = string | symbol;
type Subscriber = (message: unknown, name: Name) => void;
type Transform = (data: unknown) => unknown;
type Fn = (...args: unknown[]) => unknown;

const channels = new Map<Name, Channel>();

const attempt = (run: () => void): void => {
  try {
    run();
  } catch (error) {
    // As in Node: a subscriber's error is nobody's who publishes.
    queueMicrotask(() => {
      throw error;
    });
  }
};

export class Channel {
  readonly name: Name;
  #subscribers: readonly Subscriber[] = [];
  readonly #stores = new Map<AsyncLocalStorage, Transform | undefined>();
  constructor(name: Name) {
    this.name = name;
  }
  get hasSubscribers(): boolean {
    return this.#subscribers.length > 0 || this.#stores.size > 0;
  }
  subscribe(subscriber: Subscriber): void {
    checkFunction(subscriber, 'subscription');
    this.#subscribers = [...this.#subscribers, subscriber];
  }
  unsubscribe(subscriber: Subscriber): boolean {
    const at = this.#subscribers.indexOf(subscriber);
    if (at < 0) return false;
    this.#subscribers = this.#subscribers.toSpliced(at, 1);
    return true;
  }
  publish(message: unknown): void {
    for (const subscriber of this.#subscribers) attempt(() => subscriber(message, this.name));
  }
  bindStore(store: AsyncLocalStorage, transform?: Transform): void {
    this.#stores.set(store, transform);
  }
  unbindStore(store: AsyncLocalStorage): boolean {
    return this.#stores.delete(store);
  }
  runStores<R>(context: unknown, fn: (...args: unknown[]) => R, thisArg?: unknown, ...args: unknown[]): R {
    let run = (): R => {
      this.publish(context);
      return Reflect.apply(fn, thisArg, args);
    };
    for (const [store, transform] of this.#stores) {
      const inner = run;
      run = () => {
        let value = context;
        if (transform !== undefined) {
          try {
            value = transform(context);
          } catch (error) {
            host.log('error', `diagnostics_channel: ${String(error)}`);
            return inner();
          }
        }
        return store.run(value, inner);
      };
    }
    return run();
  }
}

export const channel = (name: Name): Channel => {
  const found = channels.get(name);
  if (found !== undefined) return found;
  if (typeof name !== 'string' && typeof name !== 'symbol') throw invalidArgType('channel', ['string', 'symbol'], name);
  const made = new Channel(name);
  channels.set(name, made);
  return made;
};
export const hasSubscribers = (name: Name): boolean => channels.get(name)?.hasSubscribers ?? false;
export const subscribe = (name: Name, subscriber: Subscriber): void => channel(name).subscribe(subscriber);
export const unsubscribe = (name: Name, subscriber: Subscriber): boolean => channel(name).unsubscribe(subscriber);

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
type Handlers = Partial<Record<(typeof EVENTS)[number], Subscriber>>;
type Context = Record<string, unknown>;

export class TracingChannel {
  readonly start: Channel;
  readonly end: Channel;
  readonly asyncStart: Channel;
  readonly asyncEnd: Channel;
  readonly error: Channel;
  constructor(from: string | Record<string, Channel>) {
    const of = (event: string): Channel =>
      typeof from === 'string' ? channel(`tracing:${from}:${event}`) : (from[event] as Channel);
    this.start = of('start');
    this.end = of('end');
    this.asyncStart = of('asyncStart');
    this.asyncEnd = of('asyncEnd');
    this.error = of('error');
  }
  get hasSubscribers(): boolean {
    return EVENTS.some((event) => this[event].hasSubscribers);
  }
  subscribe(handlers: Handlers): void {
    for (const event of EVENTS) if (handlers[event] !== undefined) this[event].subscribe(handlers[event]);
  }
  unsubscribe(handlers: Handlers): boolean {
    return EVENTS.map((event) => handlers[event] === undefined || this[event].unsubscribe(handlers[event])).every(
      Boolean,
    );
  }
  #failed(context: Context, error: unknown): void {
    context['error'] = error;
    this.error.publish(context);
  }
  traceSync(fn: Fn, context: Context = {}, thisArg?: unknown, ...args: unknown[]): unknown {
    if (!this.hasSubscribers) return Reflect.apply(fn, thisArg, args);
    return this.start.runStores(context, () => {
      try {
        return (context['result'] = Reflect.apply(fn, thisArg, args));
      } catch (error) {
        this.#failed(context, error);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }
  tracePromise(fn: Fn, context: Context = {}, thisArg?: unknown, ...args: unknown[]): unknown {
    if (!this.hasSubscribers) return Reflect.apply(fn, thisArg, args);
    const after = (key: 'result' | 'error', value: unknown): void => {
      if (key === 'error') this.#failed(context, value);
      else context['result'] = value;
      this.asyncStart.publish(context);
      this.asyncEnd.publish(context);
    };
    return this.start.runStores(context, () => {
      try {
        return Promise.resolve(Reflect.apply(fn, thisArg, args)).then(
          (value) => {
            after('result', value);
            return value;
          },
          (error: unknown) => {
            after('error', error);
            throw error;
          },
        );
      } catch (error) {
        this.#failed(context, error);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }
  traceCallback(fn: Fn, position = -1, context: Context = {}, thisArg?: unknown, ...args: unknown[]): unknown {
    if (!this.hasSubscribers) return Reflect.apply(fn, thisArg, args);
    const { asyncStart, asyncEnd } = this;
    const failed = (error: unknown): void => this.#failed(context, error);
    const callback = args.at(position);
    checkFunction(callback, 'callback');
    const wrapped = function (this: unknown, error: unknown, result: unknown, ...rest: unknown[]): void {
      if (error) failed(error);
      else context['result'] = result;
      asyncStart.runStores(context, () => {
        try {
          Reflect.apply(callback as Fn, this, [error, result, ...rest]);
        } finally {
          asyncEnd.publish(context);
        }
      });
    };
    args.splice(position, 1, wrapped);
    return this.start.runStores(context, () => {
      try {
        return Reflect.apply(fn, thisArg, args);
      } catch (error) {
        failed(error);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }
}
export const tracingChannel = (from: string | Record<string, Channel>): TracingChannel => new TracingChannel(from);
export const BoundedChannel = Channel;
export const boundedChannel = channel;

export default {
  BoundedChannel,
  Channel,
  boundedChannel,
  channel,
  hasSubscribers,
  subscribe,
  tracingChannel,
  unsubscribe,
};
