/** The thread that answers questions about the ledger, on a connection of its own: a long query delays no commit. */
import type Database from 'better-sqlite3';
import type { Value } from 'better-sqlite3';
import { HostError } from '../contract/errors.ts';
import type { RecordQuery, StoredRecord, UsageDimension, UsageGroup, UsageQuery } from '../contract/store.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { toRecord } from './ledger-rows.ts';
import { type Call, type Port, type Service, serveThread } from './serve.ts';
import { openReader } from './sqlite.ts';

export interface ReaderData {
  readonly dataDir: string;
}

export interface RecordPage {
  readonly items: readonly StoredRecord[];
  readonly nextCursor: string | null;
}

const COLUMN: Readonly<Record<UsageDimension, string>> = {
  function: 'function',
  version: 'version',
  tenant: 'tenant',
  trigger: 'trigger',
  outcome: 'outcome',
};

const SUMS = ['cold', 'billed_ms', 'cpu_ns', 'init_ns', 'run_ns', 'mib_ms', 'request_bytes', 'response_bytes'] as const;

class LedgerReader implements Service<never> {
  readonly #db: Database;
  readonly #port: Port<never>;

  constructor(data: ReaderData, port: Port<never>) {
    this.#db = openReader(data.dataDir, 'ledger.db');
    this.#port = port;
  }

  handle(_messages: readonly never[], calls: readonly Call[]): void {
    for (const call of calls) {
      try {
        this.#port.answer(call.id, this.#answer(call));
      } catch (error) {
        this.#port.error(call.id, error);
      }
    }
  }

  close(): void {
    this.#db.close();
  }

  #answer({ op, args }: Call): unknown {
    switch (op) {
      case 'query':
        return this.#query(args as UsageQuery);
      case 'records':
        return this.#records(args as RecordQuery);
      case 'record':
        return this.#record(args as string);
      default:
        throw new Error(`unknown operation ${op}`);
    }
  }

  #query(query: UsageQuery): UsageGroup[] {
    const unknown = query.by.find((dimension) => !Object.hasOwn(COLUMN, dimension));
    if (unknown !== undefined) {
      throw new HostError(
        'BAD_REQUEST',
        `Usage cannot be grouped by ${unknown}; choose from ${Object.keys(COLUMN).join(', ')}.`,
      );
    }
    const columns = query.by.map((dimension) => COLUMN[dimension]);
    const where = conditions({ from: query.from, to: query.to });
    const sums = SUMS.map((name) => `COALESCE(SUM(${name}), 0) AS ${name}`).join(', ');
    const group = columns.length === 0 ? '' : `GROUP BY ${columns.join(', ')} ORDER BY ${columns.join(', ')}`;
    const rows = this.#db
      .prepare(`SELECT ${[...columns, 'COUNT(*) AS invocations', sums].join(', ')} FROM records ${where.sql} ${group}`)
      .safeIntegers()
      .all(...where.values);
    return rows.map((row) => ({
      key: Object.fromEntries(query.by.map((dimension) => [dimension, String(row[COLUMN[dimension]])])),
      invocations: Number(row['invocations']),
      coldStarts: Number(row['cold']),
      billedMs: Number(row['billed_ms']),
      cpuNs: String(row['cpu_ns']),
      initNs: String(row['init_ns']),
      runNs: String(row['run_ns']),
      mibMs: String(row['mib_ms']),
      requestBytes: String(row['request_bytes']),
      responseBytes: String(row['response_bytes']),
    }));
  }

  #records(query: RecordQuery): RecordPage {
    if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > 1000) {
      throw new HostError('BAD_REQUEST', `limit is ${query.limit}, it must be a whole number from 1 to 1000.`);
    }
    const where = conditions({
      ...query,
      before: query.cursor === null ? null : Number(readCursor(query.cursor, /^\d{1,15}$/)),
    });
    const rows = this.#db
      .prepare(`SELECT * FROM records ${where.sql} ORDER BY seq DESC LIMIT ?`)
      .all(...where.values, query.limit + 1);
    const items = rows.slice(0, query.limit).map(toRecord);
    return { items, nextCursor: rows.length > query.limit ? writeCursor(String(items.at(-1)!.seq)) : null };
  }

  #record(invocationId: string): StoredRecord | null {
    const row = this.#db.prepare('SELECT * FROM records WHERE invocation_id = ?').get(invocationId);
    return row === undefined ? null : toRecord(row);
  }
}

interface Filter {
  readonly from: string | null;
  readonly to: string | null;
  readonly function?: string | null;
  readonly outcome?: string | null;
  readonly trigger?: string | null;
  readonly before?: number | null;
}

function conditions(filter: Filter): { readonly sql: string; readonly values: readonly Value[] } {
  const tests: (readonly [string, Value | undefined])[] = [
    ['started_ms >= ?', filter.from === null ? null : instant('from', filter.from)],
    ['started_ms < ?', filter.to === null ? null : instant('to', filter.to)],
    ['function = ?', filter.function],
    ['outcome = ?', filter.outcome],
    ['trigger = ?', filter.trigger],
    ['seq < ?', filter.before],
  ];
  const used = tests.filter((test): test is readonly [string, Value] => test[1] !== null && test[1] !== undefined);
  return {
    sql: used.length === 0 ? '' : `WHERE ${used.map(([sql]) => sql).join(' AND ')}`,
    values: used.map(([, value]) => value),
  };
}

function instant(name: string, text: string): number {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  throw new HostError('BAD_REQUEST', `${name} is "${text}", it must be a time such as 2026-11-30T12:00:00Z.`);
}

serveThread<ReaderData, never, never>((data, port) => new LedgerReader(data, port));
