/**
 * The thread that answers questions about the ledger, on a connection of its own: a long query delays no commit. It
 * parses the blocks that may hold what is asked for; nothing is kept.
 */
import type Database from 'better-sqlite3';
import type { Row, Value } from 'better-sqlite3';
import { HostError } from '../contract/errors.ts';
import type { RecordQuery, StoredRecord, UsageDimension, UsageGroup, UsageQuery } from '../contract/store.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { AT, type Line, parseLines, toRecord } from './ledger-lines.ts';
import { BLOCKS_OF_IDS } from './ledger-rows.ts';
import { type Call, type Port, type Service, serveThread } from './serve.ts';
import { openReader } from './sqlite.ts';
import { UsageSums } from './usage-sums.ts';

export interface ReaderData {
  readonly dataDir: string;
}

export interface RecordPage {
  readonly items: readonly StoredRecord[];
  readonly nextCursor: string | null;
}

const DIMENSIONS: readonly UsageDimension[] = ['function', 'version', 'tenant', 'trigger', 'outcome'];

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

  #query(query: UsageQuery): readonly UsageGroup[] {
    const unknown = query.by.find((dimension) => !DIMENSIONS.includes(dimension));
    if (unknown !== undefined) {
      throw new HostError(
        'BAD_REQUEST',
        `Usage cannot be grouped by ${unknown}; choose from ${DIMENSIONS.join(', ')}.`,
      );
    }
    const filter = instants(query);
    const sums = new UsageSums(query.by);
    for (const block of this.#blocks(filter, '')) {
      const inside = within(String(block['min_at']), filter) && within(String(block['max_at']), filter);
      for (const line of linesOf(block)) {
        if (inside || within(line[AT.startedAt] as string, filter)) sums.add(line);
      }
    }
    return sums.groups();
  }

  #records(query: RecordQuery): RecordPage {
    if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > 1000) {
      throw new HostError('BAD_REQUEST', `limit is ${query.limit}, it must be a whole number from 1 to 1000.`);
    }
    const filter = instants(query);
    const before = query.cursor === null ? Number.MAX_SAFE_INTEGER : Number(readCursor(query.cursor, /^\d{1,15}$/));
    const found: StoredRecord[] = [];
    for (const block of this.#blocks({ ...filter, before }, 'ORDER BY first_seq DESC')) {
      const first = Number(block['first_seq']);
      const lines = linesOf(block);
      for (let i = Math.min(lines.length, before - first) - 1; i >= 0; i--) {
        const line = lines[i]!;
        if (!within(line[AT.startedAt] as string, filter) || !matches(line, query)) continue;
        found.push(toRecord(line, first + i, String(block['host_id'])));
        if (found.length > query.limit) {
          const items = found.slice(0, query.limit);
          return { items, nextCursor: writeCursor(String(items.at(-1)!.seq)) };
        }
      }
    }
    return { items: found, nextCursor: null };
  }

  #record(invocationId: string): StoredRecord | null {
    for (const block of this.#db.prepare(BLOCKS_OF_IDS).iterate(invocationId, invocationId)) {
      const lines = linesOf(block);
      const at = lines.findIndex((line) => line[AT.invocationId] === invocationId);
      if (at >= 0) return toRecord(lines[at]!, Number(block['first_seq']) + at, String(block['host_id']));
    }
    return null;
  }

  /** Blocks that may hold rows between two instants, and before a row. */
  #blocks(filter: Span & { readonly before?: number }, order: string): Iterable<Row> {
    const tests: (readonly [string, Value | undefined])[] = [
      ['max_at >= ?', filter.from],
      ['min_at < ?', filter.to],
      ['first_seq < ?', filter.before],
    ];
    const used = tests.filter((test): test is readonly [string, Value] => test[1] !== null && test[1] !== undefined);
    const where = used.length === 0 ? '' : `WHERE ${used.map(([sql]) => sql).join(' AND ')}`;
    const sql = `SELECT first_seq, host_id, min_at, max_at, lines FROM blocks ${where} ${order}`;
    return this.#db.prepare(sql).iterate(...used.map(([, value]) => value));
  }
}

function linesOf(block: Row): readonly Line[] {
  return parseLines(String(block['lines'])).rows as readonly Line[];
}

/** As in the rows, so that they compare as text. */
interface Span {
  readonly from: string | null;
  readonly to: string | null;
}

function instants({ from, to }: Span): Span {
  return { from: from === null ? null : instant('from', from), to: to === null ? null : instant('to', to) };
}

function instant(name: string, text: string): string {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return new Date(ms).toISOString();
  throw new HostError('BAD_REQUEST', `${name} is "${text}", it must be a time such as 2026-11-30T12:00:00Z.`);
}

function within(at: string, { from, to }: Span): boolean {
  return (from === null || at >= from) && (to === null || at < to);
}

function matches(line: Line, query: RecordQuery): boolean {
  return (
    (query.function === null || line[AT.function] === query.function) &&
    (query.outcome === null || line[AT.outcome] === query.outcome) &&
    (query.trigger === null || line[AT.trigger] === query.trigger)
  );
}

serveThread<ReaderData, never, never>((data, port) => new LedgerReader(data, port));
