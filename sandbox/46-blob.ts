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
  reflectApply,
  SYM_ITERATOR,
  toLowerCase,
  toNum,
  toWellFormed,
  U8,
  viewByteLength,
} from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { copyBytes, joinBytes } from './10-box.ts';
import { turnNow } from './12-clock.ts';
import { bytesOf, utf8Decode, utf8Encode } from './30-encoding.ts';
import type { Stream } from './40-streams.ts';
import { streamOfBytes } from './42-relay.ts';

// late: Blob File
// brands: isBlob isFile

const RAW = {};
let dataOf: (blob: Blob) => Uint8Array;
let hasData: (value: object) => boolean;

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

/** A part as WebIDL takes it: bytes of ours, or text whose line endings are not settled yet. */
type Part = Uint8Array | string;

/** `sequence<BlobPart>`: any iterable object, its iterator asked for once. Arrays are walked, whatever iterates them. */
const partsOf = (given: unknown): List<Part> => {
  const method = isObject(given) ? (given as Partial<Iterable<unknown>>)[SYM_ITERATOR] : undefined;
  if (typeof method !== 'function') throw new NativeTypeError('Blob: the parts must be a sequence');
  const parts = new List<Part>();
  const add = (part: unknown): void => {
    const buffer = bytesOf(part);
    if (buffer !== null) parts.push(copyBytes(buffer));
    else if (isObject(part) && hasData(part)) parts.push(dataOf(part as Blob));
    else parts.push(toWellFormed(`${part as string}`));
  };
  if (isArray(given)) for (let i = 0; i < given.length; i++) add(given[i]);
  else {
    const iterable = { __proto__: null, [SYM_ITERATOR]: () => reflectApply(method, given, []) } as unknown;
    for (const part of iterable as Iterable<unknown>) add(part);
  }
  return parts;
};

interface Options {
  readonly native: boolean;
  readonly type: string;
}
/** `BlobPropertyBag`, its members in the order of their names. */
const optionsOf = (given: unknown): Options => {
  if (given === undefined || given === null) return { native: false, type: '' };
  if (!isObject(given)) throw new NativeTypeError('Blob: the options must be an object');
  const { endings, type } = given as { endings?: unknown; type?: unknown };
  const kind = endings === undefined ? 'transparent' : `${endings as string}`;
  if (kind !== 'transparent' && kind !== 'native') throw new NativeTypeError('Blob: endings is transparent or native');
  return { native: kind === 'native', type: type === undefined ? '' : typeText(type) };
};

export class Blob {
  readonly #data: Uint8Array;
  readonly #type: string;

  static {
    dataOf = (blob) => blob.#data;
    hasData = (value) => #data in value;
  }

  constructor(given?: unknown, options?: unknown, data?: Uint8Array) {
    if (given === RAW) {
      this.#data = data as Uint8Array;
      this.#type = options as string;
      return;
    }
    const parts = given === undefined ? new List<Part>() : partsOf(given);
    const { native, type } = optionsOf(options);
    const pieces = new List<Uint8Array>();
    let total = 0;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Part;
      const bytes = typeof part === 'string' ? utf8Encode(native ? nativeEndings(part) : part) : part;
      pieces.push(bytes);
      total += viewByteLength(bytes);
    }
    this.#data = joinBytes(pieces, total);
    this.#type = type;
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
defineProperty(Blob, 'length', { value: 0, configurable: true });
enumerable(Blob.prototype, ['size', 'type', 'slice', 'arrayBuffer', 'bytes', 'text', 'stream']);
expose('Blob', Blob);

let fileOf: (value: object) => boolean;

export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;

  static {
    fileOf = (value) => #name in value;
  }

  constructor(parts: unknown, name: unknown, options?: unknown) {
    // biome-ignore lint/complexity/noArguments: WebIDL counts the arguments given
    if (arguments.length < 2) throw new NativeTypeError('File: 2 arguments required');
    super(parts, options);
    this.#name = toWellFormed(`${name as string}`);
    const given = isObject(options) ? (options as { lastModified?: unknown }).lastModified : undefined;
    this.#lastModified = mathTrunc(given === undefined ? turnNow() : toNum(given)) || 0;
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
