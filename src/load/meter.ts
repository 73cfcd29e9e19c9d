/** Counts of one generator process. What falls before `open` or after `close` is warm-up or draining and does not count. */
import { Histogram } from './histogram.ts';
import type { Expectation, GeneratorResult } from './plan.ts';

export class Meter {
  readonly #expectStatus: number | null;
  readonly latency: Histogram = new Histogram();
  readonly #sinceDue: Histogram = new Histogram();
  readonly #lag: Histogram = new Histogram();
  readonly #statuses: number[] = [];
  readonly #errors = new Map<string, number>();
  readonly #timings = new Map<string, Histogram>();
  #answered = 0;
  #wrongStatuses = 0;
  #wrongBodies = 0;

  constructor(expect: Expectation) {
    this.#expectStatus = expect.status;
  }

  answered(status: number, bodyIsRight: boolean, ms: number): void {
    this.#answered += 1;
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    const right = this.#expectStatus === null ? status >= 200 && status < 300 : status === this.#expectStatus;
    if (!right) this.#wrongStatuses += 1;
    else if (!bodyIsRight) this.#wrongBodies += 1;
    this.latency.record(ms);
  }

  /** Its wait counts as a latency: who got no answer waited longest. */
  failed(what: string, ms: number): void {
    this.#errors.set(what, (this.#errors.get(what) ?? 0) + 1);
    this.latency.record(ms);
  }

  due(lagMs: number): void {
    this.#lag.record(lagMs);
  }

  sinceDue(ms: number): void {
    this.#sinceDue.record(ms);
  }

  /** Of the `server-timing` header in `head`, entries with a duration. */
  timing(head: string): void {
    const value = /\r\nserver-timing: *([^\r]*)/i.exec(head)?.[1] ?? '';
    for (const [, name, ms] of value.matchAll(/([\w-]+)(?:;[^,]*?)?;dur=([\d.]+)/g)) {
      const histogram = this.#timings.get(name!) ?? new Histogram();
      histogram.record(Number(ms));
      this.#timings.set(name!, histogram);
    }
  }

  result(tookMs: number, cpuUs: number): GeneratorResult {
    const statuses = this.#statuses.map((count, status): [number, number] => [status, count]).filter(Boolean);
    return {
      answered: this.#answered,
      tookMs,
      statuses: Object.fromEntries(statuses),
      wrongStatuses: this.#wrongStatuses,
      wrongBodies: this.#wrongBodies,
      errors: Object.fromEntries(this.#errors),
      latency: this.latency.toJSON(),
      sinceDue: this.#sinceDue.count === 0 ? null : this.#sinceDue.toJSON(),
      lag: this.#lag.toJSON(),
      serverTiming: Object.fromEntries([...this.#timings].map(([name, histogram]) => [name, histogram.toJSON()])),
      cpuUs,
    };
  }
}
