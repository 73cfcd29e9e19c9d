/** Buffer's `readInt32LE` and its forty siblings, checked and worded as Node's are. */
import { coded, invalidArgType, outOfRange } from '../errors.ts';

type Method = (this: Uint8Array, ...args: never[]) => unknown;

const f64 = new Float64Array(1);
const f32 = new Float32Array(1);
const f64Bytes = new Uint8Array(f64.buffer);
const f32Bytes = new Uint8Array(f32.buffer);

const checkOffset = (bytes: Uint8Array, offset: unknown, width: number): number => {
  if (typeof offset !== 'number') throw invalidArgType('offset', 'number', offset);
  const last = bytes.length - width;
  if (offset >= 0 && offset <= last && Number.isInteger(offset)) return offset;
  if (!Number.isInteger(offset)) throw outOfRange('offset', 'an integer', offset);
  if (last < 0) throw coded(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', 'Attempt to access memory outside buffer bounds');
  throw outOfRange('offset', `>= 0 and <= ${last}`, offset);
};

const checkWidth = (width: unknown): number => {
  if (width === undefined) throw invalidArgType('byteLength', 'number', width);
  if (typeof width !== 'number') throw invalidArgType('byteLength', 'number', width);
  if (!Number.isInteger(width)) throw outOfRange('byteLength', 'an integer', width);
  if (width < 1 || width > 6) throw outOfRange('byteLength', '>= 1 and <= 6', width);
  return width;
};

const readUnsigned = (bytes: Uint8Array, at: number, width: number, little: boolean): number => {
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 256 + (bytes[little ? at + width - 1 - i : at + i] as number);
  return value;
};
const readSigned = (bytes: Uint8Array, at: number, width: number, little: boolean): number => {
  const value = readUnsigned(bytes, at, width, little);
  return value >= 2 ** (8 * width - 1) ? value - 2 ** (8 * width) : value;
};

/** Node words the range of wide integers by powers. */
const checkValue = (value: number | bigint, width: number, signed: boolean, name = 'value'): void => {
  const big = typeof value === 'bigint';
  const bits = 8 * width;
  const least = signed ? -(2 ** (bits - 1)) : 0;
  const most = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  const below = big ? value < (signed ? -(2n ** BigInt(bits - 1)) : 0n) : value < least;
  const above = big ? value > 2n ** BigInt(signed ? bits - 1 : bits) - 1n : value > most;
  if (!below && !above) return;
  const n = big ? 'n' : '';
  const range =
    width > 4
      ? signed
        ? `>= -(2${n} ** ${bits - 1}${n}) and < 2${n} ** ${bits - 1}${n}`
        : `>= 0${n} and < 2${n} ** ${bits}${n}`
      : `>= ${least}${n} and <= ${most}${n}`;
  throw outOfRange(name, range, value);
};

const writeInteger = (bytes: Uint8Array, value: number, at: number, width: number, little: boolean): number => {
  let rest = Math.trunc(value);
  for (let i = 0; i < width; i++) {
    bytes[little ? at + i : at + width - 1 - i] = rest;
    rest = Math.floor(rest / 256);
  }
  return at + width;
};

const readBig = (bytes: Uint8Array, at: number, signed: boolean, little: boolean): bigint => {
  let value = 0n;
  for (let i = 0; i < 8; i += 4) {
    const from = little ? at + 4 - i : at + i;
    value = (value << 32n) | BigInt(readUnsigned(bytes, from, 4, little));
  }
  return signed ? BigInt.asIntN(64, value) : value;
};
const writeBig = (bytes: Uint8Array, value: bigint, at: number, little: boolean): number => {
  const low = Number(BigInt.asUintN(32, value));
  const high = Number(BigInt.asUintN(32, value >> 32n));
  writeInteger(bytes, little ? low : high, at, 4, little);
  writeInteger(bytes, little ? high : low, at + 4, 4, little);
  return at + 8;
};

const readFloat = (bytes: Uint8Array, at: number, width: 4 | 8, little: boolean): number => {
  const scratch = width === 4 ? f32Bytes : f64Bytes;
  for (let i = 0; i < width; i++) scratch[little ? i : width - 1 - i] = bytes[at + i] as number;
  return (width === 4 ? f32[0] : f64[0]) as number;
};
const writeFloat = (bytes: Uint8Array, value: number, at: number, width: 4 | 8, little: boolean): number => {
  if (width === 4) f32[0] = value;
  else f64[0] = value;
  const scratch = width === 4 ? f32Bytes : f64Bytes;
  for (let i = 0; i < width; i++) bytes[at + i] = scratch[little ? i : width - 1 - i] as number;
  return at + width;
};

/** Adds `name`, and `readUint…` beside `readUInt…`. */
const add = (target: object, name: string, method: Method): void => {
  for (const key of name.includes('UInt') ? [name, name.replace('UInt', 'Uint')] : [name]) {
    Object.defineProperty(target, key, { value: method, writable: true, configurable: true, enumerable: true });
  }
};

const addIntegers = (target: object, little: boolean, signed: boolean): void => {
  const kind = signed ? 'Int' : 'UInt';
  const end = little ? 'LE' : 'BE';
  const read = signed ? readSigned : readUnsigned;
  for (const width of [1, 2, 4]) {
    if (width === 1 && !little) continue;
    const name = width === 1 ? `${kind}8` : `${kind}${8 * width}${end}`;
    add(target, `read${name}`, function (this: Uint8Array, offset: number = 0) {
      return read(this, checkOffset(this, offset, width), width, little);
    });
    add(target, `write${name}`, function (this: Uint8Array, value: number, offset: number = 0) {
      const number = +value;
      if (typeof offset !== 'number') throw invalidArgType('offset', 'number', offset);
      checkValue(number, width, signed);
      return writeInteger(this, number, checkOffset(this, offset, width), width, little);
    });
  }
  add(target, `read${kind}${end}`, function (this: Uint8Array, offset: number, byteLength: number) {
    if (offset === undefined) throw invalidArgType('offset', 'number', offset);
    const width = checkWidth(byteLength);
    return read(this, checkOffset(this, offset, width), width, little);
  });
  add(target, `write${kind}${end}`, function (this: Uint8Array, value: number, offset: number, byteLength: number) {
    const width = checkWidth(byteLength);
    const number = +value;
    checkValue(number, width, signed);
    return writeInteger(this, number, checkOffset(this, offset, width), width, little);
  });
  const big = `Big${kind}64${end}`;
  add(target, `read${big}`, function (this: Uint8Array, offset: number = 0) {
    return readBig(this, checkOffset(this, offset, 8), signed, little);
  });
  add(target, `write${big}`, function (this: Uint8Array, value: bigint, offset: number = 0) {
    if (typeof value !== 'bigint') throw invalidArgType('value', 'bigint', value);
    checkValue(value, 8, signed);
    return writeBig(this, value, checkOffset(this, offset, 8), little);
  });
};

const addFloats = (target: object, little: boolean): void => {
  const end = little ? 'LE' : 'BE';
  for (const width of [4, 8] as const) {
    const name = width === 4 ? 'Float' : 'Double';
    add(target, `read${name}${end}`, function (this: Uint8Array, offset: number = 0) {
      return readFloat(this, checkOffset(this, offset, width), width, little);
    });
    add(target, `write${name}${end}`, function (this: Uint8Array, value: number, offset: number = 0) {
      return writeFloat(this, +value, checkOffset(this, offset, width), width, little);
    });
  }
};

export const addNumbers = (target: object): void => {
  for (const little of [true, false]) {
    addIntegers(target, little, true);
    addIntegers(target, little, false);
    addFloats(target, little);
  }
};
