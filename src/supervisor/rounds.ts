/** Looks at regular times, and knows for how long it did not: a supervisor that was held up took no note of beats either. */
import type { Clock, Timer } from '../contract/clock.ts';

const LOOK_MS = 25;

export class Rounds {
  readonly #clock: Clock;
  readonly #look: (nowMs: number, lagMs: number) => void;
  #timer: Timer | null = null;

  constructor(clock: Clock, look: (nowMs: number, lagMs: number) => void) {
    this.#clock = clock;
    this.#look = look;
  }

  start(lastMs: number = this.#clock.nowNs() / 1e6): void {
    this.#timer = this.#clock.after(LOOK_MS, () => {
      const nowMs = this.#clock.nowNs() / 1e6;
      this.start(nowMs);
      this.#look(nowMs, Math.max(0, nowMs - lastMs - LOOK_MS));
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
