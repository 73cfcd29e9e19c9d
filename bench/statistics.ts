/**
 * Whether one tree is faster than another, from pairs of measurements taken one after the other. Significance: a paired
 * permutation test (which of a pair is whose is exchanged, over all 2^n ways up to 14 pairs, over 20,000 drawn ones above)
 * on the mean log ratio, corrected after Holm for the number of figures. Size: the ratio of the medians with a 95 % interval by
 * bootstrap over pairs. The random numbers are seeded: the same figures get the same verdict.
 */
import { median } from './figure.ts';

const EXACT_PAIRS = 14;
const DRAWS = 20_000;
const RESAMPLES = 10_000;
const SEED = 20_261_122;

export interface Comparison {
  /** Median of `after` over median of `before`. */
  readonly ratio: number;
  /** 95 % of the bootstrap's ratios lie between. */
  readonly low: number;
  readonly high: number;
  /** Two-sided. */
  readonly p: number;
}

/** Pairs in the order of measurement. Throws when there is nothing to compare. */
export function comparePairs(before: readonly number[], after: readonly number[]): Comparison {
  if (before.length !== after.length || before.length < 2) throw new Error('a comparison needs two pairs at least');
  const positive = [...before, ...after].every((value) => value > 0);
  // A figure that can be 0, such as growth, has no ratio to be judged by.
  const differences = before.map((value, at) => (positive ? Math.log(after[at]! / value) : after[at]! - value));
  const random = mulberry32(SEED);
  const ratios = Array.from({ length: RESAMPLES }, () => {
    const picks = before.map(() => Math.floor(random() * before.length));
    return median(picks.map((at) => after[at]!)) / median(picks.map((at) => before[at]!));
  }).sort((a, b) => a - b);
  return {
    ratio: median(after) / median(before),
    low: ratios[Math.floor(RESAMPLES * 0.025)]!,
    high: ratios[Math.ceil(RESAMPLES * 0.975) - 1]!,
    p: permutationP(differences, random),
  };
}

/** The p values as they count when all of them are looked at, in the order given. */
export function holm(ps: readonly number[]): readonly number[] {
  const order = ps.map((_, at) => at).sort((a, b) => ps[a]! - ps[b]!);
  const adjusted: number[] = new Array(ps.length);
  let most = 0;
  for (const [rank, at] of order.entries()) {
    most = Math.max(most, Math.min(1, ps[at]! * (ps.length - rank)));
    adjusted[at] = most;
  }
  return adjusted;
}

/** The fewest pairs with which a figure among `figures` can be found different at all: 2 / 2^n × figures < 5 %. */
export function fewestPairs(figures: number): number {
  return Math.ceil(Math.log2((2 * Math.max(1, figures)) / 0.05) + 1e-9);
}

function permutationP(differences: readonly number[], random: () => number): number {
  const n = differences.length;
  const seen = Math.abs(differences.reduce((sum, each) => sum + each, 0));
  // Sums that are equal on paper differ in their last bits.
  const bound = seen * (1 - 1e-9);
  if (n <= EXACT_PAIRS) {
    let extreme = 0;
    for (let mask = 0; mask < 2 ** n; mask++) {
      let sum = 0;
      for (let at = 0; at < n; at++) sum += (mask >> at) & 1 ? differences[at]! : -differences[at]!;
      if (Math.abs(sum) >= bound) extreme += 1;
    }
    return extreme / 2 ** n;
  }
  let extreme = 1;
  for (let draw = 0; draw < DRAWS; draw++) {
    const sum = differences.reduce((total, each) => total + (random() < 0.5 ? each : -each), 0);
    if (Math.abs(sum) >= bound) extreme += 1;
  }
  return extreme / (DRAWS + 1);
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
