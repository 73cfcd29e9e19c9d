/**
 * console: formatted here, inside the turn, one call one record. Control characters other than line feed and tab are
 * escaped, so no guest can forge a line or move a terminal's cursor; a line is cut before it crosses.
 */
import type { LogLevel } from '../src/contract/turn.ts';
import {
  charCodeAt,
  defineProperty,
  exec,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  hasOwn,
  indexOf,
  isArray,
  isObject,
  List,
  mapForEach,
  mapGetSize,
  mathMax,
  mathTrunc,
  NativeError,
  numberToString,
  objectCreate,
  objectKeys,
  padStart,
  reflectApply,
  repeatString,
  SafeMap,
  SYM_TAG,
  setForEach,
  setGetSize,
  slice,
  stringify,
  toNum,
  toStr,
  toWellFormed,
} from './00-primordials.ts';
import { lengthOf } from './04-globals.ts';
import { hideClass, shownText } from './06-guards.ts';
import { describe } from './08-errors.ts';
import { current, groups, log } from './10-box.ts';
import { turnNow } from './12-clock.ts';
import { inspect } from './62-inspect.ts';

// late:

/** Characters of one line that cross. */
const MAX_LINE = 64 * 1024;
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]/;

const escapeControls = (text: string): string => {
  if (exec(CONTROL, text) === null) return text;
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const c = charCodeAt(text, i);
    const control = (c < 32 && c !== 9 && c !== 10) || (c >= 127 && c < 160);
    if (control) out += `\\x${padStart(numberToString(c as unknown as number, 16), 2, '0')}`;
    else if (c === 0x2028 || c === 0x2029) out += `\\u${numberToString(c as unknown as number, 16)}`;
    else out += text[i] as string;
  }
  return out;
};

/** What a `toString` of the guest's own says; those of the language say too little. */
const ownText = (value: unknown): string | null => {
  let at = isObject(value) && typeof value !== 'function' ? (value as object | null) : null;
  for (let i = 0; i < 20 && at !== null; i++) {
    const found = getOwnPropertyDescriptor(at, 'toString')?.value as unknown;
    if (typeof found === 'function') {
      if (indexOf(shownText(found as never), '[native code]') >= 0) return null;
      return toStr(reflectApply(found as () => unknown, value, []));
    }
    at = getPrototypeOf(at) as object | null;
  }
  return null;
};

const directive = (kind: string, value: unknown): string | null => {
  switch (kind) {
    case 's':
      return typeof value === 'string' ? value : (ownText(value) ?? inspect(value, false, 0));
    case 'd':
    case 'i': {
      if (isObject(value) || typeof value === 'symbol') return 'NaN';
      if (typeof value === 'bigint') return `${toStr(value)}n`;
      const n = toNum(value);
      return toStr(kind === 'i' ? mathTrunc(n) : n);
    }
    case 'f':
      return typeof value === 'symbol' || isObject(value) ? 'NaN' : toStr(toNum(value));
    case 'j':
      try {
        return toStr(stringify(value));
      } catch {
        return '[Circular]';
      }
    case 'o':
    case 'O':
      return inspect(value, true);
    case 'c':
      return '';
    default:
      return null;
  }
};

const format = (args: unknown[]): string => {
  let out = '';
  let next = 0;
  const first = args[0];
  if (args.length > 1 && typeof first === 'string') {
    next = 1;
    let at = 0;
    for (let i = 0; i < first.length - 1; i++) {
      if (first[i] !== '%') continue;
      const kind = first[i + 1] as string;
      if (kind === '%') {
        out += `${slice(first, at, i)}%`;
      } else {
        if (next >= args.length) continue;
        const text = directive(kind, args[next]);
        if (text === null) continue;
        next++;
        out += slice(first, at, i) + text;
      }
      at = i + 2;
      i++;
    }
    out += slice(first, at);
  }
  for (let i = next; i < args.length && out.length <= MAX_LINE; i++) {
    if (i > 0) out += ' ';
    out += inspect(args[i]);
  }
  return out;
};

const write = (level: LogLevel, text: string): void => {
  let line = text;
  if (groups.depth > 0) {
    const pad = repeatString('  ', groups.depth);
    let out = pad;
    for (let i = 0; i < line.length && i < MAX_LINE; i++) out += line[i] === '\n' ? `\n${pad}` : (line[i] as string);
    line = out;
  }
  if (line.length > MAX_LINE) line = slice(line, 0, MAX_LINE);
  line = escapeControls(line);
  if (line.length > MAX_LINE) line = `${slice(line, 0, MAX_LINE - 15)}… (line is cut)`;
  log(current, level, toWellFormed(line));
};

const line = (level: LogLevel, args: unknown[]): void => {
  if (!current.logOpen) return;
  try {
    write(level, format(args));
  } catch (error) {
    write(level, `[console could not format this: ${describe(error).message}]`);
  }
};

const isMap = (value: object): boolean => {
  try {
    mapGetSize(value);
    return true;
  } catch {
    return false;
  }
};
const isSet = (value: object): boolean => {
  try {
    setGetSize(value);
    return true;
  } catch {
    return false;
  }
};

const counts = new SafeMap<string, number>();
const starts = new SafeMap<string, number>();
const labelOf = (label: unknown): string => (label === undefined ? 'default' : slice(`${label as string}`, 0, 1000));
const bounded = (map: SafeMap<string, number>): boolean => map.size < 1000;

/** Heads and rows of what `console.table` shows: a list of texts for each column. */
const tableColumns = (rows: object, only: unknown): { heads: List<string>; columns: List<List<string>> } => {
  const heads = new List<string>();
  const columns = new List<List<string>>();
  const column = (head: string): List<string> => {
    for (let i = 0; i < heads.length; i++) if (heads[i] === head) return columns[i] as List<string>;
    heads.push(head);
    const made = new List<string>();
    columns.push(made);
    return made;
  };
  const cell = (value: unknown): string =>
    inspect(value, true, isObject(value) && !isArray(value) && objectKeys(value).length > 2 ? -1 : 0);
  const fill = (list: List<string>, size: number): List<string> => {
    while (list.length < size) list.push('');
    return list;
  };
  if (isMap(rows) || isSet(rows)) {
    const index = column('(iteration index)');
    const key = isMap(rows) ? column('Key') : null;
    const values = column('Values');
    const add = (value: unknown, name: unknown): void => {
      if (index.length >= MOST_ROWS) return;
      index.push(toStr(index.length));
      key?.push(cell(name));
      values.push(cell(value));
    };
    if (key !== null) mapForEach(rows, add);
    else setForEach(rows, (value) => add(value, null));
    return { heads, columns };
  }
  const index = column('(index)');
  const chosen = isArray(only) ? only : null;
  for (let i = 0; chosen !== null && i < chosen.length && i < MOST_COLUMNS; i++) column(`${chosen[i] as string}`);
  const values = new List<string>();
  const keys = objectKeys(rows);
  for (let i = 0; i < keys.length && i < MOST_ROWS; i++) {
    index.push(keys[i] as string);
    const row = (rows as Record<string, unknown>)[keys[i] as string];
    if (!isObject(row)) {
      fill(values, i).push(cell(row));
      continue;
    }
    const fields = chosen ?? objectKeys(row);
    for (let j = 0; j < fields.length && j < MOST_COLUMNS; j++) {
      const field = `${fields[j] as string}`;
      if (hasOwn(row, field)) fill(column(field), i).push(cell((row as Record<string, unknown>)[field]));
    }
  }
  if (values.length > 0) {
    heads.push('Values');
    columns.push(values);
  }
  for (let i = 0; i < columns.length; i++) fill(columns[i] as List<string>, index.length);
  return { heads, columns };
};
const MOST_ROWS = 1000;
const MOST_COLUMNS = 50;

const table = (rows: object, only: unknown): string => {
  const { heads, columns } = tableColumns(rows, only);
  const widths = new List<number>();
  for (let i = 0; i < heads.length; i++) {
    let width = (heads[i] as string).length;
    const column = columns[i] as List<string>;
    for (let j = 0; j < column.length; j++) width = mathMax(width, (column[j] as string).length);
    widths.push(width + 2);
  }
  const rule = (left: string, middle: string, right: string): string => {
    let out = left;
    for (let i = 0; i < widths.length; i++) out += (i === 0 ? '' : middle) + repeatString('─', widths[i] as number);
    return out + right;
  };
  const row = (text: (at: number) => string): string => {
    let out = '│';
    for (let i = 0; i < widths.length; i++)
      out += ` ${text(i)}${repeatString(' ', (widths[i] as number) - text(i).length - 1)}│`;
    return `${out}\n`;
  };
  let out = `${rule('┌', '┬', '┐')}\n${row((i) => heads[i] as string)}${rule('├', '┼', '┤')}\n`;
  const count = (columns[0] as List<string>).length;
  for (let j = 0; j < count; j++) out += row((i) => (columns[i] as List<string>)[j] as string);
  return out + rule('└', '┴', '┘');
};

const methods: Record<string, (...args: unknown[]) => void> = {
  log: (...args) => line('info', args),
  info: (...args) => line('info', args),
  debug: (...args) => line('debug', args),
  warn: (...args) => line('warn', args),
  error: (...args) => line('error', args),
  trace: (...args) => {
    const error = new NativeError();
    defineProperty(error, 'name', { value: 'Trace' });
    const { stack } = describe(error);
    line('debug', [`Trace${args.length > 0 ? `: ${format(args)}` : ''}${slice(stack, 5)}`]);
  },
  dir: (value, options) => {
    const depth = isObject(options) ? (options as { depth?: unknown }).depth : undefined;
    write('info', inspect(value, true, depth === null ? 100 : typeof depth === 'number' ? depth : 2));
  },
  dirxml: (...args) => line('info', args),
  table: (rows, only) => {
    if (!isObject(rows)) line('info', [rows]);
    else {
      try {
        write('info', table(rows, only));
      } catch {
        line('info', [rows]);
      }
    }
  },
  assert: (condition, ...args) => {
    if (condition) return;
    if (typeof args[0] === 'string') args[0] = `Assertion failed: ${args[0]}`;
    else if (args.length === 0) {
      line('error', ['Assertion failed']);
      return;
    } else write('error', `Assertion failed ${format(args)}`);
    if (typeof args[0] === 'string') line('error', args);
  },
  count: (label) => {
    const name = labelOf(label);
    const n = (counts.get(name) ?? 0) + 1;
    if (n > 1 || bounded(counts)) counts.set(name, n);
    write('info', `${name}: ${n}`);
  },
  countReset: (label) => {
    counts.delete(labelOf(label));
  },
  time: (label) => {
    const name = labelOf(label);
    if (starts.has(name)) write('warn', `Timer '${name}' already exists`);
    else if (bounded(starts)) starts.set(name, turnNow());
  },
  timeLog: (label, ...args) => {
    const name = labelOf(label);
    const start = starts.get(name);
    if (start === undefined) write('warn', `Timer '${name}' does not exist`);
    else write('info', `${name}: ${turnNow() - start}ms${args.length > 0 ? ` ${format(args)}` : ''}`);
  },
  timeEnd: (label) => {
    const name = labelOf(label);
    const start = starts.get(name);
    if (start === undefined) write('warn', `Timer '${name}' does not exist`);
    else write('info', `${name}: ${turnNow() - start}ms`);
    starts.delete(name);
  },
  group: (...args) => {
    if (args.length > 0) line('info', args);
    if (groups.depth < 20) groups.depth++;
  },
  groupCollapsed: (...args) => {
    if (args.length > 0) line('info', args);
    if (groups.depth < 20) groups.depth++;
  },
  groupEnd: () => {
    if (groups.depth > 0) groups.depth--;
  },
  clear: () => {},
};

/** Boot makes it a global. */
export const consoleObject = objectCreate({}) as object;
{
  const names = objectKeys(methods);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = methods[name] as object;
    defineProperty(value, 'name', { value: name, configurable: true });
    lengthOf(value, 0);
    defineProperty(consoleObject, name, { value, writable: true, enumerable: true, configurable: true });
  }
  defineProperty(consoleObject, SYM_TAG, { value: 'console', configurable: true });
}

hideClass(consoleObject);
