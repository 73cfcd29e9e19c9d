/**
 * Globals that few functions touch are built on first touch: 400 classes made eagerly cost an isolate 1.2 MB and 3 ms, a
 * function that never ran only its text. Until then the name is an accessor; afterwards the plain property `expose` makes.
 * `build` may run when the guest has long been at work, so it keeps to the rules of the border like any other code here.
 */
import { defineProperty, getOwnPropertyDescriptor, NativeError, own, SafeMap, slice } from './00-primordials.ts';
import { expose } from './04-globals.ts';
import { asNative, hideClass } from './06-guards.ts';
import { host } from './10-box.ts';

/** `build` on its first call, its result ever after. */
export const once = <T>(build: () => T): (() => T) => {
  let made = false;
  let value: T;
  return () => {
    if (!made) {
      value = build();
      made = true;
    }
    return value;
  };
};

const assign = (name: string, value: unknown): void => {
  defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
};
/** An accessor in place of the global `name`, until it is assigned to; its getter. */
export const lazily = (name: string, make: () => unknown): (() => unknown) => {
  const { get, set } = { get: () => make(), set: (value: unknown) => assign(name, value) };
  asNative(get, `get ${name}`);
  asNative(set, `set ${name}`);
  defineProperty(globalThis, name, { get, set, configurable: true, enumerable: false });
  return get;
};

/**
 * Exposes `names`, all of which `build` returns; gives the prelude the way to them that it shares with the guest. `start`
 * and `end` say `"x>"` and `"<x"`: between them, the bundler cuts `build` out and leaves the number of a late part, which comes
 * from the host when it is needed (src/engine/prelude.ts).
 */
export const rare = <T extends object>(
  start: `${string}>`,
  names: readonly (keyof T & string)[],
  build: () => T,
  end: `<${string}`,
): (() => T) => {
  const group = once(() => {
    const built =
      `<${slice(start, 0, -1)}` === end ? build() : evaluate(build as unknown as Evaluate, +slice(end, 1))();
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as keyof T & string;
      // The guest may have put something of its own there meanwhile.
      if (getOwnPropertyDescriptor(globalThis, name)?.get === getters.get(name)) expose(name, built[name]);
      hideClass(built[name] as object);
    }
    return built as T;
  });
  const getters = new SafeMap<string, unknown>();
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as keyof T & string;
    getters.set(
      name,
      lazily(name, () => group()[name]),
    );
  }
  return group;
};

type Evaluate = (source: string) => () => Record<string, unknown>;
// biome-ignore lint/security/noGlobalEval: evaluates our own text in our own scope
const nativeEval = eval;

/** A direct `eval` is one only while the global of that name is V8's own. */
const evaluate = (within: Evaluate, part: number): (() => Record<string, unknown>) => {
  const source = host().late(part);
  if (source === null) throw new NativeError(`the runtime has no part ${part}`);
  const found = getOwnPropertyDescriptor(globalThis, 'eval');
  const replaced = found === undefined || own(found, 'value') !== nativeEval;
  if (replaced) defineProperty(globalThis, 'eval', { value: nativeEval, configurable: true });
  try {
    return within(source);
  } finally {
    if (found === undefined) delete (globalThis as { eval?: unknown }).eval;
    else if (replaced) defineProperty(globalThis, 'eval', found);
  }
};
