/**
 * The streams classes, by web-streams-polyfill (its reference implementation is what keeps us out of the details), and
 * captured operations on them for the rest of the prelude. A guest that patches stream prototypes fools only itself.
 * A late part: an isolate whose function touches no stream has neither its text nor its classes.
 */
import type * as Library from 'web-streams-polyfill';
import {
  AsyncIteratorPrototype,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  hasOwn,
  objectKeys,
  setPrototypeOf,
  uncurry,
} from './00-primordials.ts';
import { expose, waiting } from './04-globals.ts';
import { underThen } from './14-context.ts';

// late: ReadableStream ReadableStreamDefaultReader ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableByteStreamController WritableStream WritableStreamDefaultWriter WritableStreamDefaultController TransformStream TransformStreamDefaultController ByteLengthQueuingStrategy CountQueuingStrategy
// brands: isStream isWritable

/** Put here by `src/engine/prelude.ts`: an expression that evaluates the library. */
declare const STREAMS_LIBRARY: typeof Library;

export type Stream = Library.ReadableStream<unknown>;
export type Reader = Library.ReadableStreamDefaultReader<unknown>;
export type Writer = Library.WritableStreamDefaultWriter<unknown>;
export interface ReadResult {
  readonly done: boolean;
  readonly value: unknown;
}

/** The operations, captured before the guest has seen the classes. */
const capture = (library: typeof Library) => {
  const { ReadableStream, ReadableStreamDefaultReader, ReadableByteStreamController, ReadableStreamBYOBRequest } =
    library;
  const { ReadableStreamDefaultController, TransformStreamDefaultController } = library;
  const { prototype } = ReadableStream;
  const writing = library.WritableStreamDefaultWriter.prototype;
  return {
    library,
    from: ReadableStream.from,
    locked: uncurry(getOwnPropertyDescriptor(prototype, 'locked')?.get as (this: Stream) => boolean),
    getReader: uncurry(prototype.getReader) as unknown as (stream: Stream) => Reader,
    read: uncurry(ReadableStreamDefaultReader.prototype.read) as (reader: Reader) => Promise<ReadResult>,
    cancel: uncurry(ReadableStreamDefaultReader.prototype.cancel) as (
      reader: Reader,
      reason?: unknown,
    ) => Promise<void>,
    release: uncurry(ReadableStreamDefaultReader.prototype.releaseLock) as (reader: Reader) => void,
    tee: uncurry(prototype.tee) as (stream: Stream) => [Stream, Stream],
    enqueue: uncurry(ReadableStreamDefaultController.prototype.enqueue) as (c: unknown, chunk: unknown) => void,
    byteEnqueue: uncurry(ReadableByteStreamController.prototype.enqueue) as (c: unknown, v: unknown) => void,
    byteClose: uncurry(ReadableByteStreamController.prototype.close) as (c: unknown) => void,
    byteError: uncurry(ReadableByteStreamController.prototype.error) as (c: unknown, e: unknown) => void,
    byobRequest: uncurry(
      getOwnPropertyDescriptor(ReadableByteStreamController.prototype, 'byobRequest')?.get as (
        this: unknown,
      ) => unknown,
    ),
    respondByob: uncurry(ReadableStreamBYOBRequest.prototype.respond) as (r: unknown, n: number) => void,
    transformEnqueue: uncurry(TransformStreamDefaultController.prototype.enqueue) as (
      c: unknown,
      chunk: unknown,
    ) => void,
    readable: uncurry(
      getOwnPropertyDescriptor(library.TransformStream.prototype, 'readable')?.get as (this: unknown) => Stream,
    ),
    writable: uncurry(
      getOwnPropertyDescriptor(library.TransformStream.prototype, 'writable')?.get as (this: unknown) => unknown,
    ),
    writableLocked: uncurry(
      getOwnPropertyDescriptor(library.WritableStream.prototype, 'locked')?.get as (this: unknown) => boolean,
    ),
    getWriter: uncurry(library.WritableStream.prototype.getWriter) as unknown as (stream: unknown) => Writer,
    write: uncurry(writing.write) as (writer: Writer, chunk: unknown) => Promise<void>,
    close: uncurry(writing.close) as (writer: Writer) => Promise<void>,
    abort: uncurry(writing.abort) as (writer: Writer, reason: unknown) => Promise<void>,
  };
};
const library = underThen(() => STREAMS_LIBRARY);
// The library cannot know V8's own and makes one like it.
setPrototypeOf(getPrototypeOf(new library.ReadableStream().values()) as object, AsyncIteratorPrototype);
const captured = capture(library);
{
  const names = objectKeys(library) as (keyof typeof Library)[];
  for (let i = 0; i < names.length; i++)
    if (waiting.has(names[i] as string)) expose(names[i] as string, library[names[i] as keyof typeof Library]);
}

export const getReader = (stream: Stream): Reader => captured.getReader(stream);
export const readFrom = (reader: Reader): Promise<ReadResult> => captured.read(reader);
export const cancelReader = (reader: Reader, reason?: unknown): Promise<void> => captured.cancel(reader, reason);
export const releaseReader = (reader: Reader): void => captured.release(reader);
export const tee = (stream: Stream): [Stream, Stream] => captured.tee(stream);
export const enqueue = (controller: unknown, chunk: unknown): void => captured.enqueue(controller, chunk);
export const byteEnqueue = (controller: unknown, bytes: unknown): void => captured.byteEnqueue(controller, bytes);
export const byteClose = (controller: unknown): void => captured.byteClose(controller);
export const byteError = (controller: unknown, error: unknown): void => captured.byteError(controller, error);
export const transformEnqueue = (controller: unknown, chunk: unknown): void =>
  captured.transformEnqueue(controller, chunk);
/** The two sides of a TransformStream of ours. */
export const readableOf = (transform: unknown): Stream => captured.readable(transform);
export const writableOf = (transform: unknown): unknown => captured.writable(transform);

/** Closes a byte stream, also when a BYOB read waits on it. */
export const finishBytes = (controller: unknown): void => {
  const { byobRequest, respondByob } = captured;
  byteClose(controller);
  const request = byobRequest(controller);
  if (request !== null && request !== undefined) respondByob(request, 0);
};

const hasBrand = (value: unknown, of: 'locked' | 'writableLocked'): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  try {
    captured[of](value as never);
    return true;
  } catch {
    return false;
  }
};
export const isStream = (value: unknown): value is Stream => hasBrand(value, 'locked');
export const isWritable = (value: unknown): value is WritableStream => hasBrand(value, 'writableLocked');
export const isWritableLocked = (stream: WritableStream): boolean => captured.writableLocked(stream);
export const getWriter = (stream: WritableStream): Writer => captured.getWriter(stream);
export const writeTo = (writer: Writer, chunk: unknown): Promise<void> => captured.write(writer, chunk);
export const closeWriter = (writer: Writer): Promise<void> => captured.close(writer);
export const abortWriter = (writer: Writer, reason: unknown): Promise<void> => captured.abort(writer, reason);
export const isLocked = (stream: Stream): boolean => captured.locked(stream);
/** Read from or cancelled before. */
export const isDisturbed = (stream: Stream): boolean =>
  hasOwn(stream, '_disturbed') && !!(stream as unknown as { _disturbed: unknown })._disturbed;

/** For a stream whose bytes were taken by another way. */
export const markDisturbed = (stream: Stream): void => {
  (stream as unknown as { _disturbed: boolean })._disturbed = true;
};

/** Marks a promise of ours as looked after: a rejection nobody awaits must not surface on a later turn. */
export const ignore = async (promise: Promise<unknown>): Promise<void> => {
  try {
    await promise;
  } catch {
    // Whoever holds the promise sees the error there.
  }
};

export type ReadableStream<T = unknown> = Library.ReadableStream<T>;
export const ReadableStream: typeof Library.ReadableStream = library.ReadableStream;
export type TransformStream<I = unknown, O = unknown> = Library.TransformStream<I, O>;
export const TransformStream: typeof Library.TransformStream = library.TransformStream;
export type WritableStream<W = unknown> = Library.WritableStream<W>;
export const WritableStream: typeof Library.WritableStream = library.WritableStream;
