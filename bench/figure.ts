/** A measured figure: the median of its repetitions with the smallest and largest, and how it is printed. */
export interface Figure {
  readonly unit: 'requests/s' | 'ms' | 'µs' | 'MiB' | 'MiB/s' | '%';
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** One row of the report: a figure for every subject that has it. */
export interface Row {
  readonly name: string;
  readonly figures: Readonly<Record<string, Figure>>;
}

export function median(values: readonly number[]): number {
  return figure('ms', values).median;
}

export function figure(unit: Figure['unit'], values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) throw new Error('a figure needs at least one value');
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return { unit, median, min: sorted[0]!, max: sorted.at(-1)!, runs: sorted.length };
}

function digits(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}

export function printFigure({ unit, median, min, max, runs }: Figure): string {
  const spread = runs > 1 ? ` (${digits(min)}–${digits(max)})` : '';
  return `${digits(median)}${unit === 'requests/s' ? '' : ` ${unit}`}${spread}`;
}

/** A Markdown table, one column for each subject that occurs. */
export function printTable(rows: readonly Row[]): string {
  const subjects = [...new Set(rows.flatMap((row) => Object.keys(row.figures)))];
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
