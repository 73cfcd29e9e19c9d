/**
 * How console lines are laid out, as in Node (`lib/internal/util/inspect.js`): quotes, columns, what shares a line. It names and joins;
 * `62-inspect.ts` finds the items. Built on first touch.
 */
import {
  charCodeAt,
  exec,
  floor,
  functionToString,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  indexOf,
  List,
  mathMax,
  mathMin,
  numberToString,
  padStart,
  repeatString,
  type SafeMap,
  SYM_TAG,
  slice,
  startsWith,
  toStr,
  toUpperCase,
  uncurry,
} from './00-primordials.ts';
import { rare } from './13-rare.ts';

const { sqrt, round } = Math;
const padEnd = uncurry(String.prototype.padEnd);

/** What surrounds the items. */
export interface Layout {
  readonly base: string;
  readonly open: string;
  readonly close: string;
  readonly list: object | null;
  readonly cut: boolean;
}

/** State of formatting one value. */
export interface Pass {
  left: number;
  readonly depth: number;
  indent: number;
  /** Level of what was laid out last. */
  level: number;
  readonly open: List<object>;
  readonly circular: SafeMap<object, number>;
}

const FUNCTIONS = ['AsyncGeneratorFunction', 'AsyncFunction', 'GeneratorFunction'];

export const layoutText = rare(
  'layout>',
  '',
  () => {
    const MAX_STRING = 10_000;
    const WIDTH = 80;
    /** How many levels of objects share a line. */
    const COMPACT = 3;
    const has = (text: string, part: string): boolean => indexOf(text, part) >= 0;
    const UNSAFE = /[\x00-\x1f\x27\x5c\x7f-\x9f\ud800-\udfff]/;

    /** A string as source would write it. */
    const quoted = (text: string): string => {
      const mark =
        !has(text, "'") || (has(text, '"') && (has(text, '`') || has(text, '${'))) ? "'" : has(text, '"') ? '`' : '"';
      if (exec(UNSAFE, text) === null) return mark + text + mark;
      let out = mark;
      for (let i = 0; i < text.length; i++) {
        const c = text[i] as string;
        const code = charCodeAt(c, 0);
        const low = i + 1 < text.length ? charCodeAt(text, i + 1) : 0;
        if (c === '\n') out += '\\n';
        else if (c === '\t') out += '\\t';
        else if (c === '\r') out += '\\r';
        else if (c === '\b') out += '\\b';
        else if (c === '\f') out += '\\f';
        else if (c === '\v') out += '\\v';
        else if (c === '\\' || c === mark) out += `\\${c}`;
        else if (code < 32 || (code > 126 && code < 160)) out += `\\x${hex(code)}`;
        else if (code >= 0xd800 && code < 0xdc00 && low >= 0xdc00 && low < 0xe000) out += c + (text[++i] as string);
        else if (code >= 0xd800 && code < 0xe000) out += `\\u${numberToString(code as never, 16)}`;
        else out += c;
      }
      return out + mark;
    };
    const hex = (code: number): string => padStart(toUpperCase(numberToString(code as never, 16)), 2, '0');

    const primitive = (value: unknown, nested: boolean, pass: Pass): string => {
      if (typeof value === 'number') return value === 0 && 1 / value < 0 ? '-0' : toStr(value);
      if (typeof value === 'bigint') return `${toStr(value)}n`;
      if (typeof value !== 'string') return toStr(value);
      if (!nested) return value;
      const text = value.length > MAX_STRING ? slice(value, 0, MAX_STRING) : value;
      const left = value.length - text.length;
      const more = left > 0 ? `... ${left} more character${left > 1 ? 's' : ''}` : '';
      if (text.length <= 16 || text.length <= WIDTH - pass.indent - 4 || !has(text, '\n')) return quoted(text) + more;
      let out = '';
      for (let at = 0; at < text.length; ) {
        const end = indexOf(text, '\n', at);
        const next = end < 0 ? text.length : end + 1;
        out += `${at === 0 ? '' : ` +\n${repeatString(' ', pass.indent + 2)}`}${quoted(slice(text, at, next))}`;
        at = next;
      }
      return out + more;
    };

    /** Short elements of a long list in columns. */
    const grouped = (output: List<string>, extra: boolean, value: object | null): List<string> => {
      let total = 0;
      let longest = 0;
      const count = extra ? output.length - 1 : output.length;
      for (let i = 0; i < count; i++) {
        const size = (output[i] as string).length;
        total += size + 2;
        longest = mathMax(longest, size);
      }
      const cell = longest + 2;
      if (!(cell * 3 < WIDTH && (total / cell > 5 || longest <= 6))) return output;
      const biased = mathMax(cell - 3 - sqrt(cell - total / output.length), 1);
      const wanted = round(sqrt(2.5 * biased * count) / biased);
      const columns = mathMin(mathMin(wanted, floor(WIDTH / cell)), mathMin(COMPACT * 4, 15));
      if (columns <= 1) return output;
      const widths = new List<number>();
      for (let i = 0; i < columns; i++) {
        let width = 0;
        for (let j = i; j < count; j += columns) width = mathMax(width, (output[j] as string).length);
        widths.push(width + 2);
      }
      let pad = padStart as (text: string, size: number) => string;
      for (let i = 0; value !== null && i < output.length; i++) {
        const item = getOwnPropertyDescriptor(value, i)?.value as unknown;
        if (typeof item !== 'number' && typeof item !== 'bigint') pad = padEnd as typeof pad;
      }
      const rows = new List<string>();
      for (let i = 0; i < count; i += columns) {
        const end = mathMin(i + columns, count);
        let row = '';
        for (let j = i; j < end - 1; j++) row += pad(`${output[j] as string}, `, widths[j - i] as number);
        const last = output[end - 1] as string;
        rows.push(row + (pad === padEnd ? last : pad(last, (widths[end - 1 - i] as number) - 2)));
      }
      if (extra) rows.push(output[count] as string);
      return rows;
    };

    const join = (items: List<string>, between: string): string => {
      let out = '';
      for (let i = 0; i < items.length; i++) out += i === 0 ? items[i] : between + (items[i] as string);
      return out;
    };

    const layOut = (
      given: List<string>,
      { base, open, close, list, cut }: Layout,
      pass: Pass,
      level: number,
    ): string => {
      const lead = base === '' ? '' : `${base} `;
      const columns = list !== null && given.length > 6;
      const items = columns ? grouped(given, cut, list) : given;
      if (pass.level - level < COMPACT && items.length === given.length) {
        let total = 2 * items.length + items.length + pass.indent + open.length + base.length + 10 - items.length;
        for (let i = 0; i < items.length; i++) total += (items[i] as string).length;
        const line = join(items, ', ');
        if (total <= WIDTH && !has(base, '\n') && !has(line, '\n')) return `${lead}${open} ${line} ${close}`;
      }
      const margin = `\n${repeatString(' ', pass.indent)}`;
      return `${lead}${open}${margin}  ${join(items, `,${margin}  `)}${margin}${close}`;
    };

    const keyText = (key: string | symbol): string =>
      typeof key === 'symbol' ? toStr(key) : exec(/^[a-zA-Z_][a-zA-Z_0-9]*$/, key) !== null ? key : quoted(key);

    /** True when `test` does not throw: a brand check by a captured built-in. */
    const is = (test: (value: object) => unknown, value: object): boolean => {
      try {
        test(value);
        return true;
      } catch {
        return false;
      }
    };
    /** Name of the constructor found on the way up, `null` where there is none. */
    const className = (value: object): string | null => {
      let at: object | null = value;
      for (let i = 0; i < 20 && at !== null; i++) {
        const found = getOwnPropertyDescriptor(at, 'constructor')?.value as unknown;
        if (typeof found === 'function') {
          const name = getOwnPropertyDescriptor(found, 'name')?.value as unknown;
          if (typeof name === 'string' && name !== '') return slice(name, 0, 200);
        }
        at = getPrototypeOf(at) as object | null;
      }
      return null;
    };

    /** A tag that is plain data somewhere on the way up, and no property that is shown anyway. */
    const tagOf = (value: object): string => {
      let at: object | null = value;
      for (let i = 0; i < 20 && at !== null; i++) {
        const found = getOwnPropertyDescriptor(at, SYM_TAG);
        if (found !== undefined) {
          const tag = found.value as unknown;
          return typeof tag === 'string' && !(i === 0 && found.enumerable === true) ? slice(tag, 0, 200) : '';
        }
        at = getPrototypeOf(at) as object | null;
      }
      return '';
    };

    const prefix = (name: string | null, tag: string, fallback: string, size = ''): string => {
      if (name === null) {
        return `[${fallback}${size}: null prototype] ${tag !== '' && tag !== fallback ? `[${tag}] ` : ''}`;
      }
      return tag !== '' && tag !== name ? `${name}${size} [${tag}] ` : `${name}${size} `;
    };

    const functionLabel = (value: object, name: string | null, tag: string): string => {
      const own = getOwnPropertyDescriptor(value, 'name')?.value as unknown;
      const label = typeof own === 'string' && own !== '' ? slice(own, 0, 200) : '';
      const source = is(functionToString as never, value) ? functionToString(value as never) : '';
      if (startsWith(source, 'class') && source[source.length - 1] === '}') {
        const parent = getPrototypeOf(value) as object | null;
        const from = parent === null ? undefined : (getOwnPropertyDescriptor(parent, 'name')?.value as unknown);
        const base = typeof from === 'string' && from !== '' ? ` extends ${slice(from, 0, 200)}` : '';
        return `[class ${label === '' ? '(anonymous)' : label}${base}]`;
      }
      let kind = 'Function';
      for (let i = 0; i < FUNCTIONS.length; i++) if (tag === FUNCTIONS[i]) kind = tag;
      const nothing = name === null ? ' (null prototype)' : '';
      return `[${kind}${nothing}${label === '' ? ' (anonymous)' : `: ${label}`}]`;
    };

    return { className, functionLabel, has, is, keyText, layOut, prefix, primitive, quoted, tagOf };
  },
  '<layout',
);
