/**
 * Globals that few functions touch are built on first touch: 400 classes made eagerly cost an isolate 1.2 MB and 3 ms, a
 * function that never ran only its text. Until then the name is an accessor; afterwards the plain property `expose` makes,
 * and nobody is shown another one.
 * `build` may run when the guest has long been at work, so it keeps to the rules of the border like any other code here.
 */
import {
  bindFunction,
  defineProperty,
  endsWith,
  getOwnPropertyDescriptor,
  hasOwn,
  indexOf,
  List,
  NativeError,
  objectCreate,
  own,
  reflectApply,
  slice,
} from './00-primordials.ts';
import { arrived, expose, place, waiting } from './04-globals.ts';
import { hideClass, put } from './06-guards.ts';
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

/** All getters are this one function, bound to a name and its maker: there are many, and each has to cost little. */
const reach = (name: string, make: () => unknown): unknown => {
  make();
  return arrived.get(name);
};

/** An accessor in place of the global `name`, until it is assigned to or `make` has put something there by `place`. */
export const lazily = (name: string, make: () => unknown, enumerable = false): void => {
  const get = bindFunction(reach, undefined, name, make) as () => unknown;
  const { set } = {
    /** As with any data property, what inherits from the global object gets a property of its own. */
    set(this: unknown, value: unknown): void {
      const isGlobal = this === undefined || this === globalThis;
      const shown = !isGlobal || getOwnPropertyDescriptor(globalThis, name)?.enumerable === true;
      const to = isGlobal ? globalThis : (this as object);
      defineProperty(to, name, { value, writable: true, configurable: true, enumerable: shown });
    },
  };
  waiting.set(name, get);
  // To define over what V8 builds on first touch would be to touch it: 170 KB for its Temporal.
  delete (globalThis as Record<string, unknown>)[name];
  defineProperty(globalThis, name, { get, set, configurable: true, enumerable });
};

/** Names joined by spaces; `f()` is an enumerable one. */
const eachName = (names: string, run: (name: string, enumerable: boolean) => void): void => {
  for (let at = 0; at < names.length; ) {
    let end = indexOf(names, ' ', at);
    if (end < 0) end = names.length;
    const name = slice(names, at, end);
    const enumerable = endsWith(name, '()');
    run(enumerable ? slice(name, 0, -2) : name, enumerable);
    at = end + 1;
  }
};

/** Asked what a global is, we tell what it will be. Without a name: all of them. */
const reveal = (name: unknown): void => {
  if (typeof name === 'string') return void waiting.get(name)?.();
  const names = new List<string>();
  waiting.forEach((_, each) => void names.push(each));
  for (let i = 0; i < names.length; i++) waiting.get(names[i] as string)?.();
};
type Ask = (...args: unknown[]) => unknown;
const showing = (owner: object, name: string): void => {
  const native = own(owner, name) as Ask;
  const { ask } = {
    ask(...args: unknown[]): unknown {
      if (args[0] === globalThis) reveal(args[1]);
      return reflectApply(native, undefined, args);
    },
  };
  put(owner, name, ask);
};
showing(Object, 'getOwnPropertyDescriptor');
showing(Object, 'getOwnPropertyDescriptors');
showing(Reflect, 'getOwnPropertyDescriptor');

/** The brand checks of late files, joined by spaces; put here by src/engine/prelude.ts. */
declare const BRANDS: string;
const NOBODY = objectCreate(null) as Record<string, () => boolean>;
{
  const no = (): boolean => false;
  eachName(BRANDS, (name) => {
    NOBODY[name] = no;
  });
}

/**
 * Exposes `names`, joined by spaces (`f()`: an enumerable one), gives the prelude the way to what `build` returns. `start` and `end` say `"x>"` and
 * `"<x"`: between them, the bundler cuts `build` out and leaves the number of a late part, which comes from the host when it is
 * needed (src/engine/prelude.ts). `brandsOnly`: who only asks whether a value is one of theirs builds nothing. Of a file that says `// late`, the bundler makes such a call.
 */
export const rare = <T extends object>(
  start: `${string}>`,
  names: string,
  build: () => T,
  end: `<${string}`,
): ((brandsOnly?: true) => T) => {
  let made: T | null = null;
  const group = (brandsOnly?: true): T => {
    if (made !== null) return made;
    if (brandsOnly === true) return NOBODY as T;
    const built =
      `<${slice(start, 0, -1)}` === end ? build() : evaluate(build as unknown as Evaluate, +slice(end, 1))();
    made = built as T;
    eachName(names, (name, enumerable) => {
      if (waiting.has(name) && hasOwn(built, name)) {
        if (enumerable) place(name, own(built, name), true);
        else expose(name, own(built, name));
      }
      hideClass(arrived.get(name) as object);
    });
    return made;
  };
  eachName(names, (name, enumerable) => lazily(name, group, enumerable));
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
