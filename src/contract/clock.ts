/**
 * Time is a port: nothing on the path of an event reads a clock or arms a timer by itself, so a seeded simulator can
 * run dispatch and pool. `engine` threads share the monotonic clock of the process with the main thread.
 */
export interface Clock {
  /** Monotonic nanoseconds; the same origin in every thread of the process. */
  nowNs(): number;
  /** Wall clock, milliseconds since the epoch. Only ever a label, never subtracted. */
  epochMs(): number;
  /** Calls `fire` once after `ms`. The handle's `cancel` is idempotent. */
  after(ms: number, fire: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}
