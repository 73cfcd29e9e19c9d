/** Streams made of bytes, and of other streams: what a cloned or moved body is when the guest has its stream in hands already. */
import { isView, mathMin, nativeDataView, typedArrayName, typedSlice, U8, viewByteLength } from './00-primordials.ts';
import { copyBytes } from './10-box.ts';
import { bytesOf } from './30-encoding.ts';
import {
  byteEnqueue,
  cancelReader,
  finishBytes,
  getReader,
  ignore,
  ReadableStream,
  readFrom,
  type Stream,
} from './40-streams.ts';

// late:

/** A byte stream over bytes that are already here. */
export const streamOfBytes = (bytes: Uint8Array): Stream => {
  let at = 0;
  const source = {
    __proto__: null,
    type: 'bytes' as const,
    pull(controller: unknown): void {
      const size = mathMin(viewByteLength(bytes) - at, 65536);
      if (size <= 0) {
        finishBytes(controller);
        return;
      }
      byteEnqueue(controller, copyBytes(new U8(bytes.buffer as ArrayBuffer, bytes.byteOffset + at, size)));
      at += size;
      if (at >= viewByteLength(bytes)) finishBytes(controller);
    },
  };
  return new ReadableStream(source as never, { __proto__: null, highWaterMark: 0 } as never) as Stream;
};

/** A chunk that shares nothing with `value`, where that is made of bytes; other chunks cannot be read as a body anyway. */
const cloneChunk = (value: unknown): unknown => {
  const bytes = bytesOf(value);
  if (bytes === null) return value;
  if (typedArrayName(value) !== undefined) return typedSlice(value as Uint8Array);
  const { buffer } = copyBytes(bytes);
  return isView(value) ? new nativeDataView(buffer) : buffer;
};

/** Another stream of the same chunks, or of copies of them, so that one reader does not see what another does to them. */
export const relay = (stream: Stream, copies: boolean): Stream => {
  const reader = getReader(stream);
  const chunks = async function* (): AsyncGenerator<unknown> {
    try {
      for (;;) {
        const result = await readFrom(reader);
        if (result.done) return;
        yield copies ? cloneChunk(result.value) : result.value;
      }
    } finally {
      ignore(cancelReader(reader));
    }
  };
  return ReadableStream.from(chunks()) as Stream;
};
