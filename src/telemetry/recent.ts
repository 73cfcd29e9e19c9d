/**
 * The console's own store: what recently happened, in memory, bounded by count and bytes, the oldest going first.
 * Traces have one ring, invocations with only logs one per function: a chatty function can push out neither the traces
 * of errors nor its neighbours' logs. It forgets with the process and is no source for billing.
 */
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { GuestProblem, LogLine } from '../contract/engine-port.ts';
import { HostError } from '../contract/errors.ts';
import type { Outcome } from '../contract/outcome.ts';
import { type JsonSpan, type JsonTrace, jsonSpan, jsonTrace } from './otlp-json.ts';
import { Ring } from './ring.ts';

export interface RecentBounds {
  readonly traces: number;
  readonly traceBytes: number;
  /** Invocations with logs and no trace. */
  readonly logsPerFunction: number;
  /** Of all functions together. */
  readonly logBytes: number;
  /** Lines outside any invocation, per function. */
  readonly strays: number;
}

export const RECENT_BOUNDS: RecentBounds = {
  traces: 5000,
  traceBytes: 32 * 1024 * 1024,
  logsPerFunction: 200,
  logBytes: 16 * 1024 * 1024,
  strays: 100,
};

/** One event that is kept, an invocation or the receipt of a webhook: what it is found by, and the rest when asked. */
export interface Telling {
  /** `null`: a receipt. */
  readonly invocationId: string | null;
  readonly traceId: string;
  readonly function: string | null;
  /** It has spans. */
  readonly isTraced: boolean;
  /** An estimate of what it holds. */
  readonly bytes: number;
  /** What it wrote, and why it failed. */
  lines(): readonly LogItem[];
  /** Spans are made by this, at about 10 µs each: most of what is kept is never looked at. */
  told(): RecentEntry;
}

export interface RecentEntry {
  readonly invocationId: string | null;
  readonly traceId: string;
  readonly name: string;
  readonly function: string | null;
  readonly version: number | null;
  readonly outcome: Outcome | null;
  readonly status: number;
  readonly cold: boolean;
  /** ISO 8601 UTC of the first turn. */
  readonly startedAt: string;
  /** Accepted to settled. */
  readonly durationNs: number;
  /** The event's own span first; empty when no trace was kept. */
  readonly spans: readonly ReadableSpan[];
  readonly logs: readonly LogLine[];
  readonly problem: GuestProblem | null;
  readonly warnings: readonly string[];
}

export interface RecentInvocation {
  readonly invocationId: string;
  readonly traceId: string;
  readonly spans: readonly JsonSpan[];
  readonly logs: readonly LogLine[];
  readonly problem: GuestProblem | null;
  readonly warnings: readonly string[];
}

/** A line of a function's log. */
export interface LogItem extends LogLine {
  readonly function: string;
  /** `null`: it was written outside any invocation. */
  readonly invocationId: string | null;
}

export interface TraceSummary {
  readonly traceId: string;
  readonly invocationId: string | null;
  readonly name: string;
  readonly function: string | null;
  readonly version: number | null;
  readonly outcome: Outcome | null;
  readonly status: number;
  readonly cold: boolean;
  readonly startedAt: string;
  readonly durationNs: number;
  readonly spans: number;
}

export interface TraceQuery {
  readonly function: string | null;
  /** 1–1000. */
  readonly limit: number;
  readonly cursor: string | null;
}

export interface LogQuery {
  readonly function: string | null;
  readonly limit: number;
}

const MAX_STRAY_NAMES = 1000;

interface Kept {
  readonly seq: number;
  readonly bytes: number;
  readonly telling: Telling;
}

/** Whoever asks looks through all of it: an index would cost every invocation that is kept more than a look costs. */
export class RecentStore {
  readonly #bounds: RecentBounds;
  readonly #traces: Ring<Kept>;
  /** By function. */
  readonly #logs = new Map<string, Ring<Kept>>();
  readonly #strays = new Map<string, LogLine[]>();
  readonly #followers = new Set<(item: LogItem) => void>();
  #logBytes = 0;
  #seq = 0;

  constructor(bounds: RecentBounds = RECENT_BOUNDS) {
    this.#bounds = bounds;
    this.#traces = new Ring({ items: bounds.traces, bytes: bounds.traceBytes });
  }

  add(telling: Telling): void {
    const kept: Kept = { seq: ++this.#seq, bytes: telling.bytes, telling };
    if (telling.isTraced) this.#traces.add(kept);
    else this.#addLogs(kept);
    if (this.#followers.size > 0) for (const item of telling.lines()) this.#tell(item);
  }

  stray(name: string, line: LogLine): void {
    let lines = this.#strays.get(name);
    if (lines === undefined) {
      for (const oldest of this.#strays.keys()) {
        if (this.#strays.size < MAX_STRAY_NAMES) break;
        this.#strays.delete(oldest);
      }
      this.#strays.set(name, (lines = []));
    }
    const kept = { ...line, text: line.text.slice(0, 4096) };
    lines.push(kept);
    if (lines.length > this.#bounds.strays) lines.shift();
    this.#tell({ ...kept, function: name, invocationId: null });
  }

  /** Every line from now on, until the returned function is called. */
  follow(tell: (item: LogItem) => void): () => void {
    this.#followers.add(tell);
    return () => void this.#followers.delete(tell);
  }

  /** The newest lines, newest first. Of each ring so many are looked at as are asked for. */
  logs({ function: name, limit }: LogQuery): { readonly items: readonly LogItem[]; readonly nextCursor: null } {
    const found: LogItem[] = [];
    for (const ring of [this.#traces, ...this.#logs.values()]) {
      let taken = 0;
      for (const { telling } of ring.newestFirst()) {
        if (name !== null && telling.function !== name) continue;
        const lines = telling.lines();
        found.push(...lines.slice(-limit));
        taken += lines.length;
        if (taken >= limit) break;
      }
    }
    for (const [owner, lines] of this.#strays) {
      if (name !== null && owner !== name) continue;
      found.push(...lines.map((line) => ({ ...line, function: owner, invocationId: null })));
    }
    const items = found
      .sort((one, other) => one.epochMs - other.epochMs)
      .slice(-limit)
      .reverse();
    return { items, nextCursor: null };
  }

  strays(name: string): readonly LogLine[] {
    return this.#strays.get(name) ?? [];
  }

  invocation(id: string): RecentInvocation | null {
    const telling = this.#find(id);
    if (telling === null) return null;
    const { traceId, spans, logs, problem, warnings } = telling.told();
    return { invocationId: id, traceId, spans: spans.map(jsonSpan), logs, problem, warnings };
  }

  /** Newest first. The cursor is the sequence number of the last item seen. */
  traces(query: TraceQuery): { readonly items: readonly TraceSummary[]; readonly nextCursor: string | null } {
    if (query.cursor !== null && !/^[0-9a-z]{1,10}$/.test(query.cursor)) {
      throw new HostError('BAD_REQUEST', 'The cursor is not one this host gave out; begin again without a cursor.');
    }
    const before = query.cursor === null ? Number.POSITIVE_INFINITY : Number.parseInt(query.cursor, 36);
    const items: TraceSummary[] = [];
    let last = 0;
    for (const { seq, telling } of this.#traces.newestFirst()) {
      if (seq >= before || (query.function !== null && telling.function !== query.function)) continue;
      if (items.length === query.limit) return { items, nextCursor: last.toString(36) };
      items.push(summary(telling.told()));
      last = seq;
    }
    return { items, nextCursor: null };
  }

  trace(traceId: string): JsonTrace | null {
    const parts = [...this.#traces.newestFirst()].filter(({ telling }) => telling.traceId === traceId).reverse();
    return parts.length === 0 ? null : jsonTrace(parts.flatMap(({ telling }) => telling.told().spans));
  }

  #tell(item: LogItem): void {
    for (const tell of this.#followers) tell(item);
  }

  #find(invocationId: string): Telling | null {
    for (const ring of [this.#traces, ...this.#logs.values()]) {
      for (const { telling } of ring.newestFirst()) if (telling.invocationId === invocationId) return telling;
    }
    return null;
  }

  #addLogs(kept: Kept): void {
    const name = kept.telling.function ?? '';
    let own = this.#logs.get(name);
    if (own === undefined) {
      const bounds = { items: this.#bounds.logsPerFunction, bytes: this.#bounds.logBytes };
      own = new Ring<Kept>(bounds, (gone) => {
        this.#logBytes -= gone.bytes;
      });
    }
    this.#logs.set(name, own);
    this.#logBytes += kept.bytes;
    own.add(kept);
    // Whoever has most gives way.
    while (this.#logBytes > this.#bounds.logBytes) {
      let greatest = own;
      for (const ring of this.#logs.values()) if (ring.bytes > greatest.bytes) greatest = ring;
      if (greatest.size === 0) break;
      greatest.dropOldest();
      if (greatest.size === 0) this.#dropEmpty();
    }
  }

  #dropEmpty(): void {
    for (const [name, ring] of this.#logs) if (ring.size === 0) this.#logs.delete(name);
  }
}

function summary(entry: RecentEntry): TraceSummary {
  const { logs: _logs, problem: _problem, warnings: _warnings, spans, ...rest } = entry;
  return { ...rest, spans: spans.length };
}
