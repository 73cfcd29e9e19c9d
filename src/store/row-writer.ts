/**
 * Lines of the ledger into its tables, all of a piece or none. An invocation whose START and END arrive together leaves
 * no trace in `starts`. A piece that may have been read before (a dead host's journal) is compared with what is there.
 */
import type Database from 'better-sqlite3';
import type { Statement } from 'better-sqlite3';
import type { JournalReader } from './journal-reader.ts';
import { AT, closedLine, END, flaw, type Line, parseLines, START } from './ledger-lines.ts';
import {
  BLOCKS_FROM_LAST,
  BLOCKS_OF_IDS,
  DELETE_START,
  DELETE_STARTS_OF,
  EXTEND_BLOCK,
  INSERT_BLOCK,
  INSERT_REFUSED,
  INSERT_START,
  LAST_BLOCK,
  STARTS_OF,
} from './ledger-rows.ts';
import { beginWrite, pause, TURN_MS } from './sqlite.ts';

/** Of a line that nobody can read, so much is kept. */
const KEPT_CHARS = 65_536;
/** A block is what a transaction brought, but so many rows at most, give or take a piece: readers parse whole blocks. */
const BLOCK_ROWS = 4096;
/** Up to so many rows a block is extended: some pages, written again. */
const SMALL_ROWS = 32;

/** A block in the making. */
interface Block {
  rows: number;
  lines: string[];
  minAt: string;
  maxAt: string;
  minId: string;
  maxId: string;
}

export class RowWriter {
  readonly #db: Database;
  readonly #refused: (reason: string) => void;
  readonly #commit: Statement;
  readonly #lastBlock: Statement;
  readonly #blocksOfIds: Statement;
  readonly #insertBlock: Statement;
  readonly #extendBlock: Statement;
  readonly #insertStart: Statement;
  readonly #deleteStart: Statement;
  readonly #insertRefused: Statement;

  constructor(db: Database, refused: (reason: string) => void) {
    this.#db = db;
    this.#refused = refused;
    this.#commit = db.prepare('COMMIT');
    this.#lastBlock = db.prepare(LAST_BLOCK);
    this.#blocksOfIds = db.prepare(BLOCKS_OF_IDS);
    this.#insertBlock = db.prepare(INSERT_BLOCK);
    this.#extendBlock = db.prepare(EXTEND_BLOCK);
    this.#insertStart = db.prepare(INSERT_START);
    this.#deleteStart = db.prepare(DELETE_START);
    this.#insertRefused = db.prepare(INSERT_REFUSED);
  }

  /** What the journal of `hostId` holds of a segment before `end` (`null`: all), piece by piece. */
  feed(
    journal: JournalReader,
    from: { hostId: string; segment: number; end: number | null },
    known?: Set<string>,
  ): void {
    const { hostId, segment, end } = from;
    for (let lines = journal.read(segment, end); lines !== null; ) {
      this.commit([lines], hostId, known);
      journal.advance();
      lines = journal.read(segment, end);
      // Other hosts wait for the file too.
      if (lines !== null) pause(2 * TURN_MS);
    }
  }

  /** `known`: these lines may have been read before, and the rows that have a record are left out. */
  commit(pieces: readonly string[], hostId: string, known?: Set<string>): void {
    const refusals: string[] = [];
    this.#together(() => {
      const starts: Map<string, string> = new Map();
      let block = empty();
      for (const piece of pieces) {
        this.#take(piece, { block, starts, refusals, known });
        if (block.rows < BLOCK_ROWS) continue;
        this.#insert(block, hostId);
        block = empty();
      }
      this.#insert(block, hostId);
      for (const [id, line] of starts) this.#insertStart.run(id, hostId, line);
    });
    for (const reason of refusals) this.#refused(reason);
  }

  /** Writes the records of what a dead host had started: how many. The guilty function's end as `crashed`. */
  closeStarts(hostId: string, guilty: ReadonlySet<unknown>): number {
    let records = 0;
    this.#together(() => {
      const open = this.#db.prepare(STARTS_OF).all(hostId);
      const starts = open.map((row) => JSON.parse(String(row['line'])) as Line);
      for (let from = 0; from < starts.length; from += BLOCK_ROWS) {
        const block = empty();
        for (const start of starts.slice(from, from + BLOCK_ROWS)) {
          add(block, start);
          block.lines.push(closedLine(start, guilty.has(start[AT.function]) ? 'crashed' : 'aborted'));
        }
        this.#insert(block, hostId);
      }
      this.#db.prepare(DELETE_STARTS_OF).run(hostId);
      records = starts.length;
    });
    return records;
  }

  /** Invocations with a record among the last `rows` that these hosts wrote themselves, and some others. */
  recent(hostIds: readonly string[], rows: number): Set<string> {
    const known = new Set<string>();
    let left = rows;
    for (const block of this.#db.prepare(BLOCKS_FROM_LAST).iterate()) {
      if (left <= 0) break;
      if (!hostIds.includes(String(block['host_id']))) continue;
      for (const row of parseLines(String(block['lines'])).rows as readonly Line[]) {
        known.add(idOf(row));
        if (row[AT.closedBy] === 'normal') left -= 1;
      }
    }
    return known;
  }

  #take(
    piece: string,
    into: { block: Block; starts: Map<string, string>; refusals: string[]; known: Set<string> | undefined },
  ): void {
    const { block, starts, refusals } = into;
    const parsed = parseLines(piece);
    const { rows } = parsed;
    const dropped = new Set<number>();
    /** Rows that may have a record already. */
    const doubtful: number[] = [];
    for (let i = 0; i < rows.length; i++) {
      const reason = flaw(rows[i]);
      if (reason !== null) {
        dropped.add(i);
        this.#keepAside(parsed.line(i), reason, refusals);
        continue;
      }
      const row = rows[i] as Line;
      // A START that is still waiting here was never written: forget it instead of deleting it.
      const begun = row[0] !== END || starts.delete(idOf(row)) || this.#deleteStart.run(idOf(row)).changes > 0;
      if (into.known !== undefined || !begun) doubtful.push(i);
      else if (row[0] === START) starts.set(idOf(row), parsed.line(i));
      if (row[0] === START) dropped.add(i);
    }
    const known = into.known ?? this.#known(doubtful.map((i) => rows[i] as Line));
    if (doubtful.length > 0) {
      const unsure = new Set(doubtful);
      for (let i = 0; i < rows.length; i++) if (!dropped.has(i) && !unsure.has(i)) known.add(idOf(rows[i] as Line));
      for (const earlier of block.lines) for (const row of parseLines(earlier).rows) known.add(idOf(row as Line));
    }
    for (const i of doubtful) {
      const row = rows[i] as Line;
      if (known.has(idOf(row))) dropped.add(i);
      else if (row[0] === START) starts.set(idOf(row), parsed.line(i));
      else {
        // Of two records of an invocation the first one counts.
        known.add(idOf(row));
        starts.delete(idOf(row));
      }
    }
    for (let i = 0; i < rows.length; i++) if (!dropped.has(i)) add(block, rows[i] as Line);
    if (dropped.size === 0) block.lines.push(piece.endsWith('\n') ? piece.slice(0, -1) : piece);
    else if (dropped.size < rows.length) block.lines.push(parsed.without(dropped));
  }

  #keepAside(line: string, reason: string, refusals: string[]): void {
    if (line === '') return;
    const { changes } = this.#insertRefused.run(Date.now(), reason, line.slice(0, KEPT_CHARS));
    if (changes > 0) refusals.push(reason);
  }

  /** Ids of these rows, and some others, that have a record. */
  #known(rows: readonly Line[]): Set<string> {
    const known = new Set<string>();
    const reach = empty();
    for (const row of rows) add(reach, row);
    if (reach.rows === 0) return known;
    for (const { lines } of this.#blocksOfIds.all(reach.minId, reach.maxId)) {
      for (const row of parseLines(String(lines)).rows) known.add(idOf(row as Line));
    }
    return known;
  }

  #insert(block: Block, hostId: string): void {
    if (block.rows === 0) return;
    const { rows, minAt, maxAt, minId, maxId } = block;
    const lines = block.lines.join('\n');
    const last = this.#lastBlock.get();
    const [first, before] = [Number(last?.['first_seq'] ?? 1), Number(last?.['rows'] ?? 0)];
    if (last?.['host_id'] === hostId && before + rows <= SMALL_ROWS) {
      this.#extendBlock.run(rows, minAt, maxAt, minId, maxId, lines, first);
    } else this.#insertBlock.run(first + before, rows, hostId, minAt, maxAt, minId, maxId, lines);
  }

  #together(work: () => void): void {
    try {
      beginWrite(this.#db);
      work();
      this.#commit.run();
    } catch (error) {
      this.#rollback();
      throw error;
    }
  }

  #rollback(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
    } catch {
      // The connection is in a worse state than the first error says; that one is reported.
    }
  }
}

function empty(): Block {
  return { rows: 0, lines: [], minAt: '', maxAt: '', minId: '', maxId: '' };
}

function idOf(row: Line): string {
  return row[AT.invocationId] as string;
}

function add(block: Block, row: Line): void {
  const at = row[AT.startedAt] as string;
  const id = idOf(row);
  const isFirst = block.rows === 0;
  if (isFirst || at < block.minAt) block.minAt = at;
  if (isFirst || at > block.maxAt) block.maxAt = at;
  if (isFirst || id < block.minId) block.minId = id;
  if (isFirst || id > block.maxId) block.maxId = id;
  block.rows += 1;
}
