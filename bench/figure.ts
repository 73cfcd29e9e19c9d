/** What a benchmark answers: rows of figures, each figure the median of its repetitions, and how they are printed. */
import type { HistogramJson } from '../src/load/histogram.ts';

export type Unit = 'requests/s' | 'functions/s' | 'ms' | 'µs' | 's' | 'MiB' | 'KiB' | 'MiB/s' | '%' | '×' | '';

/** A measured figure: the median of its repetitions with the smallest and largest. */
export interface Figure {
  readonly unit: Unit;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  /** Every repetition, in the order it was measured. */
  readonly values: readonly number[];
}

/** One row of the report: a figure for every subject that has it. */
export interface Row {
  readonly name: string;
  readonly figures: Readonly<Record<string, Figure>>;
  /** The latencies behind the figures, all repetitions together: drawn as a distribution. */
  readonly distributions?: Readonly<Record<string, HistogramJson>>;
  /** What each subject's median is made of, in the row's unit: drawn as parts of a bar. */
  readonly parts?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** How it was measured, where that differs from run to run. */
  readonly note?: string;
}

/** Whether more is better. */
export function moreIsBetter(unit: Unit): boolean {
  return unit === 'requests/s' || unit === 'functions/s' || unit === 'MiB/s';
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length === 0) throw new Error('a median needs at least one value');
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

export function figure(unit: Unit, values: readonly number[]): Figure {
  if (values.length === 0) throw new Error('a figure needs at least one value');
  return {
    unit,
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    runs: values.length,
    values: [...values],
  };
}

export function digits(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}

export function printFigure({ unit, median, min, max, runs }: Figure): string {
  const spread = runs > 1 ? ` (${digits(min)}–${digits(max)})` : '';
  return `${digits(median)}${unit === 'requests/s' || unit === '' ? '' : ` ${unit}`}${spread}`;
}

/** A Markdown table, one column for each subject that occurs. */
export function printTable(rows: readonly Row[]): string {
  const subjects = subjectsOf(rows);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(['', ...subjects]),
    line(['---', ...subjects.map(() => '---:')]),
    ...rows.map((row) =>
      line([
        row.name,
        ...subjects.map((subject) => {
          const found = row.figures[subject];
          return found ? printFigure(found) : '';
        }),
      ]),
    ),
  ].join('\n');
}

export function subjectsOf(rows: readonly Row[]): readonly string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row.figures)))];
}
