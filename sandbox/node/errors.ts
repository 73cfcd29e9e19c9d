/** Node's errors: same codes, names and sentences, because packages compare them. */
import { host } from 'isolane:host';

type Base = new (message?: string, options?: ErrorOptions) => Error;

/** An error with a `code` and, as in Node, that code in its stack. */
export const coded = (Kind: Base, code: string, message: string, more: object = {}): Error => {
  const error = new Kind(message);
  const { stack, name } = error;
  Object.assign(error, { code }, more);
  if (typeof stack === 'string' && stack.startsWith(name)) {
    Object.defineProperty(error, 'stack', {
      value: `${name} [${code}]${stack.slice(name.length)}`,
      writable: true,
      configurable: true,
    });
  }
  return error;
};

const KINDS: ReadonlySet<string> = new Set([
  'string',
  'function',
  'number',
  'object',
  'Function',
  'Object',
  'boolean',
  'bigint',
  'symbol',
]);

const list = (words: readonly string[], last = 'or'): string => {
  if (words.length < 2) return words[0] ?? '';
  if (words.length === 2) return `${words[0]} ${last} ${words[1]}`;
  return `${words.slice(0, -1).join(', ')}, ${last} ${words.at(-1)}`;
};

/** A string as source would write it. */
const quoted = (text: string): string => host.inspect([text]).replace(/^\[\s*|\s*\]$/g, '');

/** `an instance of Foo`, `type number (5)`. */
export const received = (value: unknown): string => {
  if (value === null || value === undefined) return `${value}`;
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') {
    const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
    return typeof name === 'string' && name !== '' ? `an instance of ${name}` : host.inspect(value);
  }
  if (typeof value === 'string') {
    return `type string (${quoted(value.length > 28 ? `${value.slice(0, 25)}...` : value)})`;
  }
  const text = typeof value === 'bigint' ? `${value}n` : String(value);
  return `type ${typeof value} (${text})`;
};

export const invalidArgType = (name: string, expected: string | readonly string[], actual: unknown): Error => {
  const wanted = typeof expected === 'string' ? [expected] : expected;
  const kinds = wanted.filter((one) => KINDS.has(one)).map((one) => one.toLowerCase());
  const classes = wanted.filter((one) => !KINDS.has(one) && /^([A-Z][a-z0-9]*)+$/.test(one));
  const others = wanted.filter((one) => !KINDS.has(one) && !/^([A-Z][a-z0-9]*)+$/.test(one));
  const parts: string[] = [];
  if (kinds.length > 0) parts.push(`${kinds.length > 1 ? 'one of type' : 'of type'} ${list(kinds)}`);
  if (classes.length > 0) parts.push(`an instance of ${list(classes)}`);
  if (others.length > 0) parts.push(others.length > 1 ? `one of ${list(others)}` : (others[0] as string));
  const subject = name.endsWith(' argument')
    ? `The ${name}`
    : `The "${name}" ${name.includes('.') ? 'property' : 'argument'}`;
  return coded(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `${subject} must be ${parts.join(' or ')}. Received ${received(actual)}`,
  );
};

export const invalidArgValue = (name: string, value: unknown, reason = 'is invalid'): Error => {
  let text = typeof value === 'string' ? quoted(value) : host.inspect(value);
  if (text.length > 128) text = `${text.slice(0, 128)}...`;
  const kind = name.includes('.') ? 'property' : 'argument';
  return coded(TypeError, 'ERR_INVALID_ARG_VALUE', `The ${kind} '${name}' ${reason}. Received ${text}`);
};

const separated = (text: string): string => {
  const sign = text.startsWith('-') ? '-' : '';
  return sign + text.slice(sign.length).replace(/\B(?=(\d{3})+$)/g, '_');
};

export const outOfRange = (name: string, range: string, value: unknown): Error => {
  let text: string;
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) > 2 ** 32)
    text = separated(String(value));
  else if (typeof value === 'bigint') {
    const big = value > 2n ** 32n || value < -(2n ** 32n);
    text = `${big ? separated(String(value)) : value}n`;
  } else text = typeof value === 'string' ? quoted(value) : host.inspect(value);
  return coded(
    RangeError,
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${text}`,
  );
};

export const missingArgs = (...names: string[]): Error => {
  const quoted = names.map((name) => `"${name}"`);
  const noun = names.length > 1 ? 'arguments' : 'argument';
  return coded(TypeError, 'ERR_MISSING_ARGS', `The ${list(quoted, 'and')} ${noun} must be specified`);
};

export class AbortError extends Error {
  code = 'ABORT_ERR';
  constructor(message = 'The operation was aborted', options?: ErrorOptions) {
    super(message, options);
    this.name = 'AbortError';
  }
}

export function checkString(value: unknown, name: string): asserts value is string {
  if (typeof value !== 'string') throw invalidArgType(name, 'string', value);
}
export function checkFunction(value: unknown, name: string): void {
  if (typeof value !== 'function') throw invalidArgType(name, 'function', value);
}
export function checkObject(value: unknown, name: string): asserts value is object {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw invalidArgType(name, 'Object', value);
}
export function checkInteger(
  value: unknown,
  name: string,
  least: number = Number.MIN_SAFE_INTEGER,
  most: number = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < least || value > most) throw outOfRange(name, `>= ${least} && <= ${most}`, value);
}
export function checkAbortSignal(value: unknown, name: string): void {
  if (value !== undefined && (value === null || typeof value !== 'object' || !('aborted' in value))) {
    throw invalidArgType(name, 'AbortSignal', value);
  }
}
