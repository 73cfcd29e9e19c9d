/**
 * Event, EventTarget and the few event classes servers need, without a tree: no capture phase, no bubbling. An error in
 * a listener does not stop the others and is reported as stray, as in browsers.
 */
import {
  defineProperty,
  freeze,
  isObject,
  List,
  NativeTypeError,
  reflectApply,
  SafeMap,
  SafeWeakMap,
} from './00-primordials.ts';
import { arity, constant, enumerable, expose, lengthOf } from './04-globals.ts';
import { uncaught } from './10-box.ts';
import { timeOrigin, turnNow } from './12-clock.ts';
import { inContext } from './14-context.ts';
import { DOMException } from './15-dom-exception.ts';

// late: Event EventTarget

export interface EventInit {
  bubbles?: unknown;
  cancelable?: unknown;
  composed?: unknown;
}

let prepare: (event: Event, target: EventTarget | null, phase: number) => void;
let stopped: (event: Event) => boolean;
let setPassive: (event: Event, passive: boolean) => void;
let trust: (event: Event) => void;
let dispatching: (event: Event) => boolean;
let reset: (event: Event) => void;
let cancel: (event: Event) => void;
let canceled: (event: Event) => boolean;
let typeOf: (event: Event) => string;

/** A WebIDL dictionary: nothing, or an object. */
export const dictionary = <T extends object>(value: T | null | undefined, what: string): T | undefined => {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw new NativeTypeError(`${what}: the options must be an object`);
  return value;
};

export class Event {
  #type: string;
  #bubbles: boolean;
  #cancelable: boolean;
  readonly #composed: boolean;
  readonly #at: number;
  #target: EventTarget | null = null;
  #phase = 0;
  #stop = false;
  #stopNow = false;
  #canceled = false;
  #passive = false;
  #trusted = false;

  static {
    prepare = (event, target, phase) => {
      if (target !== null) event.#target = target;
      event.#phase = phase;
    };
    stopped = (event) => event.#stopNow;
    setPassive = (event, passive) => {
      event.#passive = passive;
    };
    trust = (event) => {
      event.#trusted = true;
    };
    dispatching = (event) => event.#phase !== 0;
    cancel = (event) => event.#prevent();
    canceled = (event) => event.#canceled;
    typeOf = (event) => event.#type;
    reset = (event) => {
      event.#stop = false;
      event.#stopNow = false;
    };
  }

  constructor(type: unknown, init?: EventInit) {
    // biome-ignore lint/complexity/noArguments: WebIDL counts the arguments given
    if (arguments.length === 0) throw new NativeTypeError('Event: 1 argument required');
    this.#type = `${type as string}`;
    const given = dictionary(init, 'Event');
    this.#bubbles = !!given?.bubbles;
    this.#cancelable = !!given?.cancelable;
    this.#composed = !!given?.composed;
    this.#at = turnNow() - timeOrigin();
  }
  get type(): string {
    return this.#type;
  }
  get target(): EventTarget | null {
    return this.#target;
  }
  get srcElement(): EventTarget | null {
    return this.#target;
  }
  get currentTarget(): EventTarget | null {
    return this.#phase === 0 ? null : this.#target;
  }
  get eventPhase(): number {
    return this.#phase;
  }
  get bubbles(): boolean {
    return this.#bubbles;
  }
  get cancelable(): boolean {
    return this.#cancelable;
  }
  get composed(): boolean {
    return this.#composed;
  }
  get defaultPrevented(): boolean {
    return this.#canceled;
  }
  get returnValue(): boolean {
    return !this.#canceled;
  }
  set returnValue(value: unknown) {
    if (!value) this.#prevent();
  }
  get cancelBubble(): boolean {
    return this.#stop;
  }
  set cancelBubble(value: unknown) {
    if (value) this.#stop = true;
  }
  get timeStamp(): number {
    return this.#at;
  }
  get isTrusted(): boolean {
    return this.#trusted;
  }
  composedPath(): unknown[] {
    return this.#phase === 0 || this.#target === null ? [] : [this.#target];
  }
  stopPropagation(): void {
    this.#stop = true;
  }
  stopImmediatePropagation(): void {
    this.#stop = true;
    this.#stopNow = true;
  }
  preventDefault(): void {
    this.#prevent();
  }
  initEvent(type: unknown, bubbles: unknown, cancelable: unknown): void {
    const name = `${type as string}`;
    if (this.#phase !== 0) return;
    this.#type = name;
    this.#bubbles = !!bubbles;
    this.#cancelable = !!cancelable;
    this.#stop = false;
    this.#stopNow = false;
    this.#canceled = false;
    this.#trusted = false;
    this.#target = null;
  }
  #prevent(): void {
    if (this.#cancelable && !this.#passive) this.#canceled = true;
  }
}
arity(Event.prototype, 'Event', { initEvent: 1 });
lengthOf(Event, 1);
{
  const phases: readonly string[] = ['NONE', 'CAPTURING_PHASE', 'AT_TARGET', 'BUBBLING_PHASE'];
  for (let i = 0; i < phases.length; i++) {
    constant(Event, phases[i] as string, i);
    constant(Event.prototype, phases[i] as string, i);
  }
}
enumerable(Event.prototype, [
  'type',
  'target',
  'srcElement',
  'currentTarget',
  'returnValue',
  'cancelBubble',
  'composedPath',
  'initEvent',
  'bubbles',
  'cancelable',
  'composed',
  'defaultPrevented',
  'eventPhase',
  'timeStamp',
  'isTrusted',
  'stopPropagation',
  'stopImmediatePropagation',
  'preventDefault',
]);

interface Listener {
  callback: unknown;
  run: (event: Event) => void;
  capture: boolean;
  once: boolean;
  passive: boolean;
  removed: boolean;
}

/** What AbortSignal offers to `addEventListener({ signal })`; set by the abort file. */
export interface SignalHooks {
  isSignal(value: unknown): boolean;
  aborted(signal: object): boolean;
  onAbort(signal: object, run: () => void): void;
}
let signals: SignalHooks | null = null;
export const setSignalHooks = (given: SignalHooks): void => {
  signals = given;
};

type Table = SafeMap<string, List<Listener>>;
let tableOf: (target: EventTarget) => Table;
let fire: (target: EventTarget, event: Event) => boolean;

const asBoolean = (options: unknown): boolean =>
  isObject(options) ? !!(options as { capture?: unknown }).capture : !!options;

export class EventTarget {
  #listeners: Table | null = null;

  static {
    tableOf = (target) => (target.#listeners ??= new SafeMap());
    fire = (target, event) => {
      prepare(event, target, 2);
      const list = target.#listeners?.get(typeOf(event));
      if (list !== undefined) {
        const count = list.length;
        const snapshot = new List<Listener>();
        for (let i = 0; i < count; i++) snapshot.push(list[i] as Listener);
        for (let i = 0; i < count && !stopped(event); i++) {
          const listener = snapshot[i] as Listener;
          if (listener.removed) continue;
          if (listener.once) remove(list, listener);
          setPassive(event, listener.passive);
          try {
            listener.run(event);
          } catch (error) {
            uncaught(error);
          }
        }
        setPassive(event, false);
      }
      prepare(event, null, 0);
      reset(event);
      return !canceled(event);
    };
  }

  addEventListener(type: unknown, callback: unknown, options?: unknown): void {
    const table = tableOf(this);
    const name = `${type as string}`;
    const capture = asBoolean(options);
    let once = false;
    let passive = false;
    let signal: unknown;
    if (isObject(options)) {
      const given = options as { once?: unknown; passive?: unknown; signal?: unknown };
      once = !!given.once;
      passive = !!given.passive;
      signal = given.signal;
      if (signal !== undefined && signals?.isSignal(signal) !== true) {
        throw new NativeTypeError('addEventListener: signal is not an AbortSignal');
      }
    }
    if (callback === null || callback === undefined) return;
    if (!isObject(callback)) throw new NativeTypeError('addEventListener: the listener is not a function or object');
    if (signal !== undefined && signals?.aborted(signal as object)) return;
    let list = table.get(name);
    if (list === undefined) table.set(name, (list = new List()));
    for (let i = 0; i < list.length; i++) {
      const other = list[i] as Listener;
      if (other.callback === callback && other.capture === capture) return;
    }
    const run = inContext((event: Event): void => {
      if (typeof callback === 'function') reflectApply(callback as () => void, this, [event]);
      else {
        const handle = (callback as { handleEvent?: unknown }).handleEvent;
        if (typeof handle !== 'function') throw new NativeTypeError('handleEvent is not a function');
        reflectApply(handle as () => void, callback, [event]);
      }
    });
    const listener: Listener = { callback, run, capture, once, passive, removed: false };
    list.push(listener);
    if (signal !== undefined) signals?.onAbort(signal as object, () => remove(list, listener));
  }

  removeEventListener(type: unknown, callback: unknown, options?: unknown): void {
    const list = tableOf(this).get(`${type as string}`);
    if (list === undefined) return;
    const capture = asBoolean(options);
    for (let i = 0; i < list.length; i++) {
      const listener = list[i] as Listener;
      if (listener.callback === callback && listener.capture === capture) {
        remove(list, listener);
        return;
      }
    }
  }

  dispatchEvent(event: unknown): boolean {
    if (!isObject(event) || !isEvent(event)) throw new NativeTypeError('dispatchEvent: argument is not an Event');
    if (dispatching(event)) throw new DOMException('The event is already being dispatched', 'InvalidStateError');
    return fire(this, event);
  }
}
enumerable(EventTarget.prototype, ['addEventListener', 'removeEventListener', 'dispatchEvent']);
arity(EventTarget.prototype, 'EventTarget', { addEventListener: 2, removeEventListener: 2, dispatchEvent: 1 });

const isEvent = (value: object): value is Event => {
  try {
    stopped(value as Event);
    return true;
  } catch {
    return false;
  }
};

const remove = (list: List<Listener>, listener: Listener): void => {
  listener.removed = true;
  let kept = 0;
  for (let i = 0; i < list.length; i++) {
    const other = list[i] as Listener;
    if (other !== listener) list[kept++] = other;
  }
  list.length = kept;
};

/** Dispatches an event of our own making. */
export const fireTrusted = (target: EventTarget, event: Event): boolean => {
  trust(event);
  return fire(target, event);
};

export const hasListeners = (target: EventTarget, type: string): boolean =>
  (tableOf(target).get(type)?.length ?? 0) > 0;

/** What is not callable is kept and not called; `false` is a word for `preventDefault`. */
const handle = (handler: object, self: unknown, event: Event): void => {
  if (typeof handler === 'function' && reflectApply(handler as () => unknown, self, [event]) === false) cancel(event);
};

/** `on<type>` attributes: one listener that calls whatever the attribute holds. */
const handlers = new SafeWeakMap<object, SafeMap<string, unknown>>();
export const eventAttribute = (
  proto: object,
  type: string,
  fixed?: EventTarget,
  wasSet?: (self: EventTarget) => void,
): void => {
  const name = `on${type}`;
  defineProperty(proto, name, {
    configurable: true,
    enumerable: true,
    get(this: EventTarget): unknown {
      return handlers.get(fixed ?? this)?.get(type) ?? null;
    },
    set(this: EventTarget, value: unknown) {
      const self = fixed ?? this;
      let table = handlers.get(self);
      if (table === undefined) handlers.set(self, (table = new SafeMap()));
      const fresh = !table.has(type);
      table.set(type, isObject(value) ? value : null);
      if (wasSet !== undefined) wasSet(self);
      if (!fresh) return;
      const list = tableOf(self);
      let entries = list.get(type);
      if (entries === undefined) list.set(type, (entries = new List()));
      const attributes = table;
      const run = (event: Event): void => {
        const now = attributes.get(type);
        if (isObject(now)) handle(now, self, event);
      };
      entries.push({ callback: freeze({}), run, capture: false, once: false, passive: false, removed: false });
    },
  });
};

expose('Event', Event);
expose('EventTarget', EventTarget);
