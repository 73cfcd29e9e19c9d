/**
 * Values as text for console lines, in Node's manner. Runs no getter, survives Proxies and throwing everything, and stops
 * at a budget of characters: formatting is guest work inside the guest's turn.
 */
import {
  bufferByteLength,
  codePointAt,
  dateGetTime,
  dateToISOString,
  functionToString,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  hasOwn,
  isArray,
  isFiniteNumber,
  isView,
  List,
  mapForEach,
  mapGetSize,
  mathMin,
  numberToString,
  reflectApply,
  reflectOwnKeys,
  regexpFlags,
  regexpSource,
  SafeSet,
  setForEach,
  setGetSize,
  slice,
  startsWith,
  toStr,
  typedArrayName,
  viewLength,
} from './00-primordials.ts';
import { describe, showErrorsBy } from './08-errors.ts';
import { isUrl, urlHref } from './36-url.ts';
import { headerState, isHeaders, listOf } from './45-headers.ts';
import { isRequest, requestState } from './55-request.ts';
import { isResponse, responseState } from './56-response.ts';

const MAX_DEPTH = 5;
const MAX_ITEMS = 100;
const MAX_STRING = 10_000;
const WIDTH = 76;
/** Characters after which everything further is left out. */
const BUDGET = 80_000;

interface Pass {
  left: number;
  readonly open: SafeSet<object>;
}

/** A string as source would write it. */
const quoted = (text: string): string => {
  const mark = hasChar(text, "'") ? (hasChar(text, '"') ? '`' : '"') : "'";
  let out = mark;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    out +=
      c === '\n' ? '\\n' : c === '\t' ? '\\t' : c === '\r' ? '\\r' : c === '\\' ? '\\\\' : c === mark ? `\\${c}` : c;
  }
  return out + mark;
};
const hasChar = (text: string, char: string): boolean => {
  for (let i = 0; i < text.length; i++) if (text[i] === char) return true;
  return false;
};

const NAME = (text: string): boolean => {
  if (text === '' || text.length > 200) return false;
  for (let i = 0; i < text.length; i++) {
    const c = codePointAt(text, i) as number;
    const letter = (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95 || c === 36;
    if (!letter && !(i > 0 && c >= 48 && c <= 57)) return false;
  }
  return true;
};

const primitive = (value: unknown, nested: boolean): string => {
  switch (typeof value) {
    case 'string': {
      const text = value.length > MAX_STRING && nested ? slice(value, 0, MAX_STRING) : value;
      const rest = value.length - text.length;
      return `${nested ? quoted(text) : text}${rest > 0 ? `... ${rest} more characters` : ''}`;
    }
    case 'number':
      return value === 0 && 1 / value < 0 ? '-0' : reflectApply(numberToString, undefined, [value]);
    case 'bigint':
      return `${toStr(value)}n`;
    case 'symbol':
      return toStr(value);
    default:
      return toStr(value);
  }
};

/** True when `test` does not throw: a brand check by a captured built-in. */
const is = (test: (value: object) => unknown, value: object): boolean => {
  try {
    test(value);
    return true;
  } catch {
    return false;
  }
};

const className = (value: object): string => {
  let at: object | null = value;
  for (let i = 0; i < 10 && at !== null; i++) {
    const found = getOwnPropertyDescriptor(at, 'constructor')?.value as unknown;
    if (typeof found === 'function') {
      const name = getOwnPropertyDescriptor(found, 'name')?.value as unknown;
      return typeof name === 'string' && name !== '' ? slice(name, 0, 200) : 'Object';
    }
    at = getPrototypeOf(at) as object | null;
  }
  return '';
};

const functionLabel = (value: object): string => {
  const name = getOwnPropertyDescriptor(value, 'name')?.value as unknown;
  const label = typeof name === 'string' && name !== '' ? slice(name, 0, 200) : '(anonymous)';
  const source = is(functionToString as never, value) ? functionToString(value as never) : '';
  return startsWith(source, 'class') ? `[class ${label}]` : `[Function${label === '(anonymous)' ? ' ' : ': '}${label}]`;
};

const layout = (head: string, open: string, items: List<string>, close: string): string => {
  const lead = head === '' ? '' : `${head} `;
  if (items.length === 0) return `${lead}${open}${close}`;
  let line = '';
  let single = true;
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as string;
    line += i === 0 ? item : `, ${item}`;
    if (line.length > WIDTH || hasChar(item, '\n')) {
      single = false;
      break;
    }
  }
  if (single) return `${lead}${open} ${line} ${close}`;
  let out = `${lead}${open}`;
  for (let i = 0; i < items.length; i++) out += `\n  ${indent(items[i] as string)}${i < items.length - 1 ? ',' : ''}`;
  return `${out}\n${close}`;
};

const indent = (text: string): string => {
  if (!hasChar(text, '\n')) return text;
  let out = '';
  for (let i = 0; i < text.length; i++) out += text[i] === '\n' ? '\n  ' : (text[i] as string);
  return out;
};

const more = (items: List<string>, left: number): void => {
  if (left > 0) items.push(`... ${left} more item${left > 1 ? 's' : ''}`);
};

const properties = (
  value: object,
  items: List<string>,
  pass: Pass,
  depth: number,
  skip: (key: string) => boolean,
): void => {
  const names = reflectOwnKeys(value);
  for (let i = 0; i < names.length; i++) {
    const key = names[i] as string | symbol;
    if (typeof key === 'string' && skip(key)) continue;
    const property = getOwnPropertyDescriptor(value, key);
    if (property === undefined || !property.enumerable) continue;
    if (items.length >= MAX_ITEMS || pass.left <= 0) {
      more(items, names.length - i);
      return;
    }
    const label = typeof key === 'symbol' ? `[${toStr(key)}]` : NAME(key) ? key : quoted(key);
    let text: string;
    if (property.get !== undefined) text = property.set === undefined ? '[Getter]' : '[Getter/Setter]';
    else if (property.set !== undefined) text = '[Setter]';
    else text = show(property.value, pass, depth + 1);
    items.push(`${label}: ${text}`);
  }
};

const never = (): boolean => false;
const isIndex = (key: string): boolean => {
  const c = codePointAt(key, 0) as number;
  return c >= 48 && c <= 57;
};

const ordered = (value: object, size: number, pass: Pass, depth: number, at: (i: number) => unknown): List<string> => {
  const items = new List<string>();
  const shown = mathMin(size, MAX_ITEMS);
  for (let i = 0; i < shown && pass.left > 0; i++) {
    if (isArray(value)) {
      const property = getOwnPropertyDescriptor(value, i);
      if (property === undefined) items.push('<empty>');
      else items.push('value' in property ? show(property.value, pass, depth + 1) : '[Getter]');
    } else items.push(show(at(i), pass, depth + 1));
  }
  more(items, size - items.length);
  return items;
};

const errorText = (value: object, pass: Pass, depth: number): string => {
  const text = describe(value);
  const head = text.message === '' ? text.name : `${text.name}: ${text.message}`;
  let out = text.stack === '' ? `[${head}]` : text.stack;
  const made = className(value);
  if (made !== '' && made !== text.name && startsWith(text.stack, text.name)) {
    out = `${made} [${text.name}]${slice(out, text.name.length)}`;
  }
  const extra = new List<string>();
  properties(value, extra, pass, depth, (key) => key === 'stack' || key === 'message' || key === 'name');
  const cause = getOwnPropertyDescriptor(value, 'cause');
  if (cause !== undefined && 'value' in cause && !cause.enumerable) {
    extra.push(`[cause]: ${show(cause.value, pass, depth + 1)}`);
  }
  const members = getOwnPropertyDescriptor(value, 'errors');
  if (members !== undefined && isArray(members.value) && !members.enumerable) {
    extra.push(`[errors]: ${show(members.value, pass, depth + 1)}`);
  }
  for (let i = 0; i < extra.length; i++) out += `${i === 0 ? ' {' : ','}\n  ${indent(extra[i] as string)}`;
  if (extra.length > 0) out += '\n}';
  return out;
};

const looksLikeError = (value: object): boolean => {
  let at: object | null = value;
  for (let i = 0; i < 20 && at !== null; i++) {
    if (at === Error.prototype) return true;
    at = getPrototypeOf(at) as object | null;
  }
  return false;
};

const showObject = (value: object, pass: Pass, depth: number): string => {
  if (typeof value === 'function') {
    const items = new List<string>();
    properties(value, items, pass, depth, never);
    return items.length === 0 ? functionLabel(value) : layout(functionLabel(value), '{', items, '}');
  }
  const name = className(value);
  const items = new List<string>();
  if (isArray(value)) {
    const list = ordered(value, value.length, pass, depth, () => undefined);
    properties(value, list, pass, depth, isIndex);
    return layout(name === 'Array' ? '' : `${name}(${value.length})`, '[', list, ']');
  }
  if (looksLikeError(value)) return errorText(value, pass, depth);
  if (isView(value)) {
    const kind = typedArrayName(value);
    if (kind === undefined) return `DataView {}`;
    const size = viewLength(value);
    return layout(
      `${kind}(${size})`,
      '[',
      ordered(value, size, pass, depth, (i) => (value as never)[i]),
      ']',
    );
  }
  if (is(bufferByteLength, value)) return `ArrayBuffer { byteLength: ${bufferByteLength(value)} }`;
  if (is(dateGetTime as never, value)) {
    const ms = dateGetTime(value as Date);
    return isFiniteNumber(ms) ? dateToISOString(value as Date) : 'Invalid Date';
  }
  if (is(mapGetSize, value)) {
    const size = mapGetSize(value);
    mapForEach(value, (v, k) => {
      if (items.length < MAX_ITEMS) items.push(`${show(k, pass, depth + 1)} => ${show(v, pass, depth + 1)}`);
    });
    more(items, size - items.length);
    return layout(`${name}(${size})`, '{', items, '}');
  }
  if (is(setGetSize, value)) {
    const size = setGetSize(value);
    setForEach(value, (v) => {
      if (items.length < MAX_ITEMS) items.push(show(v, pass, depth + 1));
    });
    more(items, size - items.length);
    return layout(`${name}(${size})`, '{', items, '}');
  }
  if (hasOwn(value, 'lastIndex') && is(regexpSource, value)) return `/${regexpSource(value)}/${regexpFlags(value)}`;
  if (isUrl(value)) return `URL { href: ${quoted(urlHref(value))} }`;
  if (isHeaders(value)) {
    const list = listOf(headerState(value));
    for (let i = 0; i < list.length && i < 2 * MAX_ITEMS; i += 2) {
      items.push(`${quoted(list[i] as string)}: ${quoted(list[i + 1] as string)}`);
    }
    return layout('Headers', '{', items, '}');
  }
  if (isRequest(value)) {
    const { method, url } = requestState(value);
    return `Request { method: ${quoted(method)}, url: ${quoted(url)} }`;
  }
  if (isResponse(value)) return `Response { status: ${responseState(value).status} }`;
  properties(value, items, pass, depth, never);
  return layout(name === 'Object' ? '' : name === '' ? '[Object: null prototype]' : name, '{', items, '}');
};

const show = (value: unknown, pass: Pass, depth: number): string => {
  let text: string;
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') text = primitive(value, depth > 0);
  else if (pass.left <= 0) return '…';
  else if (pass.open.has(value)) return '[Circular]';
  else if (depth > MAX_DEPTH) text = isArray(value) ? '[Array]' : `[${className(value) || 'Object'}]`;
  else {
    pass.open.add(value);
    pass.left -= 2;
    text = showObject(value, pass, depth);
    pass.open.delete(value);
    return text;
  }
  pass.left -= text.length;
  return text;
};

/** Never throws. `nested` puts strings in quotes. */
export const inspect = (value: unknown, nested = false): string => {
  try {
    return show(value, { left: BUDGET, open: new SafeSet<object>() }, nested ? 1 : 0);
  } catch {
    return '[value that cannot be shown]';
  }
};

showErrorsBy((error) => inspect(error, true));
