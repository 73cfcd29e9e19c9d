/** Progress on stderr: which benchmark, how long it has been at work, how long it may still take. */
import type { Benchmark, BenchOptions } from './benchmark.ts';

export class Progress {
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  /** Estimates, seconds, of what has not begun. */
  readonly #left: number[];
  #done = 0;
  #title = '';
  readonly #startedMs: number;
  #stepStartedMs: number;
  #stepSeconds = 0;
  /** Seconds estimated and seconds taken by what is over. */
  #estimated = 0;

  constructor(
    steps: readonly { readonly bench: Benchmark; readonly options: BenchOptions }[],
    write: (line: string) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#write = write;
    this.#now = now;
    this.#left = steps.map(({ bench, options }) => bench.estimateSeconds(options) * options.repetitions);
    this.#startedMs = now();
    this.#stepStartedMs = this.#startedMs;
  }

  begin(title: string): void {
    this.#title = title;
    this.#stepStartedMs = this.#now();
    this.#stepSeconds = this.#left[this.#done] ?? 0;
    this.line('');
  }

  end(): void {
    this.#estimated += this.#stepSeconds;
    this.#done += 1;
  }

  line(text: string): void {
    const at = `${this.#done + 1}/${this.#left.length} ${this.#title}`;
    const left = this.leftSeconds();
    const about = left < 60 ? `${Math.ceil(left / 5) * 5} s` : `${Math.ceil(left / 60)} min`;
    this.#write(`[${at}, about ${about} left] ${text}`.trimEnd());
  }

  /** Estimates, corrected by how wrong they have been so far in this run. */
  leftSeconds(): number {
    const taken = (this.#stepStartedMs - this.#startedMs) / 1000;
    const wrong = this.#estimated > 0 ? taken / this.#estimated : 1;
    const inStep = (this.#now() - this.#stepStartedMs) / 1000;
    const later = this.#left.slice(this.#done + 1).reduce((sum, each) => sum + each, 0);
    return Math.max(0, this.#stepSeconds * wrong - inStep) + later * wrong;
  }
}
