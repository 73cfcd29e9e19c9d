/** The inbox's tables, its rows as deliveries, and the arguments that cross to its thread. */
import type { AttemptResult, Delivery, DeliveryRow, DeliveryState } from '../contract/store.ts';

export interface AcceptArgs {
  readonly delivery: Delivery;
  readonly maxAttempts: number;
  readonly dedupMs: number;
  readonly running: boolean;
}

export interface FinishArgs {
  readonly id: string;
  readonly result: AttemptResult;
}

export interface ListArgs {
  readonly endpoint: string | null;
  readonly state: DeliveryState | null;
  readonly cursor: string | null;
  readonly limit: number;
}

/** `keys` names the delivery that at present owns a dedup key; an older one may have died or left the window. */
export const INBOX_MIGRATIONS: readonly string[] = [
  `CREATE TABLE deliveries (
     id TEXT PRIMARY KEY,
     endpoint TEXT NOT NULL,
     provider TEXT NOT NULL,
     dedup_key TEXT NOT NULL,
     key_id TEXT NOT NULL,
     received_ms INTEGER NOT NULL,
     method TEXT NOT NULL,
     target TEXT NOT NULL,
     headers TEXT NOT NULL,
     traceparent TEXT NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('ready', 'running', 'succeeded', 'dead')),
     owner TEXT,
     attempts INTEGER NOT NULL,
     max_attempts INTEGER NOT NULL,
     due_ms INTEGER NOT NULL,
     duplicates INTEGER NOT NULL DEFAULT 0,
     last_outcome TEXT,
     last_status INTEGER,
     body BLOB NOT NULL
   ) STRICT;
   CREATE INDEX deliveries_due ON deliveries (due_ms, id) WHERE state = 'ready';
   CREATE INDEX deliveries_running ON deliveries (id) WHERE state = 'running';
   CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint, id);
   CREATE INDEX deliveries_by_state ON deliveries (state, id);
   CREATE TABLE keys (
     endpoint TEXT NOT NULL,
     dedup_key TEXT NOT NULL,
     delivery_id TEXT NOT NULL REFERENCES deliveries (id),
     PRIMARY KEY (endpoint, dedup_key)
   ) STRICT, WITHOUT ROWID`,
];

/** The index by name: left to itself SQLite takes the one by state, and walks the whole backlog for every claim. */
export const CLAIM: string = `UPDATE deliveries SET state = 'running', owner = ?, attempts = attempts + 1
  WHERE id IN (SELECT id FROM deliveries INDEXED BY deliveries_due
               WHERE state = 'ready' AND due_ms <= ? ORDER BY due_ms, id LIMIT ?)
  RETURNING *`;
export const NEXT_DUE: string =
  "SELECT MIN(due_ms) AS due FROM deliveries INDEXED BY deliveries_due WHERE state = 'ready'";

/** Every column but the body, which may be megabytes. */
export const SUMMARY = `id, endpoint, provider, dedup_key, key_id, received_ms, method, target, headers, traceparent, state,
  attempts, max_attempts, due_ms, last_outcome, last_status`;

export function toDelivery(row: Readonly<Record<string, unknown>>): DeliveryRow {
  const text = (name: string): string => String(row[name]);
  const body = row['body'];
  return {
    id: text('id'),
    endpoint: text('endpoint'),
    provider: text('provider'),
    dedupKey: text('dedup_key'),
    keyId: text('key_id'),
    receivedAt: new Date(Number(row['received_ms'])).toISOString(),
    method: text('method'),
    target: text('target'),
    headers: JSON.parse(text('headers')) as string[],
    // A copy of its own: SQLite's buffers come from a pool that must not travel along to the other thread.
    body: body instanceof Uint8Array ? Uint8Array.from(body) : new Uint8Array(),
    traceparent: text('traceparent'),
    state: stateOf(text('state')),
    attempts: Number(row['attempts']),
    maxAttempts: Number(row['max_attempts']),
    dueAtMs: Number(row['due_ms']),
    lastOutcome: row['last_outcome'] === null ? null : text('last_outcome'),
    lastStatus: row['last_status'] === null ? null : Number(row['last_status']),
  };
}

function stateOf(text: string): DeliveryState {
  switch (text) {
    case 'ready':
    case 'running':
    case 'succeeded':
    case 'dead':
      return text;
    default:
      throw new Error(`the inbox holds an unknown state ${text}`);
  }
}
