/**
 * What a benchmark is to `run.ts` and `compare.ts`, and the one way to repeat a measurement: every subject in every
 * repetition, the order turned round each time, so that a drift of the machine hits all alike.
 */
import type { Row } from './figure.ts';
import type { SubjectName } from './subject.ts';

export interface BenchOptions {
  /** Those that were asked for and that the benchmark knows. */
  readonly subjects: readonly SubjectName[];
  /** Of one load. */
  readonly seconds: number;
  readonly repetitions: number;
  /** To see that it works: as little of everything as shows that. */
  readonly small: boolean;
  readonly progress: (line: string) => void;
}

export interface Benchmark {
  readonly title: string;
  /** One sentence for the report. */
  readonly measures: string;
  /** What it can be run against; empty: it knows isolane and its own baseline only. */
  readonly subjects: readonly SubjectName[];
  /** Of the host as a process, so that two versions of it can be compared; otherwise it measures this tree's own modules. */
  readonly comparable: boolean;
  /** Roughly how long one repetition takes, for the time left. */
  estimateSeconds(options: BenchOptions): number;
  run(options: BenchOptions): Promise<readonly Row[]>;
}

/** Measures each of `names` once a repetition; what one returns is kept in the order of repetitions. */
export async function alternate<Name extends string, Result>(
  names: readonly Name[],
  options: Pick<BenchOptions, 'repetitions' | 'progress'>,
  measure: (name: Name) => Promise<Result>,
): Promise<ReadonlyMap<Name, readonly Result[]>> {
  const measured = new Map<Name, Result[]>(names.map((name) => [name, []]));
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    if (options.repetitions > 1) options.progress(`repetition ${repetition + 1} of ${options.repetitions}`);
    for (const name of repetition % 2 === 0 ? names : names.toReversed()) {
      measured.get(name)!.push(await measure(name));
    }
  }
  return measured;
}
