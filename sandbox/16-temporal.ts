/**
 * Temporal, put together on first touch. V8 gives every context a Temporal of its own, also one that starts from a snapshot;
 * making it costs 170 KB, so nobody pays who does not use it. Its clock is the frozen moment of the turn, its locales are
 * bounded as Intl's are. A guest that replaces `Date.prototype.toTemporalInstant` first fools only itself.
 */
import { defineProperty, NativeDate, objectCreate, objectKeys, reflectApply, SYM_TAG } from './00-primordials.ts';
import { asNative } from './06-guards.ts';
import { guardLocales } from './09-intl.ts';
import { wholeMs } from './12-clock.ts';
import { Formatter } from './15-intl.ts';

// late:

type Method = (this: unknown, ...args: unknown[]) => unknown;
interface Made {
  readonly constructor: { readonly prototype: Record<string, Method> };
}

const call = (value: unknown, name: string, ...args: unknown[]): Made =>
  reflectApply((value as Record<string, Method>)[name] as Method, value, args) as Made;

const put = (owner: object, name: string, value: unknown): void => {
  defineProperty(owner, name, { value, writable: true, enumerable: false, configurable: true });
};

const makeNow = (instantClass: object, zonedProto: Record<string, Method>): object => {
  const fromEpoch = (instantClass as unknown as Record<string, Method>)['fromEpochMilliseconds'] as Method;
  const instant = (): Made => reflectApply(fromEpoch, instantClass, [wholeMs()]) as Made;
  const toZoned = instant().constructor.prototype['toZonedDateTimeISO'] as Method;
  const { toPlainDateTime, toPlainDate, toPlainTime } = zonedProto;
  const here = (): unknown => new Formatter().resolvedOptions().timeZone;
  const zoned = (zone: unknown): unknown => reflectApply(toZoned, instant(), [zone === undefined ? here() : zone]);
  const part = (convert: Method | undefined, zone: unknown): unknown =>
    reflectApply(convert as Method, zoned(zone), []);
  const readings = {
    instant: () => instant(),
    timeZoneId: () => here(),
    plainDateTimeISO: (...zone: unknown[]) => part(toPlainDateTime, zone[0]),
    zonedDateTimeISO: (...zone: unknown[]) => zoned(zone[0]),
    plainDateISO: (...zone: unknown[]) => part(toPlainDate, zone[0]),
    plainTimeISO: (...zone: unknown[]) => part(toPlainTime, zone[0]),
  };
  const clock = {};
  const names = objectKeys(readings) as (keyof typeof readings)[];
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as keyof typeof readings;
    asNative(readings[name], name);
    put(clock, name, readings[name]);
  }
  defineProperty(clock, SYM_TAG, { value: 'Temporal.Now', configurable: true });
  return clock;
};

/** The namespace, on first touch. */
export const makeTemporal = (): object => {
  const instant = call(new NativeDate(0), 'toTemporalInstant');
  const zoned = call(instant, 'toZonedDateTimeISO', 'UTC');
  const dateTime = call(zoned, 'toPlainDateTime');
  const date = call(dateTime, 'toPlainDate');
  const classes: Record<string, Made> = objectCreate(null) as Record<string, Made>;
  classes['PlainDate'] = date;
  classes['PlainTime'] = call(dateTime, 'toPlainTime');
  classes['PlainDateTime'] = dateTime;
  classes['ZonedDateTime'] = zoned;
  classes['Duration'] = call(instant, 'until', instant);
  classes['Instant'] = instant;
  classes['PlainYearMonth'] = call(date, 'toPlainYearMonth');
  classes['PlainMonthDay'] = call(date, 'toPlainMonthDay');
  const temporal = {};
  put(temporal, 'Now', makeNow(instant.constructor, zoned.constructor.prototype));
  const names = objectKeys(classes);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const made = (classes[name] as Made).constructor;
    guardLocales(made.prototype, 'toLocaleString', 0);
    put(temporal, name, made);
  }
  defineProperty(temporal, SYM_TAG, { value: 'Temporal', configurable: true });
  return temporal;
};
