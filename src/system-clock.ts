/** The real time behind the Clock port. */
import type { Clock, Timer } from './contract/clock.ts';

/** Longest delay a Node timer holds, ms. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export class SystemClock implements Clock {
  nowNs(): number {
    return Number(process.hrtime.bigint());
  }

  epochMs(): number {
    return Date.now();
  }

  after(ms: number, fire: () => void): Timer {
    const timer = setTimeout(fire, Math.min(Math.max(0, ms), MAX_DELAY_MS));
    return { cancel: () => clearTimeout(timer) };
  }
}
