/**
 * The ledger port over SQLite: one `ledger.db` for all hosts of the data directory, every row naming its host, so usage
 * is one query. With durability "process" rows are durable once the journal's write(2) has taken
 * them, one write for all rows of a turn, and reach SQLite later; with "power" they are durable once SQLite has
 * committed them. Refuses to pretend: what was not written is said by `failed` and by `problem()`.
 */
import { HostError } from '../contract/errors.ts';
import type { Ledger, RecordQuery, StoredRecord, UsageGroup, UsageQuery } from '../contract/store.ts';
import type { UsageRecord, UsageStart } from '../contract/usage.ts';
import { Journal, type JournalOptions, journalDir } from './journal.ts';
import { failure, LedgerFeed, type Waiter } from './ledger-feed.ts';
import type { RecordPage } from './ledger-reader.ts';
import type { Culprit } from './ledger-recovery.ts';
import type { LedgerData } from './ledger-writer.ts';
import { type Ended, LineWriter } from './line-writer.ts';
import { StoreThread } from './thread.ts';

export interface LedgerOptions extends LedgerData {
  readonly journal?: Omit<JournalOptions, 'dir'>;
}

/** Rows that are not in SQLite yet; some seconds of full load. Beyond it rows are refused and counted as lost. */
const MAX_UNWRITTEN_ROWS = 200_000;
const TOO_MANY: string = `more than ${MAX_UNWRITTEN_ROWS} rows wait for the disk`;
/**
 * The writer hears of the journal's new rows after so many, or after so long. Nobody waits for it but readers, who tell
 * it themselves, and few large transactions cost half of what many small ones do.
 */
const TELL_ROWS = 4096;
const TELL_MS = 100;
const RETRY_MS = 1000;

/** Refuses with `DATA_DIR_UNUSABLE`. Takes no lock (`openHostLock`) and nothing over (`recover`). */
export async function openLedger(options: LedgerOptions): Promise<SqliteLedger> {
  const ledger = new SqliteLedger(options);
  await ledger.open();
  return ledger;
}

export class SqliteLedger implements Ledger {
  readonly #options: LedgerOptions;
  readonly #feed: LedgerFeed;
  readonly #lines: LineWriter;
  readonly #journal: Journal | null;
  #reader: Promise<StoreThread<never, never>> | null = null;
  /** The group being gathered; `begun`: the START went out in an earlier group. */
  #starts: (UsageStart | null)[] = [];
  /** The mark of the group's first START. */
  #firstMark = 0;
  #ends: Ended[] = [];
  #waiters: Waiter[] = [];
  #scheduled = false;
  /** Rows in the journal that the writer has not heard of. */
  #untold = 0;
  #tell: NodeJS.Timeout | null = null;
  /** The last batch whose rows are in no journal: they are durable when it is committed. */
  #direct = 0;
  #journalProblem: string | null = null;
  #retry: NodeJS.Timeout | null = null;
  #lost = 0;
  #ended: Error | null = null;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#lines = new LineWriter(options.hostId);
    const { dataDir, hostId, durability, journal } = options;
    this.#journal = durability === 'process' ? new Journal({ dir: journalDir(dataDir, hostId), ...journal }) : null;
    this.#feed = new LedgerFeed(() => {
      // With a journal rows are still safe, until too many wait.
      if (this.#journal === null) this.#ended = failure(this.#feed.problem!);
    });
  }

  async open(): Promise<void> {
    const { dataDir, hostId, durability } = this.#options;
    await this.#feed.open({ dataDir, hostId, durability });
  }

  start(row: UsageStart): number {
    if (!this.#room()) return -1;
    this.#schedule();
    return this.#firstMark + this.#starts.push(row) - 1;
  }

  end(record: UsageRecord, mark = -1): void {
    if (!this.#room()) return;
    const begun = mark < this.#firstMark;
    // A START that has not left yet need not leave at all.
    if (!begun) this.#starts[mark - this.#firstMark] = null;
    this.#ends.push({ record, begun });
    this.#schedule();
  }

  whenDurable(then: () => void, failed: (error: Error) => void): void {
    const ended = this.#ended;
    if (ended !== null) {
      queueMicrotask(() => failed(ended));
      return;
    }
    if (this.#unwritten >= MAX_UNWRITTEN_ROWS) {
      queueMicrotask(() => failed(failure(this.#trouble() ?? TOO_MANY)));
      return;
    }
    // After a failure an empty group tries again.
    const failing = this.#journal === null ? this.#feed.problem : this.#journalProblem;
    if (failing !== null) this.#schedule();
    if (this.#scheduled) this.#waiters.push({ done: then, failed });
    else this.#feed.when(this.#direct, { done: then, failed });
  }

  /** Why the host should not be ready, as one sentence; `null`: all is well. */
  problem(): string | null {
    const problem = this.#trouble() ?? (this.#unwritten >= MAX_UNWRITTEN_ROWS ? TOO_MANY : null);
    return problem === null ? null : failure(problem).message;
  }

  /** Rows refused because too many waited; whoever asked for their durability was told that it failed. */
  lost(): number {
    return this.#lost;
  }

  async query(query: UsageQuery): Promise<readonly UsageGroup[]> {
    return (await this.#ask('query', query)) as readonly UsageGroup[];
  }

  async records(query: RecordQuery): Promise<RecordPage> {
    return (await this.#ask('records', query)) as RecordPage;
  }

  async record(invocationId: string): Promise<StoredRecord | null> {
    return (await this.#ask('record', invocationId)) as StoredRecord | null;
  }

  /**
   * Takes over the journals and closes the invocations of hosts that are dead, unbilled: what ran of the culprit as
   * `crashed`, the rest as `aborted`. Living hosts keep theirs, and two that recover at once do it once.
   */
  async recover(options: { readonly culprits?: readonly Culprit[] } = {}): Promise<{ readonly records: number }> {
    return { records: await this.#feed.recover(options.culprits ?? []) };
  }

  /** Rejects if rows are not in SQLite; those in the journal get there when somebody recovers. */
  async close(): Promise<void> {
    if (this.#ended !== null) return;
    const written = await this.#written();
    this.#ended = new HostError('UNAVAILABLE', 'The ledger is closed.');
    // What came meanwhile.
    this.#flush();
    this.#tellWriter();
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#reader !== null) await (await this.#reader).close();
    this.#journal?.close();
    await this.#feed.close();
    if (written !== null) throw written;
  }

  /** Readers see what was appended before they asked, as far as it could be written. */
  async #ask(op: string, args: unknown): Promise<unknown> {
    await this.#written();
    this.#reader ??= StoreThread.open<never, never>({
      module: 'ledger-reader',
      data: { dataDir: this.#options.dataDir },
      onEvent: () => undefined,
      onDied: () => {
        this.#reader = null;
      },
    });
    return await (await this.#reader).call(op, args);
  }

  /** When SQLite has what was appended so far. */
  async #written(): Promise<Error | null> {
    await new Promise<void>((resolve) => this.whenDurable(resolve, () => resolve()));
    this.#tellWriter();
    return await new Promise((resolve) =>
      this.#feed.when(this.#feed.batch, { done: () => resolve(null), failed: resolve }),
    );
  }

  get #unwritten(): number {
    return this.#feed.rows + this.#untold;
  }

  #trouble(): string | null {
    return this.#journalProblem ?? this.#feed.problem;
  }

  #room(): boolean {
    if (this.#ended === null && this.#unwritten < MAX_UNWRITTEN_ROWS) return true;
    this.#lost += 1;
    return false;
  }

  /** With a journal a group is what one message of an engine brought; a commit is worth a whole turn of the loop. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (this.#journal === null) setImmediate(() => this.#flush());
    else queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    if (!this.#scheduled) return;
    this.#scheduled = false;
    let lines = '';
    let rows = this.#ends.length;
    for (const row of this.#starts) {
      if (row === null) continue;
      lines += this.#lines.start(row);
      rows += 1;
    }
    lines += this.#lines.records(this.#ends);
    const waiters = this.#waiters;
    this.#firstMark += this.#starts.length;
    this.#starts = [];
    this.#ends = [];
    this.#waiters = [];
    const failed = this.#journal === null ? null : this.#append(this.#journal, lines, rows);
    if (this.#journal === null || failed !== null) {
      this.#direct = this.#feed.post(rows, { kind: 'lines', lines });
    }
    for (const waiter of waiters) {
      if (failed !== null) waiter.failed(failure(failed));
      else if (this.#feed.has(this.#direct)) waiter.done();
      else this.#feed.when(this.#direct, waiter);
    }
  }

  /** Why the journal did not take them; then the writer gets them by hand. */
  #append(journal: Journal, lines: string, rows: number): string | null {
    try {
      // An empty line asks whether it can write again; readers skip it.
      journal.append(lines === '' ? '\n' : lines);
    } catch (error) {
      this.#journalProblem = error instanceof Error ? error.message : String(error);
      this.#retry ??= setTimeout(() => this.#again(), RETRY_MS).unref();
      // In the order in which they were appended.
      this.#tellWriter();
      return this.#journalProblem;
    }
    this.#journalProblem = null;
    this.#untold += rows;
    if (this.#untold >= TELL_ROWS || journal.full) this.#tellWriter();
    else this.#tell ??= setTimeout(() => this.#tellWriter(), TELL_MS).unref();
    return null;
  }

  #again(): void {
    this.#retry = null;
    if (this.#journalProblem !== null) this.#schedule();
  }

  #tellWriter(): void {
    const journal = this.#journal;
    if (journal === null) return;
    if (this.#tell !== null) clearTimeout(this.#tell);
    this.#tell = null;
    if (this.#untold > 0) this.#feed.post(this.#untold, { kind: 'journal', ...journal.position });
    this.#untold = 0;
    if (journal.full) journal.rotate();
  }
}
