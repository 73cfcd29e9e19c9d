/** Rows of two trees, measured in pairs, and what is to be said of each: faster, slower, or no difference. */
import { digits, median, moreIsBetter, type Row, type Unit } from './figure.ts';
import { GOALS } from './goals.ts';
import { type Comparison, comparePairs, holm } from './statistics.ts';

/** A row of a benchmark: other benchmarks may have rows of its name. */
export interface BenchRow extends Row {
  readonly bench: string;
}

export interface Pair {
  readonly before: readonly BenchRow[];
  readonly after: readonly BenchRow[];
}

export interface Judgement extends Comparison {
  readonly bench: string;
  readonly name: string;
  readonly unit: Unit;
  readonly before: number;
  readonly after: number;
  /** After Holm, over all rows. */
  readonly adjustedP: number;
  readonly verdict: 'better' | 'worse' | 'no difference';
  /** A promise is judged by this row. */
  readonly isPromised: boolean;
  /** Worse by more than the threshold. */
  readonly isRegression: boolean;
}

const SIGNIFICANT = 0.05;

/** `threshold`: 0.05 is 5 %. */
export function judge(pairs: readonly Pair[], subject: string, threshold: number): readonly Judgement[] {
  const compared = (pairs[0]?.before ?? []).flatMap((row) => {
    const { bench, name } = row;
    const unit = row.figures[subject]?.unit;
    if (unit === undefined) return [];
    const before = valuesOf(
      pairs.map((pair) => pair.before),
      row,
      subject,
    );
    const after = valuesOf(
      pairs.map((pair) => pair.after),
      row,
      subject,
    );
    // A row that only one of the trees has is nothing to compare.
    if (before === null || after === null) return [];
    return [{ bench, name, unit, before: median(before), after: median(after), ...comparePairs(before, after) }];
  });
  const adjusted = holm(compared.map(({ p }) => p));
  return compared.map((each, at): Judgement => {
    const isSignificant = adjusted[at]! < SIGNIFICANT && !(each.low <= 1 && each.high >= 1);
    const isBetter = moreIsBetter(each.unit) ? each.ratio > 1 : each.ratio < 1;
    const verdict = !isSignificant ? 'no difference' : isBetter ? 'better' : 'worse';
    const isPromised = GOALS.some(
      (goal) => goal.bench === each.bench && goal.rows.some((pattern) => pattern.test(each.name)),
    );
    const worseBy = moreIsBetter(each.unit) ? 1 / each.ratio - 1 : each.ratio - 1;
    const isRegression = verdict === 'worse' && worseBy > threshold;
    return { ...each, adjustedP: adjusted[at]!, verdict, isPromised, isRegression };
  });
}

/** `null`: a run is without it. */
function valuesOf(runs: readonly (readonly BenchRow[])[], of: BenchRow, subject: string): readonly number[] | null {
  const values = runs.map(
    (rows) => rows.find(({ bench, name }) => bench === of.bench && name === of.name)?.figures[subject]?.median,
  );
  return values.every((value) => value !== undefined) ? values : null;
}

export function printJudgements(ref: string, all: readonly Judgement[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rows = all.map((each) =>
    line([
      `${each.name}${each.isPromised ? ' *' : ''}`,
      `${digits(each.before)} ${each.unit}`,
      `${digits(each.after)} ${each.unit}`,
      `${each.ratio.toFixed(3)} (${each.low.toFixed(3)}–${each.high.toFixed(3)})`,
      each.adjustedP < 0.001 ? '< 0.001' : each.adjustedP.toFixed(3),
      word(each),
    ]),
  );
  return [
    line(['', ref, 'this tree', 'ratio (95 %)', 'p', 'verdict']),
    line(['---', '---:', '---:', '---:', '---:', '---']),
    ...rows,
  ].join('\n');
}

function word({ verdict, unit }: Judgement): string {
  const isSize = unit === 'MiB' || unit === 'KiB';
  switch (verdict) {
    case 'better':
      return isSize ? 'smaller' : 'faster';
    case 'worse':
      return isSize ? '**bigger**' : '**slower**';
    case 'no difference':
      return verdict;
    default:
      return verdict satisfies never;
  }
}
