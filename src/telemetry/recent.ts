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

/** What is kept of one event: an invocation, or the receipt of a webhook (`invocationId` null). */
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

const MAX_STRAY_NAMES = 1000;

interface Kept {
  readonly seq: number;
  readonly bytes: number;
  readonly entry: RecentEntry;
}

export class RecentStore {
  readonly #bounds: RecentBounds;
  readonly #traces: Ring<Kept>;
  /** By function. */
  readonly #logs = new Map<string, Ring<Kept>>();
  readonly #byInvocation = new Map<string, Kept>();
  readonly #byTrace = new Map<string, Kept[]>();
  readonly #strays = new Map<string, LogLine[]>();
  #logBytes = 0;
  #seq = 0;

  constructor(bounds: RecentBounds = RECENT_BOUNDS) {
    this.#bounds = bounds;
    this.#traces = new Ring({ items: bounds.traces, bytes: bounds.traceBytes }, (kept) => this.#forgetTrace(kept));
  }

  add(entry: RecentEntry): void {
    const kept: Kept = { seq: ++this.#seq, bytes: weigh(entry), entry };
    if (entry.invocationId !== null) this.#byInvocation.set(entry.invocationId, kept);
    if (entry.spans.length === 0) {
      this.#addLogs(kept);
      return;
    }
    const siblings = this.#byTrace.get(entry.traceId);
    if (siblings === undefined) this.#byTrace.set(entry.traceId, [kept]);
    else siblings.push(kept);
    this.#traces.add(kept);
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
    lines.push({ ...line, text: line.text.slice(0, 4096) });
    if (lines.length > this.#bounds.strays) lines.shift();
  }

  strays(name: string): readonly LogLine[] {
    return this.#strays.get(name) ?? [];
  }

  invocation(id: string): RecentInvocation | null {
    const entry = this.#byInvocation.get(id)?.entry;
    if (entry === undefined) return null;
    const { traceId, spans, logs, problem, warnings } = entry;
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
    for (const { seq, entry } of this.#traces.newestFirst()) {
      if (seq >= before || (query.function !== null && entry.function !== query.function)) continue;
      if (items.length === query.limit) return { items, nextCursor: last.toString(36) };
      items.push(summary(entry));
      last = seq;
    }
    return { items, nextCursor: null };
  }

  trace(traceId: string): JsonTrace | null {
    const kept = this.#byTrace.get(traceId);
    return kept === undefined ? null : jsonTrace(kept.flatMap(({ entry }) => entry.spans));
  }

  #addLogs(kept: Kept): void {
    const name = kept.entry.function ?? '';
    let own = this.#logs.get(name);
    if (own === undefined) {
      const bounds = { items: this.#bounds.logsPerFunction, bytes: this.#bounds.logBytes };
      own = new Ring<Kept>(bounds, (gone) => this.#forgetLogs(gone));
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

  #forgetLogs(kept: Kept): void {
    this.#logBytes -= kept.bytes;
    this.#forgetInvocation(kept);
  }

  #forgetTrace(kept: Kept): void {
    const { traceId } = kept.entry;
    const siblings = this.#byTrace.get(traceId);
    // The oldest of a trace leaves first, so it is the first of its siblings.
    siblings?.shift();
    if (siblings?.length === 0) this.#byTrace.delete(traceId);
    this.#forgetInvocation(kept);
  }

  #forgetInvocation(kept: Kept): void {
    const id = kept.entry.invocationId;
    if (id !== null && this.#byInvocation.get(id) === kept) this.#byInvocation.delete(id);
  }
}

function summary(entry: RecentEntry): TraceSummary {
  const { logs: _logs, problem: _problem, warnings: _warnings, spans, ...rest } = entry;
  return { ...rest, spans: spans.length };
}

/** An estimate in bytes: two per character, and what objects cost. */
function weigh(entry: RecentEntry): number {
  let bytes = 512;
  for (const line of entry.logs) bytes += 64 + line.text.length * 2;
  if (entry.problem !== null) bytes += (entry.problem.message.length + entry.problem.stack.length) * 2;
  for (const span of entry.spans) {
    bytes += 512;
    for (const [key, value] of Object.entries(span.attributes)) {
      bytes += 32 + key.length + (typeof value === 'string' ? value.length * 2 : 16);
    }
  }
  return bytes;
}
