/** Histograms are trusted with the project's numbers: how far a value read back may be off, and that nothing is lost between processes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../../src/load/histogram.ts';

const latencies = fc.array(fc.double({ min: 0, max: 60_000, noNaN: true }), { minLength: 1 });

function filled(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

describe('histogram', () => {
  it('finds quantiles within 0.4 % of the exact ones', () => {
    fc.assert(
      fc.property(latencies, (values) => {
        const histogram = filled(values);
        const sorted = values.toSorted((a, b) => a - b);
        for (const q of [0, 0.5, 0.9, 0.99, 1]) {
          const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
          expect(Math.abs(histogram.quantileMs(q) - exact)).toBeLessThanOrEqual(exact * 0.004 + 0.0001);
        }
      }),
    );
  });

  it('merges as if all had been recorded in one', () => {
    fc.assert(
      fc.property(latencies, latencies, (one, other) => {
        const merged = Histogram.from(JSON.parse(JSON.stringify(filled(one))));
        merged.merge(JSON.parse(JSON.stringify(filled(other))));
        const whole = filled([...one, ...other]);
        expect(merged.toJSON().counts).toEqual(whole.toJSON().counts);
        expect(merged.quantiles()).toEqual({ ...whole.quantiles(), meanMs: merged.quantiles().meanMs });
        expect(merged.quantiles().meanMs).toBeCloseTo(whole.quantiles().meanMs, 6);
      }),
    );
  });

  it('refuses what is no histogram of its own', () => {
    expect(() => Histogram.from({ sumMs: 1, maxMs: 1, counts: [1e9, 1] })).toThrow('no such bucket');
  });

  it('has no quantile of nothing', () => {
    expect(new Histogram().quantileMs(0.5)).toBeNaN();
  });
});
