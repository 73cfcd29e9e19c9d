/**
 * The ledger port over SQLite: one `ledger.db` for the data directory, every row naming its host, so usage is one
 * query and recovery one statement. Rows gathered in one turn of the event loop travel in one message and are
 * committed together; nothing here waits for a disk. Refuses to pretend: what was not written is said by `failed`
 * and by `problem()`.
 */
import { HostError } from '../contract/errors.ts';
import type { Ledger, RecordQuery, StoredRecord, UsageGroup, UsageQuery } from '../contract/store.ts';
import type { UsageRecord, UsageStart } from '../contract/usage.ts';
import type { RecordPage } from './ledger-reader.ts';
import { type Cell, pushRecord, pushStart } from './ledger-rows.ts';
import type { LedgerBatch, LedgerData, LedgerEvent } from './ledger-writer.ts';
import { StoreThread } from './thread.ts';

export interface LedgerOptions extends LedgerData {
  /** Longest time rows gather before they are sent, ms; 0 (the default): until the end of the event-loop turn. */
  readonly flushMs?: number;
}

interface Waiter {
  readonly batch: number;
  readonly then: () => void;
  readonly failed: (error: Error) => void;
}

/** Rows sent and not yet on disk; some seconds of full load. Beyond it rows are refused and counted as lost. */
const MAX_UNWRITTEN_ROWS = 200_000;
const TOO_MANY: string = `more than ${MAX_UNWRITTEN_ROWS} rows wait for the disk`;

/** Refuses with `DATA_DIR_UNUSABLE` or `DATA_DIR_IN_USE`. */
export async function openLedger(options: LedgerOptions): Promise<SqliteLedger> {
  const ledger = new SqliteLedger(options);
  await ledger.open();
  return ledger;
}

export class SqliteLedger implements Ledger {
  readonly #options: LedgerOptions;
  #writer!: StoreThread<LedgerBatch, LedgerEvent>;
  #reader: Promise<StoreThread<never, never>> | null = null;
  #starts: Map<string, UsageStart> = new Map();
  #ends: UsageRecord[] = [];
  #opened: string[] = [];
  #flush: (() => void) | null = null;
  /** Batch numbers: the one being gathered, and the last one on disk. */
  #gathering = 1;
  #durable = 0;
  /** Rows per batch in flight, oldest first; `#unwritten` is their sum. */
  #inFlight: { readonly batch: number; readonly rows: number }[] = [];
  #unwritten = 0;
  #waiters: Waiter[] = [];
  #problem: string | null = null;
  #lost = 0;
  #ended: Error | null = null;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { dataDir, hostId, durability } = this.#options;
    this.#writer = await StoreThread.open<LedgerBatch, LedgerEvent>({
      module: 'ledger-writer',
      data: { dataDir, hostId, durability } satisfies LedgerData,
      onEvent: (event) => this.#hear(event),
      onDied: (error) => this.#end(error.message),
    });
  }

  start(row: UsageStart): void {
    if (!this.#room()) return;
    this.#starts.set(row.invocationId, row);
    this.#schedule();
  }

  end(record: UsageRecord): void {
    if (!this.#room()) return;
    // A START that has not left yet need not leave at all.
    if (!this.#starts.delete(record.invocationId)) this.#opened.push(record.invocationId);
    this.#ends.push(record);
    this.#schedule();
  }

  whenDurable(then: () => void, failed: (error: Error) => void): void {
    const ended = this.#ended;
    if (ended !== null) {
      queueMicrotask(() => failed(ended));
      return;
    }
    if (this.#unwritten >= MAX_UNWRITTEN_ROWS) {
      queueMicrotask(() => failed(failure(this.#problem ?? TOO_MANY)));
      return;
    }
    // After a failure an empty batch asks the writer to try its backlog again.
    if (this.#flush === null && this.#problem !== null) this.#schedule();
    const batch = this.#flush === null ? this.#gathering - 1 : this.#gathering;
    if (batch <= this.#durable) queueMicrotask(then);
    else this.#waiters.push({ batch, then, failed });
  }

  /** Why the host should not be ready, as one sentence; `null`: all is well. */
  problem(): string | null {
    const problem = this.#problem ?? (this.#unwritten >= MAX_UNWRITTEN_ROWS ? TOO_MANY : null);
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

  /** Rejects if rows could not be written. */
  async close(): Promise<void> {
    if (this.#ended !== null) return;
    const written = await this.#written();
    this.#ended = new HostError('UNAVAILABLE', 'The ledger is closed.');
    if (this.#reader !== null) await (await this.#reader).close();
    await this.#writer.close();
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

  #written(): Promise<Error | null> {
    return new Promise((resolve) => this.whenDurable(() => resolve(null), resolve));
  }

  #room(): boolean {
    if (this.#ended === null && this.#unwritten < MAX_UNWRITTEN_ROWS) return true;
    this.#lost += 1;
    return false;
  }

  #schedule(): void {
    if (this.#flush !== null) return;
    const flush = (): void => this.#send();
    this.#flush = flush;
    const { flushMs = 0 } = this.#options;
    if (flushMs > 0) setTimeout(flush, flushMs);
    else setImmediate(flush);
  }

  #send(): void {
    this.#flush = null;
    const starts: Cell[] = [];
    for (const row of this.#starts.values()) pushStart(starts, row);
    const ends: Cell[] = [];
    for (const record of this.#ends) pushRecord(ends, record);
    const batch = this.#gathering++;
    const rows = this.#starts.size + this.#ends.length;
    this.#inFlight.push({ batch, rows });
    this.#unwritten += rows;
    const opened = JSON.stringify(this.#opened);
    this.#starts = new Map();
    this.#ends = [];
    this.#opened = [];
    this.#writer.post({ batch, starts: JSON.stringify(starts), ends: JSON.stringify(ends), opened });
  }

  #hear(event: LedgerEvent): void {
    switch (event.kind) {
      case 'durable':
        this.#durable = event.batch;
        this.#problem = null;
        while (this.#inFlight.length > 0 && this.#inFlight[0]!.batch <= event.batch) {
          this.#unwritten -= this.#inFlight.shift()!.rows;
        }
        for (const waiter of this.#due(event.batch)) waiter.then();
        return;
      case 'failed':
        this.#problem = event.reason;
        for (const waiter of this.#due(event.batch)) waiter.failed(failure(event.reason));
        return;
      case 'refused':
        process.emitWarning(`The billing ledger kept a row aside that its tables refuse: ${event.reason}`);
        return;
      default:
        event satisfies never;
    }
  }

  #due(batch: number): readonly Waiter[] {
    let count = 0;
    while (count < this.#waiters.length && this.#waiters[count]!.batch <= batch) count += 1;
    return this.#waiters.splice(0, count);
  }

  #end(reason: string): void {
    const error = failure(reason);
    this.#ended = error;
    this.#problem = reason;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.failed(error);
  }
}

function failure(reason: string): HostError {
  return new HostError('LEDGER_FAILED', `The billing ledger cannot be written: ${reason}.`);
}
