/**
 * Streams in transfer lists: what is transferred is locked, and the new stream hands chunks on as clones. A TransformStream
 * is refused: its two sides can be transferred one by one.
 */
import { SafeWeakMap } from './00-primordials.ts';
import { DOMException } from './08-errors.ts';
import {
  abortWriter,
  cancelReader,
  closeWriter,
  enqueue,
  getReader,
  getWriter,
  isLocked,
  isStream,
  isWritable,
  isWritableLocked,
  ReadableStream,
  readFrom,
  WritableStream,
  type Writer,
  writeTo,
} from './40-streams.ts';
import { cloneValue, transferable } from './70-structured-clone.ts';

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
      async pull(controller: { close(): void }): Promise<void> {
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
    mustBeFree(isWritableLocked(value as WritableStream));
    let writer = undefined as unknown as Writer;
    const to = new WritableStream({
      __proto__: null,
      write: (chunk: unknown) => writeTo(writer, cloneValue(chunk)),
      close: () => closeWriter(writer),
      abort: (reason: unknown) => abortWriter(writer, reason),
    } as never);
    links.set(to, (from) => {
      writer = getWriter(from as WritableStream);
    });
    return to;
  },
  move: link,
});
