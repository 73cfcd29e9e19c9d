/**
 * Lines of the ledger into its tables, all of a piece or none. A row whose START and END arrive together is one insert;
 * lines that come twice change nothing.
 */
import type Database from 'better-sqlite3';
import type { Statement } from 'better-sqlite3';
import type { JournalReader } from './journal-reader.ts';
import { DELETE_START, INSERT_RECORD, INSERT_REFUSED, INSERT_START, parseLine, type Row } from './ledger-rows.ts';
import { beginWrite, codeOf, pause, reasonOf, TURN_MS } from './sqlite.ts';

/** Of a line that nobody can read, so much is kept. */
const KEPT_CHARS = 65_536;

export class RowWriter {
  readonly #db: Database;
  readonly #refused: (reason: string) => void;
  readonly #commit: Statement;
  readonly #insertStart: Statement;
  readonly #insertRecord: Statement;
  readonly #deleteStart: Statement;
  readonly #insertRefused: Statement;

  constructor(db: Database, refused: (reason: string) => void) {
    this.#db = db;
    this.#refused = refused;
    this.#commit = db.prepare('COMMIT');
    this.#insertStart = db.prepare(INSERT_START);
    this.#insertRecord = db.prepare(INSERT_RECORD);
    this.#deleteStart = db.prepare(DELETE_START);
    this.#insertRefused = db.prepare(INSERT_REFUSED);
  }

  /** What the journal holds of a segment before `end` (`null`: all), piece by piece. */
  feed(journal: JournalReader, segment: number, end: number | null): void {
    for (let lines = journal.read(segment, end); lines !== null; ) {
      this.commit([lines]);
      journal.advance();
      lines = journal.read(segment, end);
      // Other hosts wait for the file too.
      if (lines !== null) pause(2 * TURN_MS);
    }
  }

  commit(pieces: readonly string[]): void {
    const refusals: string[] = [];
    const starts: Map<string, readonly [Row, string]> = new Map();
    try {
      beginWrite(this.#db);
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
