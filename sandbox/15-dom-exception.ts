/** DOMException, its names and their codes. */
import {
  defineProperty,
  exec,
  indexOf,
  isObject,
  NativeError,
  objectCreate,
  slice,
  toLowerCase,
} from './00-primordials.ts';
import { constant, enumerable, expose } from './04-globals.ts';

// late: DOMException

/** The constants, in the order of their codes from 1 on; three of them have lost their errors. */
const LABELS =
  'INDEX_SIZE DOMSTRING_SIZE HIERARCHY_REQUEST WRONG_DOCUMENT INVALID_CHARACTER NO_DATA_ALLOWED NO_MODIFICATION_ALLOWED ' +
  'NOT_FOUND NOT_SUPPORTED INUSE_ATTRIBUTE INVALID_STATE SYNTAX INVALID_MODIFICATION NAMESPACE INVALID_ACCESS VALIDATION ' +
  'TYPE_MISMATCH SECURITY NETWORK ABORT URL_MISMATCH QUOTA_EXCEEDED TIMEOUT INVALID_NODE_TYPE DATA_CLONE';
const NAMELESS = /^(DOMSTRING_SIZE|NO_DATA_ALLOWED|VALIDATION)$/;
const nameOf = (label: string): string => {
  if (label === 'INUSE_ATTRIBUTE') return 'InUseAttributeError';
  if (label === 'URL_MISMATCH') return 'URLMismatchError';
  let name = '';
  for (let at = 0; at < label.length; ) {
    let end = indexOf(label, '_', at);
    if (end < 0) end = label.length;
    name += (label[at] as string) + toLowerCase(slice(label, at + 1, end));
    at = end + 1;
  }
  return `${name}Error`;
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
  let at = 0;
  for (let i = 0; at < LABELS.length; i++) {
    let end = indexOf(LABELS, ' ', at);
    if (end < 0) end = LABELS.length;
    const label = slice(LABELS, at, end);
    at = end + 1;
    if (exec(NAMELESS, label) === null) codes[nameOf(label)] = i + 1;
    constant(DOMException, `${label}_ERR`, i + 1);
    constant(DOMException.prototype, `${label}_ERR`, i + 1);
  }
}
enumerable(DOMException.prototype, ['name', 'code']);
expose('DOMException', DOMException);
