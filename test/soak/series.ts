/** One measured thing over time, and whether it stays where it is once it is warm. */

export interface SeriesRule {
  readonly name: string;
  readonly unit: '' | 'MiB' | 'ms';
  /** Growth over the measured time that is still called flat: a share of the median, or so much, whichever is more. */
  readonly share: number;
  readonly least: number;
}

export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

export interface Verdict {
  readonly median: number;
  /** Per hour, by the line that fits. */
  readonly perHour: number;
  /** Over the measured time. */
  readonly growth: number;
  readonly allowed: number;
  readonly isFlat: boolean;
}

export class Series {
  readonly rule: SeriesRule;
  readonly samples: Sample[] = [];

  constructor(rule: SeriesRule) {
    this.rule = rule;
  }

  add(atMs: number, value: number): void {
    this.samples.push({ atMs, value });
  }

  /** From `fromMs` on; only growth is held against it. */
  judge(fromMs: number): Verdict {
    const warm = this.samples.filter((sample) => sample.atMs >= fromMs);
    const level = median(warm.map((sample) => sample.value));
    const slope = theilSen(warm);
    const growth = slope * ((warm.at(-1)?.atMs ?? 0) - (warm[0]?.atMs ?? 0));
    const allowed = Math.max(this.rule.least, level * this.rule.share);
    return { median: level, perHour: slope * 3_600_000, growth, allowed, isFlat: growth <= allowed };
  }
}

/** Median of the slopes between pairs: a garbage collection here or there does not tilt it. */
export function theilSen(samples: readonly Sample[]): number {
  const thin = thinned(samples, 300);
  const slopes: number[] = [];
  for (let i = 0; i < thin.length; i++)
    for (let j = i + 1; j < thin.length; j++) {
      const [a, b] = [thin[i]!, thin[j]!];
      if (b.atMs > a.atMs) slopes.push((b.value - a.value) / (b.atMs - a.atMs));
    }
  return median(slopes);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function thinned<T>(list: readonly T[], most: number): readonly T[] {
  const every = Math.ceil(list.length / most);
  return every <= 1 ? list : list.filter((_, index) => index % every === 0);
}
