/** node:util/types: brand checks by what only a thing of the kind can answer. */

const tagOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get as (
  this: unknown,
) => string | undefined;
const tag = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** True when `probe` (a built-in that throws at anything of another kind) takes `value`. */
const answers =
  (probe: (this: never, ...args: never[]) => unknown, ...args: unknown[]) =>
  (value: unknown): boolean => {
    if (value === null || typeof value !== 'object') return false;
    try {
      Reflect.apply(probe, value, args);
      return true;
    } catch {
      return false;
    }
  };
const getter = (proto: object, name: PropertyKey): ((this: never) => unknown) =>
  Object.getOwnPropertyDescriptor(proto, name)?.get as (this: never) => unknown;

const typed = (name: string) => (value: unknown) => tagOf.call(value) === name;

export const isArrayBufferView = ArrayBuffer.isView;
export const isTypedArray = (value: unknown): boolean => tagOf.call(value) !== undefined;
export const isUint8Array: (value: unknown) => boolean = typed('Uint8Array');
export const isUint8ClampedArray: (value: unknown) => boolean = typed('Uint8ClampedArray');
export const isUint16Array: (value: unknown) => boolean = typed('Uint16Array');
export const isUint32Array: (value: unknown) => boolean = typed('Uint32Array');
export const isInt8Array: (value: unknown) => boolean = typed('Int8Array');
export const isInt16Array: (value: unknown) => boolean = typed('Int16Array');
export const isInt32Array: (value: unknown) => boolean = typed('Int32Array');
export const isFloat16Array: (value: unknown) => boolean = typed('Float16Array');
export const isFloat32Array: (value: unknown) => boolean = typed('Float32Array');
export const isFloat64Array: (value: unknown) => boolean = typed('Float64Array');
export const isBigInt64Array: (value: unknown) => boolean = typed('BigInt64Array');
export const isBigUint64Array: (value: unknown) => boolean = typed('BigUint64Array');
export const isDataView: (value: unknown) => boolean = answers(getter(DataView.prototype, 'byteLength') as never);
export const isArrayBuffer: (value: unknown) => boolean = answers(getter(ArrayBuffer.prototype, 'byteLength') as never);
export const isSharedArrayBuffer = (value: unknown): boolean => tag(value) === 'SharedArrayBuffer';
export const isAnyArrayBuffer = (value: unknown): boolean => isArrayBuffer(value) || isSharedArrayBuffer(value);
export const isDate: (value: unknown) => boolean = answers(Date.prototype.getTime as never);
export const isRegExp: (value: unknown) => boolean = (value) =>
  value !== RegExp.prototype && answers(getter(RegExp.prototype, 'source') as never)(value);
export const isMap: (value: unknown) => boolean = answers(getter(Map.prototype, 'size') as never);
export const isSet: (value: unknown) => boolean = answers(getter(Set.prototype, 'size') as never);
export const isWeakMap: (value: unknown) => boolean = answers(WeakMap.prototype.has as never, {});
export const isWeakSet: (value: unknown) => boolean = answers(WeakSet.prototype.has as never, {});
export const isPromise = (value: unknown): boolean => value instanceof Promise;
export const isMapIterator = (value: unknown): boolean => tag(value) === 'Map Iterator';
export const isSetIterator = (value: unknown): boolean => tag(value) === 'Set Iterator';
export const isNativeError = (value: unknown): boolean => {
  const { isError } = Error as unknown as { isError?: (value: unknown) => boolean };
  return isError === undefined ? value instanceof Error : isError(value);
};
export const isNumberObject: (value: unknown) => boolean = answers(Number.prototype.valueOf as never);
export const isStringObject: (value: unknown) => boolean = answers(String.prototype.valueOf as never);
export const isBooleanObject: (value: unknown) => boolean = answers(Boolean.prototype.valueOf as never);
export const isBigIntObject: (value: unknown) => boolean = answers(BigInt.prototype.valueOf as never);
export const isSymbolObject: (value: unknown) => boolean = answers(Symbol.prototype.valueOf as never);
export const isBoxedPrimitive = (value: unknown): boolean =>
  isNumberObject(value) ||
  isStringObject(value) ||
  isBooleanObject(value) ||
  isBigIntObject(value) ||
  isSymbolObject(value);
export const isArgumentsObject = (value: unknown): boolean =>
  tag(value) === 'Arguments' && !Object.hasOwn(value as object, Symbol.toStringTag);
/** Where async functions are lowered for AsyncLocalStorage they are plain functions. */
export const isAsyncFunction = (value: unknown): boolean =>
  typeof value === 'function' && /^Async(Generator)?Function$/.test(tag(value));
export const isGeneratorFunction = (value: unknown): boolean =>
  typeof value === 'function' && /^(Async)?GeneratorFunction$/.test(tag(value));
export const isGeneratorObject = (value: unknown): boolean =>
  tag(value) === 'Generator' || tag(value) === 'AsyncGenerator';
export const isModuleNamespaceObject = (value: unknown): boolean => tag(value) === 'Module';
/** Nothing in JavaScript tells a Proxy. */
export const isProxy = (): boolean => false;
export const isExternal = (): boolean => false;
export const isEventTarget = (value: unknown): boolean => value instanceof EventTarget;
export const isKeyObject = (value: unknown): boolean => tag(value) === 'KeyObject';
export const isCryptoKey = (value: unknown): boolean => tag(value) === 'CryptoKey';

export default {
  isAnyArrayBuffer,
  isArgumentsObject,
  isArrayBuffer,
  isArrayBufferView,
  isAsyncFunction,
  isBigInt64Array,
  isBigIntObject,
  isBigUint64Array,
  isBooleanObject,
  isBoxedPrimitive,
  isCryptoKey,
  isDataView,
  isDate,
  isEventTarget,
  isExternal,
  isFloat16Array,
  isFloat32Array,
  isFloat64Array,
  isGeneratorFunction,
  isGeneratorObject,
  isInt16Array,
  isInt32Array,
  isInt8Array,
  isKeyObject,
  isMap,
  isMapIterator,
  isModuleNamespaceObject,
  isNativeError,
  isNumberObject,
  isPromise,
  isProxy,
  isRegExp,
  isSet,
  isSetIterator,
  isSharedArrayBuffer,
  isStringObject,
  isSymbolObject,
  isTypedArray,
  isUint16Array,
  isUint32Array,
  isUint8Array,
  isUint8ClampedArray,
  isWeakMap,
  isWeakSet,
};
