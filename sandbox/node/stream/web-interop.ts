/** Node streams ⇄ web streams: `toWeb` and `fromWeb`, which the streams package leaves to its host. */
import type { Duplex, Readable, Writable } from 'node:stream';
import { Buffer } from '../buffer/buffer.ts';
import { AbortError } from '../errors.ts';

export interface Streams {
  readonly Readable: typeof Readable;
  readonly Writable: typeof Writable;
  readonly Duplex: typeof Duplex;
  readonly finished: typeof import('node:stream').finished;
}
interface Web {
  readonly readable: ReadableStream;
  readonly writable: WritableStream;
}

const asChunk = (chunk: unknown): unknown =>
  chunk instanceof Uint8Array ? new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength) : chunk;
const asBytes = (chunk: unknown): unknown =>
  chunk instanceof Uint8Array && !Buffer.isBuffer(chunk)
    ? Buffer.from(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength)
    : chunk;

export const webInterop = ({ Readable, Writable, Duplex, finished }: Streams) => {
  const readableToWeb = (source: Readable, options: { strategy?: QueuingStrategy } = {}): ReadableStream => {
    const objects = source.readableObjectMode;
    const strategy =
      options.strategy ??
      (objects
        ? { highWaterMark: source.readableHighWaterMark }
        : { highWaterMark: source.readableHighWaterMark, size: (chunk: unknown) => (chunk as Uint8Array).byteLength });
    let ended = false;
    return new ReadableStream(
      {
        start(controller) {
          source.pause();
          finished(source, { writable: false }, (error) => {
            if (ended) return;
            ended = true;
            if (error) controller.error(error.code === 'ERR_STREAM_PREMATURE_CLOSE' ? new AbortError() : error);
            else controller.close();
          });
          source.on('data', (chunk: unknown) => {
            if (ended) return;
            controller.enqueue(objects ? chunk : asChunk(typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
            if ((controller.desiredSize ?? 0) <= 0) source.pause();
          });
        },
        pull() {
          source.resume();
        },
        cancel(reason) {
          ended = true;
          source.destroy(reason instanceof Error ? reason : undefined);
        },
      },
      strategy,
    );
  };

  const readableFromWeb = (stream: ReadableStream, options: object = {}): Readable => {
    const reader = stream.getReader();
    let closed = false;
    const made = new Readable({
      ...options,
      read() {
        reader.read().then(
          ({ done, value }) => {
            if (done) closed = true;
            made.push(done ? null : made.readableObjectMode ? value : asBytes(value));
          },
          (error: Error) => {
            closed = true;
            made.destroy(error);
          },
        );
      },
      destroy(error, callback) {
        if (closed) {
          callback(error);
          return;
        }
        closed = true;
        const done = (): void => callback(error);
        reader.cancel(error).then(done, done);
      },
    });
    return made;
  };

  const writableToWeb = (target: Writable): WritableStream => {
    let drained: PromiseWithResolvers<void> | null = null;
    let failure: Error | null = null;
    let closed = false;
    return new WritableStream(
      {
        start(controller) {
          target.on('drain', () => drained?.resolve());
          finished(target, { readable: false }, (error) => {
            if (closed && !error) return;
            failure = error ?? new AbortError();
            drained?.reject(failure);
            controller.error(failure);
          });
        },
        async write(chunk: unknown) {
          if (failure !== null) throw failure;
          if (target.write(target.writableObjectMode ? chunk : asBytes(chunk)) && !target.writableNeedDrain) return;
          drained = Promise.withResolvers();
          await drained.promise;
          drained = null;
        },
        close() {
          closed = true;
          return new Promise<void>((resolve, reject) => {
            finished(target, { readable: false }, (error) => (error ? reject(error) : resolve()));
            target.end();
          });
        },
        abort(reason) {
          closed = true;
          target.destroy(reason instanceof Error ? reason : new AbortError());
        },
      },
      {
        highWaterMark: target.writableHighWaterMark,
        size: (chunk: unknown) => (target.writableObjectMode ? 1 : ((chunk as Uint8Array).byteLength ?? 1)),
      },
    );
  };

  const writeVia = (writer: WritableStreamDefaultWriter) => ({
    write(chunk: unknown, _encoding: unknown, callback: (error?: Error | null) => void): void {
      writer.ready.then(() => writer.write(asChunk(chunk))).then(() => callback(), callback);
    },
    final(callback: (error?: Error | null) => void): void {
      writer.close().then(() => callback(), callback);
    },
  });

  const writableFromWeb = (stream: WritableStream, options: object = {}): Writable => {
    const writer = stream.getWriter();
    let closed = false;
    writer.closed.then(
      () => {
        closed = true;
      },
      (error: Error) => {
        closed = true;
        made.destroy(error);
      },
    );
    const made: Writable = new Writable({
      ...options,
      ...writeVia(writer),
      destroy(error, callback) {
        if (closed || made.writableFinished) {
          callback(error);
          return;
        }
        const done = (): void => callback(error);
        writer.abort(error).then(done, done);
      },
    });
    return made;
  };

  const duplexToWeb = (duplex: Duplex): Web => ({ readable: readableToWeb(duplex), writable: writableToWeb(duplex) });

  const duplexFromWeb = (pair: Web, options: object = {}): Duplex => {
    const reader = pair.readable.getReader();
    const writer = pair.writable.getWriter();
    const made: Duplex = new Duplex({
      ...options,
      ...writeVia(writer),
      read() {
        reader.read().then(
          ({ done, value }) => {
            made.push(done ? null : made.readableObjectMode ? value : asBytes(value));
          },
          (error: Error) => made.destroy(error),
        );
      },
      destroy(error, callback) {
        const done = (): void => callback(error);
        const ends: Promise<unknown>[] = [];
        if (!made.readableEnded) ends.push(reader.cancel(error));
        if (!made.writableFinished) ends.push(writer.abort(error));
        Promise.all(ends).then(done, done);
      },
    });
    for (const side of [reader, writer]) side.closed.catch((error: Error) => made.destroy(error));
    return made;
  };

  return { readableToWeb, readableFromWeb, writableToWeb, writableFromWeb, duplexToWeb, duplexFromWeb };
};
