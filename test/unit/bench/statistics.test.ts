/** What `make compare` says of two trees: it must find what is there, and nothing where nothing is. */
import { describe, expect, it } from 'vitest';
import { figure } from '../../../bench/figure.ts';
import { type BenchRow, judge, type Pair } from '../../../bench/judgement.ts';
import { comparePairs, fewestPairs, holm } from '../../../bench/statistics.ts';

/** Noise of some percent, the same in every run of this test. */
function noisy(count: number, middle: number, seed: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => middle * (1 + 0.05 * Math.sin(seed * 12.9898 + at * 78.233)));
}

describe('statistics', () => {
  it('count in how many ways the pairs could have been exchanged', () => {
    // All five differences have one sign: 2 of 32 ways are as extreme.
    expect(comparePairs([10, 11, 12, 13, 14], [20, 22, 24, 26, 28]).p).toBeCloseTo(2 / 32, 10);
    expect(comparePairs([1, 2], [2, 1]).p).toBe(1);
    expect(comparePairs([5, 5, 5], [5, 5, 5])).toEqual({ ratio: 1, low: 1, high: 1, p: 1 });
  });

  it('draw where there are too many ways to count', () => {
    const before = noisy(20, 100, 1);
    const { p, ratio, low, high } = comparePairs(
      before,
      before.map((value) => value * 1.3),
    );
    expect(p).toBeLessThan(0.001);
    expect(ratio).toBeCloseTo(1.3, 5);
    expect(low).toBeLessThanOrEqual(1.3 + 1e-9);
    expect(high).toBeGreaterThanOrEqual(1.3 - 1e-9);
  });

  it('have an interval that holds the ratio', () => {
    for (let seed = 0; seed < 20; seed++) {
      const { low, ratio, high } = comparePairs(noisy(10, 100, seed), noisy(10, 120, seed + 100));
      expect(low).toBeLessThanOrEqual(ratio);
      expect(high).toBeGreaterThanOrEqual(ratio);
      expect(low).toBeGreaterThan(1);
      expect(high).toBeLessThan(1.4);
    }
  });

  it('are stricter the more figures are looked at', () => {
    expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
    expect(holm([0.9, 0.8])).toEqual([1, 1]);
    expect(fewestPairs(1)).toBe(6);
    expect((2 / 2 ** fewestPairs(10)) * 10).toBeLessThan(0.05);
  });

  it('refuse a single pair', () => {
    expect(() => comparePairs([1], [2])).toThrow('two pairs');
  });
});

const BUSY = 'requests/s, 64 connections';

function rows(perSecond: number, p50Ms: number): readonly BenchRow[] {
  return [
    { bench: 'hello', name: BUSY, figures: { isolane: figure('requests/s', [perSecond]) } },
    { bench: 'hello', name: 'p50, 1 connection', figures: { isolane: figure('ms', [p50Ms]) } },
    { bench: 'overhead', name: BUSY, figures: { isolane: figure('requests/s', [perSecond]) } },
  ];
}

function pairs(factor: number): readonly Pair[] {
  const speeds = noisy(10, 30_000, 3);
  const again = noisy(10, 30_000 * factor, 4);
  return speeds.map((speed, at) => ({ before: rows(speed, 1000 / speed), after: rows(again[at]!, 1000 / again[at]!) }));
}

describe('judgement', () => {
  it('finds nothing between two runs of the same', () => {
    const all = judge(pairs(1), 'isolane', 0.05);
    expect(all).toHaveLength(3);
    expect(all.map(({ verdict }) => verdict)).toEqual(Array(3).fill('no difference'));
    expect(all.some(({ isRegression }) => isRegression)).toBe(false);
  });

  it('finds a loss of a fifth, in throughput and in latency, and knows what was promised', () => {
    const all = judge(pairs(0.8), 'isolane', 0.05);
    expect(all.map(({ verdict }) => verdict)).toEqual(['worse', 'worse', 'worse']);
    expect(all.map(({ isRegression }) => isRegression)).toEqual([true, true, true]);
    expect(all.map(({ isPromised }) => isPromised)).toEqual([true, true, false]);
  });

  it('does not call a loss below the threshold a regression, nor a gain', () => {
    expect(judge(pairs(0.8), 'isolane', 0.5).some(({ isRegression }) => isRegression)).toBe(false);
    const gained = judge(pairs(1.3), 'isolane', 0.05);
    expect(gained.map(({ verdict }) => verdict)).toEqual(['better', 'better', 'better']);
    expect(gained.some(({ isRegression }) => isRegression)).toBe(false);
  });

  it('leaves out what only one tree has', () => {
    const uneven = pairs(1).map(({ before, after }) => ({ before, after: after.slice(1) }));
    expect(judge(uneven, 'isolane', 0.05).map(({ bench, name }) => `${bench} ${name}`)).toEqual([
      'hello p50, 1 connection',
      `overhead ${BUSY}`,
    ]);
  });
});
