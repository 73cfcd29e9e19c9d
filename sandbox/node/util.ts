/** node:util. `inspect` and `format` are Node's own code, by the node-inspect-extracted package. */
import { host } from 'isolane:host';
import { format, formatWithOptions, inspect, stripVTControlCharacters } from 'node-inspect-extracted';
import { missing } from './absent.ts';
import { Buffer } from './buffer/buffer.ts';
import { checkAbortSignal, checkFunction, checkString, coded, invalidArgType, invalidArgValue } from './errors.ts';
import { env } from './process.ts';
import { deepEqual } from './util/equality.ts';
import { parseArgs } from './util/parse-args.ts';
import types, { isDate, isNativeError, isRegExp } from './util/types.ts';

type Fn = (...args: unknown[]) => unknown;
type Callback = (error: unknown, ...values: unknown[]) => void;
const CUSTOM: unique symbol = Symbol.for('nodejs.util.promisify.custom') as never;
const ARGS: unique symbol = Symbol('customPromisifyArgs') as never;

export { format, formatWithOptions, inspect, parseArgs, stripVTControlCharacters, types };
export const { TextDecoder, TextEncoder } = globalThis;

export const promisify: { (original: Fn & { [CUSTOM]?: Fn; [ARGS]?: string[] }): Fn; custom: typeof CUSTOM } =
  Object.assign(
    (original: Fn & { [CUSTOM]?: Fn; [ARGS]?: string[] }): Fn => {
      checkFunction(original, 'original');
      const own = original[CUSTOM];
      if (own !== undefined) {
        checkFunction(own, 'util.promisify.custom');
        return Object.defineProperty(own, CUSTOM, { value: own, configurable: true });
      }
      const names = original[ARGS];
      const promised = function (this: unknown, ...args: unknown[]): Promise<unknown> {
        return new Promise((resolve, reject) => {
          const done: Callback = (error, ...values) => {
            if (error) reject(error);
            else
              resolve(
                names === undefined ? values[0] : Object.fromEntries(names.map((name, index) => [name, values[index]])),
              );
          };
          Reflect.apply(original, this, [...args, done]);
        });
      };
      Object.setPrototypeOf(promised, Object.getPrototypeOf(original));
      Object.defineProperty(promised, CUSTOM, { value: promised, configurable: true });
      return Object.defineProperties(promised, Object.getOwnPropertyDescriptors(original)) as Fn;
    },
    { custom: CUSTOM } as const,
  );

export const callbackify = (original: Fn): Fn => {
  checkFunction(original, 'original');
  const called = function (this: unknown, ...args: unknown[]): void {
    const callback = args.pop();
    if (typeof callback !== 'function') throw invalidArgType('last argument', 'function', callback);
    (Reflect.apply(original, this, args) as Promise<unknown>).then(
      (value) => queueMicrotask(() => callback.call(this, null, value)),
      (reason: unknown) => {
        const error =
          reason || coded(Error, 'ERR_FALSY_VALUE_REJECTION', 'Promise was rejected with falsy value', { reason });
        queueMicrotask(() => callback.call(this, error));
      },
    );
  };
  const length = original.length + 1;
  return Object.defineProperties(called, {
    length: { value: length },
    name: { value: `${original.name}Callbackified` },
  });
};

export const inherits = (child: { prototype: object; super_?: unknown }, parent: { prototype: object }): void => {
  if (child === undefined || child === null) throw invalidArgType('ctor', 'Function', child);
  if (parent === undefined || parent === null) throw invalidArgType('superCtor', 'Function', parent);
  if (parent.prototype === undefined) throw invalidArgType('superCtor.prototype', 'Object', parent.prototype);
  Object.defineProperty(child, 'super_', { value: parent, writable: true, configurable: true });
  Object.setPrototypeOf(child.prototype, parent.prototype);
};

const told = new Set<string>();
export const deprecate = <F extends Fn>(fn: F, message: string, code?: string): F => {
  let warned = false;
  const deprecated = function (this: unknown, ...args: unknown[]): unknown {
    if (!warned) {
      warned = true;
      if (code === undefined || !told.has(code)) {
        if (code !== undefined) told.add(code);
        host.log('warn', `${code === undefined ? '' : `[${code}] `}DeprecationWarning: ${message}`);
      }
    }
    return new.target === undefined ? Reflect.apply(fn, this, args) : Reflect.construct(fn, args, new.target);
  };
  Object.setPrototypeOf(deprecated, fn);
  if (fn.prototype !== undefined) deprecated.prototype = fn.prototype;
  return Object.defineProperty(deprecated, 'length', { value: fn.length }) as unknown as F;
};

const sections = (): string[] =>
  (env['NODE_DEBUG'] ?? '')
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((name) => name !== '');
export const debuglog = (section: string): Fn & { readonly enabled: boolean } => {
  const name = section.toUpperCase();
  const enabled = sections().some((one) => one === '*' || one.toUpperCase() === name);
  const write = (...args: unknown[]): void => {
    if (enabled) host.log('debug', `${name} 1: ${format(...args)}`);
  };
  return Object.defineProperty(write, 'enabled', { value: enabled }) as Fn & { readonly enabled: boolean };
};
export const debug = debuglog;

export const isDeepStrictEqual = (a: unknown, b: unknown): boolean => deepEqual(a, b, 'strict');
export const toUSVString = (text: unknown): string => String(text).toWellFormed();
export const isArray = Array.isArray;
export const _extend = (target: object, source: object | null): object => Object.assign(target, source);

export const styleText = (
  formats: string | readonly string[],
  text: string,
  options: { validateStream?: boolean } = {},
): string => {
  checkString(text, 'text');
  if (typeof options !== 'object') throw invalidArgType('options', 'Object', options);
  // No stream here is a terminal.
  const styled = options.validateStream === false;
  const colors = inspect.colors as unknown as Readonly<Record<string, readonly [number, number] | undefined>>;
  const codes = (typeof formats === 'string' ? [formats] : formats).flatMap((name) => {
    if (name === 'none') return [];
    const found = colors[name];
    if (found === undefined)
      throw invalidArgValue(
        'format',
        name,
        `must be one of: ${Object.keys(colors)
          .map((one) => `'${one}'`)
          .join(', ')}`,
      );
    return [found];
  });
  if (!styled) return text;
  const sequence = (code: number): string => `\u001b[${code}m`;
  const closing = codes.toReversed().map(([, close]) => sequence(close));
  return `${codes.map(([open]) => sequence(open)).join('')}${text}${closing.join('')}`;
};

export const parseEnv = (content: string): Record<string, string> => {
  checkString(content, 'content');
  const found: Record<string, string> = {};
  const line =
    /^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$/gm;
  for (const match of content.replace(/\r\n?/g, '\n').matchAll(line)) {
    const raw = (match[2] ?? '').trim();
    const quote = raw[0];
    const value = raw.replace(/^(['"`])([\s\S]*)\1$/g, '$2');
    found[match[1] as string] = quote === '"' ? value.replace(/\\n/g, '\n') : value;
  }
  return found;
};

export const aborted = async (signal: AbortSignal, resource: object): Promise<void> => {
  if (signal === undefined) throw invalidArgType('signal', 'AbortSignal', signal);
  checkAbortSignal(signal, 'signal');
  if (resource === null || (typeof resource !== 'object' && typeof resource !== 'function')) {
    throw invalidArgType('resource', 'Object', resource);
  }
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
};

const SYSTEM: readonly (readonly [number, string, string])[] = [
  [-1, 'EPERM', 'operation not permitted'],
  [-2, 'ENOENT', 'no such file or directory'],
  [-13, 'EACCES', 'permission denied'],
  [-17, 'EEXIST', 'file already exists'],
  [-22, 'EINVAL', 'invalid argument'],
  [-32, 'EPIPE', 'broken pipe'],
  [-98, 'EADDRINUSE', 'address already in use'],
  [-104, 'ECONNRESET', 'connection reset by peer'],
  [-110, 'ETIMEDOUT', 'connection timed out'],
  [-111, 'ECONNREFUSED', 'connection refused'],
];
export const getSystemErrorMap = (): Map<number, readonly [string, string]> =>
  new Map(SYSTEM.map(([code, name, message]) => [code, [name, message]]));
export const getSystemErrorName = (code: number): string =>
  getSystemErrorMap().get(code)?.[0] ?? `Unknown system error ${code}`;
export const getSystemErrorMessage = (code: number): string | undefined => getSystemErrorMap().get(code)?.[1];
export const _errnoException = (code: number, call: string, original?: string): Error =>
  coded(
    Error,
    getSystemErrorName(code),
    `${call} ${getSystemErrorName(code)}${original === undefined ? '' : ` ${original}`}`,
    { errno: code, syscall: call },
  );
export const _exceptionWithHostPort = (code: number, call: string, address: string, port?: number): Error =>
  coded(Error, getSystemErrorName(code), `${call} ${getSystemErrorName(code)} ${address}${port ? `:${port}` : ''}`, {
    errno: code,
    syscall: call,
    address,
    port,
  });

export const getCallSites = (): object[] => [];
export const transferableAbortController = (): AbortController => new AbortController();
export const transferableAbortSignal = (signal: AbortSignal): AbortSignal => signal;
export const setTraceSigInt = (): void => {};
export const convertProcessSignalToExitCode = missing('node:util.convertProcessSignalToExitCode');
export const diff = missing('node:util.diff');
export const debounce = missing('node:util.debounce');
export const throttle = missing('node:util.throttle');
export const markPromiseAsHandled = (promise: Promise<unknown>): void => void promise.catch(() => {});
export const MIMEType = missing('node:util.MIMEType', 'use a content-type package');
export const MIMEParams = missing('node:util.MIMEParams', 'use a content-type package');

const util = {
  ...{ TextDecoder, TextEncoder, MIMEParams, MIMEType, _errnoException, _exceptionWithHostPort, _extend, aborted },
  ...{
    callbackify,
    convertProcessSignalToExitCode,
    debounce,
    markPromiseAsHandled,
    throttle,
    debug,
    debuglog,
    deprecate,
    diff,
    format,
    formatWithOptions,
    getCallSites,
  },
  ...{ getSystemErrorMap, getSystemErrorMessage, getSystemErrorName, inherits, inspect, isArray, isDeepStrictEqual },
  ...{ parseArgs, parseEnv, promisify, setTraceSigInt, stripVTControlCharacters, styleText, toUSVString },
  ...{ transferableAbortController, transferableAbortSignal, types },
  // Gone from Node 23 on, and still called.
  isBoolean: (value: unknown): boolean => typeof value === 'boolean',
  isBuffer: Buffer.isBuffer,
  isDate,
  isError: isNativeError,
  isFunction: (value: unknown): boolean => typeof value === 'function',
  isNull: (value: unknown): boolean => value === null,
  isNullOrUndefined: (value: unknown): boolean => value === null || value === undefined,
  isNumber: (value: unknown): boolean => typeof value === 'number',
  isObject: (value: unknown): boolean => value !== null && typeof value === 'object',
  isPrimitive: (value: unknown): boolean =>
    value === null || (typeof value !== 'object' && typeof value !== 'function'),
  isRegExp,
  isString: (value: unknown): boolean => typeof value === 'string',
  isSymbol: (value: unknown): boolean => typeof value === 'symbol',
  isUndefined: (value: unknown): boolean => value === undefined,
  log: (...args: unknown[]): void => host.log('info', format(...args)),
};
export default util;
