/**
 * Takes over what dead hosts left of the ledger: their journals, then the invocations they had started and never ended.
 * Nothing was measured to the end, so nothing is billed; whoever brought the host down ends as `crashed`. Refuses to
 * touch anything of a host that lives.
 */
import { readdirSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { journalDir } from './journal.ts';
import { JournalReader } from './journal-reader.ts';
import { CLOSE_STARTS, DELETE_STARTS } from './ledger-rows.ts';
import { HOST_ID, ifDead, lockedHosts } from './lock.ts';
import type { RowWriter } from './row-writer.ts';
import { beginWrite } from './sqlite.ts';

/** The function that brought its host down: what it was running is not collateral. */
export interface Culprit {
  readonly function: string;
  /** Without it: on every host that is dead now. */
  readonly hostId?: string;
}

export interface RecoveryOptions {
  readonly db: Database;
  readonly rows: RowWriter;
  readonly dataDir: string;
  /** The host that asks. */
  readonly hostId: string;
  readonly culprit: Culprit | null;
}

/** Journals without a host's name are of this one. */
const FORMER = 'former';

/** How many records it wrote for invocations that never ended. */
export function recoverLedger(options: RecoveryOptions): number {
  const { dataDir, hostId, db } = options;
  const take = (owner: string): number => ifDead(dataDir, owner, { forget: true }, () => takeOver(options, owner)) ?? 0;
  // What its rows name is known when they are in the tables.
  let records = take(FORMER);
  const started = db.prepare('SELECT DISTINCT host_id FROM starts').all();
  const owners = new Set([
    ...started.map((row) => String(row['host_id'])),
    ...journals(dataDir),
    ...lockedHosts(dataDir),
  ]);
  owners.delete(hostId);
  for (const owner of owners) records += take(owner);
  return records;
}

function journals(dataDir: string): string[] {
  return readdirSync(journalDir(dataDir, null), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && HOST_ID.test(entry.name))
    .map((entry) => entry.name);
}

function takeOver({ db, rows, dataDir, culprit }: RecoveryOptions, owner: string): number {
  const journal = new JournalReader(journalDir(dataDir, owner === FORMER ? null : owner));
  try {
    for (const segment of journal.segments()) rows.feed(journal, segment, null);
    const guilty = culprit !== null && (culprit.hostId ?? owner) === owner ? culprit.function : null;
    const records = closeStarts(db, owner, guilty);
    journal.clear();
    return records;
  } finally {
    journal.close();
  }
}

function closeStarts(db: Database, owner: string, guilty: string | null): number {
  beginWrite(db);
  try {
    const { changes } = db.prepare(CLOSE_STARTS).run(guilty, owner);
    db.prepare(DELETE_STARTS).run(owner);
    db.exec('COMMIT');
    return changes;
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
