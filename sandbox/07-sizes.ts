/**
 * Which built-ins are guarded, against what: found by the survey in `test/survey`, which calls every built-in with sizes
 * out of all proportion. What is listed here must not be longer than needed: each guard is one more frame in a stack.
 */
import {
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  isArray,
  List,
  NativeObject,
  NativeRangeError,
  NativeTypeError,
  reflectApply,
  reflectOwnKeys,
  stringify,
  viewLength,
} from './00-primordials.ts';
import { ELEMENTS, guard, installGuards, KEYS, put } from './06-guards.ts';

const TOO_MANY = `more than ${ELEMENTS} elements are not supported here`;

/** They walk holes and absent elements without a pause. */
const ARRAY_METHODS = [
  'indexOf',
  'lastIndexOf',
  'includes',
  'reverse',
  'fill',
  'copyWithin',
  'sort',
  'toSorted',
  'toReversed',
  'toSpliced',
  'with',
  'shift',
  'unshift',
  'splice',
  'slice',
  'every',
  'some',
  'forEach',
  'map',
  'filter',
  'flat',
  'flatMap',
  'reduce',
  'reduceRight',
  'join',
  'toString',
];
guard(Array.prototype, ARRAY_METHODS, `this.length > ${ELEMENTS}`, TOO_MANY);
guard(Array, ['from', 'fromAsync'], `args[0].length > ${ELEMENTS}`, TOO_MANY);

{
  const native = Array.prototype.concat as (...items: unknown[]) => unknown;
  const { concat } = {
    concat(this: unknown, ...items: unknown[]): unknown {
      let total = isArray(this) ? this.length : 0;
      for (let i = 0; i < items.length; i++) {
        const item = items[i];
        total += isArray(item) ? item.length : 1;
      }
      if (total > ELEMENTS) throw new NativeRangeError(`concat: ${TOO_MANY}`);
      return reflectApply(native, this, items);
    },
  };
  put(Array.prototype, 'concat', concat);
}

/** Every index of a text or a typed array becomes a key. */
const KEYED = [
  'keys',
  'values',
  'entries',
  'getOwnPropertyNames',
  'getOwnPropertyDescriptors',
  'getOwnPropertySymbols',
];
const FEW_KEYS = `more than ${KEYS} keys are not supported here`;
guard(Object, KEYED, 'wide(args[0])', FEW_KEYS);
guard(Object, ['freeze', 'seal', 'isFrozen', 'isSealed', 'preventExtensions'], 'wide(args[0])', FEW_KEYS);
guard(Object, ['assign', 'defineProperties', 'create'], 'anyWide(args)', FEW_KEYS);
guard(Reflect, ['ownKeys'], 'wide(args[0])', FEW_KEYS);

{
  const native = Object.getOwnPropertyDescriptors;
  const { getOwnPropertyDescriptors: each } = {
    /** A loop of ours pauses where the native one takes microseconds a key. */
    getOwnPropertyDescriptors(value: unknown): object {
      const object = NativeObject(value as object) as object;
      if (value === null || value === undefined) return native(value);
      const all = {};
      const keys = reflectOwnKeys(object);
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i] as PropertyKey;
        const descriptor = getOwnPropertyDescriptor(object, key);
        if (descriptor === undefined) continue;
        defineProperty(all, key, { value: descriptor, writable: true, enumerable: true, configurable: true });
      }
      return all;
    },
  };
  put(Object, 'getOwnPropertyDescriptors', each);
  guard(Object, ['getOwnPropertyDescriptors'], 'wide(args[0])', FEW_KEYS);
}

/** Digits take time by the square of their number, both ways. */
guard(BigInt.prototype, ['toString', 'toLocaleString'], 'hugeBig(this)', 'the BigInt is too large for its digits');

/** A text that becomes a regular expression is compiled at once. */
const PATTERN = 2 ** 20;
const LONG_PATTERN = "typeof args[0] === 'string' && args[0].length >";
guard(String.prototype, ['match', 'matchAll', 'search'], `${LONG_PATTERN} ${PATTERN}`, 'the pattern is too long');

/**
 * `split` makes a text of every part; normalising, and all that compares by language, allocates outside the heap and
 * never pauses.
 */
guard(String.prototype, ['split'], `this.length > ${ELEMENTS}`, 'the text is too long');
guard(String.prototype, ['lastIndexOf'], `this.length > ${2 * ELEMENTS}`, 'the text is too long');
const TEXT = 2 ** 23;
guard(String.prototype, ['normalize', 'localeCompare'], `this.length > ${TEXT}`, 'the text is too long');
guard(
  String.prototype,
  ['localeCompare'],
  `typeof args[0] === 'string' && args[0].length > ${TEXT}`,
  'the text is too long',
);
guard(String.prototype, ['toLocaleLowerCase', 'toLocaleUpperCase'], `this.length > ${TEXT}`, 'the text is too long');

{
  const { stringify: patient } = {
    stringify(value: unknown, replacer: unknown, space: unknown): string | undefined {
      return stringify(value, replacer, space);
    },
  };
  put(JSON, 'stringify', patient);
}
/** One list at the top, or the list of keys; what is nested deeper grows a text that the memory limit ends. */
guard(JSON, ['stringify'], 'longList(args[0]) || longList(args[1])', TOO_MANY);
const CODED = 2 ** 24;
const CODERS = ['encodeURI', 'encodeURIComponent', 'decodeURI', 'decodeURIComponent', 'escape', 'unescape'];
guard(globalThis, CODERS, `typeof args[0] === 'string' && args[0].length > ${CODED}`, 'the text is too long');

/** `toLocaleString` of lists, written out: the native ones take microseconds an element and never pause. */
const underWay = new List<unknown>();
const listText = (list: ArrayLike<unknown>, size: number, args: readonly unknown[]): string => {
  for (let i = 0; i < underWay.length; i++) if (underWay[i] === list) return '';
  underWay.push(list);
  try {
    let text = '';
    for (let i = 0; i < size; i++) {
      if (i > 0) text += ',';
      const element = list[i];
      if (element === undefined || element === null) continue;
      const method = (element as { toLocaleString: unknown }).toLocaleString;
      if (typeof method !== 'function') throw new NativeTypeError('toLocaleString is not a function');
      text += reflectApply(method as () => string, element, [args[0], args[1]]);
    }
    return text;
  } finally {
    underWay.pop();
  }
};
const TypedArrayPrototype = getPrototypeOf(Uint8Array.prototype) as object;
{
  const { toLocaleString: text } = {
    toLocaleString(this: unknown, ...args: unknown[]): string {
      if (this === undefined || this === null) throw new NativeTypeError('toLocaleString called on null or undefined');
      const list = NativeObject(this) as ArrayLike<unknown>;
      const size = list.length;
      if (size > ELEMENTS) throw new NativeRangeError(`toLocaleString: ${TOO_MANY}`);
      return listText(list, size, args);
    },
  };
  put(Array.prototype, 'toLocaleString', text);
}
{
  const { toLocaleString: text } = {
    toLocaleString(this: object, ...args: unknown[]): string {
      return listText(this as ArrayLike<unknown>, viewLength(this), args);
    },
  };
  put(TypedArrayPrototype, 'toLocaleString', text);
}

installGuards();
