/** Figures as they are printed. */
import { describe, expect, it } from 'vitest';
import { figure, printTable } from '../../../bench/figure.ts';

describe('figures', () => {
  it('are the median with its spread, and keep every repetition', () => {
    expect(figure('ms', [3, 1, 2])).toEqual({ unit: 'ms', median: 2, min: 1, max: 3, runs: 3, values: [3, 1, 2] });
    expect(figure('ms', [4, 1, 2, 3]).median).toBe(2.5);
    expect(() => figure('ms', [])).toThrow();
  });

  it('print as one column for each subject', () => {
    const rows = [
      { name: 'speed', figures: { a: figure('requests/s', [41234.4]), b: figure('requests/s', [1, 3, 2]) } },
      { name: 'delay', figures: { b: figure('ms', [0.12345]) } },
    ];
    expect(printTable(rows)).toBe(
      '|  | a | b |\n| --- | ---: | ---: |\n| speed | 41,234 | 2.00 (1.00–3.00) |\n| delay |  | 0.123 ms |',
    );
  });
});
