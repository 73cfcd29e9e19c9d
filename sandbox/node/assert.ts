/** node:assert, loose and strict. */
import { inspect } from 'node-inspect-extracted';
import { AssertionError } from './assert/error.ts';
import { coded, invalidArgType, invalidArgValue, missingArgs } from './errors.ts';
import { type Mode, deepEqual as same } from './util/equality.ts';

type Message = string | Error | undefined;
type Expected = object | RegExp | ((...args: never[]) => unknown) | undefined;
type Check = (...args: unknown[]) => unknown;

export { AssertionError };

const raise = (message: Message, actual: unknown, expected: unknown, operator: string, from: Check): never => {
  if (message instanceof Error) throw message;
  throw new AssertionError({ message, actual, expected, operator, stackStartFn: from as never });
};

const truthy = (from: Check, args: readonly unknown[]): void => {
  if (args.length > 0 && args[0]) return;
  const [value, message] = args;
  if (message instanceof Error) throw message;
  const text =
    args.length === 0
      ? 'No value argument passed to `assert.ok()`'
      : ((message as string | undefined) ?? 'The expression evaluated to a falsy value:\n\n  assert(value)\n');
  const error = new AssertionError({
    message: text,
    actual: value,
    expected: true,
    operator: '==',
    stackStartFn: from as never,
  });
  throw Object.assign(error, { generatedMessage: message === undefined });
};
export const ok = (...args: unknown[]): void => truthy(ok, args);

export const fail = (message?: Message): never => {
  if (message instanceof Error) throw message;
  const error = new AssertionError({ message: message ?? 'Failed', operator: 'fail', stackStartFn: fail as never });
  throw Object.assign(error, { generatedMessage: message === undefined });
};

/** A comparison that takes two values and a message. */
const comparison = (
  operator: string,
  holds: (a: unknown, b: unknown) => boolean,
): ((a: unknown, b: unknown, message?: Message) => void) => {
  const compare = (...args: unknown[]): void => {
    if (args.length < 2) throw missingArgs('actual', 'expected');
    const [actual, expected, message] = args;
    if (!holds(actual, expected)) raise(message as Message, actual, expected, operator, compare);
  };
  return Object.defineProperty(compare, 'name', { value: operator }) as never;
};
// biome-ignore lint/suspicious/noDoubleEquals: what loose means
const loosely = (a: unknown, b: unknown): boolean => a == b || (Number.isNaN(a) && Number.isNaN(b));
const deeply =
  (mode: Mode, wanted = true) =>
  (a: unknown, b: unknown): boolean =>
    same(a, b, mode) === wanted;

export const equal = comparison('==', loosely);
export const notEqual = comparison('!=', (a, b) => !loosely(a, b));
export const strictEqual = comparison('strictEqual', Object.is);
export const notStrictEqual = comparison('notStrictEqual', (a, b) => !Object.is(a, b));
export const deepEqual = comparison('deepEqual', deeply('loose'));
export const notDeepEqual = comparison('notDeepEqual', deeply('loose', false));
export const deepStrictEqual = comparison('deepStrictEqual', deeply('strict'));
export const notDeepStrictEqual = comparison('notDeepStrictEqual', deeply('strict', false));
export const partialDeepStrictEqual = comparison('partialDeepStrictEqual', deeply('partial'));

/** Whether `thrown` is what `expected` describes; throws where it is not. */
const fits = (thrown: unknown, expected: Expected, message: Message, from: Check): void => {
  if (expected === undefined) return;
  if (expected instanceof RegExp) {
    if (expected.test(String(thrown))) return;
    raise(
      message ??
        `The input did not match the regular expression ${inspect(expected)}. Input:\n\n${inspect(String(thrown))}\n`,
      thrown,
      expected,
      from.name,
      from,
    );
  }
  if (typeof expected !== 'function') {
    if (typeof thrown !== 'object' || thrown === null) raise(message, thrown, expected, from.name, from);
    const keys = Object.keys(expected);
    if (expected instanceof Error) keys.push('name', 'message');
    else if (keys.length === 0) throw invalidArgValue('error', expected, 'may not be an empty object');
    for (const key of keys) {
      const [has, wants] = [(thrown as Record<string, unknown>)[key], (expected as Record<string, unknown>)[key]];
      const matched =
        typeof has === 'string' && wants instanceof RegExp
          ? wants.test(has)
          : key in (thrown as object) && same(has, wants, 'strict');
      if (!matched) {
        const pick = (value: object): object =>
          Object.fromEntries(keys.filter((one) => one in value).map((one) => [one, (value as never)[one]]));
        raise(
          message,
          pick(thrown as object),
          expected instanceof Error ? pick(expected) : expected,
          'deepStrictEqual',
          from,
        );
      }
    }
    return;
  }
  if (expected.prototype !== undefined && thrown instanceof (expected as never)) return;
  if (Object.prototype.isPrototypeOf.call(Error, expected)) {
    raise(
      message ?? `The error is expected to be an instance of "${expected.name}". Received ${inspect(thrown)}`,
      thrown,
      expected,
      from.name,
      from,
    );
  }
  if (Reflect.apply(expected, {}, [thrown]) === true) return;
  const name = expected.name === '' ? '' : `"${expected.name}" `;
  raise(
    message ?? `The ${name}validation function is expected to return "true". Received ${inspect(false)}`,
    thrown,
    expected,
    from.name,
    from,
  );
};

const split = (args: readonly unknown[]): [Expected, Message] => {
  const [expected, message] = args;
  return typeof expected === 'string' ? [undefined, expected] : [expected as Expected, message as Message];
};
const NONE = Symbol('nothing thrown');
const settle = (thrown: unknown, args: readonly unknown[], from: Check): void => {
  const [expected, message] = split(args);
  if (thrown === NONE) {
    const kind = from.name === 'rejects' ? 'rejection' : 'exception';
    const name = (expected as { name?: unknown } | undefined)?.name;
    const detail = `${typeof name === 'string' && name !== '' ? ` (${name})` : ''}${typeof message === 'string' ? `: ${message}` : '.'}`;
    raise(
      message instanceof Error ? message : `Missing expected ${kind}${detail}`,
      undefined,
      expected,
      from.name,
      from,
    );
  }
  fits(thrown, expected, message, from);
};
const refuse = (thrown: unknown, args: readonly unknown[], from: Check): void => {
  if (thrown === NONE) return;
  const [expected, message] = split(args);
  if (typeof expected === 'function' && !(thrown instanceof (expected as never))) throw thrown;
  const kind = from.name === 'doesNotReject' ? 'rejection' : 'exception';
  const text = (thrown as { message?: unknown } | null)?.message;
  raise(
    `Got unwanted ${kind}${message === undefined ? '.' : `: ${message}`}\nActual message: "${String(text)}"`,
    thrown,
    expected,
    from.name,
    from,
  );
};
const caught = (run: unknown): unknown => {
  if (typeof run !== 'function') throw invalidArgType('fn', 'function', run);
  try {
    run();
    return NONE;
  } catch (error) {
    return error;
  }
};
const rejected = async (run: unknown): Promise<unknown> => {
  let promise = run;
  if (typeof run === 'function') {
    promise = run();
    if (typeof (promise as { then?: unknown } | null)?.then !== 'function') {
      throw coded(
        TypeError,
        'ERR_INVALID_RETURN_VALUE',
        'Expected instance of Promise to be returned from the "promiseFn" function but got another value.',
      );
    }
  } else if (typeof (run as { then?: unknown } | null)?.then !== 'function') {
    throw invalidArgType('promiseFn', ['Function', 'Promise'], run);
  }
  try {
    await promise;
    return NONE;
  } catch (error) {
    return error;
  }
};
export const throws = (run: unknown, ...args: unknown[]): void => settle(caught(run), args, throws as Check);
export const doesNotThrow = (run: unknown, ...args: unknown[]): void =>
  refuse(caught(run), args, doesNotThrow as Check);
export const rejects = async (run: unknown, ...args: unknown[]): Promise<void> =>
  settle(await rejected(run), args, rejects as Check);
export const doesNotReject = async (run: unknown, ...args: unknown[]): Promise<void> =>
  refuse(await rejected(run), args, doesNotReject as Check);

export const ifError = (value: unknown): void => {
  if (value === null || value === undefined) return;
  const text = (value as { message?: unknown }).message;
  throw new AssertionError({
    message: `ifError got unwanted exception: ${typeof text === 'string' ? text : inspect(value)}`,
    actual: value,
    expected: null,
    operator: 'ifError',
    stackStartFn: ifError as never,
  });
};

const matching = (name: 'match' | 'doesNotMatch', wanted: boolean) => {
  const check = (text: unknown, pattern: RegExp, message?: Message): void => {
    if (!(pattern instanceof RegExp)) throw invalidArgType('regexp', 'RegExp', pattern);
    if (typeof text === 'string' && pattern.test(text) === wanted) return;
    const what =
      typeof text !== 'string'
        ? `The "string" argument must be of type string. Received type ${typeof text} (${inspect(text)})`
        : `The input ${wanted ? 'did not match' : 'was expected to not match'} the regular expression ${inspect(pattern)}. Input:\n\n${inspect(text)}\n`;
    raise(message ?? what, text, pattern, name, check as Check);
  };
  return check;
};
export const match = matching('match', true);
export const doesNotMatch = matching('doesNotMatch', false);

const loose = {
  ...{
    AssertionError,
    deepEqual,
    deepStrictEqual,
    doesNotMatch,
    doesNotReject,
    doesNotThrow,
    equal,
    fail,
    ifError,
    match,
  },
  ...{
    notDeepEqual,
    notDeepStrictEqual,
    notEqual,
    notStrictEqual,
    ok,
    partialDeepStrictEqual,
    rejects,
    strictEqual,
    throws,
  },
};
type Callable = ((...args: unknown[]) => void) & typeof loose & { strict: Callable; Assert: unknown };

export const strict: Callable = Object.assign((...args: unknown[]) => truthy(strict, args), loose, {
  deepEqual: deepStrictEqual,
  equal: strictEqual,
  notDeepEqual: notDeepStrictEqual,
  notEqual: notStrictEqual,
}) as Callable;
const assert: Callable = Object.assign((...args: unknown[]) => truthy(assert, args), loose, { strict }) as Callable;
/** Assertions with settings of their own; the settings change messages only. */
class Assertions {
  constructor() {
    Object.assign(this, strict);
  }
}
strict.strict = strict;
assert.Assert = strict.Assert = Assertions;

export { Assertions as Assert };
export default assert;
