/** Node's Buffer: a Uint8Array with text encodings. Allocates no pool: each buffer has memory of its own. */
import { host } from 'isolane:host';
import { coded, invalidArgType, invalidArgValue, outOfRange } from '../errors.ts';
import { decode, type Encoding, encode, encodingOf, lengthOf, writeInto } from './encodings.ts';
import { addNumbers } from './numbers.ts';
import { compareBytes, search, wanted } from './search.ts';

export const kMaxLength: number = 2 ** 53 - 1;
export const kStringMaxLength: number = 2 ** 29 - 24;
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

type Bytes = Uint8Array;
/** What Node's own types say of `Buffer` is for its users; here it is built. */
type BufferLike = Uint8Array & { [key: string | symbol]: unknown };

class FastBuffer extends Uint8Array {}

const view = (bytes: Bytes): BufferLike =>
  new FastBuffer(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength) as unknown as BufferLike;

const isBytes = (value: unknown): value is Bytes => value instanceof Uint8Array || ArrayBuffer.isView(value);
const isAnyBuffer = (value: unknown): value is ArrayBuffer =>
  value instanceof ArrayBuffer || Object.prototype.toString.call(value) === '[object ArrayBuffer]';

const checkSize = (size: unknown): number => {
  if (typeof size !== 'number') throw invalidArgType('size', 'number', size);
  if (!(size >= 0 && size <= kMaxLength)) throw outOfRange('size', `>= 0 && <= ${kMaxLength}`, size);
  return size;
};

/** Node's rules for a text's or view's part of a buffer. */
const within = (value: unknown, otherwise: number, size: number): number => {
  if (value === undefined) return otherwise;
  const number = Math.trunc(Number(value));
  if (Number.isNaN(number) || number < 0) return 0;
  return Math.min(number, size);
};

function fromBuffer(buffer: ArrayBuffer, byteOffset: unknown, length: unknown): BufferLike {
  let offset = byteOffset === undefined ? 0 : Number(byteOffset);
  if (Number.isNaN(offset)) offset = 0;
  const most = buffer.byteLength - offset;
  if (most < 0) throw coded(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', '"offset" is outside of buffer bounds');
  let size = most;
  if (length !== undefined) {
    size = Math.max(Number(length) || 0, 0);
    if (size > most) throw coded(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', '"length" is outside of buffer bounds');
  }
  return new FastBuffer(buffer, offset, size) as unknown as BufferLike;
}

const fromArrayLike = (list: ArrayLike<unknown>): BufferLike => {
  const size = Math.max(list.length, 0);
  const out = new FastBuffer(size);
  for (let i = 0; i < size; i++) out[i] = list[i] as number;
  return out as unknown as BufferLike;
};

const fromObject = (value: object): BufferLike | undefined => {
  const { length, type, data } = value as { length?: unknown; type?: unknown; data?: unknown };
  if (length !== undefined || isAnyBuffer((value as { buffer?: unknown }).buffer)) {
    return typeof length === 'number' ? fromArrayLike(value as ArrayLike<unknown>) : (new FastBuffer(0) as never);
  }
  if (type === 'Buffer' && Array.isArray(data)) return fromArrayLike(data);
  return undefined;
};

const SOURCES = ['string', 'Buffer', 'ArrayBuffer', 'Array', 'Array-like Object'];
const refuseSource = (value: unknown): Error => {
  const text = invalidArgType('first argument', SOURCES.slice(0, 1), value).message;
  return coded(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. ${text.slice(text.indexOf('Received'))}`,
  );
};

function from(value: unknown, encodingOrOffset?: unknown, length?: unknown): BufferLike {
  if (typeof value === 'string') {
    return view(encode(value, wanted(typeof encodingOrOffset === 'string' ? encodingOrOffset : undefined)));
  }
  if (typeof value === 'object' && value !== null) {
    if (isAnyBuffer(value)) return fromBuffer(value, encodingOrOffset, length);
    if (typeof SharedArrayBuffer !== 'undefined' && (value as object) instanceof SharedArrayBuffer) {
      return fromBuffer(value as never, encodingOrOffset, length);
    }
    const plain = (value as object).valueOf();
    if (plain !== null && plain !== value && (typeof plain === 'string' || typeof plain === 'object')) {
      return from(plain, encodingOrOffset, length);
    }
    const made = fromObject(value);
    if (made !== undefined) return made;
    const convert = (value as { [Symbol.toPrimitive]?: unknown })[Symbol.toPrimitive];
    if (typeof convert === 'function') {
      const primitive = convert.call(value, 'string') as unknown;
      if (typeof primitive === 'string') return from(primitive, encodingOrOffset);
    }
  }
  throw refuseSource(value);
}

function alloc(size: number, fill?: unknown, encoding?: unknown): BufferLike {
  checkSize(size);
  const made = new FastBuffer(size) as unknown as BufferLike;
  if (fill !== undefined && fill !== 0 && size > 0) fillBytes(made, fill, 0, size, encoding);
  return made;
}
const allocUnsafe = (size: number): BufferLike => new FastBuffer(checkSize(size)) as unknown as BufferLike;

function fillBytes(target: BufferLike, value: unknown, start: number, end: number, encoding: unknown): void {
  if (typeof value === 'number' || typeof value === 'boolean') {
    target.subarray(start, end);
    Uint8Array.prototype.fill.call(target, Number(value) & 255, start, end);
    return;
  }
  let pattern: Bytes;
  if (typeof value === 'string') {
    pattern = encode(value, wanted(encoding));
    if (value.length === 0) pattern = new Uint8Array(1);
    else if (pattern.length === 0) throw invalidArgValue('value', value);
  } else if (isBytes(value)) {
    pattern = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    if (pattern.length === 0) throw invalidArgValue('value', value);
  } else {
    Uint8Array.prototype.fill.call(target, Number(value) & 255, start, end);
    return;
  }
  for (let i = start; i < end; i += pattern.length) {
    target.set(i + pattern.length > end ? pattern.subarray(0, end - i) : pattern, i);
  }
}

/** `Buffer(…)` and `new Buffer(…)`, long deprecated and much in use. */
export const Buffer = function Buffer(this: unknown, arg: unknown, encodingOrOffset?: unknown, length?: unknown) {
  if (typeof arg === 'number') {
    if (typeof encodingOrOffset === 'string') throw invalidArgType('string', 'string', arg);
    return alloc(arg);
  }
  return from(arg, encodingOrOffset, length);
} as unknown as typeof globalThis.Buffer;

Object.defineProperty(Buffer, 'prototype', { value: FastBuffer.prototype, writable: false });
Object.defineProperty(FastBuffer.prototype, 'constructor', { value: Buffer, writable: true, configurable: true });
Object.setPrototypeOf(Buffer, Uint8Array);
Object.defineProperty(Buffer, Symbol.species, { configurable: true, get: () => FastBuffer });

const mustBeBytes: (value: unknown, name: string) => asserts value is Bytes = (value, name) => {
  if (!(value instanceof Uint8Array)) throw invalidArgType(name, ['Buffer', 'Uint8Array'], value);
};

Object.assign(Buffer, {
  poolSize: 8192,
  from,
  alloc,
  allocUnsafe,
  allocUnsafeSlow: allocUnsafe,
  of: (...items: number[]) => fromArrayLike(items),
  isBuffer: (value: unknown) => value instanceof FastBuffer,
  isEncoding: (name: unknown) => typeof name === 'string' && name !== '' && encodingOf(name) !== undefined,
  byteLength: (value: unknown, encoding?: unknown) => {
    if (typeof value === 'string') return lengthOf(value, encodingOf(encoding) ?? 'utf8');
    if (isBytes(value) || isAnyBuffer(value)) return (value as Bytes).byteLength;
    throw invalidArgType('string', ['string', 'Buffer', 'ArrayBuffer'], value);
  },
  compare: (a: unknown, b: unknown) => {
    mustBeBytes(a, 'buf1');
    mustBeBytes(b, 'buf2');
    return compareBytes(a, b);
  },
  concat: (list: readonly Bytes[], length?: number) => {
    if (!Array.isArray(list)) throw invalidArgType('list', 'Array', list);
    list.forEach((one, index) => {
      mustBeBytes(one, `list[${index}]`);
    });
    const size = length === undefined ? list.reduce((sum, one) => sum + one.length, 0) : checkLength(length);
    const out = new FastBuffer(size);
    let at = 0;
    for (const one of list) {
      if (at >= size) break;
      out.set(at + one.length > size ? one.subarray(0, size - at) : one, at);
      at += one.length;
    }
    return out;
  },
  copyBytesFrom: (source: ArrayBufferView & { length: number }, offset?: number, length?: number) => {
    if (!ArrayBuffer.isView(source) || source instanceof DataView) throw invalidArgType('view', ['TypedArray'], source);
    const typed = source as unknown as Uint16Array;
    const start = offset ?? 0;
    const part = typed.subarray(start, length === undefined ? undefined : start + length);
    return view(new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice());
  },
});
const checkLength = (length: unknown): number => {
  if (typeof length !== 'number') throw invalidArgType('length', 'number', length);
  if (!Number.isInteger(length)) throw outOfRange('length', 'an integer', length);
  if (length < 0 || length > kMaxLength) throw outOfRange('length', `>= 0 && <= ${kMaxLength}`, length);
  return length;
};

const swap = (self: Bytes, width: number): Bytes => {
  if (self.length % width !== 0) {
    throw coded(RangeError, 'ERR_INVALID_BUFFER_SIZE', `Buffer size must be a multiple of ${8 * width}-bits`);
  }
  for (let i = 0; i < self.length; i += width) self.subarray(i, i + width).reverse();
  return self;
};

const slice = (self: Bytes, start?: unknown, end?: unknown): BufferLike => {
  const part = Uint8Array.prototype.subarray.call(
    self,
    Number(start) || 0,
    end === undefined ? undefined : Number(end) || 0,
  );
  return view(part);
};

const parts = {
  toString(this: Bytes, encoding?: unknown, start?: unknown, end?: unknown): string {
    const from = within(start, 0, this.length);
    const to = within(end, this.length, this.length);
    if (to <= from) return '';
    return decode(
      from === 0 && to === this.length ? this : new Uint8Array(this.buffer, this.byteOffset + from, to - from),
      wanted(encoding),
    );
  },
  toLocaleString(this: Bytes, ...args: []): string {
    return parts.toString.apply(this, args);
  },
  toJSON(this: Bytes): object {
    return { type: 'Buffer', data: Array.from(this) };
  },
  equals(this: Bytes, other: unknown): boolean {
    mustBeBytes(other, 'otherBuffer');
    return this === other || (this.length === other.length && compareBytes(this, other) === 0);
  },
  compare(this: Bytes, target: unknown, ...places: (number | undefined)[]): number {
    mustBeBytes(target, 'target');
    const names = ['targetStart', 'targetEnd', 'sourceStart', 'sourceEnd'];
    const sizes = [target.length, target.length, this.length, this.length];
    const [a, b, c, d] = names.map((name, index) => {
      const given = places[index];
      if (given === undefined) return index % 2 === 0 ? 0 : (sizes[index] as number);
      if (typeof given !== 'number') throw invalidArgType(name, 'number', given);
      const most = index % 2 === 0 ? kMaxLength : (sizes[index] as number);
      if (!Number.isInteger(given)) throw outOfRange(name, 'an integer', given);
      if (given < 0 || given > most) throw outOfRange(name, `>= 0 && <= ${most}`, given);
      return given;
    }) as [number, number, number, number];
    return compareBytes(this.subarray(c, Math.max(c, d)), target.subarray(a, Math.max(a, b)));
  },
  copy(this: Bytes, target: unknown, targetStart?: unknown, sourceStart?: unknown, sourceEnd?: unknown): number {
    if (!isBytes(target)) throw invalidArgType('target', ['Buffer', 'Uint8Array'], target);
    const at = Math.trunc(Number(targetStart ?? 0)) || 0;
    const from = Math.trunc(Number(sourceStart ?? 0)) || 0;
    const to = sourceEnd === undefined ? this.length : Math.trunc(Number(sourceEnd)) || 0;
    if (at < 0) throw outOfRange('targetStart', '>= 0', at);
    if (from < 0 || from > this.length) throw outOfRange('sourceStart', `>= 0 && <= ${this.length}`, from);
    if (to < 0) throw outOfRange('sourceEnd', '>= 0', to);
    const size = Math.min(to - from, target.byteLength - at, this.length - from);
    if (size <= 0) return 0;
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(this.subarray(from, from + size), at);
    return size;
  },
  fill(this: BufferLike, value: unknown, offset?: unknown, end?: unknown, encoding?: unknown): unknown {
    let [start, stop, name] = [offset, end, encoding];
    if (typeof value !== 'string') name = undefined;
    else if (start === undefined || typeof start === 'string') [start, name] = [undefined, start];
    else if (typeof stop === 'string') [stop, name] = [undefined, stop];
    if (typeof value === 'string') wanted(name);
    if (start === undefined) [start, stop] = [0, this.length];
    const from = checkNumber('offset', start);
    const to = stop === undefined ? this.length : checkNumber('end', stop, this.length);
    if (from < to) fillBytes(this, value, from, to, name);
    return this;
  },
  write(this: Bytes, text: unknown, offset?: unknown, length?: unknown, encoding?: unknown): number {
    if (typeof text !== 'string') throw invalidArgType('argument', 'string', text);
    if (offset === undefined) return writeInto(this, text, 'utf8');
    let [at, size, name] = [offset as unknown, length, encoding];
    if (typeof at === 'string') [at, size, name] = [undefined, undefined, at];
    else if (typeof size === 'string') [size, name] = [undefined, size];
    const start = at === undefined ? 0 : checkPlace('offset', at, this.length);
    const room = this.length - start;
    const most = size === undefined ? room : Math.min(checkPlace('length', size, this.length), room);
    return writeInto(this.subarray(start, start + most), text, wanted(name));
  },
  slice(this: Bytes, start?: unknown, end?: unknown): unknown {
    return slice(this, start, end);
  },
  subarray(this: Bytes, start?: unknown, end?: unknown): unknown {
    return slice(this, start, end);
  },
  indexOf(this: Bytes, value: unknown, byteOffset?: unknown, encoding?: unknown): number {
    return search(this, value, byteOffset, encoding, true);
  },
  lastIndexOf(this: Bytes, value: unknown, byteOffset?: unknown, encoding?: unknown): number {
    return search(this, value, byteOffset, encoding, false);
  },
  includes(this: Bytes, value: unknown, byteOffset?: unknown, encoding?: unknown): boolean {
    return search(this, value, byteOffset, encoding, true) !== -1;
  },
  swap16(this: Bytes): unknown {
    return swap(this, 2);
  },
  swap32(this: Bytes): unknown {
    return swap(this, 4);
  },
  swap64(this: Bytes): unknown {
    return swap(this, 8);
  },
  [INSPECT](this: Bytes): string {
    let text = '';
    for (let i = 0; i < this.length && i < 50; i++)
      text += `${i > 0 ? ' ' : ''}${(this[i] as number).toString(16).padStart(2, '0')}`;
    const rest = this.length - 50;
    if (rest > 0) text += ` ... ${rest} more byte${rest > 1 ? 's' : ''}`;
    const extra = Object.keys(this)
      .slice(this.length)
      .map((key) => `, ${key}: ${host.inspect((this as unknown as Record<string, unknown>)[key])}`);
    return `<Buffer${text === '' ? '' : ` ${text}`}${extra.join('')}>`;
  },
};
const checkNumber = (name: string, value: unknown, most: number = Number.POSITIVE_INFINITY): number => {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value);
  const range = most === Number.POSITIVE_INFINITY ? '>= 0' : `>= 0 && <= ${most}`;
  if (!(value >= 0 && value <= most)) throw outOfRange(name, range, value);
  return value;
};
const checkPlace = (name: string, value: unknown, most: number): number => {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < 0 || value > most) throw outOfRange(name, `>= 0 && <= ${most}`, value);
  return value;
};

for (const key of Reflect.ownKeys(parts)) {
  const value = (parts as Record<string | symbol, unknown>)[key];
  Object.defineProperty(FastBuffer.prototype, key, {
    value,
    writable: true,
    configurable: true,
    enumerable: key !== 'subarray',
  });
}
for (const encoding of ['ascii', 'base64', 'base64url', 'hex', 'latin1', 'utf8', 'ucs2', 'utf16le'] as const) {
  const as = encodingOf(encoding) as Encoding;
  const name = encoding;
  Object.defineProperties(FastBuffer.prototype, {
    [`${name}Slice`]: {
      value(this: Bytes, start = 0, end = this.length): string {
        return decode(this.subarray(start, end), as);
      },
      writable: true,
      configurable: true,
    },
    [`${name}Write`]: {
      value(this: Bytes, text: string, offset = 0, length = this.length - offset): number {
        return writeInto(this.subarray(offset, offset + length), text, as);
      },
      writable: true,
      configurable: true,
    },
  });
}
Object.defineProperty(FastBuffer.prototype, 'parent', {
  get(this: Bytes) {
    return this instanceof FastBuffer ? this.buffer : undefined;
  },
  enumerable: true,
  configurable: true,
});
Object.defineProperty(FastBuffer.prototype, 'offset', {
  get(this: Bytes) {
    return this instanceof FastBuffer ? this.byteOffset : undefined;
  },
  enumerable: true,
  configurable: true,
});
addNumbers(FastBuffer.prototype);
