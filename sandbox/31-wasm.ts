/**
 * WebAssembly, where the function may have it. Its memories lie outside the isolate's memory limit, so they get a limit
 * of their own of the same size: a page budget that memories take from when they are made, and a maximum written into
 * every module, imported or its own. Nothing is given back: an isolate that uses its budget up has had it.
 * The namespace is taken away at boot (05-hardening.ts) and comes back only when the facts of the function say so.
 */
import {
  defineProperty,
  getOwnPropertyDescriptor,
  isInteger,
  isObject,
  mathMax,
  mathMin,
  NativeRangeError,
  NativeTypeError,
  objectKeys,
  own,
  reflectConstruct,
  reflectOwnKeys,
  SafeWeakMap,
  toNum,
  typedSet,
  U8,
  viewByteLength,
} from './00-primordials.ts';
import { dress } from './06-guards.ts';
import { copyBytes } from './10-box.ts';
import { bytesOf } from './30-encoding.ts';

// late:

type Constructor = abstract new (...args: never[]) => object;
type Namespace = Record<string, unknown>;

const PAGES_PER_MIB = 16;
/** Elements of one table; a table lies outside the limit too. */
const TABLE = 100_000;
let left = 0;
/** Pages that each instance of a module takes. */
const pagesOf = new SafeWeakMap<object, number>();

const take = (pages: number): void => {
  if (pages > left)
    throw new NativeRangeError(`WebAssembly: ${pages} pages of memory, ${left} are left of limits.memoryMiB`);
  left -= pages;
};

/** A cursor over a module; what is malformed ends in V8's own CompileError later. */
const varint = (bytes: Uint8Array, at: number): { value: number; next: number } => {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at + i] as number;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, next: at + i + 1 };
  }
  throw new NativeRangeError('WebAssembly: the module is malformed');
};

const writeVarint = (into: Uint8Array, at: number, value: number): number => {
  let rest = value;
  let end = at;
  do {
    const low = rest % 128;
    rest = (rest - low) / 128;
    into[end++] = rest > 0 ? low + 128 : low;
  } while (rest > 0);
  return end;
};

const MEMORIES = 5;
const TABLES = 4;

/** The module with a maximum for its own memory, and the pages an instance takes. */
const tame = (source: unknown): { bytes: Uint8Array; pages: number } => {
  const given = bytesOf(source);
  if (given === null) throw new NativeTypeError('WebAssembly: the module must be an ArrayBuffer or a view of one');
  const bytes = copyBytes(given);
  const size = viewByteLength(bytes);
  for (let at = 8; at < size; ) {
    const id = bytes[at] as number;
    const { value, next } = varint(bytes, at + 1);
    if (id === TABLES) checkTables(bytes, next);
    if (id === MEMORIES) return withMaximum(bytes, { from: at, body: next, to: next + value });
    at = next + value;
  }
  return { bytes, pages: 0 };
};

const checkTables = (bytes: Uint8Array, body: number): void => {
  const tables = varint(bytes, body);
  let at = tables.next;
  for (let i = 0; i < tables.value; i++) {
    const flags = bytes[at + 1] as number;
    if (flags > 1) throw new NativeRangeError('WebAssembly: such tables are not supported here');
    const least = varint(bytes, at + 2);
    if (least.value > TABLE) throw new NativeRangeError(`WebAssembly: a table has at most ${TABLE} elements here`);
    at = flags === 1 ? varint(bytes, least.next).next : least.next;
  }
};

const withMaximum = (
  bytes: Uint8Array,
  section: { readonly from: number; readonly body: number; readonly to: number },
): { bytes: Uint8Array; pages: number } => {
  const memories = varint(bytes, section.body);
  if (memories.value === 0) return { bytes, pages: 0 };
  const flags = bytes[memories.next] as number;
  if (memories.value !== 1 || flags > 1) {
    throw new NativeRangeError('WebAssembly: shared, 64-bit and several memories are not supported here');
  }
  const least = varint(bytes, memories.next + 1);
  const most = flags === 1 ? varint(bytes, least.next).value : left;
  const pages = mathMin(most, left);
  if (least.value > pages) take(least.value);
  const size = viewByteLength(bytes);
  const made = new U8(size + 16);
  typedSet(made, new U8(bytes.buffer, 0, section.from));
  const body = new U8(16);
  body[0] = 1;
  body[1] = 1;
  const end = writeVarint(body, writeVarint(body, 2, least.value), pages);
  made[section.from] = MEMORIES;
  const at = writeVarint(made, section.from + 1, end);
  typedSet(made, new U8(body.buffer, 0, end), at);
  typedSet(made, new U8(bytes.buffer, section.to), at + end);
  return { bytes: copyBytes(new U8(made.buffer, 0, at + end + size - section.to)), pages };
};

/** `owner[name]` as a constructor of ours around the native one. */
const wrap = (owner: Namespace, name: string, before: (args: unknown[]) => ((made: object) => void) | null): void => {
  const native = owner[name] as Constructor;
  const Wrapped = function (this: unknown, ...args: unknown[]): object {
    const target = new.target as unknown;
    if (target === undefined) throw new NativeTypeError(`WebAssembly.${name} must be invoked with 'new'`);
    const after = before(args);
    const made = reflectConstruct(native as never, args, (target === Wrapped ? native : target) as never) as object;
    if (after !== null) after(made);
    return made;
  };
  dress(Wrapped, native as never);
  const { prototype } = native;
  const keys = reflectOwnKeys(native);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as PropertyKey;
    if (key === 'prototype' || key === 'name' || key === 'length') continue;
    defineProperty(Wrapped, key, getOwnPropertyDescriptor(native, key) as PropertyDescriptor);
  }
  defineProperty(Wrapped, 'prototype', { value: prototype, writable: false });
  defineProperty(prototype, 'constructor', { value: Wrapped, writable: true, configurable: true });
  defineProperty(owner, name, { value: Wrapped, writable: true, configurable: true });
};

const count = (value: unknown): number => {
  const found = toNum(value);
  // What is no number would compare with nothing, and end the budget.
  if (!isInteger(found) || found < 0) throw new NativeTypeError('WebAssembly: a size must be a whole number');
  return found;
};

const limitsOf = (given: unknown): { initial: number; maximum: number | undefined; element: unknown } => {
  if (!isObject(given)) throw new NativeTypeError('WebAssembly: the descriptor must be an object');
  const { initial, maximum, shared, address, element } = given as Record<string, unknown>;
  if (shared === true || (address !== undefined && address !== 'i32')) {
    throw new NativeRangeError('WebAssembly: shared and 64-bit memories are not supported here');
  }
  return { initial: count(initial), maximum: maximum === undefined ? undefined : count(maximum), element };
};

/** At load: this function may have it. */
export const allowWasm = (wasm: Namespace, memoryMiB: number): void => {
  left = memoryMiB * PAGES_PER_MIB;
  wrap(wasm, 'Memory', (args) => {
    const { initial, maximum } = limitsOf(args[0]);
    const most = mathMin(maximum ?? left, left);
    take(mathMax(initial, most));
    args[0] = { __proto__: null, initial, maximum: most };
    return null;
  });
  wrap(wasm, 'Table', (args) => {
    const { initial, maximum, element } = limitsOf(args[0]);
    if (!(initial <= TABLE)) throw new NativeRangeError(`WebAssembly: a table has at most ${TABLE} elements here`);
    args[0] = { __proto__: null, element, initial, maximum: mathMin(maximum ?? TABLE, TABLE) };
    return null;
  });
  wrap(wasm, 'Module', (args) => {
    const { bytes, pages } = tame(args[0]);
    args[0] = bytes;
    return (made) => pagesOf.set(made, pages);
  });
  const Module = wasm['Module'] as new (bytes: unknown) => object;
  wrap(wasm, 'Instance', (args) => {
    take(pagesOf.get(args[0] as object) ?? 0);
    return null;
  });
  const Instance = wasm['Instance'] as new (module: unknown, imports: unknown) => object;
  // Compiling in the background would go on outside turns.
  const later: Record<string, (...args: unknown[]) => Promise<unknown>> = {
    compile: async (bytes) => new Module(bytes),
    instantiate: async (given, imports) => {
      if (pagesOf.has(given as object)) return new Instance(given, imports);
      const module = new Module(given);
      return { module, instance: new Instance(module, imports) };
    },
  };
  const names = objectKeys(later);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = own(later, name) as (...args: unknown[]) => unknown;
    dress(value, wasm[name] as never);
    defineProperty(wasm, name, { value, writable: true, configurable: true });
  }
  delete wasm['compileStreaming'];
  delete wasm['instantiateStreaming'];
  defineProperty(globalThis, 'WebAssembly', { value: wasm, writable: true, configurable: true });
};
