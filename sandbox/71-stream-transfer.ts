/**
 * structuredClone as guests have it, and streams in transfer lists: what is transferred is locked, and the new stream hands chunks on as clones. A TransformStream
 * is refused: its two sides can be transferred one by one.
 */
import { isObject, NativeTypeError, SafeWeakMap } from './00-primordials.ts';
import { exposeFunction } from './04-globals.ts';
import { DOMException } from './15-dom-exception.ts';
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
import { cloneAndMove, cloneValue, transferable, transferList } from './70-structured-clone.ts';

// late: structuredClone()

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

/** Who calls it has the kinds of transfer of this file. */
export const withStreams = (): void => {};

exposeFunction('structuredClone', (...args: unknown[]) => {
  if (args.length === 0) throw new NativeTypeError('structuredClone: 1 argument required');
  const options = args[1] as { transfer?: unknown } | null | undefined;
  if (options !== null && options !== undefined && !isObject(options)) {
    throw new NativeTypeError('structuredClone: the options must be an object');
  }
  return cloneAndMove(args[0], transferList(options?.transfer)).value;
});
