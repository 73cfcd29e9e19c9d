/**
 * Streams in transfer lists: what is transferred is locked, and the new stream hands chunks on as clones. A TransformStream
 * is refused: its two sides can be transferred one by one.
 */
import {
  type ReadableStreamDefaultController,
  WritableStream,
  WritableStreamDefaultWriter,
} from 'web-streams-polyfill';
import { getOwnPropertyDescriptor, isObject, SafeWeakMap, uncurry } from './00-primordials.ts';
import { DOMException } from './08-errors.ts';
import { cancelReader, enqueue, getReader, isLocked, isStream, ReadableStream, readFrom } from './40-streams.ts';
import { cloneValue, transferable } from './70-structured-clone.ts';

type Writer = WritableStreamDefaultWriter<unknown>;
const lockedOf = uncurry(
  getOwnPropertyDescriptor(WritableStream.prototype, 'locked')?.get as (this: WritableStream) => boolean,
);
const getWriter = uncurry(WritableStream.prototype.getWriter) as (stream: WritableStream) => Writer;
const { prototype } = WritableStreamDefaultWriter;
const write = uncurry(prototype.write) as (writer: Writer, chunk: unknown) => Promise<void>;
const close = uncurry(prototype.close) as (writer: Writer) => Promise<void>;
const abort = uncurry(prototype.abort) as (writer: Writer, reason: unknown) => Promise<void>;

const isWritable = (value: unknown): value is WritableStream => {
  if (!isObject(value)) return false;
  try {
    lockedOf(value as WritableStream);
    return true;
  } catch {
    return false;
  }
};
const mustBeFree = (locked: boolean): void => {
  if (locked) throw new DOMException('A stream that is locked cannot be transferred', 'DataCloneError');
};

/** What a stream made by `prepare` waits for. */
const links = new SafeWeakMap<object, (from: object) => void>();
const link = (value: object, to: object): void => links.get(to)?.(value);

transferable({
  is: isStream,
  prepare(value) {
    mustBeFree(isLocked(value as ReadableStream));
    let reader = undefined as unknown as ReturnType<typeof getReader>;
    const source = {
      __proto__: null,
      async pull(controller: ReadableStreamDefaultController<unknown>): Promise<void> {
        const read = await readFrom(reader);
        if (read.done) controller.close();
        else enqueue(controller, cloneValue(read.value));
      },
      cancel: (reason: unknown) => cancelReader(reader, reason),
    };
    const to = new ReadableStream(source as never, { __proto__: null, highWaterMark: 0 } as never);
    links.set(to, (from) => {
      reader = getReader(from as ReadableStream);
    });
    return to;
  },
  move: link,
});

transferable({
  is: isWritable,
  prepare(value) {
    mustBeFree(lockedOf(value as WritableStream));
    let writer = undefined as unknown as Writer;
    const to = new WritableStream({
      __proto__: null,
      write: (chunk: unknown) => write(writer, cloneValue(chunk)),
      close: () => close(writer),
      abort: (reason: unknown) => abort(writer, reason),
    } as never);
    links.set(to, (from) => {
      writer = getWriter(from as WritableStream);
    });
    return to;
  },
  move: link,
});
