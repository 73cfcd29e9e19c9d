/**
 * The thread that writes the ledger. What it could not write stays here and is tried again with the next rows, and
 * once a second: nothing is dropped while the process lives. A row whose START and END arrive together is one insert.
 */
import type Database from 'better-sqlite3';
import type { Statement } from 'better-sqlite3';
import {
  type Cell,
  DELETE_START,
  INSERT_HOST,
  INSERT_RECORD,
  INSERT_REFUSED,
  INSERT_START,
  LEDGER_MIGRATIONS,
  RECORD_WIDTH,
  RECOVER,
  START_WIDTH,
} from './ledger-rows.ts';
import { type Port, type Service, serveThread } from './serve.ts';
import { codeOf, type OpenOptions, openLocked, reasonOf } from './sqlite.ts';

export interface LedgerData {
  readonly dataDir: string;
  readonly hostId: string;
  readonly durability: 'process' | 'power';
}

/** One flush of the main thread. */
export interface LedgerBatch {
  readonly batch: number;
  /** JSON: START rows, flat. */
  readonly starts: string;
  /** JSON: records, flat. */
  readonly ends: string;
  /** JSON: invocation ids among `ends` whose START went out in an earlier batch. */
  readonly opened: string;
}

export type LedgerEvent =
  | { readonly kind: 'durable'; readonly batch: number }
  | { readonly kind: 'failed'; readonly batch: number; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

const RETRY_MS = 1000;

class LedgerWriter implements Service<LedgerBatch> {
  readonly #data: LedgerData;
  readonly #port: Port<LedgerEvent>;
  readonly #db: Database;
  readonly #close: () => void;
  readonly #insertStart: Statement;
  readonly #insertRecord: Statement;
  readonly #deleteStart: Statement;
  readonly #insertRefused: Statement;
  readonly #begin: Statement;
  readonly #commit: Statement;
  #starts: Map<string, Cell[]> = new Map();
  #ends: Cell[][] = [];
  #opened: string[] = [];
  #batch = 0;
  #retry: NodeJS.Timeout | null = null;

  constructor(data: LedgerData, port: Port<LedgerEvent>) {
    this.#data = data;
    this.#port = port;
    const options: OpenOptions = {
      dataDir: data.dataDir,
      file: 'ledger.db',
      synchronous: data.durability === 'power' ? 'FULL' : 'NORMAL',
      migrations: LEDGER_MIGRATIONS,
    };
    const { db, close } = openLocked('ledger', options, (opened) => {
      // The lock is ours, so every START in the file belongs to a host that is dead.
      opened.exec(`BEGIN IMMEDIATE; ${RECOVER}; COMMIT`);
      opened.prepare(INSERT_HOST).run(data.hostId, process.pid, Date.now());
    });
    this.#db = db;
    this.#close = close;
    this.#insertStart = db.prepare(INSERT_START);
    this.#insertRecord = db.prepare(INSERT_RECORD);
    this.#deleteStart = db.prepare(DELETE_START);
    this.#insertRefused = db.prepare(INSERT_REFUSED);
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
  }

  handle(batches: readonly LedgerBatch[]): void {
    for (const batch of batches) this.#take(batch);
    this.#write();
  }

  close(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    try {
      this.#db.prepare('UPDATE hosts SET closed_ms = ? WHERE host_id = ?').run(Date.now(), this.#data.hostId);
    } finally {
      this.#close();
    }
  }

  #take(batch: LedgerBatch): void {
    this.#batch = batch.batch;
    const starts = JSON.parse(batch.starts) as Cell[];
    for (let at = 0; at < starts.length; at += START_WIDTH) {
      this.#starts.set(String(starts[at]), starts.slice(at, at + START_WIDTH));
    }
    const ends = JSON.parse(batch.ends) as Cell[];
    for (let at = 0; at < ends.length; at += RECORD_WIDTH) this.#ends.push(ends.slice(at, at + RECORD_WIDTH));
    for (const id of JSON.parse(batch.opened) as string[]) {
      // A START that is still waiting here was never written: forget it instead of deleting it.
      if (!this.#starts.delete(id)) this.#opened.push(id);
    }
  }

  #write(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    try {
      this.#begin.run();
      for (const row of this.#starts.values()) this.#insert(this.#insertStart, row);
      for (const row of this.#ends) this.#insert(this.#insertRecord, row);
      for (const id of this.#opened) this.#deleteStart.run(id);
      this.#commit.run();
    } catch (error) {
      this.#giveUp(error);
      return;
    }
    this.#starts = new Map();
    this.#ends = [];
    this.#opened = [];
    this.#port.event({ kind: 'durable', batch: this.#batch });
  }

  #insert(statement: Statement, row: readonly Cell[]): void {
    try {
      statement.run(...row);
    } catch (error) {
      // The disk's troubles concern every row and are tried again; a row that can never fit must not block the rest.
      const hopeless = error instanceof TypeError || error instanceof RangeError;
      if (!hopeless && !codeOf(error).startsWith('SQLITE_CONSTRAINT')) throw error;
      this.#insertRefused.run(Date.now(), reasonOf(error), JSON.stringify(row));
      this.#port.event({ kind: 'refused', reason: reasonOf(error) });
    }
  }

  #giveUp(error: unknown): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
    } catch {
      // The connection is in a worse state than the first error says; that one is reported.
    }
    this.#port.event({ kind: 'failed', batch: this.#batch, reason: reasonOf(error) });
    this.#retry = setTimeout(() => this.#write(), RETRY_MS);
  }
}

serveThread<LedgerData, LedgerBatch, LedgerEvent>((data, port) => new LedgerWriter(data, port));
