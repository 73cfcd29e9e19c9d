/**
 * The thread that owns the webhook inbox. Every call that waits is served in one transaction, fsynced before any of
 * them is answered; a call that fails is undone alone. Reads are small and indexed, so they run here too.
 */
import type Database from 'better-sqlite3';
import type { Row, Statement, Value } from 'better-sqlite3';
import { HostError } from '../contract/errors.ts';
import type { DeliveryRow } from '../contract/store.ts';
import { readCursor, writeCursor } from './cursor.ts';
import {
  type AcceptArgs,
  CLAIM,
  type FinishArgs,
  INBOX_MIGRATIONS,
  type ListArgs,
  NEXT_DUE,
  SUMMARY,
  toDelivery,
} from './inbox-rows.ts';
import { ifDead } from './lock.ts';
import { type Call, type Port, type Service, serveThread } from './serve.ts';
import { beginWrite, openDatabase } from './sqlite.ts';

export interface InboxData {
  readonly dataDir: string;
  readonly owner: string;
}

/** An attempt whose host died is counted: a delivery that kills hosts must not do so for ever. */
const GIVE_BACK = `UPDATE deliveries SET owner = NULL, last_outcome = 'interrupted', last_status = NULL,
  state = CASE WHEN attempts >= max_attempts THEN 'dead' ELSE 'ready' END
  WHERE state = 'running' AND owner = ?`;
const OWNERS = `SELECT DISTINCT owner FROM deliveries WHERE state = 'running' AND owner <> ?`;

class InboxWriter implements Service<never> {
  readonly #owner: string;
  readonly #port: Port<never>;
  readonly #db: Database;
  readonly #dataDir: string;
  readonly #statements: Map<string, Statement> = new Map();

  constructor(data: InboxData, port: Port<never>) {
    this.#owner = data.owner;
    this.#port = port;
    this.#dataDir = data.dataDir;
    this.#db = openDatabase({
      dataDir: data.dataDir,
      file: 'inbox.db',
      synchronous: 'FULL',
      migrations: INBOX_MIGRATIONS,
    });
  }

  handle(_messages: readonly never[], calls: readonly Call[]): void {
    const answers: (() => void)[] = [];
    try {
      beginWrite(this.#db);
      for (const call of calls) answers.push(this.#one(call));
      this.#run('COMMIT');
    } catch (error) {
      this.#rollback();
      for (const { id } of calls) this.#port.error(id, error);
      return;
    }
    for (const answer of answers) answer();
  }

  close(): void {
    this.#db.close();
  }

  /** What to say once the transaction is on disk. */
  #one(call: Call): () => void {
    this.#run('SAVEPOINT call');
    try {
      const value = this.#answer(call);
      this.#run('RELEASE call');
      return () => this.#port.answer(call.id, value);
    } catch (error) {
      // A full disk may have ended the whole transaction; then everybody hears of it.
      if (!this.#db.inTransaction) throw error;
      this.#db.exec('ROLLBACK TO call; RELEASE call');
      return () => this.#port.error(call.id, error);
    }
  }

  #rollback(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
    } catch {
      // The first error is the one to report.
    }
  }

  #answer({ op, args }: Call): unknown {
    switch (op) {
      case 'accept':
        return this.#accept(args as AcceptArgs);
      case 'claim':
        return this.#claim(args as { nowMs: number; limit: number });
      case 'finish':
        return this.#finish(args as FinishArgs);
      case 'nextDueMs':
        return this.#get(NEXT_DUE)?.['due'] ?? null;
      case 'recover':
        return this.#recover();
      case 'list':
        return this.#list(args as ListArgs);
      case 'get': {
        const row = this.#get('SELECT * FROM deliveries WHERE id = ?', args as string);
        return row === undefined ? null : toDelivery(row);
      }
      default:
        throw new Error(`unknown operation ${op}`);
    }
  }

  #accept({ delivery, maxAttempts, dedupMs, running }: AcceptArgs): { duplicateOf: string | null } {
    const receivedMs = Date.parse(delivery.receivedAt);
    const first = this.#get(
      `SELECT d.id, d.state, d.received_ms FROM keys k JOIN deliveries d ON d.id = k.delivery_id
       WHERE k.endpoint = ? AND k.dedup_key = ?`,
      delivery.endpoint,
      delivery.dedupKey,
    );
    if (first !== undefined && first['state'] !== 'dead' && Number(first['received_ms']) + dedupMs > receivedMs) {
      this.#run('UPDATE deliveries SET duplicates = duplicates + 1 WHERE id = ?', String(first['id']));
      return { duplicateOf: String(first['id']) };
    }
    this.#run(
      `INSERT INTO deliveries (id, endpoint, provider, dedup_key, key_id, received_ms, method, target, headers, body,
         traceparent, state, owner, attempts, max_attempts, due_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      delivery.id,
      delivery.endpoint,
      delivery.provider,
      delivery.dedupKey,
      delivery.keyId,
      receivedMs,
      delivery.method,
      delivery.target,
      JSON.stringify(delivery.headers),
      delivery.body,
      delivery.traceparent,
      running ? 'running' : 'ready',
      running ? this.#owner : null,
      running ? 1 : 0,
      maxAttempts,
      receivedMs,
    );
    this.#run(
      `INSERT INTO keys (endpoint, dedup_key, delivery_id) VALUES (?, ?, ?)
       ON CONFLICT (endpoint, dedup_key) DO UPDATE SET delivery_id = excluded.delivery_id`,
      delivery.endpoint,
      delivery.dedupKey,
      delivery.id,
    );
    return { duplicateOf: null };
  }

  #claim({ nowMs, limit }: { readonly nowMs: number; readonly limit: number }): readonly DeliveryRow[] {
    return this.#all(
      CLAIM,
      this.#owner,
      nowMs,
      // To SQLite a negative limit is none.
      Math.max(0, limit),
    ).map(toDelivery);
  }

  #finish({ id, result }: FinishArgs): null {
    const { changes } = this.#run(
      `UPDATE deliveries SET state = ?, owner = NULL, due_ms = COALESCE(?, due_ms), last_outcome = ?, last_status = ?,
         attempts = attempts - ?
       WHERE id = ? AND state = 'running' AND owner = ?`,
      result.state,
      result.retryAtMs,
      result.outcome,
      result.status,
      result.uncounted === true ? 1 : 0,
      id,
      this.#owner,
    );
    if (changes === 1) return null;
    throw new HostError('NOT_FOUND', `No running delivery has the id ${id}; its attempt was ended before.`);
  }

  /** How many deliveries came back from hosts that are dead. */
  #recover(): number {
    let deliveries = 0;
    for (const row of this.#all(OWNERS, this.#owner)) {
      const owner = String(row['owner']);
      const giveBack = (): number => this.#run(GIVE_BACK, owner).changes;
      deliveries += ifDead(this.#dataDir, owner, { forget: false }, giveBack) ?? 0;
    }
    return deliveries;
  }

  #list({ endpoint, state, cursor, limit }: ListArgs): { items: readonly DeliveryRow[]; nextCursor: string | null } {
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
      throw new HostError('BAD_REQUEST', `limit is ${limit}, it must be a whole number from 1 to 1000.`);
    }
    const tests: (readonly [string, string | null])[] = [
      ['endpoint = ?', endpoint],
      ['state = ?', state],
      ['id < ?', cursor === null ? null : readCursor(cursor, /^[0-9a-f-]{36}$/)],
    ];
    const used = tests.filter((test): test is readonly [string, string] => test[1] !== null);
    const where = used.length === 0 ? '' : `WHERE ${used.map(([sql]) => sql).join(' AND ')}`;
    const rows = this.#all(
      `SELECT ${SUMMARY} FROM deliveries ${where} ORDER BY id DESC LIMIT ?`,
      ...used.map(([, value]) => value),
      limit + 1,
    );
    const items = rows.slice(0, limit).map(toDelivery);
    return { items, nextCursor: rows.length > limit ? writeCursor(items.at(-1)!.id) : null };
  }

  #run(sql: string, ...values: Value[]): { readonly changes: number } {
    return this.#statement(sql).run(...values);
  }

  #get(sql: string, ...values: Value[]): Row | undefined {
    return this.#statement(sql).get(...values);
  }

  #all(sql: string, ...values: Value[]): Row[] {
    return this.#statement(sql).all(...values);
  }

  /** Texts are few and fixed, so prepared statements are kept. */
  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }
}

serveThread<InboxData, never, never>((data, port) => new InboxWriter(data, port));
