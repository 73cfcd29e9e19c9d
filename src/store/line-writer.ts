/**
 * Writes the ledger's lines, on the main thread, which pays 1 µs for a row alone and a third of it for one among others like
 * it: those of a group mostly share function, route, outcome and millisecond, and only what is a row's own is written.
 */
import type { UsageRecord, UsageStart } from '../contract/usage.ts';
import { ALIKE, END, type Line, START, WHOLE } from './ledger-lines.ts';

const MOST_NAMES = 10_000;

/** `begun`: the START went out in an earlier line. */
export interface Ended {
  readonly record: UsageRecord;
  readonly begun: boolean;
}

export class LineWriter {
  readonly #hostId: string;
  readonly #prefix: string;
  /** Names as they are written: few, and each in thousands of lines. */
  readonly #short: Map<string, string> = new Map();

  constructor(hostId: string) {
    this.#hostId = hostId;
    this.#prefix = `${hostId}/`;
  }

  // One literal each: an array that grows cell by cell costs three times as much, and joined templates no less.

  start(row: UsageStart): string {
    const line = JSON.stringify([
      START,
      row.invocationId,
      row.attempt,
      row.requestId === row.invocationId ? '' : row.requestId,
      row.traceId,
      row.tenant,
      row.function,
      row.version,
      row.trigger,
      row.source,
      row.cold ? 1 : 0,
      row.startedAt,
      row.queueNs,
      row.memoryLimitMiB,
      this.#within(row.isolateId),
      this.#within(row.engineId),
      row.hostId === this.#hostId ? '' : row.hostId,
    ]);
    return `${line}\n`;
  }

  records(ends: readonly Ended[]): string {
    let lines = '';
    for (let next = 0; next < ends.length; ) {
      const { record, begun } = ends[next++]!;
      let more: Line[] | null = null;
      while (!begun && next < ends.length && areAlike(record, ends[next]!)) {
        more ??= [];
        more.push(this.#own(ends[next++]!.record));
      }
      lines += this.record(record, begun, more);
    }
    return lines;
  }

  #own(record: UsageRecord): Line {
    return [
      record.invocationId,
      record.traceId,
      record.queueNs,
      this.#within(record.isolateId),
      record.runNs,
      record.cpuNs,
      record.hostCpuNs,
      record.isolateMemoryPeakBytes,
      record.responseBytes,
    ];
  }

  /** `more`: of those like it, their own cells. */
  record(record: UsageRecord, begun: boolean, more: readonly Line[] | null = null): string {
    const cells: (string | number | readonly Line[])[] = [
      more !== null ? ALIKE : begun ? END : WHOLE,
      record.invocationId,
      record.attempt,
      record.requestId === record.invocationId ? '' : record.requestId,
      record.traceId,
      record.tenant,
      record.function,
      record.version,
      record.trigger,
      record.source,
      record.cold ? 1 : 0,
      record.startedAt,
      record.queueNs,
      record.memoryLimitMiB,
      this.#within(record.isolateId),
      this.#within(record.engineId),
      record.hostId === this.#hostId ? '' : record.hostId,
      record.outcome,
      record.status,
      record.initNs,
      record.runNs,
      record.billedMs,
      record.cpuNs,
      record.cpuEstimated ? 1 : 0,
      record.hostCpuNs,
      record.isolateMemoryPeakBytes,
      record.mibMs,
      record.sharedMibMs,
      record.requestBytes,
      record.responseBytes,
      record.subrequests,
      record.closedBy,
    ];
    if (more !== null) cells.push(more);
    return `${JSON.stringify(cells)}\n`;
  }

  /** A name within the host: `/3` for `<host>/3`. */
  #within(name: string): string {
    let short = this.#short.get(name);
    if (short === undefined) {
      if (this.#short.size >= MOST_NAMES) this.#short.clear();
      short = name.startsWith(this.#prefix) ? name.slice(this.#prefix.length - 1) : name;
      this.#short.set(name, short);
    }
    return short;
  }
}

/** All cells that are not in `OWN`, the cheapest to tell apart first. */
function areAlike(a: UsageRecord, { record: b, begun }: Ended): boolean {
  return (
    !begun &&
    a.startedAt === b.startedAt &&
    a.function === b.function &&
    a.engineId === b.engineId &&
    a.billedMs === b.billedMs &&
    a.status === b.status &&
    a.outcome === b.outcome &&
    a.source === b.source &&
    a.requestBytes === b.requestBytes &&
    a.subrequests === b.subrequests &&
    a.version === b.version &&
    a.tenant === b.tenant &&
    a.trigger === b.trigger &&
    a.cold === b.cold &&
    a.initNs === b.initNs &&
    a.mibMs === b.mibMs &&
    a.sharedMibMs === b.sharedMibMs &&
    a.memoryLimitMiB === b.memoryLimitMiB &&
    a.cpuEstimated === b.cpuEstimated &&
    a.attempt === b.attempt &&
    a.hostId === b.hostId &&
    a.closedBy === b.closedBy &&
    a.requestId === a.invocationId &&
    b.requestId === b.invocationId
  );
}
