/**
 * The thread that writes the ledger, from the journal (durability "process") or from what it is handed ("power", and
 * when the journal cannot be written). What it could not commit is tried again with the next rows, and once a second:
 * nothing is dropped while the process lives. A row whose START and END arrive together is one insert.
 */
import type Database from 'better-sqlite3';
import type { Statement } from 'better-sqlite3';
import { JOURNAL_DIR, type JournalPosition } from './journal.ts';
import { JournalReader } from './journal-reader.ts';
import {
  DELETE_START,
  INSERT_HOST,
  INSERT_RECORD,
  INSERT_REFUSED,
  INSERT_START,
  LEDGER_MIGRATIONS,
  parseLine,
  RECOVER,
  type Row,
} from './ledger-rows.ts';
import { type Port, type Service, serveThread } from './serve.ts';
import { codeOf, explained, type OpenOptions, openLocked, reasonOf } from './sqlite.ts';

export interface LedgerData {
  readonly dataDir: string;
  readonly hostId: string;
  readonly durability: 'process' | 'power';
}

/** Lines as such, or word that the journal now reaches so far. */
export type Intake =
  | { readonly kind: 'lines'; readonly lines: string }
  | ({ readonly kind: 'journal' } & JournalPosition);

export interface LedgerBatch {
  readonly batch: number;
  readonly intake: Intake;
}

export type LedgerEvent =
  | { readonly kind: 'committed'; readonly batch: number }
  | { readonly kind: 'failed'; readonly batch: number; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

const RETRY_MS = 1000;
/** Of a line that nobody can read, so much is kept. */
const KEPT_CHARS = 65_536;

class LedgerWriter implements Service<LedgerBatch> {
  readonly #data: LedgerData;
  readonly #port: Port<LedgerEvent>;
  readonly #journal: JournalReader;
  readonly #rows: RowWriter;
  readonly #db: Database;
  readonly #close: () => void;
  /** What is not committed, oldest first. */
  #queue: LedgerBatch[] = [];
  #retry: NodeJS.Timeout | null = null;

  constructor(data: LedgerData, port: Port<LedgerEvent>) {
    this.#data = data;
    this.#port = port;
    this.#journal = new JournalReader(data.dataDir);
    const options: OpenOptions = {
      dataDir: data.dataDir,
      file: 'ledger.db',
      synchronous: data.durability === 'power' ? 'FULL' : 'NORMAL',
      migrations: LEDGER_MIGRATIONS,
    };
    let rows!: RowWriter;
    const { db, close } = openLocked('ledger', options, (opened) => {
      explained(data.dataDir, JOURNAL_DIR, () => this.#journal.open());
      rows = new RowWriter(opened, (reason) => port.event({ kind: 'refused', reason }));
      for (const segment of this.#journal.leftovers()) this.#read(rows, segment, null);
      // The lock is ours, so every START in the file belongs to a host that is dead.
      opened.exec(`BEGIN IMMEDIATE; ${RECOVER}; COMMIT`);
      this.#journal.clear();
      opened.prepare(INSERT_HOST).run(data.hostId, process.pid, Date.now());
    });
    this.#db = db;
    this.#close = close;
    this.#rows = rows;
  }

  handle(batches: readonly LedgerBatch[]): void {
    this.#queue.push(...batches);
    this.#write();
  }

  close(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#queue.length === 0) this.#journal.clear();
    try {
      this.#db.prepare('UPDATE hosts SET closed_ms = ? WHERE host_id = ?').run(Date.now(), this.#data.hostId);
    } finally {
      this.#close();
    }
  }

  #write(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    const last = this.#queue.at(-1);
    if (last === undefined) return;
    try {
      while (this.#queue.length > 0) {
        const together = alike(this.#queue);
        const { batch, intake } = this.#queue[together - 1]!;
        if (intake.kind === 'journal') this.#read(this.#rows, intake.segment, intake.bytes);
        else this.#rows.commit(this.#queue.slice(0, together).map((queued) => linesOf(queued.intake)));
        this.#queue.splice(0, together);
        this.#port.event({ kind: 'committed', batch });
      }
    } catch (error) {
      this.#port.event({ kind: 'failed', batch: last.batch, reason: reasonOf(error) });
      this.#retry = setTimeout(() => this.#write(), RETRY_MS);
    }
  }

  #read(rows: RowWriter, segment: number, end: number | null): void {
    for (let lines = this.#journal.read(segment, end); lines !== null; lines = this.#journal.read(segment, end)) {
      rows.commit([lines]);
      this.#journal.advance();
    }
  }
}

/** How many entries at the head of the queue are one piece of work: one transaction, or one stretch of a segment. */
function alike(queue: readonly LedgerBatch[]): number {
  const first = queue[0]!.intake;
  const other = queue.findIndex(({ intake }) =>
    first.kind === 'lines' ? intake.kind !== 'lines' : intake.kind !== 'journal' || intake.segment !== first.segment,
  );
  return other < 0 ? queue.length : other;
}

function linesOf(intake: Intake): string {
  return intake.kind === 'lines' ? intake.lines : '';
}

/** Lines into tables, all of them or none. */
class RowWriter {
  readonly #db: Database;
  readonly #refused: (reason: string) => void;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #insertStart: Statement;
  readonly #insertRecord: Statement;
  readonly #deleteStart: Statement;
  readonly #insertRefused: Statement;

  constructor(db: Database, refused: (reason: string) => void) {
    this.#db = db;
    this.#refused = refused;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#insertStart = db.prepare(INSERT_START);
    this.#insertRecord = db.prepare(INSERT_RECORD);
    this.#deleteStart = db.prepare(DELETE_START);
    this.#insertRefused = db.prepare(INSERT_REFUSED);
  }

  commit(pieces: readonly string[]): void {
    const refusals: string[] = [];
    const starts: Map<string, readonly [Row, string]> = new Map();
    try {
      this.#begin.run();
      for (const piece of pieces) {
        for (const line of piece.split('\n')) this.#take(line, starts, refusals);
      }
      for (const [row, line] of starts.values()) this.#insert(this.#insertStart, row, line, refusals);
      this.#commit.run();
    } catch (error) {
      this.#rollback();
      throw error;
    }
    for (const reason of refusals) this.#refused(reason);
  }

  #take(line: string, starts: Map<string, readonly [Row, string]>, refusals: string[]): void {
    if (line === '') return;
    const row = parseLine(line);
    if (row === null) {
      this.#keepAside('it is not a line of the ledger', line.slice(0, KEPT_CHARS), refusals);
      return;
    }
    if (row.kind === 'start') {
      starts.set(row.invocationId, [row, line]);
      return;
    }
    // A START that is still waiting here was never written: forget it instead of deleting it.
    if (row.kind === 'end' && !starts.delete(row.invocationId)) this.#deleteStart.run(row.invocationId);
    this.#insert(this.#insertRecord, row, line, refusals);
  }

  #insert(statement: Statement, row: Row, line: string, refusals: string[]): void {
    try {
      statement.run(...row.cells);
    } catch (error) {
      // The disk's troubles concern every row and are tried again; a row that can never fit must not block the rest.
      const hopeless = error instanceof TypeError || error instanceof RangeError;
      if (!hopeless && !codeOf(error).startsWith('SQLITE_CONSTRAINT')) throw error;
      this.#keepAside(reasonOf(error), line, refusals);
    }
  }

  #keepAside(reason: string, line: string, refusals: string[]): void {
    if (this.#insertRefused.run(Date.now(), reason, line).changes > 0) refusals.push(reason);
  }

  #rollback(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
    } catch {
      // The connection is in a worse state than the first error says; that one is reported.
    }
  }
}

serveThread<LedgerData, LedgerBatch, LedgerEvent>((data, port) => new LedgerWriter(data, port));
