/** TextEncoderStream and TextDecoderStream. */
import { charCodeAt, NativeTypeError, reflectApply, slice } from './00-primordials.ts';
import { enumerable, expose, lengthOf } from './04-globals.ts';
import { bytesOf, utf8Encode } from './30-encoding.ts';
import { decodeWith, TextDecoder } from './32-text-coders.ts';
import { type ReadableStream, TransformStream, transformEnqueue } from './40-streams.ts';

// late: TextEncoderStream TextDecoderStream

type Transform = InstanceType<typeof TransformStream>;

class TextEncoderStream {
  readonly #pipe: Transform;
  /** A high surrogate that waits for its partner. */
  #high = '';
  constructor() {
    this.#pipe = new TransformStream({
      __proto__: null,
      transform: (chunk: unknown, controller: unknown) => {
        let text = `${this.#high}${chunk as string}`;
        this.#high = '';
        const last = text.length > 0 ? charCodeAt(text, text.length - 1) : 0;
        if (last >= 0xd800 && last < 0xdc00) {
          this.#high = text[text.length - 1] as string;
          text = slice(text, 0, -1);
        }
        if (text !== '') transformEnqueue(controller, utf8Encode(text));
      },
      flush: (controller: unknown) => {
        if (this.#high !== '') transformEnqueue(controller, utf8Encode('\ufffd'));
      },
    } as never);
  }
  get encoding(): string {
    this.#pipe;
    return 'utf-8';
  }
  get readable(): ReadableStream {
    return this.#pipe.readable;
  }
  get writable(): unknown {
    return this.#pipe.writable;
  }
}
enumerable(TextEncoderStream.prototype, ['encoding', 'readable', 'writable']);
expose('TextEncoderStream', TextEncoderStream);

class TextDecoderStream {
  readonly #pipe: Transform;
  readonly #decoder: TextDecoder;
  constructor(label: unknown = 'utf-8', options?: { fatal?: unknown; ignoreBOM?: unknown }) {
    const decoder = new TextDecoder(label, options);
    this.#decoder = decoder;
    this.#pipe = new TransformStream({
      __proto__: null,
      transform: (chunk: unknown, controller: unknown) => {
        // The decoder takes `undefined` for nothing; a chunk it is not.
        if (bytesOf(chunk) === null) throw new NativeTypeError('TextDecoderStream: a chunk must be a buffer or a view');
        const text = reflectApply(decodeWith, decoder, [chunk, { stream: true }]) as string;
        if (text !== '') transformEnqueue(controller, text);
      },
      flush: (controller: unknown) => {
        const text = reflectApply(decodeWith, decoder, []) as string;
        if (text !== '') transformEnqueue(controller, text);
      },
    } as never);
  }
  get encoding(): string {
    return this.#decoder.encoding;
  }
  get fatal(): boolean {
    return this.#decoder.fatal;
  }
  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM;
  }
  get readable(): ReadableStream {
    return this.#pipe.readable;
  }
  get writable(): unknown {
    return this.#pipe.writable;
  }
}
lengthOf(TextDecoderStream, 0);
enumerable(TextDecoderStream.prototype, ['encoding', 'fatal', 'ignoreBOM', 'readable', 'writable']);
expose('TextDecoderStream', TextDecoderStream);
