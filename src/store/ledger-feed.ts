/**
 * Main-thread half of the ledger's writer: numbers what is handed over, knows what is committed and who waits for it.
 * Nothing is sent twice: what the writer could not commit it keeps and tries again.
 */
import { HostError } from '../contract/errors.ts';
import type { Culprit } from './ledger-recovery.ts';
import type { Intake, LedgerBatch, LedgerData, LedgerEvent } from './ledger-writer.ts';
import { StoreThread } from './thread.ts';

export interface Waiter {
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

export class LedgerFeed {
  readonly #onDied: () => void;
  #writer!: StoreThread<LedgerBatch, LedgerEvent>;
  /** Batch numbers: the last one handed over, and the last one in SQLite. */
  #batch = 0;
  #committed = 0;
  /** Rows per batch in flight, oldest first; `#rows` is their sum. */
  readonly #inFlight: { readonly batch: number; readonly rows: number }[] = [];
  #rows = 0;
  #waiters: (Waiter & { readonly batch: number })[] = [];
  #problem: string | null = null;
  #dead = false;

  constructor(onDied: () => void) {
    this.#onDied = onDied;
  }

  async open(data: LedgerData): Promise<void> {
    this.#writer = await StoreThread.open<LedgerBatch, LedgerEvent>({
      module: 'ledger-writer',
      data,
      onEvent: (event) => this.#hear(event),
      onDied: (error) => this.#died(error),
    });
  }

  /** Rows handed over and not committed yet. */
  get rows(): number {
    return this.#rows;
  }

  /** The last batch. */
  get batch(): number {
    return this.#batch;
  }

  /** Why nothing is committed at present, in the system's words. */
  get problem(): string | null {
    return this.#problem;
  }

  /** The number of the batch. An empty one asks the writer to try what it could not commit again. */
  post(rows: number, intake: Intake): number {
    const batch = ++this.#batch;
    this.#inFlight.push({ batch, rows });
    this.#rows += rows;
    this.#writer.post({ batch, intake });
    return batch;
  }

  has(batch: number): boolean {
    return batch <= this.#committed;
  }

  /** Answers when that batch is committed, or could not be; never at once. Batches of earlier waiters come first. */
  when(batch: number, waiter: Waiter): void {
    if (this.has(batch)) queueMicrotask(waiter.done);
    else if (this.#dead) queueMicrotask(() => waiter.failed(failure(this.#problem!)));
    else this.#waiters.push({ batch, ...waiter });
  }

  /** Comes after everything posted so far. */
  async recover(culprits: readonly Culprit[]): Promise<number> {
    return (await this.#writer.call('recover', culprits)) as number;
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  #hear(event: LedgerEvent): void {
    switch (event.kind) {
      case 'committed':
        this.#committed = event.batch;
        this.#problem = null;
        while (this.#inFlight.length > 0 && this.#inFlight[0]!.batch <= event.batch) {
          this.#rows -= this.#inFlight.shift()!.rows;
        }
        for (const waiter of this.#due(event.batch)) waiter.done();
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

  #died(error: Error): void {
    this.#dead = true;
    this.#problem = error.message;
    this.#onDied();
    for (const waiter of this.#due(this.#batch)) waiter.failed(failure(error.message));
  }
}

export function failure(reason: string): HostError {
  return new HostError('LEDGER_FAILED', `The billing ledger cannot be written: ${reason}.`);
}
