/**
 * The host's codecs. One belongs to the invocation that made it and is freed with it; what crosses at once is bounded both ways,
 * so each call is short.
 */
import {
  bufferByteLength,
  indexOf,
  mathMin,
  NativeTypeError,
  quote,
  SafeMap,
  slice,
  startsWith,
  U8,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} from './00-primordials.ts';
import { copyBytes, current, host, type Invocation, type Resource } from './10-box.ts';

// late:

/** What one call takes and gives at most: the host's own bound. */
const CALL_BYTES = 256 * 1024;
export const NOTHING = new U8(0);

const codecs = new SafeMap<number, Codec>();

/** A refusal of the host's is a text, `!code: sentence`. */
export const ENDED = '!ERR_STREAM_DESTROYED: the codec has ended';
export const sentence = (refusal: string): string => slice(refusal, indexOf(refusal, ': ') + 2);

export class Codec implements Resource {
  readonly id: number;
  readonly #inv: Invocation;
  #open = true;

  private constructor(id: number) {
    this.id = id;
    this.#inv = current;
    codecs.set(id, this);
    current.hold(this);
  }
  /** `settings`: JSON of an object, of the prelude's own making. A text says why there is none. */
  static open(kind: string, settings: string, dictionary: Uint8Array = NOTHING): Codec | string {
    if (current.over) return ENDED;
    if (viewByteLength(dictionary) > CALL_BYTES) return '!ERR_OUT_OF_RANGE: the dictionary is too long';
    const made = host().codec('open', 0, `{"kind":${quote(slice(kind, 0, 32))},"settings":${settings}}`, dictionary);
    return typeof made === 'number' ? new Codec(made) : typeof made === 'string' ? made : ENDED;
  }
  static find(id: number): Codec | undefined {
    return codecs.get(id);
  }
  /** One call. A result of `CALL_BYTES` means that there may be more: ask again with nothing. */
  push(flush: number, bytes: Uint8Array): Uint8Array | string {
    if (viewByteLength(bytes) > CALL_BYTES) return `!ERR_OUT_OF_RANGE: a codec takes ${CALL_BYTES} bytes at once`;
    const out = this.#open ? host().codec('push', this.id, flush, bytes) : ENDED;
    return out === null || typeof out === 'number' ? ENDED : out;
  }
  close(): void {
    if (!this.#open) return;
    this.#inv.drop(this);
    this.release();
  }
  release(): void {
    this.#open = false;
    codecs.delete(this.id);
    host().codec('close', this.id, 0, NOTHING);
  }
}

/** Everything of `bytes` through `codec`; `each` gets what comes out. */
export const drive = (codec: Codec, bytes: Uint8Array, flush: number, each: (out: Uint8Array) => void): void => {
  const size = viewByteLength(bytes);
  let at = 0;
  let full = false;
  do {
    const take = full ? 0 : mathMin(CALL_BYTES, size - at);
    const part = take === 0 ? NOTHING : windowOf(bytes, at, take);
    at += take;
    const out = codec.push(at === size ? flush : 0, part);
    if (typeof out === 'string') {
      codec.close();
      throw new NativeTypeError(
        startsWith(out, '!end')
          ? 'There is data after the end of what was compressed'
          : `This cannot be processed: ${sentence(out)}`,
      );
    }
    full = viewByteLength(out) === CALL_BYTES;
    if (viewByteLength(out) > 0) each(out);
  } while (full || at < size);
};

/** A window as a private copy: what crosses is the whole buffer of a view. */
export const windowOf = (bytes: Uint8Array, at: number, size: number): Uint8Array => {
  if (size === bufferByteLength(viewBuffer(bytes))) return bytes;
  return copyBytes(new U8(viewBuffer(bytes), viewByteOffset(bytes) + at, size));
};
