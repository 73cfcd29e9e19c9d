/**
 * Captures of the built-ins before any user code runs. The rest of the prelude calls these and never looks anything
 * up on a prototype the guest can reach (`a.push(x)`, `for…of`, spread, `instanceof`, `RegExp#test` are all off
 * limits on our own state). Makes no promise for objects that were handed to the guest: those are the guest's.
 */
type Fn<T, A extends unknown[], R> = (this: T, ...args: A) => R;

const { bind, call } = Function.prototype;

/** `uncurry(f)(self, …args)` is `f.call(self, …args)` without looking up `call`. */
export const uncurry = bind.bind(call) as <T, A extends unknown[], R>(f: Fn<T, A, R>) => (self: T, ...args: A) => R;

export const {
  apply: reflectApply,
  construct: reflectConstruct,
  ownKeys: reflectOwnKeys,
  getOwnPropertyDescriptor: reflectDescriptor,
} = Reflect;
export const {
  getPrototypeOf,
  setPrototypeOf,
  freeze,
  keys: objectKeys,
  getOwnPropertyDescriptor,
  create: objectCreate,
  hasOwn,
} = Object;
const nativeDefine = Object.defineProperty;
/** `Object.defineProperty` that a poisoned `Object.prototype.get` cannot reach. `descriptor` must be ours alone. */
export const defineProperty = <T extends object>(target: T, key: PropertyKey, descriptor: PropertyDescriptor): T =>
  nativeDefine(target, key, setPrototypeOf(descriptor, null) as PropertyDescriptor);
export const { isArray, from: arrayFrom } = Array;
const nativeStringify = JSON.stringify;
export const { parse: jsonParse } = JSON;
type Stringify = (value: unknown, replacer?: unknown, space?: unknown) => string | undefined;
/**
 * `JSON.stringify` with an empty indent where none is given, which changes nothing but the way V8 goes: its fast path, for
 * calls without replacer and indent, looks neither for an end nor at the memory limit (V8 14, a value that shares halves).
 */
export const stringify: Stringify = (value, replacer, space) =>
  (nativeStringify as Stringify)(value, replacer, space === undefined ? '' : space);
export const { floor, min: mathMin, max: mathMax, trunc: mathTrunc } = Math;
export const { isFinite: isFiniteNumber, isInteger, isNaN: isNaNNumber } = Number;
export const { fromCharCode } = String;

export const NativeIntl: typeof Intl = Intl;
export const NativeObject: ObjectConstructor = Object;
export const NativePromise: PromiseConstructor = Promise;
export const NativeDate: DateConstructor = Date;
export const NativeError: ErrorConstructor = Error;
export const NativeTypeError: TypeErrorConstructor = TypeError;
export const NativeRangeError: RangeErrorConstructor = RangeError;
export const NativeArrayBuffer: ArrayBufferConstructor = ArrayBuffer;
export const NativeSymbol: SymbolConstructor = Symbol;
export const NativeFinalizationRegistry: FinalizationRegistryConstructor = FinalizationRegistry;
export const U8: Uint8ArrayConstructor = Uint8Array;
export const nativeDataView: DataViewConstructor = DataView;
export const toStr: StringConstructor = String;
export const toNum: NumberConstructor = Number;
export const SYM_ITERATOR: typeof Symbol.iterator = Symbol.iterator;
export const SYM_ASYNC_ITERATOR: typeof Symbol.asyncIterator = Symbol.asyncIterator;
export const SYM_TAG: typeof Symbol.toStringTag = Symbol.toStringTag;

export const promiseThen = uncurry(Promise.prototype.then) as (
  p: Promise<unknown>,
  ok?: ((value: never) => unknown) | null,
  no?: ((error: unknown) => unknown) | null,
) => Promise<unknown>;
const resolveOf = Promise.resolve;
export const promiseResolve = (value: unknown): Promise<unknown> =>
  reflectApply(resolveOf, NativePromise, [value]) as Promise<unknown>;

const S = String.prototype;
export const slice = uncurry(S.slice);
export const indexOf = uncurry(S.indexOf);
export const lastIndexOf = uncurry(S.lastIndexOf);
export const charCodeAt = uncurry(S.charCodeAt);
export const codePointAt = uncurry(S.codePointAt);
export const toLowerCase = uncurry(S.toLowerCase);
export const toUpperCase = uncurry(S.toUpperCase);
export const startsWith = uncurry(S.startsWith);
export const endsWith = uncurry(S.endsWith);
export const toWellFormed = uncurry(S.toWellFormed);
export const repeatString = uncurry(S.repeat);
export const padStart = uncurry(S.padStart);
export const exec = uncurry(RegExp.prototype.exec);
export const functionToString = uncurry(Function.prototype.toString);
export const objectToString = uncurry(Object.prototype.toString);
export const numberToString = uncurry(Number.prototype.toString);
export const bindFunction = uncurry(bind) as (f: unknown, self: unknown, ...args: unknown[]) => unknown;

const getter = <T, R>(proto: object, name: PropertyKey): ((self: T) => R) =>
  uncurry(getOwnPropertyDescriptor(proto, name)?.get as Fn<T, [], R>);

const TypedArrayPrototype = getPrototypeOf(Uint8Array.prototype) as object;
/** `undefined` for anything that is no typed array; `"Uint8Array"` etc. otherwise. Cannot be fooled by the guest. */
export const typedArrayName = getter<unknown, string | undefined>(TypedArrayPrototype, Symbol.toStringTag);
export const viewBuffer = getter<object, ArrayBuffer>(TypedArrayPrototype, 'buffer');
export const viewByteLength = getter<object, number>(TypedArrayPrototype, 'byteLength');
export const viewByteOffset = getter<object, number>(TypedArrayPrototype, 'byteOffset');
export const viewLength = getter<object, number>(TypedArrayPrototype, 'length');
export const dataViewBuffer = getter<object, ArrayBuffer>(DataView.prototype, 'buffer');
export const dataViewByteLength = getter<object, number>(DataView.prototype, 'byteLength');
export const dataViewByteOffset = getter<object, number>(DataView.prototype, 'byteOffset');
export const bufferByteLength = getter<object, number>(ArrayBuffer.prototype, 'byteLength');
export const typedSet = uncurry((TypedArrayPrototype as Uint8Array).set) as (
  self: Uint8Array,
  from: Uint8Array,
  at?: number,
) => void;
export const typedIndexOf = uncurry((TypedArrayPrototype as Uint8Array).indexOf) as (
  self: Uint8Array,
  value: number,
  from: number,
) => number;
/** Consults the species of what it copies: for the guest's own data only. */
export const typedSlice = uncurry((TypedArrayPrototype as Uint8Array).slice) as (self: Uint8Array) => Uint8Array;
export const isView = ArrayBuffer.isView as (value: unknown) => value is ArrayBufferView;

export const dateGetTime = uncurry(Date.prototype.getTime);
export const dateToISOString = uncurry(Date.prototype.toISOString);
export const dateToString = uncurry(Date.prototype.toString);
export const mapGetSize = getter<object, number>(Map.prototype, 'size');
export const setGetSize = getter<object, number>(Set.prototype, 'size');
export const mapForEach = uncurry(Map.prototype.forEach) as (m: object, f: (v: unknown, k: unknown) => void) => void;
export const setForEach = uncurry(Set.prototype.forEach) as (m: object, f: (v: unknown) => void) => void;
export const mapSet = uncurry(Map.prototype.set);
export const setAdd = uncurry(Set.prototype.add);
export const NativeMap: MapConstructor = Map;
export const NativeSet: SetConstructor = Set;
export const NativeRegExp: RegExpConstructor = RegExp;
export const regexpSource = getter<object, string>(RegExp.prototype, 'source');
export const regexpFlags = getter<object, string>(RegExp.prototype, 'flags');
export const isError = (Error as unknown as { isError?: (e: unknown) => boolean }).isError;
export const IteratorPrototype = getPrototypeOf(getPrototypeOf([][Symbol.iterator]())) as object;
/** Of an async generator's object: its own prototype, that of all of them, and this. */
export const AsyncIteratorPrototype = getPrototypeOf(
  getPrototypeOf(getPrototypeOf((async function* () {})()) as object) as object,
) as object;

export const transferBuffer = uncurry(ArrayBuffer.prototype.transfer) as (buffer: ArrayBuffer) => ArrayBuffer;
export const isDetached = getter<ArrayBuffer, boolean>(ArrayBuffer.prototype, 'detached');
export const nativeErrors = freeze({ Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError });

/** Copies the methods of `parent` onto `child`'s own prototype and cuts and freezes that: lookups end in our hands. */
const seal = <T extends abstract new (...args: never[]) => object>(child: T, parent: object): T => {
  const names = reflectOwnKeys(parent);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as PropertyKey;
    if (hasOwn(child.prototype, name)) continue;
    defineProperty(child.prototype, name, getOwnPropertyDescriptor(parent, name) as PropertyDescriptor);
  }
  setPrototypeOf(child.prototype, null);
  freeze(child.prototype);
  freeze(child);
  return child;
};

/** A Map whose methods the guest cannot replace. Do not iterate it with `for…of`; use `forEach`. */
export class SafeMap<K, V> extends Map<K, V> {}
seal(SafeMap, Map.prototype);
export class SafeSet<V> extends Set<V> {}
seal(SafeSet, Set.prototype);
export class SafeWeakMap<K extends WeakKey, V> extends WeakMap<K, V> {}
seal(SafeWeakMap, WeakMap.prototype);
/** An array whose methods and index stores the guest cannot intercept. Walk it by index. */
export class List<T> extends Array<T> {}
seal(List, Array.prototype);

/** The typed arrays that are there, by name. */
export const nativeViews: SafeMap<string, new (...args: never[]) => object> = new SafeMap();
for (const each of [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]) {
  nativeViews.set(each.name, each as never);
}
/** `valueOf` of the wrappers of primitives; each throws for what is none. */
export const unboxers: List<(value: object) => unknown> = new List();
for (const each of [Boolean, Number, String, BigInt]) unboxers.push(uncurry(each.prototype.valueOf as never) as never);

/** `JSON.stringify` of one string: consults no prototype. */
export const quote = (text: string): string => nativeStringify(text);

/** True for objects and functions. */
export const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

/** `value[name]` when it is an own property; poisoned `Object.prototype` cannot add one. */
export const own = (value: object, name: string): unknown =>
  hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
