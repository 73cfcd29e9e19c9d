/** node:stream/consumers. */
import { Buffer } from '../buffer/buffer.ts';

type Source = AsyncIterable<unknown>;

const bytesOf = async (source: Source): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) {
    chunks.push(
      typeof chunk === 'string'
        ? Buffer.from(chunk)
        : ArrayBuffer.isView(chunk)
          ? new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
          : new Uint8Array(chunk as ArrayBuffer),
    );
  }
  return Buffer.concat(chunks);
};

export const buffer = bytesOf;
export const bytes = async (source: Source): Promise<Uint8Array> => new Uint8Array(await arrayBuffer(source));
export const arrayBuffer = async (source: Source): Promise<ArrayBuffer> =>
  (await bytesOf(source)).buffer as ArrayBuffer;
export const blob = async (source: Source): Promise<Blob> => new Blob([(await bytesOf(source)) as BlobPart]);
export const text = async (source: Source): Promise<string> => new TextDecoder().decode(await bytesOf(source));
export const json = async (source: Source): Promise<unknown> => JSON.parse(await text(source)) as unknown;
export default { arrayBuffer, blob, buffer, bytes, json, text };
