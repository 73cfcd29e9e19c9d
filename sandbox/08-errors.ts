/**
 * DOMException, and how anything a guest throws becomes three bounded strings inside the turn. Reading a thrown value
 * runs guest code (getters, Proxy traps, prepareStackTrace), so every step is guarded and none is trusted.
 */
import {
  defineProperty,
  indexOf,
  isError,
  isObject,
  NativeError,
  NativeTypeError,
  objectCreate,
  slice,
  toStr,
  toWellFormed,
} from './00-primordials.ts';
import { constant, enumerable, expose } from './04-globals.ts';

/** The constants, in the order of their codes from 1 on; three of them have lost their errors. */
const LABELS =
  'INDEX_SIZE DOMSTRING_SIZE HIERARCHY_REQUEST WRONG_DOCUMENT INVALID_CHARACTER NO_DATA_ALLOWED NO_MODIFICATION_ALLOWED ' +
  'NOT_FOUND NOT_SUPPORTED INUSE_ATTRIBUTE INVALID_STATE SYNTAX INVALID_MODIFICATION NAMESPACE INVALID_ACCESS VALIDATION ' +
  'TYPE_MISMATCH SECURITY NETWORK ABORT URL_MISMATCH QUOTA_EXCEEDED TIMEOUT INVALID_NODE_TYPE DATA_CLONE';
const NAMELESS = /^(DOMSTRING_SIZE|NO_DATA_ALLOWED|VALIDATION)$/;
const nameOf = (label: string): string => {
  if (label === 'INUSE_ATTRIBUTE') return 'InUseAttributeError';
  if (label === 'URL_MISMATCH') return 'URLMismatchError';
  return `${label.replace(/([A-Z])([A-Z]*)_?/g, (_, first: string, rest: string) => first + rest.toLowerCase())}Error`;
};

const codes = objectCreate(null) as Record<string, number>;

export class DOMException extends NativeError {
  readonly #name: string;

  constructor(message: unknown = '', options: unknown = 'Error') {
    super();
    let name = options;
    if (isObject(options)) {
      name = (options as { name?: unknown }).name ?? 'Error';
      if ('cause' in options) {
        defineProperty(this, 'cause', {
          value: (options as { cause?: unknown }).cause,
          writable: true,
          configurable: true,
        });
      }
    }
    this.#name = `${name as string}`;
    defineProperty(this, 'message', { value: `${message as string}`, writable: true, configurable: true });
    // The stack was captured with the bare class name; say what it is.
    const stack = this.stack;
    if (typeof stack === 'string') {
      const at = indexOf(stack, '\n');
      const text = `${this.#name}: ${message as string}${at < 0 ? '' : slice(stack, at)}`;
      defineProperty(this, 'stack', { value: text, writable: true, configurable: true });
    }
  }

  override get name(): string {
    return this.#name;
  }

  get code(): number {
    return codes[this.#name] ?? 0;
  }
}

{
  const labels = LABELS.split(' ');
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as string;
    if (!NAMELESS.test(label)) codes[nameOf(label)] = i + 1;
    constant(DOMException, `${label}_ERR`, i + 1);
    constant(DOMException.prototype, `${label}_ERR`, i + 1);
  }
}
enumerable(DOMException.prototype, ['name', 'code']);
expose('DOMException', DOMException);

export const notSupported = (what: string): DOMException =>
  new DOMException(`${what} is not supported here`, 'NotSupportedError');

/** Longest error message and stack that leave the isolate, characters. */
const MESSAGE_CHARS = 8 * 1024;
const STACK_CHARS = 16 * 1024;

export interface ErrorText {
  name: string;
  message: string;
  stack: string;
}

const cut = (text: string, most: number): string =>
  toWellFormed(text.length > most ? `${slice(text, 0, most)}… (${text.length - most} more characters)` : text);

const read = (value: object, key: 'name' | 'message' | 'stack'): string => {
  try {
    const found = (value as Record<string, unknown>)[key];
    return typeof found === 'string' ? found : '';
  } catch {
    return '';
  }
};

/** Leaves out the frames of the runtime itself: they mean nothing to the user. */
const ownFrames = (stack: string): string => {
  let text = '';
  let at = 0;
  for (let lines = 0; at < stack.length && lines < 200; lines++) {
    let end = indexOf(stack, '\n', at);
    if (end < 0) end = stack.length;
    const line = slice(stack, at, end);
    if (indexOf(line, 'isolane:prelude') < 0) text += text === '' ? line : `\n${line}`;
    at = end + 1;
  }
  return text;
};

/** An error, or what has the members of one, as AWS and Node tell it. */
export const isErrorLike = (value: unknown): value is object =>
  isObject(value) && (isError?.(value) === true || (read(value, 'name') !== '' && read(value, 'stack') !== ''));

/** Never throws; bounded; runs guest code at most inside the present turn. */
export const describe = (thrown: unknown): ErrorText => {
  try {
    if (isObject(thrown)) {
      const name = read(thrown, 'name');
      let message = read(thrown, 'message');
      const stack = read(thrown, 'stack');
      if (message === '' && stack === '') {
        try {
          message = `${thrown as unknown as string}`;
        } catch {
          message = 'a thrown object that cannot be converted to text';
        }
      }
      return {
        name: cut(name === '' ? 'Error' : name, 256),
        message: cut(message, MESSAGE_CHARS),
        stack: cut(ownFrames(slice(stack, 0, 4 * STACK_CHARS)), STACK_CHARS),
      };
    }
    return { name: 'Error', message: cut(toStr(thrown), MESSAGE_CHARS), stack: '' };
  } catch {
    return { name: 'Error', message: 'a thrown value that cannot be described', stack: '' };
  }
};

/** V8's words, where a typed array would pass the limit. */
const NO_MEMORY = 'Array buffer allocation failed';

let shown: ((error: object) => string) | null = null;
/** How the console writes an error; its file says so. */
export const showErrorsBy = (write: (error: object) => string): void => {
  shown = write;
};

/**
 * `describe` for what is reported and not handled: behind the stack come causes, members and other properties, as the
 * console writes them. What is thrown and no error is written as the console writes values.
 */
export const report = (thrown: unknown): ErrorText => {
  const text = describe(thrown);
  // Out of memory is told with what it takes least memory to tell; the host looks at how much is in use right after.
  if (shown === null || !isObject(thrown) || text.message === NO_MEMORY) return text;
  try {
    const whole = shown(thrown);
    if (text.stack !== '') return { ...text, stack: cut(whole, STACK_CHARS) };
    return isErrorLike(thrown) ? text : { ...text, message: cut(whole, MESSAGE_CHARS) };
  } catch {
    return text;
  }
};

/** A TypeError in the words of the platform. */
export const typeError = (message: string): TypeError => new NativeTypeError(message);
