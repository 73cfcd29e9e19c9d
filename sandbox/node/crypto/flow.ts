/**
 * Hashes and ciphers are streams in Node. Here they are as much of one as their users ask for: write, end, pipe, read, the
 * events data, end, finish and error, and async iteration. The streams library itself would be 290 KB in each bundle.
 */
import { Buffer } from '../buffer/buffer.ts';
import EventEmitter from '../events.ts';

type Done = (error?: Error | null) => void;
interface Emitter {
  on(name: string, listener: (...args: never[]) => void): this;
  once(name: string, listener: (...args: never[]) => void): this;
  emit(name: string, ...args: unknown[]): boolean;
  listenerCount(name: string): number;
}
const Base = EventEmitter as unknown as new () => Emitter;

export abstract class Flow extends Base {
  writable = true;
  readable = true;
  destroyed = false;
  #held: Uint8Array[] = [];
  #ended = false;
  #told = false;
  #flowing = false;
  #encoding: string | null = null;

  /** Takes bytes in; returns what comes out. */
  protected abstract pass(chunk: unknown, encoding: unknown): Uint8Array | null;
  protected abstract finish(): Uint8Array;

  write(chunk: unknown, encoding?: unknown, done?: Done): boolean {
    return this.#attempt(typeof encoding === 'function' ? (encoding as Done) : done, () => {
      this.#give(this.pass(chunk, typeof encoding === 'function' ? undefined : encoding));
    });
  }

  end(chunk?: unknown, encoding?: unknown, done?: Done): this {
    const last = [chunk, encoding, done].find((one) => typeof one === 'function') as Done | undefined;
    if (this.#ended) return this;
    this.#ended = true;
    this.writable = false;
    this.#attempt(undefined, () => {
      if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') {
        this.#give(this.pass(chunk, typeof encoding === 'function' ? undefined : encoding));
      }
      this.#give(this.finish());
      if (last !== undefined) this.once('finish', last);
      queueMicrotask(() => {
        this.emit('finish');
        this.#tell();
        if (!this.#flowing) this.emit('readable');
      });
    });
    return this;
  }

  override on(name: string, listener: (...args: never[]) => void): this {
    super.on(name, listener);
    if (name === 'data') this.resume();
    return this;
  }

  resume(): this {
    if (!this.#flowing) {
      this.#flowing = true;
      queueMicrotask(() => this.#drain());
    }
    return this;
  }

  pause(): this {
    this.#flowing = false;
    return this;
  }

  read(): unknown {
    if (this.#held.length === 0) return null;
    const all = Buffer.concat(this.#held);
    this.#held = [];
    queueMicrotask(() => this.#tell());
    return this.#shown(all);
  }

  setEncoding(encoding: string): this {
    this.#encoding = encoding;
    return this;
  }

  pipe<T extends { write(chunk: unknown): unknown; end(): unknown }>(target: T): T {
    this.on('data', ((chunk: unknown) => void target.write(chunk)) as never);
    this.once('end', () => void target.end());
    return target;
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.writable = false;
    this.readable = false;
    queueMicrotask(() => {
      if (error !== undefined && error !== null) this.emit('error', error);
      this.emit('close');
    });
    return this;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
    if (!this.#ended) await new Promise<void>((resolve) => this.once('finish', resolve));
    const rest = this.read();
    if (rest !== null) yield rest;
  }

  #attempt(done: Done | undefined, work: () => void): boolean {
    try {
      work();
      if (done !== undefined) queueMicrotask(() => done(null));
      return true;
    } catch (error) {
      if (done !== undefined) queueMicrotask(() => done(error as Error));
      this.destroy(error as Error);
      return false;
    }
  }

  #give(bytes: Uint8Array | null): void {
    if (bytes === null || bytes.length === 0) return;
    this.#held.push(bytes);
    if (this.#flowing) queueMicrotask(() => this.#drain());
  }

  #drain(): void {
    if (!this.#flowing) return;
    for (const bytes of this.#held.splice(0)) this.emit('data', this.#shown(bytes));
    this.#tell();
  }

  #tell(): void {
    if (!this.#ended || this.#told || this.#held.length > 0) return;
    this.#told = true;
    this.readable = false;
    this.emit('end');
    this.emit('close');
  }

  #shown(bytes: Uint8Array): unknown {
    const buffer = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
    return this.#encoding === null ? buffer : buffer.toString(this.#encoding as 'hex');
  }
}

/** A class that may be called without `new`, as Node's older ones may. */
export const callable = <T extends abstract new (...args: never[]) => object>(Class: T): T =>
  new Proxy(Class, { apply: (target, _self, args) => Reflect.construct(target as never, args) as object });
