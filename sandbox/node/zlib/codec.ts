/** What `node:zlib` is made of: options as Node checks them, and one codec of the host's with its input and its errors. */
import { host } from 'isolane:host';
import { Buffer } from '../buffer/buffer.ts';
import { coded, invalidArgType, outOfRange } from '../errors.ts';
import { constants } from './constants.ts';

/** What one call takes and gives at most. */
const CALL_BYTES = 256 * 1024;
const NOTHING = new Uint8Array(0);

export interface ZlibOptions {
  flush?: number;
  finishFlush?: number;
  chunkSize?: number;
  windowBits?: number;
  level?: number;
  memLevel?: number;
  strategy?: number;
  dictionary?: unknown;
  info?: boolean;
  maxOutputLength?: number;
  params?: Record<number, number | boolean>;
  rejectGarbageAfterEnd?: boolean;
  pledgedSrcSize?: number;
}

/** Of what family a method is, which decides about options and flush values. */
export interface Method {
  readonly kind: string;
  readonly family: 'zlib' | 'brotli' | 'zstd';
  readonly leastWindowBits?: number;
  readonly unpacks?: true;
}

export const METHODS = {
  Gzip: { kind: 'gzip', family: 'zlib', leastWindowBits: 9 },
  Gunzip: { kind: 'gunzip', family: 'zlib', unpacks: true },
  Deflate: { kind: 'deflate', family: 'zlib', leastWindowBits: 8 },
  Inflate: { kind: 'inflate', family: 'zlib', unpacks: true },
  DeflateRaw: { kind: 'deflate-raw', family: 'zlib', leastWindowBits: 8 },
  InflateRaw: { kind: 'inflate-raw', family: 'zlib', unpacks: true },
  Unzip: { kind: 'unzip', family: 'zlib', unpacks: true },
  BrotliCompress: { kind: 'brotli', family: 'brotli' },
  BrotliDecompress: { kind: 'unbrotli', family: 'brotli', unpacks: true },
  ZstdCompress: { kind: 'zstd', family: 'zstd' },
  ZstdDecompress: { kind: 'unzstd', family: 'zstd', unpacks: true },
} as const satisfies Record<string, Method>;

/** The flush values of a family: none, flush, finish. */
export const FLUSHES = {
  zlib: { none: constants.Z_NO_FLUSH, full: constants.Z_FULL_FLUSH, finish: constants.Z_FINISH },
  brotli: {
    none: constants.BROTLI_OPERATION_PROCESS,
    full: constants.BROTLI_OPERATION_FLUSH,
    finish: constants.BROTLI_OPERATION_FINISH,
  },
  zstd: { none: constants.ZSTD_e_continue, full: constants.ZSTD_e_flush, finish: constants.ZSTD_e_end },
} as const;

export const bytesOf = (value: unknown, name: string): Uint8Array => {
  if (typeof value === 'string') return Buffer.from(value) as unknown as Uint8Array;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw invalidArgType(name, ['string', 'Buffer', 'TypedArray', 'DataView', 'ArrayBuffer'], value);
};

const ranged = (options: ZlibOptions, name: keyof ZlibOptions, least: number, most: number): number | undefined => {
  const value = options[name] as unknown;
  if (value === undefined || (typeof value === 'number' && Number.isNaN(value))) return undefined;
  if (typeof value !== 'number') throw invalidArgType(`options.${name}`, 'number', value);
  if (value < least || value > most || !Number.isFinite(value)) {
    throw outOfRange(`options.${name}`, `>= ${least} and <= ${most}`, value);
  }
  return Math.trunc(value);
};

const parameters = (options: ZlibOptions, { family }: Method): Record<string, unknown> => {
  const params = options.params ?? {};
  const number = (key: number): number | undefined => (params[key] === undefined ? undefined : Number(params[key]));
  for (const key of Object.keys(params)) {
    const known = Number(key) >= 0 && Number(key) < (family === 'brotli' ? 10 : 1000);
    if (!known && family === 'brotli') {
      throw coded(RangeError, 'ERR_BROTLI_INVALID_PARAM', `${key} is not a valid Brotli parameter`);
    }
    if (!known) throw coded(RangeError, 'ERR_ZSTD_INVALID_PARAM', `${key} is not a valid zstd parameter`);
  }
  if (family === 'zstd') return { level: number(constants.ZSTD_c_compressionLevel) };
  return {
    quality: number(constants.BROTLI_PARAM_QUALITY),
    windowBits: number(constants.BROTLI_PARAM_LGWIN),
    mode: number(constants.BROTLI_PARAM_MODE),
  };
};

const settingsOf = (options: ZlibOptions, method: Method): Record<string, unknown> => {
  ranged(options, 'chunkSize', 64, Number.POSITIVE_INFINITY);
  ranged(options, 'maxOutputLength', 1, Number.MAX_SAFE_INTEGER);
  if (method.family !== 'zlib') return parameters(options, method);
  ranged(options, 'flush', 0, 5);
  ranged(options, 'finishFlush', 0, 5);
  const least = method.leastWindowBits;
  return {
    // 0, for what is decompressed: as its own head says.
    windowBits:
      least === undefined && options.windowBits === 0 ? undefined : ranged(options, 'windowBits', least ?? 8, 15),
    level: ranged(options, 'level', -1, 9),
    memLevel: ranged(options, 'memLevel', 1, 9),
    strategy: ranged(options, 'strategy', 0, 4),
  };
};

/** `!CODE errno: sentence`. */
const refusal = (text: string): Error => {
  const [, code = '', errno, message = ''] = /^!(\S+?)(?: (-?\d+))?: ([\s\S]*)$/.exec(text) ?? [];
  if (errno !== undefined) return Object.assign(new Error(message), { errno: Number(errno), code });
  return coded(code === 'ERR_OUT_OF_RANGE' ? RangeError : Error, code, message);
};

export class Codec {
  readonly #id: number;
  readonly #strict: boolean;
  readonly #most: number;
  readonly #unpacks: boolean;
  #given = 0;
  /** The data has ended before the input did. */
  ended = false;
  bytesWritten = 0;

  constructor(options: ZlibOptions, method: Method) {
    const settings = settingsOf(options, method);
    const dictionary = options.dictionary === undefined ? NOTHING : bytesOf(options.dictionary, 'options.dictionary');
    const made = host.openCodec(method.kind, settings, dictionary);
    if (typeof made === 'string') throw refusal(made);
    this.#id = made;
    this.#strict = options.rejectGarbageAfterEnd === true;
    this.#unpacks = method.unpacks === true;
    this.#most = options.maxOutputLength ?? Number.POSITIVE_INFINITY;
  }

  /** Everything of `input`; `each` gets what comes out. Throws zlib's errors. */
  run(input: Uint8Array, flush: number, each: (out: Buffer) => void): void {
    let at = 0;
    let full = false;
    do {
      const part = full ? NOTHING : input.subarray(at, at + CALL_BYTES);
      at += part.length;
      const out = this.#push(at === input.length ? flush : 0, part, at);
      if (out === null) return;
      full = out.length === CALL_BYTES;
      this.#given += out.length;
      if (this.#given > this.#most) {
        this.close();
        throw coded(RangeError, 'ERR_BUFFER_TOO_LARGE', `Cannot create a Buffer larger than ${this.#most} bytes`);
      }
      if (out.length > 0) each(Buffer.from(out.buffer as ArrayBuffer, out.byteOffset, out.byteLength) as never);
    } while (full || at < input.length);
    // What came out last was told before that there is input left which is none of it.
    if (this.#unpacks && at > 0 && this.#push(0, NOTHING, at) === null) return;
    this.bytesWritten += input.length;
  }

  /** `null`: the data has ended, before the last of the `given` bytes. */
  #push(flush: number, part: Uint8Array, given: number): Uint8Array | null {
    const out = host.pushCodec(this.#id, flush, part);
    if (typeof out !== 'string') return out;
    if (out.startsWith('!end: ')) {
      this.#end(Number(out.slice(6)), given);
      return null;
    }
    this.close();
    throw refusal(out);
  }

  close(): void {
    host.closeCodec(this.#id);
  }

  #end(left: number, given: number): void {
    this.ended = true;
    this.bytesWritten += Math.max(0, given - left);
    this.close();
    if (!this.#strict) return;
    throw coded(
      TypeError,
      'ERR_TRAILING_JUNK_AFTER_STREAM_END',
      'Trailing junk found after the end of the compressed stream',
    );
  }
}
