/** Blob and File: bytes held whole in the isolate, under its memory limit. */
import {
  defineProperty,
  exec,
  isArray,
  isObject,
  List,
  mathMax,
  mathMin,
  mathTrunc,
  NativeTypeError,
  SYM_ITERATOR,
  toLowerCase,
  toNum,
  toWellFormed,
  typedSet,
  U8,
  viewByteLength,
} from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { copyBytes } from './10-box.ts';
import { turnNow } from './12-clock.ts';
import { bytesOf, utf8Decode, utf8Encode } from './30-encoding.ts';
import { byteEnqueue, finishBytes, ReadableStream, type Stream } from './40-streams.ts';

const RAW = {};
let dataOf: (blob: Blob) => Uint8Array;
let hasData: (value: object) => boolean;

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

export const joinBytes = (parts: List<Uint8Array>, total: number): Uint8Array => {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new U8(total);
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    typedSet(all, parts[i] as Uint8Array, at);
    at += viewByteLength(parts[i] as Uint8Array);
  }
  return all;
};

const PRINTABLE = /^[\x20-\x7e]*$/;
const typeText = (value: unknown): string => {
  const text = `${value as string}`;
  return exec(PRINTABLE, text) === null ? '' : toLowerCase(text);
};

const nativeEndings = (text: string): string => {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (c === '\r') {
      if (text[i + 1] === '\n') i++;
      out += '\n';
    } else out += c;
  }
  return out;
};

export class Blob {
  readonly #data: Uint8Array;
  readonly #type: string;

  static {
    dataOf = (blob) => blob.#data;
    hasData = (value) => #data in value;
  }

  constructor(parts?: unknown, options?: unknown, data?: Uint8Array) {
    if (parts === RAW) {
      this.#data = data as Uint8Array;
      this.#type = options as string;
      return;
    }
    if (options !== undefined && options !== null && !isObject(options)) {
      throw new NativeTypeError('Blob: the options must be an object');
    }
    const given = (options ?? {}) as { type?: unknown; endings?: unknown };
    const endings = given.endings === undefined ? 'transparent' : `${given.endings as string}`;
    if (endings !== 'transparent' && endings !== 'native') throw new NativeTypeError('Blob: unknown endings');
    const pieces = new List<Uint8Array>();
    let total = 0;
    const add = (part: unknown): void => {
      let bytes: Uint8Array;
      const buffer = bytesOf(part);
      if (buffer !== null) bytes = copyBytes(buffer);
      else if (isObject(part) && hasData(part)) bytes = dataOf(part as Blob);
      else {
        const text = toWellFormed(`${part as string}`);
        bytes = utf8Encode(endings === 'native' ? nativeEndings(text) : text);
      }
      pieces.push(bytes);
      total += viewByteLength(bytes);
    };
    if (parts !== undefined) {
      if (isArray(parts)) for (let i = 0; i < parts.length; i++) add(parts[i]);
      else if (isObject(parts) && typeof (parts as Partial<Iterable<unknown>>)[SYM_ITERATOR] === 'function') {
        for (const part of parts as Iterable<unknown>) add(part);
      } else throw new NativeTypeError('Blob: the parts must be a sequence');
    }
    this.#data = joinBytes(pieces, total);
    this.#type = given.type === undefined ? '' : typeText(given.type);
  }
  get size(): number {
    return viewByteLength(this.#data);
  }
  get type(): string {
    return this.#type;
  }
  slice(start?: unknown, end?: unknown, type?: unknown): Blob {
    const size = viewByteLength(this.#data);
    const clamp = (value: unknown, otherwise: number): number => {
      if (value === undefined) return otherwise;
      const n = mathTrunc(toNum(value)) || 0;
      return n < 0 ? mathMax(size + n, 0) : mathMin(n, size);
    };
    const from = clamp(start, 0);
    const to = mathMax(clamp(end, size), from);
    const window = new U8(this.#data.buffer as ArrayBuffer, this.#data.byteOffset + from, to - from);
    return new Blob(RAW, type === undefined ? '' : typeText(type), window);
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return copyBytes(this.#data).buffer as ArrayBuffer;
  }
  async bytes(): Promise<Uint8Array> {
    return copyBytes(this.#data);
  }
  async text(): Promise<string> {
    return utf8Decode(this.#data);
  }
  stream(): Stream {
    return streamOfBytes(this.#data);
  }
}
enumerable(Blob.prototype, ['size', 'type', 'slice', 'arrayBuffer', 'bytes', 'text', 'stream']);
expose('Blob', Blob);

let fileOf: (value: object) => boolean;

export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;

  static {
    fileOf = (value) => #name in value;
  }

  constructor(parts: unknown, name: unknown, options?: { type?: unknown; endings?: unknown; lastModified?: unknown }) {
    // biome-ignore lint/complexity/noArguments: WebIDL counts the arguments given
    if (arguments.length < 2) throw new NativeTypeError('File: 2 arguments required');
    super(parts, options);
    this.#name = toWellFormed(`${name as string}`);
    this.#lastModified = mathTrunc(toNum(options?.lastModified ?? turnNow())) || 0;
  }
  get name(): string {
    return this.#name;
  }
  get lastModified(): number {
    return this.#lastModified;
  }
  get webkitRelativePath(): string {
    return '';
  }
}
enumerable(File.prototype, ['name', 'lastModified']);
defineProperty(File, 'length', { value: 2, configurable: true });
expose('File', File);

export const isBlob = (value: unknown): value is Blob => isObject(value) && hasData(value);
export const isFile = (value: unknown): value is File => isObject(value) && fileOf(value);
export const blobBytes = (blob: Blob): Uint8Array => dataOf(blob);
export const blobOf = (bytes: Uint8Array, type: string): Blob => new Blob(RAW, type, bytes);
