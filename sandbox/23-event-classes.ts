/** The event classes that carry data: CustomEvent, ErrorEvent, MessageEvent, PromiseRejectionEvent's plain kin. */
import { freeze } from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { Event, type EventInit } from './20-events.ts';

class CustomEvent extends Event {
  readonly #detail: unknown;
  constructor(type: unknown, init?: EventInit & { detail?: unknown }) {
    super(type, init);
    this.#detail = init?.detail ?? null;
  }
  get detail(): unknown {
    return this.#detail;
  }
}
enumerable(CustomEvent.prototype, ['detail']);

interface ErrorInit extends EventInit {
  message?: unknown;
  filename?: unknown;
  lineno?: unknown;
  colno?: unknown;
  error?: unknown;
}
export class ErrorEvent extends Event {
  readonly #message: string;
  readonly #filename: string;
  readonly #lineno: number;
  readonly #colno: number;
  readonly #error: unknown;
  constructor(type: unknown, init?: ErrorInit) {
    super(type, init);
    this.#message = `${(init?.message ?? '') as string}`;
    this.#filename = `${(init?.filename ?? '') as string}`;
    this.#lineno = (init?.lineno as number) >>> 0;
    this.#colno = (init?.colno as number) >>> 0;
    this.#error = init?.error;
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

interface MessageInit extends EventInit {
  data?: unknown;
  origin?: unknown;
  lastEventId?: unknown;
}
export class MessageEvent extends Event {
  readonly #data: unknown;
  readonly #origin: string;
  readonly #lastEventId: string;
  constructor(type: unknown, init?: MessageInit) {
    super(type, init);
    this.#data = init?.data ?? null;
    this.#origin = `${(init?.origin ?? '') as string}`;
    this.#lastEventId = `${(init?.lastEventId ?? '') as string}`;
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
    return null;
  }
  get ports(): readonly unknown[] {
    return freeze([]);
  }
}
enumerable(MessageEvent.prototype, ['data', 'origin', 'lastEventId', 'source', 'ports']);

expose('CustomEvent', CustomEvent);
expose('ErrorEvent', ErrorEvent);
expose('MessageEvent', MessageEvent);
