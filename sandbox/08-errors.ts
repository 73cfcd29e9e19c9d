/**
 * How anything a guest throws becomes three bounded strings inside the turn. Reading a thrown value
 * runs guest code (getters, Proxy traps, prepareStackTrace), so every step is guarded and none is trusted.
 */
import { indexOf, isError, isObject, NativeTypeError, slice, toStr, toWellFormed } from './00-primordials.ts';

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
