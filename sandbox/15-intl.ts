/**
 * Intl as guests have it, on first touch: its objects carry the weight they have outside the heap, its locales are bounded, and
 * its formatters read the clock of the turn. Nobody has reached the native constructors before.
 */
import {
  defineProperty,
  getOwnPropertyDescriptor,
  isObject,
  NativeArrayBuffer,
  NativeIntl,
  reflectApply,
  reflectConstruct,
  reflectOwnKeys,
  SafeWeakMap,
} from './00-primordials.ts';
import { place } from './04-globals.ts';
import { dress } from './06-guards.ts';
import { guardLocales, plainLocales } from './09-intl.ts';
import { wholeMs } from './12-clock.ts';

// late: Intl

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** `Intl.DateTimeFormat` reads the clock when it is given no date. */
const freezeFormatters = (): void => {
  const proto = NativeIntl.DateTimeFormat.prototype;
  const formatGet = getOwnPropertyDescriptor(proto, 'format')?.get as () => (date?: unknown) => string;
  const bound = new SafeWeakMap<object, unknown>();
  const { get } = getOwnPropertyDescriptor(
    {
      get format(): unknown {
        const native = reflectApply(formatGet, this, []) as (date?: unknown) => string;
        let wrapped = bound.get(native);
        if (wrapped === undefined) {
          const fresh = (date?: unknown): string => native(date === undefined ? wholeMs() : date);
          defineProperty(fresh, 'name', { value: '', configurable: true });
          bound.set(native, fresh);
          wrapped = fresh;
        }
        return wrapped;
      },
    },
    'format',
  ) as { get: () => unknown };
  defineProperty(proto, 'format', { get, configurable: true, enumerable: false });
  const toParts = proto.formatToParts as (date?: unknown) => unknown;
  const { formatToParts } = {
    formatToParts(this: unknown, date?: unknown): unknown {
      return reflectApply(toParts, this, [date === undefined ? wholeMs() : date]);
    },
  };
  defineProperty(proto, 'formatToParts', { value: formatToParts, writable: true, configurable: true });
};
freezeFormatters();

/** Bytes outside the heap, about; measured by making many. */
const COSTS: Readonly<Record<string, number>> = {
  Collator: 16_384,
  DateTimeFormat: 65_536,
  DisplayNames: 16_384,
  DurationFormat: 65_536,
  ListFormat: 4096,
  NumberFormat: 32_768,
  PluralRules: 32_768,
  RelativeTimeFormat: 32_768,
  Segmenter: 32_768,
};
// Older than the standard's Segmenter, and guarded by nothing.
delete (NativeIntl as unknown as Record<string, unknown>)['v8BreakIterator'];

const ballast = new SafeWeakMap<object, ArrayBuffer>();

const wrap = (name: string, bytes: number): void => {
  const native = (NativeIntl as unknown as Record<string, Method | undefined>)[name];
  if (native === undefined) return;
  const Wrapped = function (this: unknown, ...args: unknown[]): unknown {
    if (args.length > 0) args[0] = plainLocales(args[0]);
    const target = new.target as unknown;
    const made =
      target === undefined
        ? reflectApply(native, this, args)
        : reflectConstruct(native as never, args, (target === Wrapped ? native : target) as never);
    if (isObject(made) && !ballast.has(made)) ballast.set(made, new NativeArrayBuffer(bytes));
    return made;
  };
  const prototype = (native as { prototype?: object }).prototype as object;
  const keys = reflectOwnKeys(native);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as PropertyKey;
    if (key === 'prototype' || key === 'name' || key === 'length') continue;
    defineProperty(Wrapped, key, getOwnPropertyDescriptor(native, key) as PropertyDescriptor);
  }
  dress(Wrapped, native);
  defineProperty(Wrapped, 'prototype', { value: prototype, writable: false });
  guardLocales(Wrapped, 'supportedLocalesOf', 0);
  defineProperty(prototype, 'constructor', { value: Wrapped, writable: true, configurable: true });
  defineProperty(NativeIntl, name, { value: Wrapped, writable: true, configurable: true });
};
guardLocales(NativeIntl, 'getCanonicalLocales', 0);
const names = reflectOwnKeys(COSTS);
for (let i = 0; i < names.length; i++) wrap(names[i] as string, COSTS[names[i] as string] as number);

/** As guests have it, for Temporal. */
export const Formatter: typeof Intl.DateTimeFormat = NativeIntl.DateTimeFormat;
place('Intl', NativeIntl, false);
