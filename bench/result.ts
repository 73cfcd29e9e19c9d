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
  /** Who was asked for and could not be measured, and why. */
  readonly missing: Readonly<Record<string, string>>;
  /** Benchmarks that ended without figures, and why. */
  readonly failed: Readonly<Record<string, string>>;
  /** Of peers. */
  readonly versions: Readonly<Record<string, string>>;
  readonly small: boolean;
  /** Of one load. */
  readonly seconds: number;
  readonly repetitions: number;
  readonly benches: readonly BenchResult[];
}
