/**
 * Intl as guests have it, on first touch: its objects carry the weight they have outside the heap, its locales are bounded, and
 * its formatters read the clock of the turn. Nobody has reached the native constructors before.
 */
import {
  bufferByteLength,
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  isObject,
  NativeArrayBuffer,
  NativeIntl,
  reflectApply,
  reflectConstruct,
  reflectOwnKeys,
  SafeWeakMap,
  SYM_ITERATOR,
} from './00-primordials.ts';
import { place } from './04-globals.ts';
import { dress, put } from './06-guards.ts';
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
  Locale: 1024,
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
    // A locale is made of one tag, and takes no list.
    if (args.length > 0 && name !== 'Locale') args[0] = plainLocales(args[0]);
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

/** Each keeps a copy of its text outside the heap, two bytes a unit, and rules to cut it by. */
const SEGMENTS_BYTES = 10_240;
const weighSegments = (): void => {
  const { prototype } = NativeIntl.Segmenter;
  const native = prototype.segment as Method;
  let iterate: Method | null = null;
  const guardWalks = (proto: object): void => {
    const walk = getOwnPropertyDescriptor(proto, SYM_ITERATOR)?.value as Method;
    iterate = walk;
    const { method } = {
      method(this: object): unknown {
        const weight = ballast.get(this);
        const copy = weight === undefined ? null : new NativeArrayBuffer(bufferByteLength(weight));
        const iterator = reflectApply(walk, this, []) as object;
        if (copy !== null) ballast.set(iterator, copy);
        return iterator;
      },
    };
    put(proto, SYM_ITERATOR, method);
  };
  const { segment } = {
    segment(this: unknown, input: unknown): unknown {
      const text = `${input as string}`;
      // Before there is anything to weigh: beyond the limit nothing is copied.
      const weight = new NativeArrayBuffer(2 * text.length + SEGMENTS_BYTES);
      const segments = reflectApply(native, this, [text]) as object;
      ballast.set(segments, weight);
      // Their prototype is reached by making some, which is not free.
      if (iterate === null) guardWalks(getPrototypeOf(segments) as object);
      return segments;
    },
  };
  put(prototype, 'segment', segment);
};
weighSegments();

/** Methods of `Intl.Locale` make further ones. */
const weighLocales = (): void => {
  const { prototype } = NativeIntl.Locale;
  const makers = ['maximize', 'minimize'] as const;
  for (let i = 0; i < makers.length; i++) {
    const name = makers[i] as (typeof makers)[number];
    const native = prototype[name] as Method;
    const { method } = {
      method(this: unknown): unknown {
        const made = reflectApply(native, this, []) as object;
        ballast.set(made, new NativeArrayBuffer(COSTS['Locale'] as number));
        return made;
      },
    };
    put(prototype, name, method);
  }
};
weighLocales();

const names = reflectOwnKeys(COSTS);
for (let i = 0; i < names.length; i++) wrap(names[i] as string, COSTS[names[i] as string] as number);

/** As guests have it, for Temporal. */
export const Formatter: typeof Intl.DateTimeFormat = NativeIntl.DateTimeFormat;
place('Intl', NativeIntl, false);
