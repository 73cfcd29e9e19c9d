/**
 * The thread that writes the ledger, from the journal (durability "process") or from what it is handed ("power", and
 * when the journal cannot be written). What it could not commit is tried again with the next rows, and once a second:
 * nothing is dropped while the process lives. What a dead host left is taken over when the thread is told to.
 */
import type Database from 'better-sqlite3';
import { JOURNAL_DIR, type JournalPosition, journalDir } from './journal.ts';
import { JournalReader } from './journal-reader.ts';
import { type Culprit, recoverLedger } from './ledger-recovery.ts';
import { LEDGER_MIGRATIONS } from './ledger-rows.ts';
import { RowWriter } from './row-writer.ts';
import { type Call, type Port, type Service, serveThread } from './serve.ts';
import { explained, openDatabase, reasonOf } from './sqlite.ts';

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

class LedgerWriter implements Service<LedgerBatch> {
  readonly #data: LedgerData;
  readonly #port: Port<LedgerEvent>;
  readonly #journal: JournalReader;
  readonly #rows: RowWriter;
  readonly #db: Database;
  /** What is not committed, oldest first. */
  #queue: LedgerBatch[] = [];
  #retry: NodeJS.Timeout | null = null;

  constructor(data: LedgerData, port: Port<LedgerEvent>) {
    const { dataDir, hostId, durability } = data;
    this.#data = data;
    this.#port = port;
    this.#journal = new JournalReader(journalDir(dataDir, hostId));
    const synchronous = durability === 'power' ? 'FULL' : 'NORMAL';
    this.#db = openDatabase({ dataDir, file: 'ledger.db', synchronous, migrations: LEDGER_MIGRATIONS });
    try {
      explained(dataDir, JOURNAL_DIR, () => this.#journal.open());
      this.#rows = explained(
        dataDir,
        'ledger.db',
        () => new RowWriter(this.#db, (reason) => port.event({ kind: 'refused', reason })),
      );
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  handle(batches: readonly LedgerBatch[], calls: readonly Call[]): void {
    this.#queue.push(...batches);
    this.#write();
    for (const { id, args } of calls) {
      try {
        this.#port.answer(id, this.#recover(args as readonly Culprit[]));
      } catch (error) {
        this.#port.error(id, error);
      }
    }
  }

  close(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#queue.length === 0) this.#journal.clear();
    this.#db.close();
  }

  #recover(culprits: readonly Culprit[]): number {
    const { dataDir, hostId } = this.#data;
    return explained(dataDir, 'ledger.db', () =>
      recoverLedger({ db: this.#db, rows: this.#rows, dataDir, hostId, culprits }),
    );
  }

  #write(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    const last = this.#queue.at(-1);
    const { hostId } = this.#data;
    if (last === undefined) return;
    try {
      while (this.#queue.length > 0) {
        const together = alike(this.#queue);
        const { batch, intake } = this.#queue[together - 1]!;
        if (intake.kind === 'journal')
          this.#rows.feed(this.#journal, { hostId, segment: intake.segment, end: intake.bytes });
        else
          this.#rows.commit(
            this.#queue.slice(0, together).map((queued) => linesOf(queued.intake)),
            hostId,
          );
        this.#queue.splice(0, together);
        this.#port.event({ kind: 'committed', batch });
      }
    } catch (error) {
      this.#port.event({ kind: 'failed', batch: last.batch, reason: reasonOf(error) });
      this.#retry = setTimeout(() => this.#write(), RETRY_MS);
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

serveThread<LedgerData, LedgerBatch, LedgerEvent>((data, port) => new LedgerWriter(data, port));
