/**
 * Globals that few functions touch are built on first touch: 400 classes made eagerly cost an isolate 1.2 MB and 3 ms, a
 * function that never ran only its text. Until then the name is an accessor; afterwards the plain property `expose` makes.
 * `build` may run when the guest has long been at work, so it keeps to the rules of the border like any other code here.
 */
import { defineProperty, getOwnPropertyDescriptor, SafeMap } from './00-primordials.ts';
import { expose } from './04-globals.ts';
import { hideClass } from './06-guards.ts';

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

/** Exposes `names`, all of which `build` returns; gives the prelude the way to them that it shares with the guest. */
export const rare = <T extends object>(names: readonly (keyof T & string)[], build: () => T): (() => T) => {
  const group = once(() => {
    const built = build();
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as keyof T & string;
      // The guest may have put something of its own there meanwhile.
      if (getOwnPropertyDescriptor(globalThis, name)?.get === getters.get(name)) expose(name, built[name]);
      hideClass(built[name] as object);
    }
    return built;
  });
  const getters = new SafeMap<string, unknown>();
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as keyof T & string;
    const { get, set } = {
      get: () => group()[name],
      set: (value: unknown) =>
        defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false }),
    };
    getters.set(name, get);
    defineProperty(globalThis, name, { get, set, configurable: true, enumerable: false });
  }
  return group;
};
