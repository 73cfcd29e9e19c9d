/** performance, on the clock that stands still within a turn; marks and measures are kept in a bounded timeline. */
import {
  defineProperty,
  freeze,
  isArray,
  isObject,
  List,
  NativeTypeError,
  objectKeys,
  reflectApply,
  SafeSet,
  toNum,
} from './00-primordials.ts';
import { arity, enumerable, lengthOf } from './04-globals.ts';
import { current, uncaught } from './10-box.ts';
import { timeOrigin, turnNow } from './12-clock.ts';
import { rare } from './13-rare.ts';
import { DOMException } from './15-dom-exception.ts';
import { EventTarget } from './20-events.ts';
import { task } from './21-timers.ts';
import { cloneValue } from './70-structured-clone.ts';

/** Entries kept; the oldest go first. */
const MOST = 10_000;
const TOKEN = {};
type Kind = 'mark' | 'measure';

interface Entry {
  readonly name: string;
  readonly entryType: Kind;
  readonly startTime: number;
  readonly duration: number;
}

interface MarkOptions {
  readonly detail?: unknown;
  readonly startTime?: unknown;
}
interface MeasureOptions {
  readonly detail?: unknown;
  readonly start?: unknown;
  readonly end?: unknown;
  readonly duration?: unknown;
}
interface ObserveOptions {
  readonly entryTypes?: unknown;
  readonly type?: unknown;
  readonly buffered?: unknown;
}

const now = (): number => turnNow() - timeOrigin();

const illegal = (token: unknown): void => {
  if (token !== TOKEN) throw new NativeTypeError('Illegal constructor');
};

rare(
  'performance>',
  'PerformanceEntry PerformanceMark PerformanceMeasure PerformanceObserver PerformanceObserverEntryList Performance performance()',
  () => {
    const timeline = new List<Entry>();

    const push = (list: unknown[], value: unknown): void => {
      defineProperty(list, list.length, { value, writable: true, enumerable: true, configurable: true });
    };

    /** Those of `from` that fit, by start; `undefined` fits all. */
    const select = (from: List<Entry>, name?: string, type?: string): Entry[] => {
      const found: Entry[] = [];
      for (let i = 0; i < from.length; i++) {
        const entry = from[i] as Entry;
        if (name !== undefined && nameOf(entry) !== name) continue;
        if (type !== undefined && kindOf(entry) !== type) continue;
        push(found, entry);
      }
      return found;
    };

    let nameOf: (entry: Entry) => string;
    let kindOf: (entry: Entry) => string;
    let startOf: (entry: Entry) => number;

    /** Kept in the order of their starts, as every list of entries has them. */
    const keep = (entry: Entry): void => {
      if (timeline.length >= MOST) timeline.shift();
      let at = timeline.length;
      timeline.push(entry);
      for (; at > 0 && startOf(timeline[at - 1] as Entry) > startOf(entry); at--)
        timeline[at] = timeline[at - 1] as Entry;
      timeline[at] = entry;
      let told = false;
      observers.forEach((observer) => {
        if (!observer.types.has(kindOf(entry))) return;
        observer.buffer.push(entry);
        told = true;
      });
      if (told) tellSoon();
    };

    const drop = (kind: Kind, name: unknown): void => {
      const only = name === undefined ? undefined : `${name as string}`;
      let kept = 0;
      for (let i = 0; i < timeline.length; i++) {
        const entry = timeline[i] as Entry;
        if (kindOf(entry) !== kind || (only !== undefined && nameOf(entry) !== only)) timeline[kept++] = entry;
      }
      timeline.length = kept;
    };

    interface Watch {
      readonly types: SafeSet<string>;
      buffer: List<Entry>;
      readonly tell: () => void;
    }
    const observers = new SafeSet<Watch>();
    let telling = false;
    const tellSoon = (): void => {
      if (telling) return;
      telling = true;
      task(current, () => {
        telling = false;
        observers.forEach((observer) => {
          if (observer.buffer.length > 0) observer.tell();
        });
      });
    };

    const duringOf = (value: unknown, what: string): number => {
      const ms = toNum(value);
      if (!(ms >= 0)) throw new NativeTypeError(`performance.${what}: a time must not be negative`);
      return ms;
    };

    /** A time, or the start of the latest mark of that name. */
    const timeOf = (mark: unknown): number => {
      if (typeof mark === 'number') return duringOf(mark, 'measure');
      const name = `${mark as string}`;
      for (let i = timeline.length - 1; i >= 0; i--) {
        const entry = timeline[i] as Entry;
        if (kindOf(entry) === 'mark' && nameOf(entry) === name) return startOf(entry);
      }
      throw new DOMException(`The mark '${name}' has not been set`, 'SyntaxError');
    };

    let detailOf: (entry: Entry) => unknown;

    class PerformanceEntry implements Entry {
      readonly #name: string;
      readonly #kind: Kind;
      readonly #start: number;
      readonly #duration: number;
      readonly #detail: unknown;
      static {
        nameOf = (entry) => (entry as PerformanceEntry).#name;
        kindOf = (entry) => (entry as PerformanceEntry).#kind;
        startOf = (entry) => (entry as PerformanceEntry).#start;
        detailOf = (entry) => (entry as PerformanceEntry).#detail;
      }
      constructor(token: unknown, name: string, kind: Kind, start: number, duration: number, detail: unknown) {
        illegal(token);
        this.#name = name;
        this.#kind = kind;
        this.#start = start;
        this.#duration = duration;
        this.#detail = detail;
      }
      get name(): string {
        return this.#name;
      }
      get entryType(): Kind {
        return this.#kind;
      }
      get startTime(): number {
        return this.#start;
      }
      get duration(): number {
        return this.#duration;
      }
      toJSON(): object {
        return {
          name: this.#name,
          entryType: this.#kind,
          startTime: this.#start,
          duration: this.#duration,
          detail: this.#detail,
        };
      }
    }
    class PerformanceMark extends PerformanceEntry {
      constructor(name: unknown, options?: MarkOptions) {
        // biome-ignore lint/complexity/noArguments: WebIDL counts the arguments given
        if (arguments.length === 0) throw new NativeTypeError('PerformanceMark: 1 argument required');
        const text = `${name as string}`;
        const given = isObject(options) ? (options as MarkOptions) : {};
        const { startTime, detail } = given;
        const start = startTime === undefined ? now() : duringOf(startTime, 'mark');
        super(TOKEN, text, 'mark', start, 0, cloneValue(detail ?? null));
      }
      get detail(): unknown {
        return detailOf(this);
      }
    }
    class PerformanceMeasure extends PerformanceEntry {
      get detail(): unknown {
        return detailOf(this);
      }
    }
    enumerable(PerformanceEntry.prototype, ['name', 'entryType', 'startTime', 'duration', 'toJSON']);
    enumerable(PerformanceMark.prototype, ['detail']);
    enumerable(PerformanceMeasure.prototype, ['detail']);
    lengthOf(PerformanceEntry, 0);
    lengthOf(PerformanceMark, 1);
    lengthOf(PerformanceMeasure, 0);

    class PerformanceObserverEntryList {
      readonly #entries: List<Entry>;
      constructor(token: unknown, entries: List<Entry>) {
        illegal(token);
        this.#entries = entries;
      }
      getEntries(): Entry[] {
        return select(this.#entries);
      }
      getEntriesByType(type: unknown): Entry[] {
        return select(this.#entries, undefined, `${type as string}`);
      }
      getEntriesByName(name: unknown, type?: unknown): Entry[] {
        return select(this.#entries, `${name as string}`, type === undefined ? undefined : `${type as string}`);
      }
    }
    class PerformanceObserver {
      readonly #watch: Watch;
      constructor(callback: unknown) {
        if (typeof callback !== 'function') {
          throw new NativeTypeError('PerformanceObserver: the callback must be a function');
        }
        const tell = (): void => {
          const entries = this.#take();
          try {
            const list = new PerformanceObserverEntryList(TOKEN, entries);
            reflectApply(callback as () => void, this, [list, this, {}]);
          } catch (error) {
            uncaught(error);
          }
        };
        this.#watch = { types: new SafeSet(), buffer: new List(), tell };
      }
      #take(): List<Entry> {
        const taken = this.#watch.buffer;
        this.#watch.buffer = new List();
        return taken;
      }
      observe(options?: ObserveOptions): void {
        const { entryTypes, type, buffered } = isObject(options) ? (options as ObserveOptions) : {};
        const types = this.#watch.types;
        if (type !== undefined) types.add(`${type as string}`);
        else if (isArray(entryTypes)) {
          types.clear();
          for (let i = 0; i < entryTypes.length; i++) types.add(`${entryTypes[i] as string}`);
        } else throw new NativeTypeError('PerformanceObserver.observe: entryTypes or type is required');
        observers.add(this.#watch);
        if (!buffered || type === undefined) return;
        const earlier = select(timeline, undefined, `${type as string}`);
        for (let i = 0; i < earlier.length; i++) this.#watch.buffer.push(earlier[i] as Entry);
        if (earlier.length > 0) tellSoon();
      }
      disconnect(): void {
        observers.delete(this.#watch);
        this.#watch.types.clear();
        this.#take();
      }
      takeRecords(): Entry[] {
        return select(this.#take());
      }
      static get supportedEntryTypes(): readonly string[] {
        return freeze(['mark', 'measure']);
      }
    }
    enumerable(PerformanceObserverEntryList.prototype, ['getEntries', 'getEntriesByType', 'getEntriesByName']);
    enumerable(PerformanceObserver.prototype, ['observe', 'disconnect', 'takeRecords']);
    arity(PerformanceObserverEntryList.prototype, 'PerformanceObserverEntryList', {
      getEntriesByType: 1,
      getEntriesByName: 1,
    });
    lengthOf(PerformanceObserverEntryList, 0);

    const measureSpan = (
      options: MeasureOptions | undefined,
      from: unknown,
      to: unknown,
    ): { start: number; end: number } => {
      if (options === undefined) {
        const end = to === undefined ? now() : timeOf(to);
        return { start: from === undefined ? 0 : timeOf(from), end };
      }
      const { start, end, duration } = options;
      if (start === undefined && end === undefined) {
        throw new NativeTypeError('performance.measure: the options need start or end');
      }
      if (start !== undefined && end !== undefined && duration !== undefined) {
        throw new NativeTypeError('performance.measure: start, end and duration exclude each other');
      }
      const lasts = duration === undefined ? 0 : duringOf(duration, 'measure');
      const stop =
        end !== undefined ? timeOf(end) : start !== undefined && duration !== undefined ? timeOf(start) + lasts : now();
      const begin = start !== undefined ? timeOf(start) : duration !== undefined ? stop - lasts : 0;
      return { start: begin, end: stop };
    };

    const put = (entry: Entry): Entry => {
      keep(entry);
      return entry;
    };
    const mark = (name: unknown, options?: MarkOptions): Entry => put(new PerformanceMark(name, options));
    const measure = (name: unknown, from: unknown, to: unknown): Entry => {
      const text = `${name as string}`;
      const options = isObject(from) && objectKeys(from).length > 0 ? (from as MeasureOptions) : undefined;
      if (options !== undefined && to !== undefined) {
        throw new NativeTypeError('performance.measure: options and an end mark exclude each other');
      }
      const { start, end } = measureSpan(options, isObject(from) ? undefined : from, to);
      const detail = cloneValue(options?.detail ?? null);
      return put(new PerformanceMeasure(TOKEN, text, 'measure', start, end - start, detail));
    };
    const entries = (name?: string, type?: string): Entry[] => select(timeline, name, type);
    class Performance extends EventTarget {
      readonly #brand: true = true;
      constructor(token?: unknown) {
        illegal(token);
        super();
      }
      now(): number {
        this.#brand;
        return now();
      }
      get timeOrigin(): number {
        this.#brand;
        return timeOrigin();
      }
      toJSON(): object {
        this.#brand;
        return { timeOrigin: timeOrigin() };
      }
      mark(name: unknown, options?: MarkOptions): Entry {
        return mark(name, options);
      }
      measure(name: unknown, from?: unknown, to?: unknown): Entry {
        return measure(name, from, to);
      }
      clearMarks(name?: unknown): void {
        drop('mark', name);
      }
      clearMeasures(name?: unknown): void {
        drop('measure', name);
      }
      getEntries(): Entry[] {
        return entries();
      }
      getEntriesByType(type: unknown): Entry[] {
        return entries(undefined, `${type as string}`);
      }
      getEntriesByName(name: unknown, type?: unknown): Entry[] {
        return entries(`${name as string}`, type === undefined ? undefined : `${type as string}`);
      }
    }
    arity(Performance.prototype, 'Performance', { mark: 1, measure: 1, getEntriesByType: 1, getEntriesByName: 1 });
    enumerable(Performance.prototype, [
      'now',
      'timeOrigin',
      'toJSON',
      'clearMarks',
      'clearMeasures',
      'getEntries',
      'mark',
      'measure',
      'getEntriesByType',
      'getEntriesByName',
    ]);
    lengthOf(Performance, 0);
    return {
      PerformanceEntry,
      PerformanceMark,
      PerformanceMeasure,
      PerformanceObserver,
      PerformanceObserverEntryList,
      Performance,
      performance: new Performance(TOKEN),
    };
  },
  '<performance',
);
