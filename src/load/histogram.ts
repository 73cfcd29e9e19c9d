/**
 * Latencies in log-linear buckets, as HdrHistogram keeps them: 128 to an octave, so that a value read back is off by
 * less than 0.4 %, and recording costs one increment. Histograms of several processes merge without loss.
 */
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

/** A histogram between processes and in files. */
export interface HistogramJson {
  readonly sumMs: number;
  readonly maxMs: number;
  /** Bucket and how many are in it, alternating; empty buckets are left out. */
  readonly counts: readonly number[];
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
  return low + (2 ** shift - 1) / 2;
}

const BUCKETS = bucketOf(MAX_UNITS) + 1;

export class Histogram {
  readonly #counts: Float64Array = new Float64Array(BUCKETS);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  /** Throws when the buckets are none of this class's. */
  static from(json: HistogramJson): Histogram {
    const histogram = new Histogram();
    histogram.merge(json);
    return histogram;
  }

  get count(): number {
    return this.#count;
  }

  record(ms: number): void {
    const units = Math.min(MAX_UNITS, Math.max(0, Math.round(ms * UNITS_PER_MS)));
    const bucket = bucketOf(units);
    this.#counts[bucket] = this.#counts[bucket]! + 1;
    this.#count += 1;
    this.#sumMs += ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  merge({ counts, sumMs, maxMs }: HistogramJson): void {
    for (let i = 0; i + 1 < counts.length; i += 2) {
      const bucket = counts[i]!;
      if (!Number.isInteger(bucket) || bucket < 0 || bucket >= BUCKETS) throw new Error(`no such bucket: ${bucket}`);
      this.#counts[bucket] = this.#counts[bucket]! + counts[i + 1]!;
      this.#count += counts[i + 1]!;
    }
    this.#sumMs += sumMs;
    this.#maxMs = Math.max(this.#maxMs, maxMs);
  }

  /** `q` from 0 to 1. */
  quantileMs(q: number): number {
    if (this.#count === 0) return Number.NaN;
    let left = Math.max(1, Math.ceil(q * this.#count));
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
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

  toJSON(): HistogramJson {
    const counts: number[] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (this.#counts[bucket]! > 0) counts.push(bucket, this.#counts[bucket]!);
    }
    return { sumMs: this.#sumMs, maxMs: this.#maxMs, counts };
  }
}

/** Several processes' or repetitions' as one. */
export function mergeAll(parts: readonly HistogramJson[]): HistogramJson {
  const whole = new Histogram();
  for (const part of parts) whole.merge(part);
  return whole.toJSON();
}
