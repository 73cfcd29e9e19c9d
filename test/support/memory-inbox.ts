/**
 * The Inbox port in memory, for tests of what stands on it. It passes the same contract suite as the one on disk;
 * `broken` makes every call reject, as a full disk would.
 */
import { HostError } from '../../src/contract/errors.ts';
import type { AttemptResult, Delivery, DeliveryRow, DeliveryState, Inbox } from '../../src/contract/store.ts';

export class MemoryInbox implements Inbox {
  broken = false;
  readonly #rows: Map<string, DeliveryRow> = new Map();
  readonly #keys: Map<string, string> = new Map();

  async accept(
    delivery: Delivery,
    options: { readonly maxAttempts: number; readonly dedupMs: number; readonly running?: boolean },
  ): Promise<{ readonly duplicateOf: string | null }> {
    this.#work();
    const key = JSON.stringify([delivery.endpoint, delivery.dedupKey]);
    const receivedMs = Date.parse(delivery.receivedAt);
    const first = this.#rows.get(this.#keys.get(key) ?? '');
    if (first && first.state !== 'dead' && Date.parse(first.receivedAt) + options.dedupMs > receivedMs) {
      return { duplicateOf: first.id };
    }
    const running = options.running === true;
    this.#keys.set(key, delivery.id);
    this.#rows.set(delivery.id, {
      ...delivery,
      body: Uint8Array.from(delivery.body),
      state: running ? 'running' : 'ready',
      attempts: running ? 1 : 0,
      maxAttempts: options.maxAttempts,
      dueAtMs: receivedMs,
      lastOutcome: null,
      lastStatus: null,
    });
    return { duplicateOf: null };
  }

  async claim(nowMs: number, limit: number): Promise<readonly DeliveryRow[]> {
    this.#work();
    const due = this.#ready().filter((row) => row.dueAtMs <= nowMs);
    return due.slice(0, limit).map((row) => this.#put({ ...row, state: 'running', attempts: row.attempts + 1 }));
  }

  async finish(id: string, result: AttemptResult): Promise<void> {
    this.#work();
    const row = this.#rows.get(id);
    if (row?.state !== 'running') throw new HostError('NOT_FOUND', `No running delivery has the id ${id}.`);
    const { state, retryAtMs, outcome, status } = result;
    const attempts = row.attempts - (result.uncounted === true ? 1 : 0);
    this.#put({ ...row, state, attempts, dueAtMs: retryAtMs ?? row.dueAtMs, lastOutcome: outcome, lastStatus: status });
  }

  async nextDueMs(): Promise<number | null> {
    this.#work();
    return this.#ready()[0]?.dueAtMs ?? null;
  }

  async list(query: {
    readonly endpoint: string | null;
    readonly state: DeliveryState | null;
    readonly cursor: string | null;
    readonly limit: number;
  }): Promise<{ readonly items: readonly DeliveryRow[]; readonly nextCursor: string | null }> {
    this.#work();
    const { endpoint, state, cursor, limit } = query;
    if (!(limit >= 1 && limit <= 1000)) throw new HostError('BAD_REQUEST', 'limit must be from 1 to 1000.');
    if (cursor !== null && !this.#rows.has(cursor)) throw new HostError('BAD_REQUEST', 'The cursor is unknown.');
    const rows = [...this.#rows.values()]
      .filter((row) => (endpoint === null || row.endpoint === endpoint) && (state === null || row.state === state))
      .filter((row) => cursor === null || row.id < cursor)
      .sort((a, b) => (a.id < b.id ? 1 : -1));
    const items = rows.slice(0, limit).map((row) => ({ ...row, body: new Uint8Array() }));
    return { items, nextCursor: rows.length > limit ? items.at(-1)!.id : null };
  }

  async get(id: string): Promise<DeliveryRow | null> {
    this.#work();
    return this.#rows.get(id) ?? null;
  }

  async close(): Promise<void> {}

  #ready(): DeliveryRow[] {
    return [...this.#rows.values()].filter((row) => row.state === 'ready').sort((a, b) => a.dueAtMs - b.dueAtMs);
  }

  #put(row: DeliveryRow): DeliveryRow {
    this.#rows.set(row.id, row);
    return row;
  }

  #work(): void {
    if (this.broken) throw new Error('database or disk is full');
  }
}
