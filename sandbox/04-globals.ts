/**
 * How a name becomes a global: as browsers do it (classes and functions writable, configurable, not enumerable), with
 * `name`s set here because the bundle's own identifiers are minified. Adds nothing that is not listed by its caller.
 */
import {
  defineProperty,
  getOwnPropertyDescriptor,
  hasOwn,
  NativeTypeError,
  reflectApply,
  SafeMap,
  SYM_TAG,
} from './00-primordials.ts';

/** Globals that wait for their first touch (13-rare.ts), by name: the accessor that stands for each. */
export const waiting: SafeMap<string, () => unknown> = new SafeMap();
/** What such names turned out to be. */
export const arrived: SafeMap<string, unknown> = new SafeMap();

/** A global; one that was waited for takes its place only where the guest has not put something of its own meanwhile. */
export const place = (name: string, value: unknown, enumerable: boolean): void => {
  const accessor = waiting.get(name);
  if (accessor !== undefined) {
    waiting.delete(name);
    arrived.set(name, value);
    if (getOwnPropertyDescriptor(globalThis, name)?.get !== accessor) return;
  }
  defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable });
};

const setName = (value: object, name: string): void => {
  if (typeof value === 'function') defineProperty(value, 'name', { value: name, configurable: true });
};

/** A class or function as a non-enumerable global. */
export const expose = (name: string, value: unknown): void => {
  if (typeof value === 'function') {
    setName(value, name);
    const proto = (value as { prototype?: object }).prototype;
    if (proto !== undefined && hasOwn(proto, 'constructor') && !hasOwn(proto, SYM_TAG)) {
      defineProperty(proto, SYM_TAG, { value: name, configurable: true });
    }
  }
  place(name, value, false);
};

/** Plain functions: no prototype games, only a name. */
export const exposeFunction = (name: string, value: (...args: never[]) => unknown): void => {
  setName(value, name);
  place(name, value, true);
};

/** Makes the named members enumerable, as WebIDL has them. */
export const enumerable = (proto: object, names: readonly string[]): void => {
  for (let i = 0; i < names.length; i++) defineProperty(proto, names[i] as string, { enumerable: true });
};

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** What WebIDL counts: each method of `proto` refuses fewer arguments than it names, and says so in its `length`. */
export const arity = (proto: object, owner: string, least: Readonly<Record<string, number>>): void => {
  for (const name in least) {
    const count = least[name] as number;
    const method = getOwnPropertyDescriptor(proto, name)?.value as Method;
    const { checked } = {
      checked(this: unknown, ...args: unknown[]): unknown {
        if (args.length < count) {
          throw new NativeTypeError(`${owner}.${name}: ${count} argument${count > 1 ? 's' : ''} required`);
        }
        return reflectApply(method, this, args);
      },
    };
    setName(checked, name);
    lengthOf(checked, count);
    defineProperty(proto, name, { value: checked });
  }
};

/** `length` of a function or class whose own parameters say otherwise. */
export const lengthOf = (f: object, count: number): void => {
  defineProperty(f, 'length', { value: count, configurable: true });
};

/** Constants such as `DOMException.ABORT_ERR`. */
export const constant = (target: object, name: string, value: unknown): void => {
  defineProperty(target, name, { value, enumerable: true });
};
