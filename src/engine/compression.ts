/**
 * Compression for guests, on their lane's thread and within their turn, by Node's zlib: one table of codecs an isolate,
 * bounded in number and in the memory they hold outside the isolate. A call takes and gives a bounded number of bytes, so
 * that neither a bomb nor a slow method holds the thread past the guest's end. No error of the host's ever leaves here.
 */
import {
  type BrotliOptions,
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createDeflateRaw,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
  createUnzip,
  createZstdCompress,
  createZstdDecompress,
  type ZlibOptions,
  type ZstdOptions,
} from 'node:zlib';
import { MIB } from '../contract/units.ts';

/** Most input and output of one call. A result of just so many bytes: there may be more, ask with an empty input. */
export const CALL_BYTES: number = 256 * 1024;
const CODECS = 256;
/** Largest dictionary. */
const DICTIONARY_BYTES = 64 * 1024;
const KIB = 1024;

/** What a guest may say of a codec; what it leaves out is as Node has it. */
interface Settings {
  readonly level: number | null;
  readonly windowBits: number | null;
  readonly memLevel: number | null;
  readonly strategy: number | null;
  /** For Brotli. */
  readonly quality: number | null;
  readonly mode: number | null;
}

/** The part of a Zlib object that Node's own synchronous functions stand on. */
interface Engine {
  readonly _handle: {
    onerror: (message: string, errno: number, code: string) => void;
    writeSync(
      flush: number,
      input: Uint8Array,
      inputAt: number,
      inputSize: number,
      output: Uint8Array,
      outputAt: number,
      outputSize: number,
    ): void;
    close(): void;
  };
  /** Room left in the output, bytes left of the input. */
  readonly _writeState: Uint32Array;
}

interface Codec {
  readonly engine: Engine;
  /** The highest of its flush values; Node's own code ends the process for others, and Brotli never returns from some. */
  readonly mostFlush: number;
  readonly bytes: number;
  error: string | null;
  /** What of the input a full output has left over. */
  rest: Uint8Array;
  /** The data has ended; what comes after it is none of it. */
  ended: boolean;
}

/** How each kind is made, and what it holds at most outside the isolate. */
const KINDS: Readonly<
  Record<string, (settings: Settings, dictionary: Uint8Array | undefined) => { engine: unknown; bytes: number }>
> = {
  gzip: (settings, dictionary) => deflater(createGzip, settings, dictionary),
  deflate: (settings, dictionary) => deflater(createDeflate, settings, dictionary),
  'deflate-raw': (settings, dictionary) => deflater(createDeflateRaw, settings, dictionary),
  gunzip: (settings, dictionary) => inflater(createGunzip, settings, dictionary),
  inflate: (settings, dictionary) => inflater(createInflate, settings, dictionary),
  'inflate-raw': (settings, dictionary) => inflater(createInflateRaw, settings, dictionary),
  unzip: (settings, dictionary) => inflater(createUnzip, settings, dictionary),
  brotli: ({ quality, windowBits, mode }) => {
    const window = windowBits ?? 22;
    const params: NonNullable<BrotliOptions['params']> = {
      // 10 and 11 work on a quarter of a MiB at once, for half a second.
      [constants.BROTLI_PARAM_QUALITY]: Math.min(quality ?? 9, 9),
      [constants.BROTLI_PARAM_LGWIN]: Math.min(window, 22),
      [constants.BROTLI_PARAM_MODE]: mode ?? 0,
    };
    return { engine: createBrotliCompress({ params }), bytes: 2 * 2 ** Math.min(window, 22) + 4 * MIB };
  },
  unbrotli: () => ({ engine: createBrotliDecompress(), bytes: 16 * MIB }),
  zstd: ({ level }) => {
    const params: NonNullable<ZstdOptions['params']> = {
      [constants.ZSTD_c_compressionLevel]: Math.min(level ?? constants.ZSTD_CLEVEL_DEFAULT, 9),
      [constants.ZSTD_c_windowLog]: 21,
    };
    return { engine: createZstdCompress({ params }), bytes: 16 * MIB };
  },
  unzstd: () => {
    const params: NonNullable<ZstdOptions['params']> = { [constants.ZSTD_d_windowLogMax]: 23 };
    return { engine: createZstdDecompress({ params }), bytes: 9 * MIB };
  },
};

const MOST_FLUSH: Readonly<Record<string, number>> = {
  brotli: constants.BROTLI_OPERATION_EMIT_METADATA,
  unbrotli: constants.BROTLI_OPERATION_EMIT_METADATA,
  zstd: constants.ZSTD_e_end,
  unzstd: constants.ZSTD_e_end,
};

/** `zlib.h`: what deflating and inflating need. */
function deflater(
  make: (options: ZlibOptions) => unknown,
  settings: Settings,
  dictionary: Uint8Array | undefined,
): { engine: unknown; bytes: number } {
  const { windowBits, memLevel } = settings;
  const bytes = 2 ** ((windowBits ?? 15) + 2) + 2 ** ((memLevel ?? 8) + 9) + 16 * KIB;
  return { engine: make(zlibOptions(settings, dictionary)), bytes };
}

function inflater(
  make: (options: ZlibOptions) => unknown,
  settings: Settings,
  dictionary: Uint8Array | undefined,
): { engine: unknown; bytes: number } {
  return { engine: make(zlibOptions(settings, dictionary)), bytes: 48 * KIB };
}

function zlibOptions(settings: Settings, dictionary: Uint8Array | undefined): ZlibOptions {
  const options: Record<string, unknown> = { chunkSize: 64 };
  for (const key of ['level', 'windowBits', 'memLevel', 'strategy'] as const) {
    if (settings[key] !== null) options[key] = settings[key];
  }
  if (dictionary !== undefined) options['dictionary'] = dictionary;
  return options;
}

export class Codecs {
  readonly #budgetBytes: number;
  readonly #codecs: Map<number, Codec> = new Map();
  #heldBytes = 0;
  #last = 0;
  #output: Uint8Array | null = null;

  /** `memoryMiB`: the isolate's own limit; what is held for it outside may be half of that. */
  constructor(memoryMiB: number) {
    this.#budgetBytes = (memoryMiB * MIB) / 2;
  }

  /** The number of a new codec; a text says why there is none. `dictionary`: empty for none. */
  open(json: string, dictionary: Uint8Array): number | string {
    const { kind, settings } = JSON.parse(json) as { kind: string; settings: Record<string, unknown> };
    const make = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
    if (make === undefined) return '!ERR_INVALID_ARG_VALUE: there is no such method of compression';
    if (this.#codecs.size >= CODECS)
      return `!ERR_OUT_OF_RANGE: ${CODECS} streams of compression are open; end some first`;
    if (dictionary.byteLength > DICTIONARY_BYTES) return '!ERR_OUT_OF_RANGE: the dictionary is too long';
    const { engine, bytes } = make(readSettings(settings), dictionary.byteLength === 0 ? undefined : dictionary);
    const mostFlush = MOST_FLUSH[kind] ?? constants.Z_BLOCK;
    const codec: Codec = { engine: engine as Engine, mostFlush, bytes, error: null, rest: EMPTY, ended: false };
    if (this.#heldBytes + bytes > this.#budgetBytes) {
      codec.engine._handle.close();
      return '!ERR_OUT_OF_RANGE: this method of compression needs more memory; end other streams first, or raise limits.memoryMiB';
    }
    codec.engine._handle.onerror = (message, errno, code) => {
      codec.error = `!${code} ${errno}: ${message}`;
    };
    this.#heldBytes += bytes;
    this.#last += 1;
    this.#codecs.set(this.#last, codec);
    return this.#last;
  }

  /**
   * Works on `input` (at most `CALL_BYTES`, empty to go on with what a full output left over). Returns the output, or a
   * text: `!code errno: message`; `!end: n` when the data had ended before the last `n` bytes of all that was given.
   */
  push(id: number, flush: number, input: Uint8Array): Uint8Array | string {
    const codec = this.#codecs.get(id);
    if (codec === undefined) return '!ERR_STREAM_DESTROYED: the stream of compression has ended';
    if (input.byteLength > CALL_BYTES) return '!ERR_OUT_OF_RANGE: too much at once';
    if (flush < 0 || flush > codec.mostFlush) return '!ERR_OUT_OF_RANGE: there is no such flush value';
    const given = codec.rest.byteLength === 0 ? input : Buffer.concat([codec.rest, input]);
    if (codec.ended && given.byteLength > 0) return `!end: ${given.byteLength}`;
    this.#output ??= Buffer.allocUnsafeSlow(CALL_BYTES);
    const output = this.#output;
    codec.engine._handle.writeSync(flush, given, 0, given.byteLength, output, 0, CALL_BYTES);
    if (codec.error !== null) {
      const { error } = codec;
      this.close(id);
      return error;
    }
    const [room, left] = codec.engine._writeState as unknown as [number, number];
    codec.rest = left === 0 ? EMPTY : Buffer.from(given.subarray(given.byteLength - left));
    // Room and input left over: nothing more of it is wanted. What has come out is given before that is told.
    if (left > 0 && room > 0) codec.ended = true;
    if (codec.ended && room === CALL_BYTES) return `!end: ${left}`;
    return new Uint8Array(output.subarray(0, CALL_BYTES - room));
  }

  close(id: number): void {
    const codec = this.#codecs.get(id);
    if (codec === undefined) return;
    this.#codecs.delete(id);
    this.#heldBytes -= codec.bytes;
    codec.engine._handle.close();
    if (this.#codecs.size === 0) this.#output = null;
  }

  closeAll(): void {
    for (const id of this.#codecs.keys()) this.close(id);
  }
}

const EMPTY = new Uint8Array(0);

function readSettings(given: Record<string, unknown>): Settings {
  const number = (key: string): number | null => {
    const value = given[key];
    return Number.isInteger(value) ? (value as number) : null;
  };
  return {
    level: number('level'),
    windowBits: number('windowBits'),
    memLevel: number('memLevel'),
    strategy: number('strategy'),
    quality: number('quality'),
    mode: number('mode'),
  };
}
