/**
 * The ledger's tables, and its rows as lines: JSON arrays of a kind and the cells in column order, because that costs
 * the main thread 0.5 µs a row. The same lines go into the journal and to the writer. Column order is stated once, here.
 */
import { OUTCOMES, type Outcome } from '../contract/outcome.ts';
import type { StoredRecord } from '../contract/store.ts';
import { TRIGGERS, type Trigger, type UsageRecord, type UsageStart } from '../contract/usage.ts';

export type Cell = string | number;

const START_COLUMNS: readonly string[] = [
  'invocation_id TEXT',
  'attempt INTEGER',
  'request_id TEXT',
  'trace_id TEXT',
  'tenant TEXT',
  'function TEXT',
  'version INTEGER',
  'trigger TEXT',
  'source TEXT',
  'cold INTEGER',
  'started_ms INTEGER',
  'queue_ns INTEGER',
  'memory_limit_mib INTEGER',
  'isolate_id TEXT',
  'engine_id TEXT',
  'host_id TEXT',
];

const END_COLUMNS: readonly string[] = [
  'outcome TEXT',
  'status INTEGER',
  'init_ns INTEGER',
  'run_ns INTEGER',
  'billed_ms INTEGER',
  'cpu_ns INTEGER',
  'cpu_estimated INTEGER',
  'host_cpu_ns INTEGER',
  'memory_peak_bytes INTEGER',
  'mib_ms INTEGER',
  'shared_mib_ms INTEGER',
  'request_bytes INTEGER',
  'response_bytes INTEGER',
  'subrequests INTEGER',
  'closed_by TEXT',
];

const START_WIDTH: number = START_COLUMNS.length;
const RECORD_WIDTH: number = START_COLUMNS.length + END_COLUMNS.length;
const STARTED_MS: number = START_COLUMNS.indexOf('started_ms INTEGER');

/** What a line says: an invocation began; one ended that no line had begun; one ended that an earlier line began. */
const KINDS = ['start', 'whole', 'end'] as const;
const START = 0;
const WHOLE = 1;
const END = 2;

const definitions = (columns: readonly string[]): string => columns.map((column) => `${column} NOT NULL`).join(', ');
const names = (columns: readonly string[]): string => columns.map((column) => column.split(' ')[0]!).join(', ');
const marks = (count: number): string => Array(count).fill('?').join(', ');

/**
 * `starts`: invocations that have not settled. `records`: append-only, `seq` in order of commit. `refused`: rows the
 * schema would not take, which would be a bug of the host; kept, so that it costs nobody their bill.
 */
export const LEDGER_MIGRATIONS: readonly string[] = [
  `CREATE TABLE hosts (host_id TEXT PRIMARY KEY, pid INTEGER NOT NULL, opened_ms INTEGER NOT NULL, closed_ms INTEGER) STRICT;
   CREATE TABLE starts (${definitions(START_COLUMNS)}, PRIMARY KEY (invocation_id)) STRICT;
   CREATE TABLE records (seq INTEGER PRIMARY KEY, ${definitions([...START_COLUMNS, ...END_COLUMNS])}, UNIQUE (invocation_id)) STRICT;
   CREATE INDEX records_by_time ON records (started_ms);
   CREATE TABLE refused (at_ms INTEGER NOT NULL, reason TEXT NOT NULL, row TEXT NOT NULL) STRICT`,
];

export const INSERT_START: string = `INSERT INTO starts (${names(START_COLUMNS)}) VALUES (${marks(START_WIDTH)})
  ON CONFLICT (invocation_id) DO NOTHING`;
/** The first END of an invocation wins. */
export const INSERT_RECORD: string = `INSERT INTO records (${names([...START_COLUMNS, ...END_COLUMNS])}) VALUES (${marks(RECORD_WIDTH)})
  ON CONFLICT (invocation_id) DO NOTHING`;
export const DELETE_START = 'DELETE FROM starts WHERE invocation_id = ?';
/** Once, however often a journal is read again. */
export const INSERT_REFUSED: string = `WITH new (at_ms, reason, row) AS (VALUES (?, ?, ?))
  INSERT INTO refused SELECT * FROM new WHERE NOT EXISTS (SELECT 1 FROM refused WHERE refused.row = new.row)`;

/** Of a dead host: the function that brought it down (or null), and the host. */
export const CLOSE_STARTS: string = `INSERT INTO records (${names([...START_COLUMNS, ...END_COLUMNS])})
  SELECT ${names(START_COLUMNS)}, CASE WHEN function = ? THEN 'crashed' ELSE 'aborted' END,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'recovery'
  FROM starts WHERE host_id = ? ORDER BY started_ms, invocation_id
  ON CONFLICT (invocation_id) DO NOTHING`;
export const DELETE_STARTS = 'DELETE FROM starts WHERE host_id = ?';

// One literal each: an array that grows cell by cell costs three times as much.

export function startLine(row: UsageStart): string {
  const line = JSON.stringify([
    START,
    row.invocationId,
    row.attempt,
    row.requestId,
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
    row.isolateId,
    row.engineId,
    row.hostId,
  ]);
  return `${line}\n`;
}

/** `begun`: the START went out in an earlier line. */
export function recordLine(record: UsageRecord, begun: boolean): string {
  const line = JSON.stringify([
    begun ? END : WHOLE,
    record.invocationId,
    record.attempt,
    record.requestId,
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
    record.isolateId,
    record.engineId,
    record.hostId,
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

export interface Row {
  readonly kind: (typeof KINDS)[number];
  readonly invocationId: string;
  /** In column order; what they hold is for the tables to judge. */
  readonly cells: readonly Cell[];
}

/** `null`: this is no line of a ledger. */
export function parseLine(line: string): Row | null {
  const cells = arrayOf(line);
  const kind = KINDS[Number(cells?.shift())];
  const width = kind === 'start' ? START_WIDTH : RECORD_WIDTH;
  const invocationId = cells?.[0];
  if (cells === null || kind === undefined || cells.length !== width || typeof invocationId !== 'string') return null;
  cells[STARTED_MS] = Date.parse(String(cells[STARTED_MS]));
  return { kind, invocationId, cells: cells as Cell[] };
}

function arrayOf(line: string): unknown[] | null {
  try {
    const value: unknown = JSON.parse(line);
    return Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** A row of `records` as read by the reader. */
export function toRecord(row: Readonly<Record<string, unknown>>): StoredRecord {
  const text = (name: string): string => String(row[name]);
  const whole = (name: string): number => Number(row[name]);
  return {
    seq: whole('seq'),
    invocationId: text('invocation_id'),
    attempt: whole('attempt'),
    requestId: text('request_id'),
    traceId: text('trace_id'),
    tenant: text('tenant'),
    function: text('function'),
    version: whole('version'),
    trigger: triggerOf(text('trigger')),
    source: text('source'),
    cold: whole('cold') === 1,
    startedAt: new Date(whole('started_ms')).toISOString(),
    queueNs: whole('queue_ns'),
    memoryLimitMiB: whole('memory_limit_mib'),
    isolateId: text('isolate_id'),
    engineId: text('engine_id'),
    hostId: text('host_id'),
    outcome: outcomeOf(text('outcome')),
    status: whole('status'),
    initNs: whole('init_ns'),
    runNs: whole('run_ns'),
    billedMs: whole('billed_ms'),
    cpuNs: whole('cpu_ns'),
    cpuEstimated: whole('cpu_estimated') === 1,
    hostCpuNs: whole('host_cpu_ns'),
    isolateMemoryPeakBytes: whole('memory_peak_bytes'),
    mibMs: whole('mib_ms'),
    sharedMibMs: whole('shared_mib_ms'),
    requestBytes: whole('request_bytes'),
    responseBytes: whole('response_bytes'),
    subrequests: whole('subrequests'),
    closedBy: text('closed_by') === 'recovery' ? 'recovery' : 'normal',
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
