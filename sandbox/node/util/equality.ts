/** Deep equality as node:assert and node:util know it: loose, strict, and partial (`expected` need not name everything). */
import {
  isAnyArrayBuffer,
  isArgumentsObject,
  isBoxedPrimitive,
  isDate,
  isMap,
  isNativeError,
  isRegExp,
  isSet,
  isTypedArray,
} from './types.ts';

export type Mode = 'loose' | 'strict' | 'partial';

interface Pass {
  readonly mode: Mode;
  /** Pairs being compared further up: a cycle is equal where the other side has it too. */
  readonly left: unknown[];
  readonly right: unknown[];
}

export const deepEqual = (a: unknown, b: unknown, mode: Mode): boolean => same(a, b, { mode, left: [], right: [] });

const same = (a: unknown, b: unknown, pass: Pass): boolean => {
  if (a === b) return a !== 0 || pass.mode === 'loose' || Object.is(a, b);
  const objects = typeof a === 'object' && a !== null && typeof b === 'object' && b !== null;
  if (pass.mode === 'loose') {
    if (!objects) {
      if ((a !== null && typeof a === 'object') || (b !== null && typeof b === 'object')) return false;
      // biome-ignore lint/suspicious/noDoubleEquals: what loose means
      return a == b || (Number.isNaN(a) && Number.isNaN(b));
    }
  } else {
    if (!objects) return Number.isNaN(a) && Number.isNaN(b);
    if (pass.mode === 'strict' && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  }
  return sameObjects(a as object, b as object, pass);
};

const TAG = (value: object): string => Object.prototype.toString.call(value);

const sameObjects = (a: object, b: object, pass: Pass): boolean => {
  if (TAG(a) !== TAG(b)) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (isArgumentsObject(a) !== isArgumentsObject(b)) return false;
  if (isDate(a)) {
    if (!isDate(b)) return false;
    const [one, other] = [(a as Date).getTime(), (b as Date).getTime()];
    if (one !== other && !(Number.isNaN(one) && Number.isNaN(other))) return false;
  } else if (isRegExp(a)) {
    if (!isRegExp(b) || String(a) !== String(b) || (a as RegExp).lastIndex !== (b as RegExp).lastIndex) return false;
  } else if (isNativeError(a) || a instanceof Error) {
    if (!isNativeError(b) && !(b instanceof Error)) return false;
    if (!sameErrors(a as Error, b as Error, pass)) return false;
  } else if (isTypedArray(a) || isAnyArrayBuffer(a) || ArrayBuffer.isView(a)) {
    if (!sameBytes(a, b, pass)) return false;
  } else if (isBoxedPrimitive(a)) {
    if (!isBoxedPrimitive(b) || !Object.is(a.valueOf(), b.valueOf())) return false;
  } else if (isMap(a) !== isMap(b) || isSet(a) !== isSet(b)) return false;
  else if (a instanceof URL && (!(b instanceof URL) || a.href !== b.href)) return false;
  else if (a instanceof Promise || a instanceof WeakMap || a instanceof WeakSet) return false;
  const at = pass.left.indexOf(a);
  if (at >= 0) return pass.right[at] === b;
  pass.left.push(a);
  pass.right.push(b);
  try {
    return sameKeys(a, b, pass) && sameItems(a, b, pass);
  } finally {
    pass.left.pop();
    pass.right.pop();
  }
};

const sameErrors = (a: Error, b: Error, pass: Pass): boolean => {
  if (a.message !== b.message || a.name !== b.name) return false;
  for (const key of ['cause', 'errors'] as const) {
    const has = Object.hasOwn(b, key);
    if (pass.mode !== 'partial' && Object.hasOwn(a, key) !== has) return false;
    if (has && !same((a as never)[key], (b as never)[key], pass)) return false;
  }
  return true;
};

const viewOf = (value: object): Uint8Array =>
  ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value as ArrayBuffer);
const sameBytes = (a: object, b: object, pass: Pass): boolean => {
  const floats = /Float/.test(TAG(a));
  if (floats && pass.mode === 'loose') {
    const [one, other] = [a as Float64Array, b as Float64Array];
    return (
      one.length === other.length &&
      one.every((value, index) => value === other[index] || (Number.isNaN(value) && Number.isNaN(other[index])))
    );
  }
  const [one, other] = [viewOf(a), viewOf(b)];
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
};

/** Enumerable keys; for views of bytes none of the indexes, which were compared already. */
const keysOf = (value: object, mode: Mode): PropertyKey[] => {
  const names = isTypedArray(value) ? Object.keys(value).slice((value as Uint8Array).length) : Object.keys(value);
  if (mode === 'loose') return names;
  const symbols = Object.getOwnPropertySymbols(value).filter((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key),
  );
  return [...names, ...symbols];
};

const sameKeys = (a: object, b: object, pass: Pass): boolean => {
  const keys = keysOf(b, pass.mode);
  if (pass.mode === 'partial') {
    if (Array.isArray(b)) return partialList(a as unknown[], b, pass);
  } else if (keysOf(a, pass.mode).length !== keys.length) return false;
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return false;
  return keys.every(
    (key) =>
      Object.prototype.propertyIsEnumerable.call(a, key) &&
      same((a as Record<PropertyKey, unknown>)[key], (b as Record<PropertyKey, unknown>)[key], pass),
  );
};

/** Each expected item is found, in order. */
const partialList = (actual: readonly unknown[], expected: readonly unknown[], pass: Pass): boolean => {
  let at = 0;
  for (const item of expected) {
    while (at < actual.length && !same(actual[at], item, pass)) at++;
    if (at++ >= actual.length) return false;
  }
  return true;
};

const sameItems = (a: object, b: object, pass: Pass): boolean => {
  if (isSet(b)) return sameSets(a as Set<unknown>, b as Set<unknown>, pass);
  return isMap(b) ? sameMaps(a as Map<unknown, unknown>, b as Map<unknown, unknown>, pass) : true;
};

const sameSets = (a: Set<unknown>, b: Set<unknown>, pass: Pass): boolean => {
  if (pass.mode === 'partial' ? a.size < b.size : a.size !== b.size) return false;
  const left = [...a].filter((value) => !b.has(value));
  for (const value of b) {
    if (a.has(value)) continue;
    const at = left.findIndex((one) => same(one, value, pass));
    if (at < 0) return false;
    left.splice(at, 1);
  }
  return true;
};

const sameMaps = (a: Map<unknown, unknown>, b: Map<unknown, unknown>, pass: Pass): boolean => {
  if (pass.mode === 'partial' ? a.size < b.size : a.size !== b.size) return false;
  const left = [...a].filter(([key]) => !b.has(key));
  for (const [key, value] of b) {
    if (a.has(key)) {
      if (!same(a.get(key), value, pass)) return false;
      continue;
    }
    const at = left.findIndex(([one, its]) => same(one, key, pass) && same(its, value, pass));
    if (at < 0) return false;
    left.splice(at, 1);
  }
  return true;
};
