/** State behind ports (DESIGN §4). One suite of contract tests in test/contract covers every implementation. */
import type { HeaderList } from './invocation.ts';
import type { Outcome } from './outcome.ts';
import type { Trigger, UsageRecord, UsageStart } from './usage.ts';

/**
 * The billing ledger as one host process sees it: it appends its own rows, and its questions are about those of all
 * hosts. Rows are appended in order and made durable in groups: written to a journal (`process`) or committed with fsync
 * (`power`). Other hosts' rows are seen a moment later than one's own.
 */
export interface Ledger {
  /** Appends the START row to the present group. The mark it returns goes to `end`. */
  start(row: UsageStart): number;
  /** Appends the END row to the present group; a START of the same group (`mark`) then need not be written at all. */
  end(record: UsageRecord, mark?: number): void;
  /**
   * Calls `then` when everything appended so far is durable (`billing.durability`). A ledger that cannot write calls
   * `failed` instead: the host answers 503 and stops being ready. Never both, never twice.
   */
  whenDurable(then: () => void, failed: (error: Error) => void): void;
  query(query: UsageQuery): Promise<readonly UsageGroup[]>;
  records(query: RecordQuery): Promise<{ readonly items: readonly StoredRecord[]; readonly nextCursor: string | null }>;
  record(invocationId: string): Promise<StoredRecord | null>;
  /** Flushes and closes. */
  close(): Promise<void>;
}

export type StoredRecord = UsageRecord & { readonly seq: number };

export type UsageDimension = 'function' | 'version' | 'tenant' | 'trigger' | 'outcome';

export interface UsageQuery {
  readonly by: readonly UsageDimension[];
  /** ISO 8601 UTC, inclusive / exclusive; `null`: unbounded. */
  readonly from: string | null;
  readonly to: string | null;
}

/** Sums over a group of records; integers, nanosecond sums as decimal strings where they may pass 2^53. */
export interface UsageGroup {
  readonly key: Readonly<Partial<Record<UsageDimension, string>>>;
  readonly invocations: number;
  readonly coldStarts: number;
  readonly billedMs: number;
  readonly cpuNs: string;
  readonly initNs: string;
  readonly runNs: string;
  readonly mibMs: string;
  readonly requestBytes: string;
  readonly responseBytes: string;
}

export interface RecordQuery {
  readonly function: string | null;
  readonly outcome: Outcome | null;
  readonly trigger: Trigger | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly cursor: string | null;
  /** 1–1000. */
  readonly limit: number;
}

/** An accepted webhook event, byte-exact. */
export interface Delivery {
  /** UUIDv7. */
  readonly id: string;
  readonly endpoint: string;
  readonly provider: string;
  readonly dedupKey: string;
  readonly keyId: string;
  /** ISO 8601 UTC. */
  readonly receivedAt: string;
  readonly method: string;
  /** Path and query as received. */
  readonly target: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
  /** `traceparent` of the receipt, for the link of each attempt. */
  readonly traceparent: string;
}

export type DeliveryState = 'ready' | 'running' | 'succeeded' | 'dead';

export interface DeliveryRow extends Delivery {
  readonly state: DeliveryState;
  /** Attempts made so far. */
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Epoch ms before which no attempt is made. */
  readonly dueAtMs: number;
  readonly lastOutcome: string | null;
  readonly lastStatus: number | null;
}

/** The webhook inbox: fsynced before its 2xx, whatever `billing.durability` says. */
export interface Inbox {
  /**
   * Stores a delivery once per (endpoint, dedupKey) within `dedupMs`. Resolves when it is on disk.
   * `duplicateOf`: the id already stored; then nothing was written, unless that one was `dead`: a new series begins
   * (`duplicateOf` is then `null`). `running`: it is stored as the owner's running first attempt, so that whoever
   * accepted it may invoke at once.
   */
  accept(
    delivery: Delivery,
    options: { readonly maxAttempts: number; readonly dedupMs: number; readonly running?: boolean },
  ): Promise<{
    readonly duplicateOf: string | null;
  }>;
  /**
   * Leases up to `limit` due deliveries to the owner (state → running, `attempts` counts this one). Several hosts may
   * claim at once: each delivery goes to one of them, and stays with it while it lives.
   */
  claim(nowMs: number, limit: number): Promise<readonly DeliveryRow[]>;
  /** Ends an attempt. `retryAtMs` null: final (`succeeded` or `dead`). */
  finish(id: string, result: AttemptResult): Promise<void>;
  /** When the next delivery falls due, epoch ms; `null`: nothing waits. */
  nextDueMs(): Promise<number | null>;
  /** Newest first, bodies left out (empty): `get` has them. */
  list(query: {
    readonly endpoint: string | null;
    readonly state: DeliveryState | null;
    readonly cursor: string | null;
    readonly limit: number;
  }): Promise<{
    readonly items: readonly DeliveryRow[];
    readonly nextCursor: string | null;
  }>;
  get(id: string): Promise<DeliveryRow | null>;
  close(): Promise<void>;
}

export interface AttemptResult {
  readonly state: 'succeeded' | 'dead' | 'ready';
  readonly retryAtMs: number | null;
  readonly outcome: string;
  readonly status: number;
  /** It was not tried at all, so it takes none of its attempts. */
  readonly uncounted?: true;
}
