/**
 * AbortController and AbortSignal with `timeout`, `any` and `throwIfAborted`. Internal followers (fetch, streams) are
 * told before the guest's listeners, so a guest that patches dispatch cannot keep a fetch alive.
 */
import {
  arrayFrom,
  getOwnPropertyDescriptor,
  NativeTypeError,
  reflectApply,
  SafeSet,
  toNum,
} from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { DOMException } from './15-dom-exception.ts';
import { Event, EventTarget, eventAttribute, fireTrusted, setSignalHooks } from './20-events.ts';
import { after } from './21-timers.ts';

// late: AbortSignal AbortController
// brands: isSignal

const TOKEN = {};

let abortSignal: (signal: AbortSignal, reason: unknown) => void;
type Follower = (reason: unknown) => void;
let follow: (signal: AbortSignal, run: Follower) => void;
let unfollow: (signal: AbortSignal, run: Follower) => void;
let check: (value: object) => boolean;

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown = undefined;
  #followers: SafeSet<Follower> | null = null;

  static {
    check = (value) => #aborted in value;
    follow = (signal, run) => {
      signal.#followers ??= new SafeSet();
      signal.#followers.add(run);
    };
    unfollow = (signal, run) => {
      signal.#followers?.delete(run);
    };
    abortSignal = (signal, reason) => {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason;
      const followers = signal.#followers;
      signal.#followers = null;
      followers?.forEach((run) => {
        run(signal.#reason);
      });
      fireTrusted(signal, new Event('abort'));
    };
  }

  constructor(token?: unknown) {
    if (token !== TOKEN) throw new NativeTypeError('Illegal constructor');
    super();
  }
  get aborted(): boolean {
    return this.#aborted;
  }
  get reason(): unknown {
    return this.#reason;
  }
  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }
  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(TOKEN);
    abortSignal(signal, reason);
    return signal;
  }
  static timeout(milliseconds: unknown): AbortSignal {
    const ms = toNum(milliseconds);
    if (!(ms >= 0 && ms <= 9_007_199_254_740_991)) {
      throw new NativeTypeError('AbortSignal.timeout: the delay must be a non-negative number of milliseconds');
    }
    const signal = new AbortSignal(TOKEN);
    after(ms, () => abortSignal(signal, new DOMException('The operation timed out', 'TimeoutError')));
    return signal;
  }
  static any(signals: Iterable<unknown>): AbortSignal {
    const given = arrayFrom(signals) as unknown[];
    const signal = new AbortSignal(TOKEN);
    for (let i = 0; i < given.length; i++) {
      if (!isSignal(given[i])) throw new NativeTypeError('AbortSignal.any: not an AbortSignal');
    }
    for (let i = 0; i < given.length; i++) {
      const source = given[i] as AbortSignal;
      if (source.#aborted) {
        signal.#aborted = true;
        signal.#reason = source.#reason;
        return signal;
      }
    }
    for (let i = 0; i < given.length; i++) follow(given[i] as AbortSignal, (reason) => abortSignal(signal, reason));
    return signal;
  }
}
eventAttribute(AbortSignal.prototype, 'abort');
enumerable(AbortSignal.prototype, ['aborted', 'reason', 'throwIfAborted']);

export const isSignal = (value: unknown): value is AbortSignal =>
  typeof value === 'object' && value !== null && check(value);
const { get: abortedGet } = getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted') as { get: () => boolean };
const { get: reasonGet } = getOwnPropertyDescriptor(AbortSignal.prototype, 'reason') as { get: () => unknown };
export const isAborted = (signal: AbortSignal): boolean => reflectApply(abortedGet, signal, []) as boolean;
export const abortReason = (signal: AbortSignal): unknown => reflectApply(reasonGet, signal, []);

/** Runs before the guest's own listeners; at most once. */
export const onAbort = (signal: AbortSignal, run: Follower): void => follow(signal, run);
/** A signal may outlive by far what followed it. */
export const offAbort = (signal: AbortSignal, run: Follower): void => unfollow(signal, run);

setSignalHooks({
  isSignal,
  aborted: (signal) => isAborted(signal as AbortSignal),
  onAbort: (signal, run) => follow(signal as AbortSignal, run),
});

export const newSignal = (): AbortSignal => new AbortSignal(TOKEN);
export const abort = (signal: AbortSignal, reason: unknown): void => abortSignal(signal, reason);

export class AbortController {
  readonly #signal = new AbortSignal(TOKEN);
  get signal(): AbortSignal {
    return this.#signal;
  }
  abort(reason?: unknown): void {
    abortSignal(this.#signal, reason);
  }
}
enumerable(AbortController.prototype, ['signal', 'abort']);
expose('AbortSignal', AbortSignal);
expose('AbortController', AbortController);
