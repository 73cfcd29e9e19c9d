/**
 * Bodies across the border, both ways, by pull: nothing is read before the reader asks, one chunk an ask, so memory
 * stays bounded without a window to tune. Small whole bodies skip all this and travel with their message.
 */
import type { ByteStream } from '../../contract/invocation.ts';

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
  pull(): void;
  stop(): void;
}

/** A stream the guest produces and the host reads. */
export class GuestStream implements ByteStream {
  readonly length: number | null;
  readonly #out: StreamOut;
  #limit: number;
  #count: (bytes: number) => void;
  #queue: Uint8Array[] = [];
  #waiting: { resolve: (chunk: Uint8Array | null) => void; reject: (error: Error) => void } | null = null;
  #end: 'open' | 'eof' | Error = 'open';
  #stopped = false;

  constructor(length: number | null, out: StreamOut, limit: { readonly bytes: number; count(bytes: number): void }) {
    this.length = length;
    this.#out = out;
    this.#limit = limit.bytes;
    this.#count = (bytes) => limit.count(bytes);
  }

  read(): Promise<Uint8Array | null> {
    const chunk = this.#queue.shift();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.#end === 'eof') return Promise.resolve(null);
    if (this.#end !== 'open') return Promise.reject(this.#end);
    this.#out.pull();
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
    this.#limit -= chunk.byteLength;
    if (this.#limit < 0) {
      const error = new BodyError('response_too_large', 'the body is larger than its limit');
      this.#stopped = true;
      this.#out.stop();
      this.break(error);
      return error;
    }
    this.#count(chunk.byteLength);
    if (chunk.byteLength === 0) {
      if (this.#waiting !== null) this.#out.pull();
      return null;
    }
    if (this.#waiting === null) this.#queue.push(chunk);
    else this.#take()?.resolve(chunk);
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

  #take(): { resolve: (chunk: Uint8Array | null) => void; reject: (error: Error) => void } | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    return waiting;
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
