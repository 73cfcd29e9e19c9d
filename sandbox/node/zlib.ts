/**
 * node:zlib, on the host's codecs. All of it works within the turn: the callback forms answer in a later microtask.
 * Brotli works up to quality 9 and zstd up to level 9, whatever more is asked for.
 */
import { missing } from './absent.ts';
import { Buffer } from './buffer/buffer.ts';
import { checkFunction, coded } from './errors.ts';
import { Transform } from './stream.ts';
import { bytesOf, Codec, FLUSHES, METHODS, type Method, type ZlibOptions } from './zlib/codec.ts';
import { codes, constants } from './zlib/constants.ts';

type Done = (error?: Error | null) => void;
type Answer = (error: Error | null, result?: unknown) => void;

/** An empty write that stands for `flush()`. */
const marks = new WeakMap<object, number>();

class Zlib extends Transform {
  readonly #codec: Codec;
  readonly #flush: number;
  readonly #finish: number;
  readonly #full: number;
  #closed = false;

  constructor(method: Method, options: ZlibOptions = {}) {
    super({ ...options, autoDestroy: true, decodeStrings: true } as object);
    const flushes = FLUSHES[method.family];
    this.#codec = new Codec(options, method);
    this.#flush = options.flush ?? flushes.none;
    this.#finish = options.finishFlush ?? flushes.finish;
    this.#full = flushes.full;
  }
  get bytesWritten(): number {
    return this.#codec.bytesWritten;
  }
  get _closed(): boolean {
    return this.#closed;
  }
  override _transform(chunk: Uint8Array, _encoding: unknown, done: Done): void {
    this.#run(chunk, marks.get(chunk) ?? this.#flush, done);
  }
  override _flush(done: Done): void {
    this.#run(new Uint8Array(0), this.#finish, (error) => {
      this.#release();
      done(error);
    });
  }
  override _destroy(error: Error | null, done: Done): void {
    this.#release();
    done(error);
  }
  flush(kind?: number | (() => void), callback?: () => void): void {
    const [value, then] = typeof kind === 'function' ? [this.#full, kind] : [kind ?? this.#full, callback];
    if (this.writableFinished) {
      if (then !== undefined) queueMicrotask(then);
    } else if (this.writableEnded) {
      if (then !== undefined) this.once('end', then);
    } else {
      const mark = Buffer.alloc(0);
      marks.set(mark, value);
      this.write(mark, 'buffer' as never, then as never);
    }
  }
  close(callback?: () => void): void {
    if (callback !== undefined) {
      if (this.closed) queueMicrotask(callback);
      else this.once('close', callback);
    }
    this.destroy();
  }
  /** Without a callback everything at once; some packages build on it. */
  _processChunk(chunk: Uint8Array, flush: number, callback?: Done): Buffer | undefined {
    if (callback !== undefined) {
      this.#run(chunk, flush, callback);
      return undefined;
    }
    const parts: Uint8Array[] = [];
    this.#codec.run(chunk, flush, (out) => parts.push(out as unknown as Uint8Array));
    return Buffer.concat(parts as never) as never;
  }
  #run(chunk: Uint8Array, flush: number, done: Done): void {
    if (this.#codec.ended) {
      done();
      return;
    }
    try {
      this.#codec.run(chunk, flush, (out) => this.push(out));
      if (this.#codec.ended) this.push(null);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  }
  #release(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#codec.close();
  }
}

const classOf = (name: keyof typeof METHODS): (new (options?: ZlibOptions) => Zlib) => {
  const { [name]: made } = {
    [name]: class extends Zlib {
      constructor(options?: ZlibOptions) {
        super(METHODS[name], options);
      }
    },
  };
  return made as new (
    options?: ZlibOptions,
  ) => Zlib;
};

const whole = (name: keyof typeof METHODS, input: unknown, options: ZlibOptions = {}): unknown => {
  const bytes = bytesOf(input, 'buffer');
  const method = METHODS[name];
  const codec = new Codec(options, method);
  const parts: Uint8Array[] = [];
  try {
    const finish = options.finishFlush ?? FLUSHES[method.family].finish;
    codec.run(bytes, finish, (out) => parts.push(out as unknown as Uint8Array));
  } finally {
    codec.close();
  }
  const buffer = (parts.length === 1 ? parts[0] : Buffer.concat(parts as never)) as Uint8Array;
  return options.info === true ? { buffer, engine: codec } : buffer;
};

const syncOf =
  (name: keyof typeof METHODS) =>
  (buffer: unknown, options?: ZlibOptions): unknown =>
    whole(name, buffer, options);

const laterOf =
  (name: keyof typeof METHODS) =>
  (buffer: unknown, options: ZlibOptions | Answer | undefined, callback?: Answer): void => {
    const [given, answer] = typeof options === 'function' ? [undefined, options] : [options, callback];
    checkFunction(answer, 'callback');
    const bytes = bytesOf(buffer, 'buffer').slice();
    queueMicrotask(() => {
      let result: unknown;
      try {
        result = whole(name, bytes, given);
      } catch (error) {
        answer?.(error as Error);
        return;
      }
      answer?.(null, result);
    });
  };

export const Gzip = classOf('Gzip');
export const Gunzip = classOf('Gunzip');
export const Deflate = classOf('Deflate');
export const Inflate = classOf('Inflate');
export const DeflateRaw = classOf('DeflateRaw');
export const InflateRaw = classOf('InflateRaw');
export const Unzip = classOf('Unzip');
export const BrotliCompress = classOf('BrotliCompress');
export const BrotliDecompress = classOf('BrotliDecompress');
export const ZstdCompress = classOf('ZstdCompress');
export const ZstdDecompress = classOf('ZstdDecompress');

export const createGzip = (options?: ZlibOptions): Zlib => new Gzip(options);
export const createGunzip = (options?: ZlibOptions): Zlib => new Gunzip(options);
export const createDeflate = (options?: ZlibOptions): Zlib => new Deflate(options);
export const createInflate = (options?: ZlibOptions): Zlib => new Inflate(options);
export const createDeflateRaw = (options?: ZlibOptions): Zlib => new DeflateRaw(options);
export const createInflateRaw = (options?: ZlibOptions): Zlib => new InflateRaw(options);
export const createUnzip = (options?: ZlibOptions): Zlib => new Unzip(options);
export const createBrotliCompress = (options?: ZlibOptions): Zlib => new BrotliCompress(options);
export const createBrotliDecompress = (options?: ZlibOptions): Zlib => new BrotliDecompress(options);
export const createZstdCompress = (options?: ZlibOptions): Zlib => new ZstdCompress(options);
export const createZstdDecompress = (options?: ZlibOptions): Zlib => new ZstdDecompress(options);

export const gzipSync = syncOf('Gzip');
export const gunzipSync = syncOf('Gunzip');
export const deflateSync = syncOf('Deflate');
export const inflateSync = syncOf('Inflate');
export const deflateRawSync = syncOf('DeflateRaw');
export const inflateRawSync = syncOf('InflateRaw');
export const unzipSync = syncOf('Unzip');
export const brotliCompressSync = syncOf('BrotliCompress');
export const brotliDecompressSync = syncOf('BrotliDecompress');
export const zstdCompressSync = syncOf('ZstdCompress');
export const zstdDecompressSync = syncOf('ZstdDecompress');

export const gzip = laterOf('Gzip');
export const gunzip = laterOf('Gunzip');
export const deflate = laterOf('Deflate');
export const inflate = laterOf('Inflate');
export const deflateRaw = laterOf('DeflateRaw');
export const inflateRaw = laterOf('InflateRaw');
export const unzip = laterOf('Unzip');
export const brotliCompress = laterOf('BrotliCompress');
export const brotliDecompress = laterOf('BrotliDecompress');
export const zstdCompress = laterOf('ZstdCompress');
export const zstdDecompress = laterOf('ZstdDecompress');

let table: Int32Array | null = null;
export const crc32 = (data: unknown, value = 0): number => {
  if (table === null) {
    table = new Int32Array(256);
    for (let n = 0; n < 256; n++) {
      let c = n;
      for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
      table[n] = c;
    }
  }
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw coded(
      RangeError,
      'ERR_OUT_OF_RANGE',
      'The value of "value" is out of range. It must be >= 0 and <= 4294967295',
    );
  }
  let crc = ~value;
  for (const byte of bytesOf(data, 'data')) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 255] as number);
  return ~crc >>> 0;
};

const ZIP = 'use a package for zip archives, such as fflate';
export const ZipBuffer = missing('node:zlib.ZipBuffer', ZIP);
export const ZipEntry = missing('node:zlib.ZipEntry', ZIP);
export const ZipFile = missing('node:zlib.ZipFile', ZIP);
export const createZipArchive = missing('node:zlib.createZipArchive', ZIP);
export const createZipArchiveSync = missing('node:zlib.createZipArchiveSync', ZIP);
export const getMaxZipContentSize = missing('node:zlib.getMaxZipContentSize', ZIP);
export const setMaxZipContentSize = missing('node:zlib.setMaxZipContentSize', ZIP);
export const zipFiles = missing('node:zlib.zipFiles', ZIP);
export { codes, constants };

const members = {
  BrotliCompress,
  BrotliDecompress,
  Deflate,
  DeflateRaw,
  Gunzip,
  Gzip,
  Inflate,
  InflateRaw,
  Unzip,
  ZipBuffer,
  ZipEntry,
  ZipFile,
  ZstdCompress,
  ZstdDecompress,
  brotliCompress,
  brotliCompressSync,
  brotliDecompress,
  brotliDecompressSync,
  codes,
  constants,
  crc32,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createDeflateRaw,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
  createUnzip,
  createZipArchive,
  createZipArchiveSync,
  createZstdCompress,
  createZstdDecompress,
  deflate,
  deflateRaw,
  deflateRawSync,
  deflateSync,
  getMaxZipContentSize,
  gunzip,
  gunzipSync,
  gzip,
  gzipSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
  setMaxZipContentSize,
  unzip,
  unzipSync,
  zipFiles,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
};
// Of old the numbers were members of the module itself, and packages still read them there.
for (const [name, value] of Object.entries(constants)) {
  if (name.startsWith('Z_')) Object.defineProperty(members, name, { value });
}
export default members;
