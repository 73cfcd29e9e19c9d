/** What a run of the benchmarks leaves behind: the JSON in bench/results, and what the page of plots is made of. */
import type { Row } from './figure.ts';
import type { Machine } from './machine.ts';

export interface BenchResult {
  readonly name: string;
  readonly title: string;
  readonly measures: string;
  readonly rows: readonly Row[];
}

export interface RunResult {
  readonly at: string;
  readonly machine: Machine;
  readonly small: boolean;
  /** Of one load. */
  readonly seconds: number;
  readonly repetitions: number;
  readonly benches: readonly BenchResult[];
}
