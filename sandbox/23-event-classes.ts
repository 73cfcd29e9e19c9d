/** The event classes that carry data, built on first touch. */
import { freeze, isObject, List, NativeTypeError } from './00-primordials.ts';
import { arity, enumerable, lengthOf } from './04-globals.ts';
import { rare } from './13-rare.ts';
import { dictionary, Event, type EventInit } from './20-events.ts';

interface CustomInit extends EventInit {
  detail?: unknown;
}
export interface ErrorInit extends EventInit {
  message?: unknown;
  filename?: unknown;
  lineno?: unknown;
  colno?: unknown;
  error?: unknown;
}
export interface MessageInit extends EventInit {
  data?: unknown;
  origin?: unknown;
  lastEventId?: unknown;
  source?: unknown;
  ports?: unknown;
}
interface RejectionInit extends EventInit {
  promise?: unknown;
  reason?: unknown;
}
export type Made<Init> = new (type: unknown, init?: Init) => Event;

const text = (value: unknown): string => (value === undefined ? '' : `${value as string}`);

/** Set by the file of MessagePort. */
let isPort: (value: unknown) => boolean = () => false;
export const setPortCheck = (check: (value: unknown) => boolean): void => {
  isPort = check;
};

rare(
  'custom-event>',
  'CustomEvent',
  () => {
    class CustomEvent extends Event {
      #detail: unknown;
      constructor(type: unknown, init?: CustomInit) {
        super(type, init);
        this.#detail = init?.detail ?? null;
      }
      get detail(): unknown {
        return this.#detail;
      }
      initCustomEvent(type: unknown, bubbles?: unknown, cancelable?: unknown, detail: unknown = null): void {
        const idle = this.eventPhase === 0;
        this.initEvent(type, bubbles, cancelable);
        if (idle) this.#detail = detail;
      }
    }
    enumerable(CustomEvent.prototype, ['detail', 'initCustomEvent']);
    arity(CustomEvent.prototype, 'CustomEvent', { initCustomEvent: 1 });
    lengthOf(CustomEvent, 1);
    return { CustomEvent };
  },
  '<custom-event',
);

rare(
  'rejection-event>',
  'PromiseRejectionEvent',
  () => {
    class PromiseRejectionEvent extends Event {
      readonly #promise: unknown;
      readonly #reason: unknown;
      constructor(type: unknown, init?: RejectionInit) {
        super(type, init);
        if (!isObject(init) || !isObject(init.promise)) {
          throw new NativeTypeError('PromiseRejectionEvent: options with a promise are required');
        }
        this.#promise = init.promise;
        this.#reason = init.reason;
      }
      get promise(): unknown {
        return this.#promise;
      }
      get reason(): unknown {
        return this.#reason;
      }
    }
    enumerable(PromiseRejectionEvent.prototype, ['promise', 'reason']);
    lengthOf(PromiseRejectionEvent, 2);
    return { PromiseRejectionEvent };
  },
  '<rejection-event',
);

export const errorEvents: () => { ErrorEvent: Made<ErrorInit> } = rare(
  'error-event>',
  'ErrorEvent',
  () => {
    class ErrorEvent extends Event {
      readonly #message: string;
      readonly #filename: string;
      readonly #lineno: number;
      readonly #colno: number;
      readonly #error: unknown;
      constructor(type: unknown, init?: ErrorInit) {
        super(type, init);
        const given = dictionary(init, 'ErrorEvent');
        this.#message = text(given?.message);
        this.#filename = text(given?.filename);
        this.#lineno = (given?.lineno as number) >>> 0;
        this.#colno = (given?.colno as number) >>> 0;
        this.#error = given?.error;
      }
      get message(): string {
        return this.#message;
      }
      get filename(): string {
        return this.#filename;
      }
      get lineno(): number {
        return this.#lineno;
      }
      get colno(): number {
        return this.#colno;
      }
      get error(): unknown {
        return this.#error;
      }
    }
    enumerable(ErrorEvent.prototype, ['message', 'filename', 'lineno', 'colno', 'error']);
    lengthOf(ErrorEvent, 1);
    return { ErrorEvent };
  },
  '<error-event',
);

export const messageEvents: () => { MessageEvent: Made<MessageInit> } = rare(
  'message-event>',
  'MessageEvent',
  () => {
    /** A `sequence<MessagePort>`. */
    const portList = (value: unknown): readonly unknown[] => {
      const ports: unknown[] = [];
      if (value === undefined) return freeze(ports);
      if (!isObject(value)) throw new NativeTypeError('MessageEvent: ports must be a sequence');
      const found = new List<unknown>();
      for (const port of value as Iterable<unknown>) {
        if (!isPort(port)) throw new NativeTypeError('MessageEvent: ports must hold MessagePorts');
        found.push(port);
      }
      ports.length = found.length;
      for (let i = 0; i < found.length; i++) ports[i] = found[i];
      return freeze(ports);
    };

    class MessageEvent extends Event {
      readonly #data: unknown;
      readonly #origin: string;
      readonly #lastEventId: string;
      readonly #source: unknown;
      readonly #ports: readonly unknown[];
      constructor(type: unknown, init?: MessageInit) {
        super(type, init);
        const given = dictionary(init, 'MessageEvent');
        this.#data = given?.data === undefined ? null : given.data;
        this.#origin = text(given?.origin);
        this.#lastEventId = text(given?.lastEventId);
        const source = given?.source ?? null;
        if (source !== null && !isPort(source)) {
          throw new NativeTypeError('MessageEvent: source must be a MessagePort');
        }
        this.#source = source;
        this.#ports = portList(given?.ports);
      }
      get data(): unknown {
        return this.#data;
      }
      get origin(): string {
        return this.#origin;
      }
      get lastEventId(): string {
        return this.#lastEventId;
      }
      get source(): unknown {
        return this.#source;
      }
      get ports(): readonly unknown[] {
        return this.#ports;
      }
    }
    enumerable(MessageEvent.prototype, ['data', 'origin', 'lastEventId', 'source', 'ports']);
    lengthOf(MessageEvent, 1);
    return { MessageEvent };
  },
  '<message-event',
);
