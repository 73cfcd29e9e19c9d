/**
 * structuredClone, after the HTML standard's serialise and deserialise steps in one walk. What else than ArrayBuffers can be
 * transferred is registered by the files of ports and streams.
 */
import {
  bufferByteLength,
  dataViewBuffer,
  dataViewByteLength,
  dataViewByteOffset,
  dateGetTime,
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  hasOwn,
  isArray,
  isDetached,
  isObject,
  isView,
  List,
  mapForEach,
  mapGetSize,
  mapSet,
  NativeArrayBuffer,
  NativeDate,
  NativeError,
  NativeMap,
  NativeObject,
  NativeRegExp,
  NativeSet,
  NativeTypeError,
  nativeDataView,
  nativeErrors,
  nativeViews,
  objectKeys,
  objectToString,
  reflectConstruct,
  regexpFlags,
  regexpSource,
  SafeMap,
  setAdd,
  setForEach,
  setGetSize,
  transferBuffer,
  typedArrayName,
  typedSet,
  U8,
  unboxers,
  viewBuffer,
  viewByteOffset,
  viewLength,
} from './00-primordials.ts';
import { DOMException } from './15-dom-exception.ts';
import { isArrayBuffer } from './30-encoding.ts';
import { type Blob, blobBytes, blobOf, File, isBlob, isFile } from './46-blob.ts';
import { cloneCryptoKey, isCryptoKey } from './64-subtle.ts';

// late:

const refuse = (value: unknown): never => {
  let what = typeof value as string;
  if (what === 'object') what = objectToString(value);
  throw new DOMException(`${what} could not be cloned`, 'DataCloneError');
};

const test = (check: (value: object) => unknown, value: object): boolean => {
  try {
    check(value);
    return true;
  } catch {
    return false;
  }
};

const isErrorObject = (value: object): boolean => {
  if (!hasOwn(value, 'stack') && !hasOwn(value, 'message')) return false;
  let at = getPrototypeOf(value) as object | null;
  for (let i = 0; i < 20 && at !== null; i++) {
    if (at === NativeError.prototype) return true;
    at = getPrototypeOf(at) as object | null;
  }
  return false;
};

type Seen = SafeMap<object, unknown>;

const cloneBuffer = (buffer: ArrayBuffer, seen: Seen): ArrayBuffer => {
  const known = seen.get(buffer);
  if (known !== undefined) return known as ArrayBuffer;
  if (isDetached(buffer)) throw new DOMException('An ArrayBuffer is detached', 'DataCloneError');
  const copy = new NativeArrayBuffer(bufferByteLength(buffer));
  typedSet(new U8(copy), new U8(buffer));
  seen.set(buffer, copy);
  return copy;
};

const cloneError = (value: object, seen: Seen): object => {
  let name = 'Error';
  const given = (value as { name?: unknown }).name;
  if (typeof given === 'string' && hasOwn(nativeErrors, given)) name = given;
  const message = getOwnPropertyDescriptor(value, 'message');
  const stack = getOwnPropertyDescriptor(value, 'stack');
  const copy = reflectConstruct(nativeErrors[name as keyof typeof nativeErrors], []) as object;
  seen.set(value, copy);
  const put = (key: string, item: unknown): void => {
    defineProperty(copy, key, { value: item, writable: true, configurable: true, enumerable: false });
  };
  if (message !== undefined && 'value' in message) put('message', `${message.value as string}`);
  const text = stack === undefined ? undefined : (value as { stack?: unknown }).stack;
  put('stack', typeof text === 'string' ? text : '');
  if (hasOwn(value, 'cause')) put('cause', clone((value as { cause?: unknown }).cause, seen));
  return copy;
};

const cloneProperties = (from: object, to: object, seen: Seen): void => {
  const names = objectKeys(from);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (!hasOwn(from, name)) continue;
    const value = clone((from as Record<string, unknown>)[name], seen);
    defineProperty(to, name, { value, writable: true, enumerable: true, configurable: true });
  }
};

const clone = (value: unknown, seen: Seen): unknown => {
  if (!isObject(value)) {
    if (typeof value === 'symbol') refuse(value);
    return value;
  }
  if (typeof value === 'function') return refuse(value);
  if (seen.has(value)) return seen.get(value);
  const remember = <T>(copy: T): T => {
    seen.set(value, copy);
    return copy;
  };
  if (isArray(value)) {
    const copy = remember([] as unknown[]);
    copy.length = value.length;
    cloneProperties(value, copy, seen);
    return copy;
  }
  if (isView(value)) {
    const kind = typedArrayName(value);
    if (kind === undefined) {
      const buffer = cloneBuffer(dataViewBuffer(value), seen);
      return remember(new nativeDataView(buffer, dataViewByteOffset(value), dataViewByteLength(value)));
    }
    const ctor = nativeViews.get(kind);
    if (ctor === undefined) return refuse(value);
    const buffer = cloneBuffer(viewBuffer(value), seen);
    return remember(reflectConstruct(ctor, [buffer, viewByteOffset(value), viewLength(value)]) as unknown);
  }
  if (isArrayBuffer(value)) return cloneBuffer(value, seen);
  if (test(dateGetTime as never, value)) return remember(new NativeDate(dateGetTime(value as Date)));
  if (hasOwn(value, 'lastIndex') && test(regexpSource, value)) {
    return remember(new NativeRegExp(regexpSource(value), regexpFlags(value)));
  }
  if (test(mapGetSize, value)) {
    const copy = remember(new NativeMap());
    const items = new List<unknown>();
    mapForEach(value, (item, key) => items.push(key, item));
    for (let i = 0; i < items.length; i += 2) mapSet(copy as never, clone(items[i], seen), clone(items[i + 1], seen));
    return copy;
  }
  if (test(setGetSize, value)) {
    const copy = remember(new NativeSet());
    const items = new List<unknown>();
    setForEach(value, (item) => items.push(item));
    for (let i = 0; i < items.length; i++) setAdd(copy as never, clone(items[i], seen));
    return copy;
  }
  if (isFile(value)) {
    const { name, type, lastModified } = value;
    return remember(new File([blobBytes(value)], name, { type, lastModified }));
  }
  if (isCryptoKey(value)) return remember(cloneCryptoKey(value));
  if (isBlob(value)) return remember(blobOf(blobBytes(value), (value as Blob).type));
  for (let i = 0; i < unboxers.length; i++) {
    const unbox = unboxers[i] as (value: object) => unknown;
    if (test(unbox, value)) return remember(NativeObject(unbox(value)));
  }
  if (isErrorObject(value)) return cloneError(value, seen);
  for (let i = 0; i < kinds.length; i++) if ((kinds[i] as Transferable).is(value)) return refuse(value);
  const tag = objectToString(value);
  const proto = getPrototypeOf(value) as object | null;
  const platform = tag !== '[object Object]' && proto !== null && proto !== NativeObject.prototype;
  if (
    platform &&
    (tag === '[object Promise]' ||
      tag === '[object WeakMap]' ||
      tag === '[object WeakSet]' ||
      tag === '[object WeakRef]' ||
      !plainTag(tag))
  ) {
    return refuse(value);
  }
  const copy = remember({});
  cloneProperties(value, copy, seen);
  return copy;
};

/** Tags a user's own class may carry; everything the platform names itself is refused. */
const plainTag = (tag: string): boolean => tag === '[object Object]' || tag === '[object Arguments]';

/** A kind of object that moves instead of being copied. */
export interface Transferable {
  is(value: object): boolean;
  /** Throws a DataCloneError when it cannot move; otherwise what stands for it on the other side, still without life. */
  prepare(value: object): object;
  /** After everything else was cloned: `to` takes over. */
  move(value: object, to: object): void;
}
const kinds = new List<Transferable>();
export const transferable = (kind: Transferable): void => {
  kinds.push(kind);
};

transferable({
  is: isArrayBuffer,
  prepare(value) {
    if (isDetached(value as ArrayBuffer)) throw new DOMException('The ArrayBuffer is detached', 'DataCloneError');
    return cloneBuffer(value as ArrayBuffer, new SafeMap());
  },
  move(value) {
    transferBuffer(value as ArrayBuffer);
  },
});

const kindOf = (value: object): Transferable => {
  for (let i = 0; i < kinds.length; i++) if ((kinds[i] as Transferable).is(value)) return kinds[i] as Transferable;
  throw new DOMException('A value in the transfer list cannot be transferred', 'DataCloneError');
};

export interface Cloned {
  readonly value: unknown;
  /** In the order of the transfer list. */
  readonly moved: List<object>;
}

/** Clones `value` and moves what `transfer` lists; nothing has moved when it throws. */
export const cloneAndMove = (value: unknown, transfer: List<object>): Cloned => {
  const seen: Seen = new SafeMap();
  const moved = new List<object>();
  for (let i = 0; i < transfer.length; i++) {
    const each = transfer[i] as object;
    if (seen.has(each)) throw new DOMException('The transfer list names a value twice', 'DataCloneError');
    const to = kindOf(each).prepare(each);
    seen.set(each, to);
    moved.push(to);
  }
  const copy = clone(value, seen);
  for (let i = 0; i < transfer.length; i++) {
    const each = transfer[i] as object;
    kindOf(each).move(each, moved[i] as object);
  }
  return { value: copy, moved };
};

export const cloneValue = (value: unknown): unknown => clone(value, new SafeMap());

/** A `sequence<object>`. */
export const transferList = (value: unknown): List<object> => {
  const list = new List<object>();
  if (value === undefined) return list;
  if (!isObject(value)) throw new NativeTypeError('the transfer list must be a sequence');
  for (const each of value as Iterable<unknown>) {
    if (!isObject(each)) throw new NativeTypeError('the transfer list must hold objects');
    list.push(each);
  }
  return list;
};
