/**
 * Main-thread half of a store thread: starts the worker, waits until it has opened its files, and carries calls and
 * one-way messages. Databases are only ever touched on the other side, so a slow disk cannot stop the event loop.
 */
import { Worker } from 'node:worker_threads';
import { type ErrorCode, HostError } from '../contract/errors.ts';

/** What a worker says; `id` numbers are those of calls. */
export type FromThread<Event> =
  | { readonly kind: 'ready' }
  | { readonly kind: 'refused'; readonly error: WireError }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: WireError }
  | { readonly kind: 'event'; readonly event: Event }
  | { readonly kind: 'closed' };

export type ToThread<Message> =
  | { readonly kind: 'call'; readonly id: number; readonly op: string; readonly args: unknown }
  | { readonly kind: 'post'; readonly message: Message }
  | { readonly kind: 'close' };

/** An error as data. `code` null: not one that was written for people. */
export interface WireError {
  readonly code: ErrorCode | null;
  readonly message: string;
}

export interface ThreadOptions<Event> {
  /** File beside this one, without extension: `.ts` in the repository, `.js` in the package. */
  readonly module: string;
  readonly data: unknown;
  readonly onEvent: (event: Event) => void;
  /** The thread ended although nobody closed it. Calls in flight have been rejected. */
  readonly onDied: (error: Error) => void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class StoreThread<Message, Event> {
  readonly #worker: Worker;
  readonly #waiting: Map<number, Waiting> = new Map();
  readonly #options: ThreadOptions<Event>;
  #nextId = 1;
  #closing = false;
  #dead: Error | null = null;

  private constructor(worker: Worker, options: ThreadOptions<Event>) {
    this.#worker = worker;
    this.#options = options;
  }

  /** Rejects with the `HostError` the worker met while opening its files. */
  static open<Message, Event>(options: ThreadOptions<Event>): Promise<StoreThread<Message, Event>> {
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
    const url = new URL(`./${options.module}${extension}`, import.meta.url);
    const worker = new Worker(url, { workerData: options.data, name: options.module });
    const thread = new StoreThread<Message, Event>(worker, options);
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromThread<Event>) => {
        if (message.kind === 'ready') resolve(thread);
        else if (message.kind === 'refused') {
          thread.#closing = true;
          reject(revive(message.error));
        } else thread.#receive(message);
      });
      worker.on('error', (error) => {
        thread.#died(error instanceof Error ? error : new Error(String(error)));
        reject(error);
      });
      worker.on('exit', (code) => {
        thread.#died(new Error(`the store thread ${options.module} ended with code ${code}`));
        reject(new Error(`the store thread ${options.module} ended with code ${code} before it was ready`));
      });
    });
  }

  post(message: Message): void {
    this.#send({ kind: 'post', message });
  }

  /** `move`: buffers within `args` that change owner instead of being copied. */
  call(op: string, args: unknown, move: readonly ArrayBuffer[] = []): Promise<unknown> {
    if (this.#closing) return Promise.reject(new HostError('UNAVAILABLE', 'The store is closed.'));
    if (this.#dead !== null) return Promise.reject(this.#dead);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ kind: 'call', id, op, args }, move);
    });
  }

  /** Everything sent before is done first. */
  async close(): Promise<void> {
    if (this.#closing || this.#dead !== null) return;
    this.#closing = true;
    const exited = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    this.#send({ kind: 'close' });
    await exited;
  }

  #send(message: ToThread<Message>, move: readonly ArrayBuffer[] = []): void {
    if (this.#dead === null) this.#worker.postMessage(message, move);
  }

  #receive(message: Exclude<FromThread<Event>, { readonly kind: 'ready' | 'refused' }>): void {
    switch (message.kind) {
      case 'event':
        this.#options.onEvent(message.event);
        return;
      case 'answer':
        this.#take(message.id)?.resolve(message.value);
        return;
      case 'error':
        this.#take(message.id)?.reject(revive(message.error));
        return;
      case 'closed':
        return;
      default:
        message satisfies never;
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #died(error: Error): void {
    if (this.#dead !== null) return;
    this.#dead = error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    if (!this.#closing) this.#options.onDied(error);
  }
}

export function revive(error: WireError): Error {
  return error.code === null ? new Error(error.message) : new HostError(error.code, error.message);
}
