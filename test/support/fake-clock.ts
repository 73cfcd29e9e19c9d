/**
 * A Clock that moves only when told. `advance` fires timers in order and lets promises settle in between; `step` sets
 * the wall clock as an administrator or NTP would, without moving monotonic time.
 */
import type { Clock, Timer } from '../../src/contract/clock.ts';

interface Armed {
  readonly atMs: number;
  readonly fire: () => void;
}

export class FakeClock implements Clock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #armed: Armed[] = [];

  constructor(epochMs = Date.parse('2026-11-30T12:00:00Z')) {
    this.#wallOffsetMs = epochMs;
  }

  nowNs(): number {
    return this.#monotonicMs * 1_000_000;
  }

  epochMs(): number {
    return this.#monotonicMs + this.#wallOffsetMs;
  }

  after(ms: number, fire: () => void): Timer {
    const armed = { atMs: this.#monotonicMs + Math.max(0, ms), fire };
    this.#armed.push(armed);
    this.#armed.sort((a, b) => a.atMs - b.atMs);
    return {
      cancel: () => {
        this.#armed = this.#armed.filter((other) => other !== armed);
      },
    };
  }

  /** Timers that are armed. */
  get pending(): number {
    return this.#armed.length;
  }

  /** Moves both clocks on by `ms`, firing what falls due on the way. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#monotonicMs + ms;
    await settle();
    for (let next = this.#armed[0]; next !== undefined && next.atMs <= untilMs; next = this.#armed[0]) {
      this.#armed.shift();
      this.#monotonicMs = Math.max(this.#monotonicMs, next.atMs);
      next.fire();
      await settle();
    }
    this.#monotonicMs = untilMs;
  }

  /** Sets the wall clock forward or back. */
  step(ms: number): void {
    this.#wallOffsetMs += ms;
  }
}

/** Lets promise chains that need no timer run to their end. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
