/**
 * The inbox port over SQLite: accepted webhook events, byte-exact, on disk before anybody answers 2xx. A call resolves
 * when its transaction is fsynced and rejects when it is not; callers that wait at the same time share one fsync.
 */
import { HostError } from '../contract/errors.ts';
import type { AttemptResult, Delivery, DeliveryRow, DeliveryState, Inbox } from '../contract/store.ts';
import type { AcceptArgs, FinishArgs, ListArgs } from './inbox-rows.ts';
import type { InboxData } from './inbox-writer.ts';
import { StoreThread } from './thread.ts';

/** Refuses with `DATA_DIR_UNUSABLE`. `owner` is the host's id, which names its leases. */
export async function openInbox(options: InboxData): Promise<SqliteInbox> {
  const inbox = new SqliteInbox(options);
  await inbox.open();
  return inbox;
}

export class SqliteInbox implements Inbox {
  readonly #options: InboxData;
  #thread!: StoreThread<never, never>;
  #problem: string | null = null;

  constructor(options: InboxData) {
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#thread = await StoreThread.open<never, never>({
      module: 'inbox-writer',
      data: this.#options,
      onEvent: () => undefined,
      onDied: (error) => {
        this.#problem = error.message;
      },
    });
  }

  /** Why the host should not be ready, as one sentence; `null`: the last write went well. */
  problem(): string | null {
    return this.#problem === null ? null : `The webhook inbox cannot be written: ${this.#problem}.`;
  }

  async accept(
    delivery: Delivery,
    options: { readonly maxAttempts: number; readonly dedupMs: number; readonly running?: boolean },
  ): Promise<{ readonly duplicateOf: string | null }> {
    const { maxAttempts, dedupMs, running = false } = options;
    // One copy, then moved: a view would drag the whole buffer it lies in along.
    const body = new Uint8Array(delivery.body);
    const args: AcceptArgs = { delivery: { ...delivery, body }, maxAttempts, dedupMs, running };
    return (await this.#ask('accept', args, [body.buffer])) as { readonly duplicateOf: string | null };
  }

  async claim(nowMs: number, limit: number): Promise<readonly DeliveryRow[]> {
    return (await this.#ask('claim', { nowMs, limit })) as readonly DeliveryRow[];
  }

  async finish(id: string, result: AttemptResult): Promise<void> {
    await this.#ask('finish', { id, result } satisfies FinishArgs);
  }

  async nextDueMs(): Promise<number | null> {
    return (await this.#ask('nextDueMs', null)) as number | null;
  }

  async list(query: {
    readonly endpoint: string | null;
    readonly state: DeliveryState | null;
    readonly cursor: string | null;
    readonly limit: number;
  }): Promise<{ readonly items: readonly DeliveryRow[]; readonly nextCursor: string | null }> {
    return (await this.#ask('list', query satisfies ListArgs)) as {
      readonly items: readonly DeliveryRow[];
      readonly nextCursor: string | null;
    };
  }

  async get(id: string): Promise<DeliveryRow | null> {
    return (await this.#ask('get', id)) as DeliveryRow | null;
  }

  /** Gives back what dead hosts were running. Living hosts keep theirs. */
  async recover(): Promise<{ readonly deliveries: number }> {
    return { deliveries: (await this.#ask('recover', null)) as number };
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  async #ask(op: string, args: unknown, move: readonly ArrayBuffer[] = []): Promise<unknown> {
    try {
      const value = await this.#thread.call(op, args, move);
      this.#problem = null;
      return value;
    } catch (error) {
      // A HostError is an answer (wrong limit, unknown id); anything else is the disk.
      if (!(error instanceof HostError)) this.#problem = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }
}
