/**
 * setTimeout, setInterval, queueMicrotask. The host owns the clock: it sends a `tick` when the earliest timer is due,
 * and one tick runs one timer, so that its microtasks finish before the next as everywhere else. A timer dies with its
 * invocation; limits.timers bounds how many may wait.
 */
import {
  List,
  mathMax,
  mathMin,
  mathTrunc,
  NativeRangeError,
  NativeTypeError,
  reflectApply,
  SafeMap,
  toNum,
} from './00-primordials.ts';
import { exposeFunction } from './04-globals.ts';
import { box, current, emitFinal, enter, type Invocation, limits, timing, topLevel, uncaught } from './10-box.ts';
import { turnNow } from './12-clock.ts';
import { inContext } from './14-context.ts';

// late: setTimeout() setInterval() clearTimeout() clearInterval()

interface Timer {
  readonly id: number;
  readonly inv: Invocation;
  readonly run: () => void;
  dueMs: number;
  /** Breaks ties: the order in which they were armed. */
  order: number;
  readonly everyMs: number;
  readonly nesting: number;
  live: boolean;
}

const LONGEST_MS = 2 ** 31 - 1;
const byId = new SafeMap<number, Timer>();
/** Binary heap by due time; dead entries stay until they surface. */
const heap = new List<Timer>();
let lastId = 0;
let lastOrder = 0;
let nesting = 0;
const before = (a: Timer, b: Timer): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);

const pushHeap = (timer: Timer): void => {
  let at = heap.length;
  heap.push(timer);
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up] as Timer;
    if (!before(timer, parent)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = timer;
};

const popHeap = (): void => {
  const last = heap.pop() as Timer;
  const size = heap.length;
  if (size === 0) return;
  let at = 0;
  for (;;) {
    let down = 2 * at + 1;
    if (down >= size) break;
    if (down + 1 < size && before(heap[down + 1] as Timer, heap[down] as Timer)) down++;
    const child = heap[down] as Timer;
    if (!before(child, last)) break;
    heap[at] = child;
    at = down;
  }
  heap[at] = last;
};

/** Tells the host when to come back. Cheap: a few reads when there are no timers. */
const setWake = (): void => {
  while (heap.length > 0 && !(heap[0] as Timer).live) popHeap();
  if (heap.length === 0) {
    box.wake = 0;
    return;
  }
  const first = heap[0] as Timer;
  let next: Timer | null = timing.loading || first.inv !== topLevel ? first : null;
  if (next === null) {
    for (let i = 0; i < heap.length; i++) {
      const timer = heap[i] as Timer;
      if (timer.live && timer.inv !== topLevel && (next === null || timer.dueMs < next.dueMs)) next = timer;
    }
  }
  box.wake = next === null ? 0 : next.dueMs;
  if (limits.concurrency > 1) box.wakeInv = next === null ? 0 : next.inv.id;
};

const clampDelay = (delay: unknown): number => {
  // A WebIDL long: what is too large wraps around.
  const ms = toNum(delay) | 0;
  return mathMax(ms, 0);
};

/** Each is told once an invocation, whatever the guest does. */
const tellTimers = (inv: Invocation, what: number, used: number): void => {
  if (inv.timersTold >= what) return;
  inv.timersTold = what;
  emitFinal(`{"c":"limit","inv":${inv.id},"limit":"timers","used":${used},"reached":${what === 2}}`);
};

const arm = (inv: Invocation, run: () => void, delay: number, repeat: boolean): number => {
  if (byId.size >= limits.timers) {
    tellTimers(inv, 2, limits.timers + 1);
    throw new NativeRangeError(
      `More than ${limits.timers} timers are pending (limits.timers); clear some or raise the limit`,
    );
  }
  if (inv.over) return 0;
  if (inv.timersTold === 0 && byId.size + 1 >= limits.timers * 0.8) tellTimers(inv, 1, byId.size + 1);
  const depth = nesting + 1;
  const ms = depth > 5 && delay < 4 ? 4 : repeat && delay < 1 ? 1 : delay;
  const timer: Timer = {
    id: ++lastId,
    inv,
    run,
    dueMs: turnNow() + ms,
    order: ++lastOrder,
    everyMs: repeat ? ms : -1,
    nesting: depth,
    live: true,
  };
  byId.set(timer.id, timer);
  pushHeap(timer);
  setWake();
  return timer.id;
};

const kill = (timer: Timer): void => {
  timer.live = false;
  byId.delete(timer.id);
};

/** A timer of our own (AbortSignal.timeout); counts against the limit like the guest's. */
export const after = (ms: number, run: () => void): number => arm(current, run, mathMin(ms, LONGEST_MS), false);

/** Drops the timers of an invocation that is over. */
const dropTimers = (inv: Invocation): void => {
  if (byId.size === 0) return;
  for (let i = 0; i < heap.length; i++) {
    const timer = heap[i] as Timer;
    if (timer.live && timer.inv === inv) kill(timer);
  }
  setWake();
};

/** Runs the earliest due timer, if any. */
const tick = (): void => {
  setWake();
  const timer = heap.length > 0 ? (heap[0] as Timer) : undefined;
  if (timer === undefined || timer.dueMs > turnNow()) return;
  popHeap();
  if (timer.everyMs < 0) kill(timer);
  const was = enter(timer.inv);
  nesting = timer.nesting;
  try {
    timer.run();
  } catch (error) {
    uncaught(error, timer.inv);
  } finally {
    nesting = 0;
    if (limits.concurrency > 1) enter(was);
  }
  if (timer.everyMs >= 0 && timer.live) {
    timer.dueMs = turnNow() + timer.everyMs;
    timer.order = ++lastOrder;
    pushHeap(timer);
  }
  setWake();
};

const start = (name: string, repeat: boolean, callback: unknown, delay: unknown, args: unknown[]): number => {
  if (typeof callback !== 'function') throw new NativeTypeError(`${name}: the callback must be a function`);
  const run = inContext((): void => {
    reflectApply(callback as () => void, globalThis, args);
  });
  return arm(current, run, clampDelay(delay), repeat);
};

const clear = (id: unknown): void => {
  const timer = byId.get(typeof id === 'number' ? id : mathTrunc(toNum(id)));
  if (timer === undefined) return;
  kill(timer);
  setWake();
};

/** A task of our own that runs as soon as the present turn is over, as `inv`. */
export const task = (inv: Invocation, run: () => void): void => {
  const was = nesting;
  nesting = 0;
  arm(inv, run, 0, false);
  nesting = was;
};

exposeFunction('setTimeout', (callback: unknown, delay: unknown = 0, ...args: unknown[]) =>
  start('setTimeout', false, callback, delay, args),
);
exposeFunction('setInterval', (callback: unknown, delay: unknown = 0, ...args: unknown[]) =>
  start('setInterval', true, callback, delay, args),
);
exposeFunction('clearTimeout', (id: unknown) => clear(id));
exposeFunction('clearInterval', (id: unknown) => clear(id));

timing.on = { setWake, dropTimers, tick };
