/**
 * What the ledger costs in CPU, in isolation: a row's line on the main thread, and the writer's way from lines into
 * SQLite, in transactions of several sizes. CPU of the calling thread, so other load on the machine hardly shows.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newInvocationId, newTraceId } from '../src/contract/ids.ts';
import type { UsageRecord } from '../src/contract/usage.ts';
import { LEDGER_MIGRATIONS } from '../src/store/ledger-rows.ts';
import { LineWriter } from '../src/store/line-writer.ts';
import { RowWriter } from '../src/store/row-writer.ts';
import { openDatabase } from '../src/store/sqlite.ts';
import { figure, type Row } from './figure.ts';

/** Rows of a transaction: an idle host, a busy one, one that catches up. */
const BATCHES = [16, 512, 4096];
/** Rows whose answers leave together on a busy host. */
const GROUP = 8;

export interface LedgerBench {
  readonly rows: number;
  readonly repetitions: number;
  readonly progress: (line: string) => void;
}

function record(hostId: string, number: number): UsageRecord {
  const now = Date.now();
  const id = newInvocationId(now);
  return {
    ...{ invocationId: id, attempt: 1, requestId: id, traceId: newTraceId(), tenant: 'default', function: 'hello' },
    ...{ version: 1, trigger: 'http', source: 'GET /hello/:name', cold: false, startedAt: new Date(now).toISOString() },
    ...{ queueNs: 51_234 + number, memoryLimitMiB: 128, isolateId: `${hostId}/${number % 7}` },
    ...{ engineId: `${hostId}/lane-${Math.floor(number / GROUP) % 2}`, hostId, outcome: 'ok', status: 200, initNs: 0 },
    ...{ runNs: 81_234 + number, billedMs: 1, cpuNs: 51_234 + number, cpuEstimated: false, hostCpuNs: 0 },
    ...{ isolateMemoryPeakBytes: 3_456_789, mibMs: 128, sharedMibMs: 128, requestBytes: 0, responseBytes: 14 },
    ...{ subrequests: 0, closedBy: 'normal' },
  };
}

function cpuMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

function micros(rows: number, work: () => void): number {
  const before = cpuMicros();
  work();
  return (cpuMicros() - before) / rows;
}

function ingest(lines: readonly string[], batch: number): number {
  const dataDir = mkdtempSync(join(tmpdir(), 'isolane-bench-ledger-'));
  const db = openDatabase({ dataDir, file: 'ledger.db', synchronous: 'NORMAL', migrations: LEDGER_MIGRATIONS });
  try {
    const writer = new RowWriter(db, (reason) => {
      throw new Error(`a row was refused: ${reason}`);
    });
    const pieces: string[] = [];
    // As the journal's reader hands them out: flat, not tied together from lines.
    for (let i = 0; i < lines.length; i += batch / GROUP) {
      pieces.push(Buffer.from(lines.slice(i, i + batch / GROUP).join('')).toString());
    }
    const cost = micros(lines.length * GROUP, () => {
      for (const piece of pieces) writer.commit([piece], 'host');
    });
    const rows = db.prepare('SELECT SUM(rows) AS rows FROM blocks').get()?.['rows'];
    if (rows !== lines.length * GROUP) throw new Error(`${rows} of ${lines.length * GROUP} rows are in the ledger`);
    return cost;
  } finally {
    db.close();
    rmSync(dataDir, { recursive: true });
  }
}

export async function benchLedger({ rows, repetitions, progress }: LedgerBench): Promise<readonly Row[]> {
  const hostId = newInvocationId(Date.now());
  const alone: number[] = [];
  const writing: number[] = [];
  const ingesting: number[][] = BATCHES.map(() => []);
  // One more than counts: the first one compiles.
  for (let round = 0; round <= repetitions; round++) {
    progress(`ledger: round ${round} of ${repetitions}`);
    const records = Array.from({ length: rows }, (_, number) => record(hostId, number));
    const lines: string[] = [];
    const writer = new LineWriter(hostId);
    const ends = records.map((each) => ({ record: each, begun: false }));
    const groups = Array.from({ length: rows / GROUP }, (_, at) => ends.slice(at * GROUP, (at + 1) * GROUP));
    const single = micros(rows, () => {
      for (const each of records) writer.record(each, false);
    });
    const line = micros(rows, () => {
      for (const group of groups) lines.push(writer.records(group));
    });
    const costs = BATCHES.map((batch) => ingest(lines, batch));
    if (round === 0) continue;
    alone.push(single);
    writing.push(line);
    for (const [index, cost] of costs.entries()) ingesting[index]!.push(cost);
  }
  return [
    { name: 'ledger: CPU of a row on the main thread, alone', figures: { isolane: figure('µs', alone) } },
    { name: `ledger: the same, ${GROUP} together`, figures: { isolane: figure('µs', writing) } },
    ...BATCHES.map((batch, index) => ({
      name: `ledger: CPU of a row in the writer, ${batch} at once`,
      figures: { isolane: figure('µs', ingesting[index]!) },
    })),
  ];
}
