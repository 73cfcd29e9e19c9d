/**
 * The metric cells of 100 % of invocations, found once per function version and then only added to. Bounded: at most
 * `maxVersions` versions (the least recently used goes) and 256 HTTP cells each (the rest share one overflow cell), so
 * neither a stream of deploys nor a guest that answers with every status can grow it.
 */
import type { Fall } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import type { LimitName } from '../contract/limits.ts';
import type { InvocationStory } from '../contract/observer.ts';
import { OUTCOMES, type Outcome, type Unstarted } from '../contract/outcome.ts';
import type { Trigger } from '../contract/usage.ts';
import { DurationHistogram } from './histogram.ts';
import { errorType } from './keep.ts';
import { KNOWN_METHODS } from './names.ts';
import { routeOf } from './route.ts';

export const MAX_VERSIONS = 1000;
const MAX_HTTP_CELLS = 256;
const OUTCOME_LIST: readonly Outcome[] = Object.keys(OUTCOMES) as Outcome[];
const OUTCOME_INDEX: ReadonlyMap<Outcome, number> = new Map(OUTCOME_LIST.map((outcome, index) => [outcome, index]));
const METHOD_INDEX: ReadonlyMap<string, number> = new Map(KNOWN_METHODS.map((method, index) => [method, index]));

/** Counts of one version and trigger. */
export class TriggerCells {
  readonly outcomes: Float64Array = new Float64Array(OUTCOME_LIST.length);
  readonly run: DurationHistogram = new DurationHistogram();
  readonly init: DurationHistogram = new DurationHistogram();
  readonly cpu: DurationHistogram = new DurationHistogram();
  readonly queue: DurationHistogram = new DurationHistogram();
  coldStarts = 0;
  billedMs = 0;

  count(outcome: Outcome): number {
    return this.outcomes[OUTCOME_INDEX.get(outcome) ?? 0] ?? 0;
  }
}

export interface HttpCell {
  readonly method: string;
  readonly scheme: string;
  readonly route: string | null;
  readonly status: number;
  readonly errorType: string | null;
  readonly overflow: boolean;
  readonly duration: DurationHistogram;
}

/** All cells of one `name` and `version`. */
export class VersionSeries {
  readonly name: string;
  readonly version: string;
  readonly triggers: Map<Trigger, TriggerCells> = new Map();
  readonly shed: Map<Unstarted, number> = new Map();
  /** Invocations that used at least 80 % of a limit, and those that ran into it. */
  readonly limitWarnings: Map<LimitName, number> = new Map();
  readonly limitHits: Map<LimitName, number> = new Map();
  readonly falls: Map<Fall, number> = new Map();
  readonly #routes = new Map<string, Map<number, HttpCell>>();
  #httpCells = 0;
  #overflow: HttpCell | null = null;
  strayLines = 0;
  /** False once evicted: whoever still holds it looks it up again. */
  live = true;
  usedAt = 0;

  constructor(name: string, version: string) {
    this.name = name;
    this.version = version;
  }

  settled(story: InvocationStory): void {
    const { record, invocation } = story;
    let cells = this.triggers.get(record.trigger);
    if (cells === undefined) this.triggers.set(record.trigger, (cells = new TriggerCells()));
    const outcome = OUTCOME_INDEX.get(record.outcome) ?? 0;
    cells.outcomes[outcome] = (cells.outcomes[outcome] as number) + 1;
    cells.run.record(record.runNs);
    cells.cpu.record(record.cpuNs);
    cells.queue.record(record.queueNs);
    cells.billedMs += record.billedMs;
    if (record.cold) {
      cells.coldStarts++;
      cells.init.record(record.initNs);
    }
    for (const { limit, reached } of story.limits) add(reached ? this.limitHits : this.limitWarnings, limit);
    const http = invocation.http;
    if (http === null || record.trigger === 'webhook') return;
    const method = METHOD_INDEX.get(http.method) ?? KNOWN_METHODS.length;
    const key = ((outcome * 16 + method) * 2 + (http.scheme === 'https' ? 1 : 0)) * 1000 + record.status;
    const routes = this.#routes.get(record.source);
    const cell = routes?.get(key) ?? this.#newHttpCell(story, key);
    cell.duration.record(Math.max(0, story.endedNs - invocation.acceptedNs));
  }

  refused(reason: Unstarted, limit: LimitName | undefined): void {
    add(this.shed, reason);
    if (limit !== undefined) add(this.limitHits, limit);
  }

  /** The metric cells of HTTP requests, the overflow cell last. */
  *http(): Iterable<HttpCell> {
    for (const cells of this.#routes.values()) yield* cells.values();
    if (this.#overflow !== null) yield this.#overflow;
  }

  #newHttpCell(story: InvocationStory, key: number): HttpCell {
    const { record, invocation } = story;
    const duration = new DurationHistogram();
    if (this.#httpCells >= MAX_HTTP_CELLS) {
      const none = { method: '_OTHER', scheme: 'http', route: null, status: 0, errorType: null };
      return (this.#overflow ??= { ...none, overflow: true, duration });
    }
    this.#httpCells++;
    const method = invocation.http?.method ?? '';
    const cell: HttpCell = {
      method: METHOD_INDEX.has(method) ? method : '_OTHER',
      scheme: invocation.http?.scheme ?? 'http',
      route: routeOf(record.source),
      status: record.status,
      errorType: errorType(record),
      overflow: false,
      duration,
    };
    let routes = this.#routes.get(record.source);
    if (routes === undefined) this.#routes.set(record.source, (routes = new Map()));
    routes.set(key, cell);
    return cell;
  }
}

function add<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

export class SeriesTable {
  readonly #maxVersions: number;
  readonly #bound = new WeakMap<FunctionVersion, VersionSeries>();
  readonly #byLabel = new Map<string, VersionSeries>();
  #uses = 0;

  constructor(maxVersions: number = MAX_VERSIONS) {
    this.#maxVersions = maxVersions;
  }

  of(version: FunctionVersion): VersionSeries {
    let series = this.#bound.get(version);
    if (series === undefined || !series.live) {
      series = this.#find(version.spec.name, String(version.version));
      this.#bound.set(version, series);
    }
    series.usedAt = ++this.#uses;
    return series;
  }

  all(): Iterable<VersionSeries> {
    return this.#byLabel.values();
  }

  #find(name: string, version: string): VersionSeries {
    const label = `${name}@${version}`;
    const known = this.#byLabel.get(label);
    if (known !== undefined) return known;
    if (this.#byLabel.size >= this.#maxVersions) this.#evict();
    const series = new VersionSeries(name, version);
    this.#byLabel.set(label, series);
    return series;
  }

  #evict(): void {
    let oldest: readonly [string, VersionSeries] | null = null;
    for (const entry of this.#byLabel) if (oldest === null || entry[1].usedAt < oldest[1].usedAt) oldest = entry;
    if (oldest === null) return;
    oldest[1].live = false;
    this.#byLabel.delete(oldest[0]);
  }
}

export { OUTCOME_LIST };
