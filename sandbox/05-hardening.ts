/**
 * Takes away what no limit holds: memory outside the heap limit, shared memory, finalizers that would run outside turns.
 * `eval` stays: it gives a guest nothing it has not got. Globals go at boot, not before: V8 puts some back per context,
 * and a snapshot that lacks others aborts the process.
 */
import {
  defineProperty,
  List,
  NativeArrayBuffer,
  NativeFinalizationRegistry,
  NativeTypeError,
  reflectConstruct,
  SafeWeakMap,
} from './00-primordials.ts';
import { expose } from './04-globals.ts';

const REMOVED = ['SharedArrayBuffer', 'Atomics', 'Float16Array'] as const;

export const removeGlobals = (): void => {
  for (let i = 0; i < REMOVED.length; i++) delete (globalThis as Record<string, unknown>)[REMOVED[i] as string];
};

let wasm: Record<string, unknown> | undefined;
/** At boot: the namespace is no global any more. */
export const takeWasm = (): void => {
  wasm = (globalThis as Record<string, unknown>)['WebAssembly'] as Record<string, unknown> | undefined;
  delete (globalThis as Record<string, unknown>)['WebAssembly'];
};
export const takenWasm = (): Record<string, unknown> | undefined => wasm;

/** `ArrayBuffer` without `maxByteLength`: resizable buffers are not counted against the memory limit. */
const SafeArrayBuffer = function (this: unknown, length?: unknown): ArrayBuffer {
  const target = new.target as unknown;
  if (target === undefined) throw new NativeTypeError("Constructor ArrayBuffer requires 'new'");
  return reflectConstruct(
    NativeArrayBuffer,
    [length],
    (target === SafeArrayBuffer ? NativeArrayBuffer : target) as typeof NativeArrayBuffer,
  ) as ArrayBuffer;
};

const wrapArrayBuffer = (): void => {
  const names = ['isView'];
  defineProperty(SafeArrayBuffer, 'prototype', { value: NativeArrayBuffer.prototype, writable: false });
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    defineProperty(
      SafeArrayBuffer,
      name,
      Object.getOwnPropertyDescriptor(NativeArrayBuffer, name) as PropertyDescriptor,
    );
  }
  defineProperty(
    SafeArrayBuffer,
    Symbol.species,
    Object.getOwnPropertyDescriptor(NativeArrayBuffer, Symbol.species) as PropertyDescriptor,
  );
  defineProperty(SafeArrayBuffer, 'length', { value: 1, configurable: true });
  defineProperty(NativeArrayBuffer.prototype, 'constructor', {
    value: SafeArrayBuffer,
    writable: true,
    configurable: true,
  });
  expose('ArrayBuffer', SafeArrayBuffer);
};

type Cleanup = (held: unknown) => void;
const queue = new List<Cleanup | unknown>();

/** Callbacks of a FinalizationRegistry run after a GC, outside any turn: the native one only queues (§1.6b). */
const wrapFinalizationRegistry = (): void => {
  const callbacks = new SafeWeakMap<object, Cleanup>();
  const Wrapped = function (this: unknown, cleanup: unknown): object {
    const target = new.target as unknown;
    if (target === undefined) throw new NativeTypeError("Constructor FinalizationRegistry requires 'new'");
    if (typeof cleanup !== 'function') throw new NativeTypeError('FinalizationRegistry: cleanup must be callable');
    const late = (held: unknown): void => {
      if (queue.length > 200_000) return;
      queue.push(cleanup, held);
    };
    const registry = reflectConstruct(
      NativeFinalizationRegistry,
      [late],
      (target === Wrapped ? NativeFinalizationRegistry : target) as typeof NativeFinalizationRegistry,
    ) as object;
    callbacks.set(registry, cleanup as Cleanup);
    return registry;
  };
  defineProperty(Wrapped, 'prototype', { value: NativeFinalizationRegistry.prototype, writable: false });
  defineProperty(NativeFinalizationRegistry.prototype, 'constructor', {
    value: Wrapped,
    writable: true,
    configurable: true,
  });
  expose('FinalizationRegistry', Wrapped);
};

/** Runs queued finalizers, called at the start of a turn. Each error goes to `report`. */
export const runFinalizers = (report: (error: unknown) => void): void => {
  const count = queue.length;
  if (count === 0) return;
  const due = new List<unknown>();
  for (let i = 0; i < count; i++) due.push(queue[i]);
  queue.length = 0;
  for (let i = 0; i < count; i += 2) {
    try {
      (due[i] as Cleanup)(due[i + 1]);
    } catch (error) {
      report(error);
    }
  }
};

wrapArrayBuffer();
wrapFinalizationRegistry();
