/**
 * The ledger's rows as lines: JSON arrays of a kind and the cells, in the order stated here once. The same lines go into
 * the journal, to the writer and, as blocks of them, into SQLite. What most rows share is left out: a request id that is
 * the invocation's, the host's own id. The main thread pays 1 µs for each.
 */
import { OUTCOMES, type Outcome } from '../contract/outcome.ts';
import type { StoredRecord } from '../contract/store.ts';
import { TRIGGERS, type Trigger, type UsageRecord, type UsageStart } from '../contract/usage.ts';

/** What a line says: an invocation began; one ended that no line had begun; one ended that an earlier line began. */
export const START = 0;
export const WHOLE = 1;
export const END = 2;

export type CellName = keyof UsageRecord;

const CELLS: readonly (readonly [CellName, 'text' | 'whole'])[] = [
  ['invocationId', 'text'],
  ['attempt', 'whole'],
  ['requestId', 'text'],
  ['traceId', 'text'],
  ['tenant', 'text'],
  ['function', 'text'],
  ['version', 'whole'],
  ['trigger', 'text'],
  ['source', 'text'],
  ['cold', 'whole'],
  ['startedAt', 'text'],
  ['queueNs', 'whole'],
  ['memoryLimitMiB', 'whole'],
  ['isolateId', 'text'],
  ['engineId', 'text'],
  ['hostId', 'text'],
  // A START ends here.
  ['outcome', 'text'],
  ['status', 'whole'],
  ['initNs', 'whole'],
  ['runNs', 'whole'],
  ['billedMs', 'whole'],
  ['cpuNs', 'whole'],
  ['cpuEstimated', 'whole'],
  ['hostCpuNs', 'whole'],
  ['isolateMemoryPeakBytes', 'whole'],
  ['mibMs', 'whole'],
  ['sharedMibMs', 'whole'],
  ['requestBytes', 'whole'],
  ['responseBytes', 'whole'],
  ['subrequests', 'whole'],
  ['closedBy', 'text'],
];

/** Where a cell is in a line; the kind comes first. */
export const AT: Readonly<Record<CellName, number>> = Object.fromEntries(
  CELLS.map(([name], index) => [name, index + 1]),
) as Record<CellName, number>;

const START_WIDTH: number = AT.outcome;
const RECORD_WIDTH: number = CELLS.length + 1;
const IS_TEXT: readonly boolean[] = [false, ...CELLS.map(([, type]) => type === 'text')];
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const MOST_NAMES = 10_000;

/** In the order of `CELLS`, the kind first. */
export type Line = readonly (string | number)[];

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

  /** `begun`: the START went out in an earlier line. */
  record(record: UsageRecord, begun: boolean): string {
    const line = JSON.stringify([
      begun ? END : WHOLE,
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
    ]);
    return `${line}\n`;
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

/** A line that cannot be read has the row `null`. Read all at once, one by one only where that fails. */
export function parseLines(piece: string): { readonly lines: readonly string[]; readonly rows: readonly unknown[] } {
  const lines = (piece.endsWith('\n') ? piece.slice(0, -1) : piece).split('\n');
  try {
    const rows = JSON.parse(`[${lines.join(',')}]`) as unknown[];
    if (rows.length === lines.length) return { lines, rows };
  } catch {
    // One of them is no line.
  }
  return { lines, rows: lines.map(rowOf) };
}

function rowOf(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return null;
  }
}

/** Why it cannot be a row of the ledger; `null`: it is one. */
export function flaw(line: unknown): string | null {
  if (!Array.isArray(line)) return 'it is not a line of the ledger';
  const cells = line as readonly unknown[];
  const width = cells[0] === START ? START_WIDTH : cells[0] === WHOLE || cells[0] === END ? RECORD_WIDTH : 0;
  if (cells.length !== width) return 'it is not a line of the ledger';
  for (let i = 1; i < width; i++) {
    if (IS_TEXT[i] === true ? typeof cells[i] !== 'string' : !Number.isSafeInteger(cells[i])) {
      return `${CELLS[i - 1]![0]} is ${JSON.stringify(cells[i])}, it must be ${IS_TEXT[i] === true ? 'a text' : 'a whole number'}`;
    }
  }
  if (!INSTANT.test(cells[AT.startedAt] as string))
    return `startedAt is ${JSON.stringify(cells[AT.startedAt])}, it must be a time`;
  return null;
}

/** The record of an invocation whose host died: nothing was measured to the end, so nothing is billed. */
export function closedLine(start: Line, outcome: Outcome): string {
  return JSON.stringify([WHOLE, ...start.slice(1, START_WIDTH), outcome, ...Array(13).fill(0), 'recovery']);
}

/** `hostId`: of the block it is in. */
export function toRecord(line: Line, seq: number, hostId: string): StoredRecord {
  const text = (name: CellName): string => String(line[AT[name]]);
  const whole = (name: CellName): number => Number(line[AT[name]]);
  const host = text('hostId') || hostId;
  const within = (name: CellName): string => (text(name).startsWith('/') ? host + text(name) : text(name));
  return {
    seq,
    invocationId: text('invocationId'),
    attempt: whole('attempt'),
    requestId: text('requestId') || text('invocationId'),
    traceId: text('traceId'),
    tenant: text('tenant'),
    function: text('function'),
    version: whole('version'),
    trigger: triggerOf(text('trigger')),
    source: text('source'),
    cold: whole('cold') === 1,
    startedAt: text('startedAt'),
    queueNs: whole('queueNs'),
    memoryLimitMiB: whole('memoryLimitMiB'),
    isolateId: within('isolateId'),
    engineId: within('engineId'),
    hostId: host,
    outcome: outcomeOf(text('outcome')),
    status: whole('status'),
    initNs: whole('initNs'),
    runNs: whole('runNs'),
    billedMs: whole('billedMs'),
    cpuNs: whole('cpuNs'),
    cpuEstimated: whole('cpuEstimated') === 1,
    hostCpuNs: whole('hostCpuNs'),
    isolateMemoryPeakBytes: whole('isolateMemoryPeakBytes'),
    mibMs: whole('mibMs'),
    sharedMibMs: whole('sharedMibMs'),
    requestBytes: whole('requestBytes'),
    responseBytes: whole('responseBytes'),
    subrequests: whole('subrequests'),
    closedBy: text('closedBy') === 'recovery' ? 'recovery' : 'normal',
  };
}

function outcomeOf(text: string): Outcome {
  if (Object.hasOwn(OUTCOMES, text)) return text as Outcome;
  throw new Error(`the ledger holds an unknown outcome ${text}`);
}

function triggerOf(text: string): Trigger {
  const trigger = TRIGGERS.find((known) => known === text);
  if (trigger !== undefined) return trigger;
  throw new Error(`the ledger holds an unknown trigger ${text}`);
}
