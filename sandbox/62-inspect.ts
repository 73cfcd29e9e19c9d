/**
 * Values as text for console lines, laid out as Node does (`lib/internal/util/inspect.js`). Runs no getter, survives Proxies
 * and throwing everything, and stops at a budget of characters: formatting is guest work inside the guest's turn. Built on
 * first touch.
 */
import {
  bufferByteLength,
  dataViewBuffer,
  dataViewByteLength,
  dataViewByteOffset,
  dateGetTime,
  dateToISOString,
  endsWith,
  exec,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  hasOwn,
  isArray,
  isFiniteNumber,
  isObject,
  isView,
  List,
  mapForEach,
  mapGetSize,
  mathMin,
  numberToString,
  objectToString,
  padStart,
  reflectApply,
  reflectOwnKeys,
  regexpFlags,
  regexpSource,
  repeatString,
  SafeMap,
  setForEach,
  setGetSize,
  slice,
  startsWith,
  toStr,
  typedArrayName,
  U8,
  uncurry,
  viewLength,
} from './00-primordials.ts';
import { describe, showErrorsBy } from './08-errors.ts';
import { rare } from './13-rare.ts';
import { isAborted, isSignal } from './22-abort.ts';
import { isSearchParams, parseUrlencoded, searchParamsText } from './35-search-params.ts';
import { isUrl, URL } from './36-url.ts';
import { headerState, isHeaders, listOf } from './45-headers.ts';
import { isBlob, isFile } from './46-blob.ts';
import { isRequest, requestState } from './55-request.ts';
import { isResponse, responseState } from './56-response.ts';
import { layoutText, type Pass } from './61-layout.ts';

const BOXES = ['Number', 'String', 'Boolean', 'BigInt', 'Symbol'] as const;
const unboxers = new List<(value: object) => unknown>();
for (const each of [Number, String, Boolean, BigInt, Symbol])
  unboxers.push(uncurry(each.prototype.valueOf as never) as never);
const URL_PARTS = [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
];

const built = rare(
  'inspect>',
  '',
  () => {
    const MAX_ITEMS = 100;
    const { className, functionLabel, has, is, keyText, layOut, prefix, primitive, quoted, tagOf } = layoutText();
    /** Characters after which everything further is left out. */
    const BUDGET = 80_000;

    const urlGetters = new List<{ name: string; get: () => unknown }>();
    for (let i = 0; i < URL_PARTS.length; i++) {
      const name = URL_PARTS[i] as string;
      urlGetters.push({ name, get: getOwnPropertyDescriptor(URL.prototype, name)?.get as () => unknown });
    }
    const hashGetter = getOwnPropertyDescriptor(URL.prototype, 'hash')?.get as () => unknown;
    const paramsGetter = getOwnPropertyDescriptor(URL.prototype, 'searchParams')?.get as () => unknown;

    const nested = (value: unknown, pass: Pass, level: number): string => {
      pass.indent += 2;
      const text = show(value, pass, level + 1);
      pass.indent -= 2;
      return text;
    };

    const more = (items: List<string>, left: number): boolean => {
      if (left > 0) items.push(`... ${left} more item${left > 1 ? 's' : ''}`);
      return left > 0;
    };

    const INDEX = /^(0|[1-9][0-9]{0,15})$/;
    const properties = (value: object, items: List<string>, pass: Pass, level: number, hide: RegExp | null): void => {
      const names = reflectOwnKeys(value);
      for (let i = 0; i < names.length; i++) {
        const key = names[i] as string | symbol;
        if (typeof key === 'string' && hide !== null && exec(hide, key) !== null) continue;
        const property = getOwnPropertyDescriptor(value, key);
        if (property === undefined || !property.enumerable) continue;
        if (items.length >= 2 * MAX_ITEMS || pass.left <= 0) {
          more(items, names.length - i);
          return;
        }
        let text: string;
        if (property.get !== undefined) text = property.set === undefined ? '[Getter]' : '[Getter/Setter]';
        else if (property.set !== undefined) text = '[Setter]';
        else text = nested(property.value, pass, level);
        items.push(`${keyText(key)}: ${text}`);
      }
    };

    /** Elements of an array, runs of holes as one; true when some are left out. */
    const elements = (value: readonly unknown[], items: List<string>, pass: Pass, level: number): boolean => {
      const size = value.length;
      let at = 0;
      while (at < size && items.length < MAX_ITEMS && pass.left > 0) {
        const property = getOwnPropertyDescriptor(value, at);
        if (property !== undefined) {
          items.push('value' in property ? nested(property.value, pass, level) : '[Getter]');
          at++;
          continue;
        }
        const from = at;
        while (at < size && at - from < 1_000_000 && getOwnPropertyDescriptor(value, at) === undefined) at++;
        items.push(`<${at - from} empty item${at - from > 1 ? 's' : ''}>`);
      }
      return more(items, size - at);
    };

    const errorText = (value: object, items: List<string>, pass: Pass, level: number): string => {
      const text = describe(value);
      const made = className(value) ?? '';
      const head = text.message === '' ? text.name : `${text.name}: ${text.message}`;
      let out = text.stack === '' ? `[${head}]` : text.stack;
      if (made !== '' && made !== text.name && endsWith(text.name, 'Error') && startsWith(text.stack, text.name)) {
        out = `${has(made, text.name) ? made : `${made} [${text.name}]`}${slice(out, text.name.length)}`;
      }
      properties(value, items, pass, level, /^(stack|message|name)$/);
      const hidden = (key: string): void => {
        const found = getOwnPropertyDescriptor(value, key);
        if (
          found === undefined ||
          !('value' in found) ||
          found.enumerable ||
          (key === 'errors' && !isArray(found.value))
        )
          return;
        items.push(`[${key}]: ${nested(found.value, pass, level)}`);
      };
      hidden('cause');
      hidden('errors');
      if (pass.indent === 0 || !has(out, '\n')) return out;
      let moved = '';
      for (let i = 0; i < out.length; i++) moved += out[i] === '\n' ? `\n${repeatString(' ', pass.indent)}` : out[i];
      return moved;
    };

    const bufferItems = (value: object, items: List<string>): void => {
      const size = bufferByteLength(value);
      const bytes = new U8(value as ArrayBuffer);
      let text = '';
      for (let i = 0; i < size && i < MAX_ITEMS / 2; i++) {
        text += `${i === 0 ? '' : ' '}${padStart(numberToString(bytes[i] as number as never, 16), 2, '0')}`;
      }
      const left = size - MAX_ITEMS / 2;
      items.push(`[Uint8Contents]: <${text}${left > 0 ? ` ... ${left} more byte${left > 1 ? 's' : ''}` : ''}>`);
      items.push(`[byteLength]: ${size}`);
    };

    const isError = (value: object): boolean => {
      let at: object | null = value;
      for (let i = 0; i < 20 && at !== null; i++) {
        if (at === Error.prototype) return true;
        at = getPrototypeOf(at) as object | null;
      }
      return false;
    };

    /** Objects of the runtime: their state as items. */
    const platform = (value: object, items: List<string>, pass: Pass, level: number): boolean => {
      const item = (name: string, text: string): void => {
        items.push(`${name}: ${text}`);
      };
      if (isUrl(value)) {
        for (let i = 0; i < urlGetters.length; i++) {
          const { name, get } = urlGetters[i] as { name: string; get: () => unknown };
          item(name, quoted(reflectApply(get, value, []) as string));
        }
        item('searchParams', nested(reflectApply(paramsGetter, value, []), pass, level));
        item('hash', quoted(reflectApply(hashGetter, value, []) as string));
      } else if (isSearchParams(value)) {
        const pairs = parseUrlencoded(searchParamsText(value));
        for (let i = 0; i < pairs.length && i < 2 * MAX_ITEMS; i += 2) {
          items.push(`${quoted(pairs[i] as string)} => ${quoted(pairs[i + 1] as string)}`);
        }
      } else if (isHeaders(value)) {
        const pairs = listOf(headerState(value));
        for (let i = 0; i < pairs.length && i < 2 * MAX_ITEMS; i += 2) {
          item(keyText(pairs[i] as string), quoted(pairs[i + 1] as string));
        }
      } else if (isBlob(value)) {
        item('size', toStr(value.size));
        item('type', quoted(value.type));
        if (isFile(value)) {
          item('name', quoted(value.name));
          item('lastModified', toStr(value.lastModified));
        }
      } else if (isRequest(value)) {
        const { method, url } = requestState(value);
        item('method', quoted(method));
        item('url', quoted(url));
      } else if (isResponse(value)) item('status', toStr(responseState(value).status));
      else if (isSignal(value)) item('aborted', toStr(isAborted(value)));
      else return false;
      return true;
    };

    const boxed = (value: object, pass: Pass): string => {
      for (let i = 0; i < BOXES.length; i++) {
        const kind = BOXES[i] as (typeof BOXES)[number];
        const unbox = unboxers[i] as (value: object) => unknown;
        if (is(unbox, value)) return `[${kind}: ${primitive(unbox(value), true, pass)}]`;
      }
      return '';
    };

    const showObject = (value: object, pass: Pass, level: number): string => {
      const name = className(value);
      const tag = tagOf(value);
      const items = new List<string>();
      let base = '';
      let open = '{';
      let list: object | null = null;
      let cut = false;
      let hide: RegExp | null = null;
      const done = (): string => {
        const close = open[open.length - 1] === '[' ? ']' : '}';
        properties(value, items, pass, level, hide);
        const circular = pass.circular.get(value);
        const mark = circular === undefined ? '' : `<ref *${circular}>`;
        if (items.length === 0) {
          const text = base === '' ? `${open}${close}` : base;
          return mark === '' ? text : `${mark} ${text}`;
        }
        const whole = mark === '' ? base : base === '' ? mark : `${mark} ${base}`;
        return layOut(items, { base: whole, open, close, list, cut }, pass, level);
      };
      if (typeof value === 'function') base = functionLabel(value, name, tag);
      else if (isArray(value)) {
        open = `${name !== 'Array' || tag !== '' ? prefix(name, tag, 'Array', `(${value.length})`) : ''}[`;
        cut = elements(value, items, pass, level);
        list = value;
        hide = INDEX;
      } else if (isError(value)) {
        base = errorText(value, items, pass, level);
        hide = /^/;
      } else if (isView(value)) {
        const kind = typedArrayName(value);
        if (kind === undefined) {
          open = prefix(name, tag === 'DataView' ? '' : tag, 'DataView');
          open += '{';
          items.push(`[byteLength]: ${dataViewByteLength(value)}`, `[byteOffset]: ${dataViewByteOffset(value)}`);
          items.push(`[buffer]: ${nested(dataViewBuffer(value), pass, level)}`);
        } else {
          const size = viewLength(value);
          open = `${prefix(name, '', kind, `(${size})`)}[`;
          const shown = mathMin(size, MAX_ITEMS);
          for (let i = 0; i < shown; i++) items.push(primitive((value as never)[i], true, pass));
          cut = more(items, size - shown);
          list = value;
          hide = INDEX;
        }
      } else if (is(bufferByteLength, value)) {
        open = `${prefix(name, tag === 'ArrayBuffer' ? '' : tag, 'ArrayBuffer')}{`;
        bufferItems(value, items);
      } else if (is(dateGetTime as never, value)) {
        const ms = dateGetTime(value as Date);
        base = isFiniteNumber(ms) ? dateToISOString(value as Date) : 'Invalid Date';
      } else if (is(mapGetSize, value)) {
        const size = mapGetSize(value);
        mapForEach(value, (v, k) => {
          if (items.length < MAX_ITEMS) items.push(`${nested(k, pass, level)} => ${nested(v, pass, level)}`);
        });
        more(items, size - items.length);
        open = `${prefix(name, tag === 'Map' ? '' : tag, 'Map', `(${size})`)}{`;
      } else if (is(setGetSize, value)) {
        const size = setGetSize(value);
        setForEach(value, (v) => {
          if (items.length < MAX_ITEMS) items.push(nested(v, pass, level));
        });
        more(items, size - items.length);
        open = `${prefix(name, tag === 'Set' ? '' : tag, 'Set', `(${size})`)}{`;
      } else if (hasOwn(value, 'lastIndex') && is(regexpSource, value)) {
        base = `/${regexpSource(value)}/${regexpFlags(value)}`;
      } else if (!platform(value, items, pass, level)) {
        const box = boxed(value, pass);
        const kind = objectToString(value);
        if (box !== '') {
          base = box;
          hide = INDEX;
        } else if (kind === '[object Arguments]') open = '[Arguments] {';
        else if (kind === '[object WeakMap]' || kind === '[object WeakSet]') {
          open = `${prefix(name, '', 'Object')}{`;
          items.push('<items unknown>');
        } else if (name !== 'Object' || tag !== '') open = `${prefix(name, tag, 'Object')}{`;
      } else {
        open = `${prefix(name, tag === name ? '' : tag, 'Object')}{`;
        hide = /^/;
      }
      return done();
    };

    const isEmpty = (value: object): boolean =>
      reflectOwnKeys(value).length === (isArray(value) && value.length === 0 ? 1 : 0);

    const show = (value: unknown, pass: Pass, level: number): string => {
      let text: string;
      if (!isObject(value)) text = primitive(value, level > 0, pass);
      else if (pass.left <= 0) return '…';
      else {
        for (let i = 0; i < pass.open.length; i++) {
          if (pass.open[i] !== value) continue;
          let at = pass.circular.get(value);
          if (at === undefined) pass.circular.set(value, (at = pass.circular.size + 1));
          return `[Circular *${at}]`;
        }
        if (level > pass.depth && typeof value !== 'function' && !isError(value) && !isEmpty(value)) {
          const name = className(value);
          text = isArray(value) ? '[Array]' : name === null ? '[Object: null prototype]' : `[${name}]`;
        } else {
          pass.open.push(value);
          pass.left -= 2;
          if (!isEmpty(value)) pass.level = level;
          text = showObject(value, pass, level);
          pass.open.length--;
          return text;
        }
      }
      pass.left -= text.length;
      return text;
    };

    return {
      text: (value: unknown, from: number, depth: number): string => {
        const pass = {
          left: BUDGET,
          depth: depth + from,
          indent: 0,
          level: 0,
          open: new List<object>(),
          circular: new SafeMap(),
        };
        return show(value, pass as Pass, from);
      },
    };
  },
  '<inspect',
);

/** Never throws. `nested` puts strings in quotes. */
export const inspect = (value: unknown, nested = false, depth = 2): string => {
  try {
    return built().text(value, nested ? 1 : 0, depth);
  } catch {
    return '[value that cannot be shown]';
  }
};

showErrorsBy((error) => inspect(error, true));
