/**
 * Time that stands still within a turn: Date, performance.now and the formatters that read the clock on their own all
 * see the moment the turn began. No real clock is reachable from here except getRemainingTimeInMillis.
 */
import {
  dateToString,
  defineProperty,
  getOwnPropertyDescriptor,
  NativeDate,
  reflectConstruct,
} from './00-primordials.ts';
import { expose } from './04-globals.ts';

let nowMs = 0;
let originMs = 0;

/** Never runs backwards. */
export const setNow = (epochMs: number): void => {
  if (epochMs > nowMs) nowMs = epochMs;
};
export const setOrigin = (epochMs: number): void => {
  originMs = epochMs;
};
export const turnNow = (): number => nowMs;
export const timeOrigin = (): number => originMs;
/** The turn's moment as Date has it. */
export const wholeMs = (): number => nowMs - (nowMs % 1);

const FrozenDate = function (this: unknown, ..._parts: unknown[]): unknown {
  const target = new.target as unknown;
  if (target === undefined) return dateToString(new NativeDate(wholeMs()));
  return reflectConstruct(
    NativeDate,
    _parts.length === 0 ? [wholeMs()] : _parts,
    (target === FrozenDate ? NativeDate : target) as DateConstructor,
  );
};
defineProperty(FrozenDate, 'length', { value: 7, configurable: true });
defineProperty(FrozenDate, 'prototype', { value: NativeDate.prototype, writable: false });
defineProperty(FrozenDate, 'parse', getOwnPropertyDescriptor(NativeDate, 'parse') as PropertyDescriptor);
defineProperty(FrozenDate, 'UTC', getOwnPropertyDescriptor(NativeDate, 'UTC') as PropertyDescriptor);
const { now } = {
  now(): number {
    return wholeMs();
  },
};
defineProperty(FrozenDate, 'now', { value: now, writable: true, configurable: true });
defineProperty(NativeDate.prototype, 'constructor', { value: FrozenDate, writable: true, configurable: true });
expose('Date', FrozenDate);
