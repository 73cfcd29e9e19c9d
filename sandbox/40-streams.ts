/**
 * The streams classes, by web-streams-polyfill (its reference implementation is what keeps us out of the details), and
 * captured operations on them for the rest of the prelude. A guest that patches stream prototypes fools only itself.
 */
import {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from 'web-streams-polyfill';
import { getOwnPropertyDescriptor, hasOwn, uncurry } from './00-primordials.ts';
import { expose } from './04-globals.ts';
import { restoreThen } from './14-context.ts';

restoreThen();

export type Stream = ReadableStream<unknown>;
export type Reader = ReadableStreamDefaultReader<unknown>;
export interface ReadResult {
  readonly done: boolean;
  readonly value: unknown;
}

const lockedOf = uncurry(
  getOwnPropertyDescriptor(ReadableStream.prototype, 'locked')?.get as (this: Stream) => boolean,
);
export const getReader = uncurry(ReadableStream.prototype.getReader) as unknown as (stream: Stream) => Reader;
export const readFrom = uncurry(ReadableStreamDefaultReader.prototype.read) as (reader: Reader) => Promise<ReadResult>;
export const cancelReader = uncurry(ReadableStreamDefaultReader.prototype.cancel) as (
  reader: Reader,
  reason?: unknown,
) => Promise<void>;
export const releaseReader = uncurry(ReadableStreamDefaultReader.prototype.releaseLock) as (reader: Reader) => void;
export const tee = uncurry(ReadableStream.prototype.tee) as (stream: Stream) => [Stream, Stream];
export const enqueue = uncurry(ReadableStreamDefaultController.prototype.enqueue) as (
  c: unknown,
  chunk: unknown,
) => void;
export const byteEnqueue = uncurry(ReadableByteStreamController.prototype.enqueue) as (c: unknown, v: unknown) => void;
export const byteClose = uncurry(ReadableByteStreamController.prototype.close) as (c: unknown) => void;
export const byteError = uncurry(ReadableByteStreamController.prototype.error) as (c: unknown, e: unknown) => void;
const byobRequestOf = uncurry(
  getOwnPropertyDescriptor(ReadableByteStreamController.prototype, 'byobRequest')?.get as (this: unknown) => unknown,
);
const respondByob = uncurry(ReadableStreamBYOBRequest.prototype.respond) as (r: unknown, n: number) => void;
export const transformEnqueue = uncurry(TransformStreamDefaultController.prototype.enqueue) as (
  c: unknown,
  chunk: unknown,
) => void;

/** Closes a byte stream, also when a BYOB read waits on it. */
export const finishBytes = (controller: unknown): void => {
  byteClose(controller);
  const request = byobRequestOf(controller);
  if (request !== null && request !== undefined) respondByob(request, 0);
};

export const isStream = (value: unknown): value is Stream => {
  if (typeof value !== 'object' || value === null) return false;
  try {
    lockedOf(value as Stream);
    return true;
  } catch {
    return false;
  }
};
export const isLocked = (stream: Stream): boolean => lockedOf(stream);
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

expose('ReadableStream', ReadableStream);
expose('ReadableStreamDefaultReader', ReadableStreamDefaultReader);
expose('ReadableStreamBYOBReader', ReadableStreamBYOBReader);
expose('ReadableStreamBYOBRequest', ReadableStreamBYOBRequest);
expose('ReadableStreamDefaultController', ReadableStreamDefaultController);
expose('ReadableByteStreamController', ReadableByteStreamController);
expose('WritableStream', WritableStream);
expose('WritableStreamDefaultWriter', WritableStreamDefaultWriter);
expose('WritableStreamDefaultController', WritableStreamDefaultController);
expose('TransformStream', TransformStream);
expose('TransformStreamDefaultController', TransformStreamDefaultController);
expose('ByteLengthQueuingStrategy', ByteLengthQueuingStrategy);
expose('CountQueuingStrategy', CountQueuingStrategy);

export { ReadableStream, TransformStream };
