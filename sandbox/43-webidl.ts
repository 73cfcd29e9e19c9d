/** WebIDL conversions that the fetch classes share. Each throws a TypeError that says which member was wrong. */
import { exec, isObject, NativeTypeError, objectCreate, slice } from './00-primordials.ts';

export const arity = (given: number, least: number, what: string): void => {
  if (given >= least) return;
  throw new NativeTypeError(`${what}: ${least} argument${least === 1 ? '' : 's'} required, but only ${given} present`);
};

/** An enumeration value. */
export const choice = <T extends string>(value: unknown, choices: readonly T[], what: string): T => {
  const text = `${value as string}`;
  let known = '';
  for (let i = 0; i < choices.length; i++) {
    if (choices[i] === text) return text as T;
    known += `${i === 0 ? '' : ', '}${choices[i] as string}`;
  }
  throw new NativeTypeError(`${what}: '${slice(text, 0, 64)}' is not one of ${known}`);
};

/** A dictionary; what was left out is empty. Each of its members is to be read once. */
export const dictionary = (value: unknown, what: string): Readonly<Record<string, unknown>> => {
  if (value === undefined || value === null) return objectCreate(null) as Record<string, unknown>;
  if (!isObject(value)) throw new NativeTypeError(`${what}: the init must be an object`);
  return value as Record<string, unknown>;
};

export const callback = (value: unknown, what: string): ((...args: never[]) => unknown) => {
  if (typeof value !== 'function') throw new NativeTypeError(`${what}: the callback must be a function`);
  return value as () => unknown;
};

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** A token of HTTP: a header's name, a method. */
export const isToken = (text: string): boolean => exec(TOKEN, text) !== null;
