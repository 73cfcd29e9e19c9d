import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { billedMs } from '../../../src/billing/round.ts';
import { OUTCOMES, type Outcome } from '../../../src/contract/outcome.ts';

const outcomes = Object.keys(OUTCOMES) as Outcome[];
const ns = fc.integer({ min: 0, max: 2 ** 50 });

describe('billedMs', () => {
  it.each([
    [0, 0, 1],
    [0, 1, 1],
    [0, 999_999, 1],
    [0, 1_000_000, 1],
    [0, 1_000_001, 2],
    [500_000, 500_000, 1],
    // 1293.83 ms of initialisation and 1049.63 ms of run are 2343.46 ms: 2344, not 1294 + 1050.
    [1_293_830_000, 1_049_630_000, 2344],
    [1_293_100_000, 1_049_100_000, 2343],
  ])('bills init %i ns and run %i ns as %i ms', (initNs, runNs, expected) => {
    expect(billedMs('ok', initNs, runNs)).toBe(expected);
  });

  it('never rounds twice and never by a whole millisecond', () => {
    fc.assert(
      fc.property(ns, ns, (initNs, runNs) => {
        const billedNs = billedMs('ok', initNs, runNs) * 1e6;
        expect(billedNs).toBeGreaterThanOrEqual(initNs + runNs);
        if (initNs + runNs > 0) expect(billedNs - (initNs + runNs)).toBeLessThan(1e6);
      }),
    );
  });

  it('follows the outcome table', () => {
    fc.assert(
      fc.property(fc.constantFrom(...outcomes), ns, ns, (outcome, initNs, runNs) => {
        const billed = billedMs(outcome, initNs, runNs);
        const rule = OUTCOMES[outcome].billed;
        if (rule === 'no') expect(billed).toBe(0);
        if (rule === 'init') expect(billed).toBe(billedMs('ok', initNs, 0));
        if (rule === 'yes' || rule === 'limit') expect(billed).toBe(billedMs('ok', initNs, runNs));
      }),
    );
  });

  it('bills a crash without a checkpoint nothing', () => {
    expect(billedMs('crashed', 0, 0)).toBe(0);
    expect(billedMs('crashed', 0, 1)).toBe(1);
  });
});
