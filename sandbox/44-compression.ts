/** CompressionStream and DecompressionStream, on top of the host's codecs. */
import { NativeTypeError, slice, viewByteLength } from './00-primordials.ts';
import { enumerable } from './04-globals.ts';
import { rare } from './13-rare.ts';
import { bytesOf } from './30-encoding.ts';
import { readableOf, type Stream, TransformStream, transformEnqueue, writableOf } from './40-streams.ts';
import { Codec, drive, NOTHING, sentence } from './41-codec.ts';

rare(
  'compression>',
  'CompressionStream DecompressionStream',
  () => {
    /** The codec of a format of the Compression standard, each way, and how it is told the end. */
    const FORMATS = {
      __proto__: null,
      gzip: ['gzip', 'gunzip', 4],
      deflate: ['deflate', 'inflate', 4],
      'deflate-raw': ['deflate-raw', 'inflate-raw', 4],
      brotli: ['brotli', 'unbrotli', 2],
    } as unknown as Readonly<Record<string, readonly [string, string, number] | undefined>>;

    const transformer = (name: string, format: unknown, way: 0 | 1): TransformStream<unknown, Uint8Array> => {
      const text = `${format as string}`;
      const found = FORMATS[text];
      if (found === undefined) {
        throw new NativeTypeError(
          `${name}: '${slice(text, 0, 64)}' is no format of compression; use gzip, deflate, deflate-raw or brotli`,
        );
      }
      const codec = Codec.open(found[way] as string, '{}');
      if (typeof codec === 'string') throw new NativeTypeError(`${name}: ${sentence(codec)}`);
      const finish = found[2];
      return new TransformStream(
        {
          __proto__: null,
          transform(chunk: unknown, controller: unknown): void {
            const bytes = bytesOf(chunk);
            if (bytes === null) {
              codec.close();
              throw new NativeTypeError(`${name}: a chunk must be an ArrayBuffer or a view of one`);
            }
            if (viewByteLength(bytes) > 0) drive(codec, bytes, 0, (out) => transformEnqueue(controller, out));
          },
          flush(controller: unknown): void {
            drive(codec, NOTHING, finish, (out) => transformEnqueue(controller, out));
            codec.close();
          },
          cancel(): void {
            codec.close();
          },
        } as never,
        { __proto__: null, highWaterMark: 1 } as never,
        { __proto__: null, highWaterMark: 0 } as never,
      );
    };

    class CompressionStream {
      readonly #transform: TransformStream<unknown, Uint8Array>;
      constructor(format: unknown) {
        // biome-ignore lint/complexity/noArguments: WebIDL counts the arguments given
        if (arguments.length === 0) throw new NativeTypeError('CompressionStream: 1 argument required');
        this.#transform = transformer('CompressionStream', format, 0);
      }
      get readable(): Stream {
        return readableOf(this.#transform);
      }
      get writable(): unknown {
        return writableOf(this.#transform);
      }
    }
    class DecompressionStream {
      readonly #transform: TransformStream<unknown, Uint8Array>;
      constructor(format: unknown) {
        // biome-ignore lint/complexity/noArguments: WebIDL counts the arguments given
        if (arguments.length === 0) throw new NativeTypeError('DecompressionStream: 1 argument required');
        this.#transform = transformer('DecompressionStream', format, 1);
      }
      get readable(): Stream {
        return readableOf(this.#transform);
      }
      get writable(): unknown {
        return writableOf(this.#transform);
      }
    }
    enumerable(CompressionStream.prototype, ['readable', 'writable']);
    enumerable(DecompressionStream.prototype, ['readable', 'writable']);
    return { CompressionStream, DecompressionStream };
  },
  '<compression',
);
