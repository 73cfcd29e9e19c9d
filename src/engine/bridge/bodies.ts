/**
 * Bodies across the border, both ways. Nothing is read before somebody asks; from then on the host keeps one window of
 * bytes ready, so that neither side waits for the other at every chunk, and memory stays bounded by the window. A body
 * the function hands on untouched never enters its isolate. Small whole bodies skip all this and travel with their message.
 */
import type { ByteStream } from '../../contract/invocation.ts';

/** What the host holds of one stream ahead of whoever reads it. */
export const WINDOW_BYTES: number = 256 * 1024;

/** An error that decides the outcome of the invocation it happens in. */
export class BodyError extends Error {
  readonly code: 'payload_too_large' | 'response_too_large' | 'aborted' | 'broken';

  constructor(code: BodyError['code'], message: string) {
    super(message);
    this.name = 'BodyError';
    this.code = code;
  }
}

export interface StreamOut {
  /** The guest may send on while it has sent less than `until` bytes in all. */
  pull(until: number): void;
  stop(): void;
}

/** Bytes a body may have, and who counts them. */
export interface BodyLimit {
  readonly bytes: number;
  count(bytes: number): void;
}

interface Waiting {
  resolve(chunk: Uint8Array | null): void;
  reject(error: Error): void;
}

const tooLarge = (): BodyError => new BodyError('response_too_large', 'the body is larger than its limit');

/** A stream the guest produces and the host reads. */
export class GuestStream implements ByteStream {
  readonly length: number | null;
  readonly #out: StreamOut;
  readonly #limit: BodyLimit;
  #queue: Uint8Array[] = [];
  #received = 0;
  #taken = 0;
  #granted = 0;
  #waiting: Waiting | null = null;
  #end: 'open' | 'eof' | Error = 'open';
  #stopped = false;

  constructor(length: number | null, out: StreamOut, limit: BodyLimit) {
    this.length = length;
    this.#out = out;
    this.#limit = limit;
  }

  read(): Promise<Uint8Array | null> {
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#taken += chunk.byteLength;
      if (this.#end === 'open') this.#grant();
      return Promise.resolve(chunk);
    }
    if (this.#end === 'eof') return Promise.resolve(null);
    if (this.#end !== 'open') return Promise.reject(this.#end);
    this.#grant();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  cancel(): void {
    if (this.#stopped || this.#end !== 'open') return;
    this.#stopped = true;
    this.#out.stop();
    this.break(new BodyError('aborted', 'the reader went away'));
  }

  /** A chunk arrived. Over the limit: the stream breaks and the error is returned. */
  push(chunk: Uint8Array): BodyError | null {
    if (this.#end !== 'open') return null;
    const size = chunk.byteLength;
    this.#received += size;
    if (this.#received > this.#limit.bytes) {
      const error = tooLarge();
      this.#stopped = true;
      this.#out.stop();
      this.break(error);
      return error;
    }
    this.#limit.count(size);
    if (size === 0) return null;
    if (this.#waiting === null) this.#queue.push(chunk);
    else {
      this.#taken += size;
      this.#take()?.resolve(chunk);
    }
    return null;
  }

  finish(): void {
    if (this.#end !== 'open') return;
    this.#end = 'eof';
    this.#take()?.resolve(null);
  }

  break(error: Error): void {
    if (this.#end !== 'open') return;
    this.#end = error;
    this.#queue = [];
    this.#take()?.reject(error);
  }

  /** Lets the guest run ahead again once half the window is empty: asking is a turn. */
  #grant(): void {
    const until = this.#taken + WINDOW_BYTES;
    if (until - this.#granted < WINDOW_BYTES / 2) return;
    this.#granted = until;
    this.#out.pull(until);
  }

  #take(): Waiting | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    return waiting;
  }
}

/** What is ready for the guest; `end`: nothing comes after it. */
export type Delivery = (chunks: readonly Uint8Array[], end: 'eof' | Error | null) => void;

/** A stream the host produces and the guest reads. Nothing is read of it before the guest has asked once. */
export class HostStream {
  readonly #source: ByteStream;
  readonly #deliver: Delivery;
  #ready: Uint8Array[] = [];
  #bytes = 0;
  #end: 'eof' | Error | null = null;
  #asked = false;
  #reading = false;
  #cancelled = false;

  constructor(source: ByteStream, deliver: Delivery) {
    this.#source = source;
    this.#deliver = deliver;
  }

  /** The stream itself, for whoever takes it over unread; `null` once the guest has asked for some of it. */
  get unread(): ByteStream | null {
    return this.#asked || this.#reading || this.#bytes > 0 || this.#end !== null ? null : this.#source;
  }

  /** The guest wants more. */
  ask(): void {
    this.#asked = true;
    this.#flush();
    this.#fill();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#ready = [];
    this.#source.cancel();
  }

  #fill(): void {
    if (this.#reading || this.#cancelled || this.#end !== null || this.#bytes >= WINDOW_BYTES) return;
    this.#reading = true;
    this.#source.read().then(this.#got, this.#broke);
  }

  readonly #got = (chunk: Uint8Array | null): void => {
    this.#reading = false;
    if (chunk === null) this.#end = 'eof';
    else {
      this.#ready.push(chunk);
      this.#bytes += chunk.byteLength;
    }
    this.#flush();
    this.#fill();
  };

  readonly #broke = (error: unknown): void => {
    this.#reading = false;
    this.#end = error instanceof Error ? error : new Error('the stream broke off');
    this.#flush();
  };

  #flush(): void {
    if (!this.#asked || this.#cancelled) return;
    const chunks = this.#ready;
    if (chunks.length === 0 && this.#end === null) return;
    this.#asked = false;
    this.#ready = [];
    this.#bytes = 0;
    // What came before it broke is read first.
    this.#deliver(chunks, this.#end instanceof Error && chunks.length > 0 ? null : this.#end);
  }
}

/** A stream of the host's that the guest hands on as it is: the answer's or a request's body without a single turn. */
export class Relay implements ByteStream {
  readonly length: number | null;
  readonly #source: ByteStream;
  readonly #limit: BodyLimit;
  readonly #over: (error: Error | null) => void;
  #waiting: Waiting | null = null;
  #end: 'open' | 'eof' | Error = 'open';
  #passed = 0;

  /** `over` is called once, with why it broke; `null`: at its end, or its reader has gone. */
  constructor(source: ByteStream, limit: BodyLimit, over: (error: Error | null) => void) {
    this.length = source.length;
    this.#source = source;
    this.#limit = limit;
    this.#over = over;
  }

  read(): Promise<Uint8Array | null> {
    if (this.#end === 'eof') return Promise.resolve(null);
    if (this.#end !== 'open') return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#source.read().then(this.#got, this.#broke);
    });
  }

  cancel(): void {
    if (this.#end !== 'open') return;
    this.#source.cancel();
    this.#close(new BodyError('aborted', 'the reader went away'), null);
  }

  break(error: Error): void {
    if (this.#end !== 'open') return;
    this.#source.cancel();
    this.#close(error, error);
  }

  readonly #got = (chunk: Uint8Array | null): void => {
    if (this.#end !== 'open') return;
    if (chunk === null) {
      this.#close('eof', null);
      return;
    }
    this.#passed += chunk.byteLength;
    if (this.#passed > this.#limit.bytes) {
      this.break(tooLarge());
      return;
    }
    this.#limit.count(chunk.byteLength);
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(chunk);
  };

  readonly #broke = (error: unknown): void => {
    const reason = error instanceof Error ? error : new Error('the stream broke off');
    if (this.#end === 'open') this.#close(reason, reason);
  };

  #close(end: 'eof' | Error, why: Error | null): void {
    this.#end = end;
    const waiting = this.#waiting;
    this.#waiting = null;
    this.#over(why);
    if (end === 'eof') waiting?.resolve(null);
    else waiting?.reject(end);
  }
}

/** Reads a stream of at most `limit` bytes whole. */
export async function readAll(stream: ByteStream, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) {
    size += chunk.byteLength;
    if (size > limit) {
      stream.cancel();
      throw new BodyError('payload_too_large', `the body is larger than ${limit} bytes`);
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}
