/**
 * The ledger's rows as lines: JSON arrays of a kind and the cells, in the order stated here once. The same lines go into
 * the journal, to the writer and, as blocks of them, into SQLite. What most rows share is left out: a request id that is
 * the invocation's, the host's own id; and records that came together and differ in little are one line.
 */
import { OUTCOMES, type Outcome } from '../contract/outcome.ts';
import type { StoredRecord } from '../contract/store.ts';
import { TRIGGERS, type Trigger, type UsageRecord } from '../contract/usage.ts';

/** What a line says: an invocation began; one ended that no line had begun; one ended that an earlier line began. */
export const START = 0;
export const WHOLE = 1;
export const END = 2;
/** Several that no line had begun: the first one whole, then a list with the cells in `OWN` of each further one. */
export const ALIKE = 3;

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
/** What a record has of its own among those like it. The request id is the invocation's. */
const OWN: readonly number[] = [
  AT.invocationId,
  AT.traceId,
  AT.queueNs,
  AT.isolateId,
  AT.runNs,
  AT.cpuNs,
  AT.hostCpuNs,
  AT.isolateMemoryPeakBytes,
  AT.responseBytes,
];
const IS_TEXT: readonly boolean[] = [false, ...CELLS.map(([, type]) => type === 'text')];
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** In the order of `CELLS`, the kind first. */
export type Line = readonly (string | number)[];

/** Lines as they were, and their rows. */
export class Piece {
  readonly lines: readonly string[];
  /** `null`: a line that cannot be read. */
  readonly rows: readonly unknown[];
  /** Which line each row is of; `null`: every line is one row. */
  readonly #lineOf: readonly number[] | null;

  constructor(lines: readonly string[], parsed: readonly unknown[]) {
    this.lines = lines;
    if (parsed.every((row) => !isAlike(row))) {
      this.rows = parsed;
      this.#lineOf = null;
      return;
    }
    const rows: unknown[] = [];
    const lineOf: number[] = [];
    for (const [index, row] of parsed.entries()) {
      if (isAlike(row)) unfold(row, rows);
      else rows.push(row);
      while (lineOf.length < rows.length) lineOf.push(index);
    }
    this.rows = rows;
    this.#lineOf = lineOf;
  }

  /** A row as a line of its own. */
  line(row: number): string {
    const index = this.#lineOf === null ? row : this.#lineOf[row]!;
    return this.#isAlone(row) ? this.lines[index]! : JSON.stringify(this.rows[row]);
  }

  /** Without these rows: lines as they were where all of theirs stay. */
  without(dropped: ReadonlySet<number>): string {
    const kept: string[] = [];
    for (let row = 0; row < this.rows.length; ) {
      const first = row;
      let isWhole = true;
      do if (dropped.has(row)) isWhole = false;
      while (++row < this.rows.length && this.#lineOf !== null && this.#lineOf[row] === this.#lineOf[first]);
      if (isWhole) kept.push(this.lines[this.#lineOf === null ? first : this.#lineOf[first]!]!);
      else for (let each = first; each < row; each++) if (!dropped.has(each)) kept.push(this.line(each));
    }
    return kept.join('\n');
  }

  #isAlone(row: number): boolean {
    const lineOf = this.#lineOf;
    return lineOf === null || (lineOf[row] !== lineOf[row - 1] && lineOf[row] !== lineOf[row + 1]);
  }
}

/** Read all at once, line by line only where that fails. */
export function parseLines(piece: string): Piece {
  const lines = (piece.endsWith('\n') ? piece.slice(0, -1) : piece).split('\n');
  try {
    const rows = JSON.parse(`[${lines.join(',')}]`) as unknown[];
    if (rows.length === lines.length) return new Piece(lines, rows);
  } catch {
    // One of them is no line.
  }
  return new Piece(lines, lines.map(rowOf));
}

function isAlike(row: unknown): row is readonly [...Line, readonly Line[]] {
  if (!Array.isArray(row) || row[0] !== ALIKE || row.length !== RECORD_WIDTH + 1) return false;
  const more: unknown = row[RECORD_WIDTH];
  return Array.isArray(more) && more.every((own) => Array.isArray(own) && own.length === OWN.length);
}

function unfold(row: readonly [...Line, readonly Line[]], into: unknown[]): void {
  const first = row.slice(0, RECORD_WIDTH);
  first[0] = WHOLE;
  into.push(first);
  for (const own of row[RECORD_WIDTH] as readonly Line[]) {
    const next = first.slice();
    for (let i = 0; i < OWN.length; i++) next[OWN[i]!] = own[i]!;
    into.push(next);
  }
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
