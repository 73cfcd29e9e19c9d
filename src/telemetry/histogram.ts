/**
 * A histogram that costs a loop and three additions per value. The SDK's own instruments hash their attributes for
 * every record (0.4 µs each, measured), seven of which is more than an invocation may spend on being watched.
 */

/** Seconds. The conventions begin at 5 ms, where a warm isolate has long answered; ours begin at 50 µs. */
export const DURATION_BOUNDS: readonly number[] = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5,
  7.5, 10, 30, 60,
];

const BOUNDS_NS: Float64Array = Float64Array.from(DURATION_BOUNDS, (seconds) => Math.round(seconds * 1e9));

/** Durations, recorded in nanoseconds, read in seconds. */
export class DurationHistogram {
  readonly #counts = new Float64Array(BOUNDS_NS.length + 1);
  #count = 0;
  #sumNs = 0;

  record(ns: number): void {
    let bucket = 0;
    // A value on a boundary belongs to the bucket below it (`le`).
    while (bucket < BOUNDS_NS.length && ns > (BOUNDS_NS[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#count++;
    this.#sumNs += ns;
  }

  get count(): number {
    return this.#count;
  }

  get sumSeconds(): number {
    return this.#sumNs / 1e9;
  }

  /** One more than there are bounds; not cumulative. */
  counts(): number[] {
    return Array.from(this.#counts);
  }
}
