/** Latencies in log-linear buckets (128 to an octave: below 0.8 % error), so that recording costs one increment. */
const SUB_BITS = 7;
const SUB_BUCKETS = 1 << SUB_BITS;
/** Resolution 0.1 µs; the largest value is 2^31 of them, 214 s. */
const UNITS_PER_MS = 10_000;
const MAX_UNITS = 2 ** 31 - 1;

export interface Quantiles {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

function bucketOf(units: number): number {
  if (units < SUB_BUCKETS) return units;
  const shift = 31 - Math.clz32(units) - SUB_BITS;
  return SUB_BUCKETS + shift * SUB_BUCKETS + ((units >> shift) - SUB_BUCKETS);
}

/** The middle of a bucket. */
function unitsOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket;
  const shift = Math.floor((bucket - SUB_BUCKETS) / SUB_BUCKETS);
  const low = (((bucket - SUB_BUCKETS) % SUB_BUCKETS) + SUB_BUCKETS) * 2 ** shift;
  return low + 2 ** shift / 2;
}

export class Histogram {
  readonly #counts: Float64Array = new Float64Array(bucketOf(MAX_UNITS) + 1);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  record(ms: number): void {
    const units = Math.min(MAX_UNITS, Math.max(0, Math.round(ms * UNITS_PER_MS)));
    const bucket = bucketOf(units);
    this.#counts[bucket] = this.#counts[bucket]! + 1;
    this.#count += 1;
    this.#sumMs += ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  /** `q` from 0 to 1. */
  quantileMs(q: number): number {
    if (this.#count === 0) return Number.NaN;
    let left = Math.max(1, Math.ceil(q * this.#count));
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      left -= this.#counts[bucket]!;
      if (left <= 0) return Math.min(unitsOf(bucket) / UNITS_PER_MS, this.#maxMs);
    }
    return this.#maxMs;
  }

  quantiles(): Quantiles {
    return {
      count: this.#count,
      meanMs: this.#sumMs / this.#count,
      p50Ms: this.quantileMs(0.5),
      p90Ms: this.quantileMs(0.9),
      p99Ms: this.quantileMs(0.99),
      p999Ms: this.quantileMs(0.999),
      maxMs: this.#maxMs,
    };
  }
}
