/**
 * Takes over what dead hosts left of the ledger: their journals, then the invocations they had started and never ended.
 * Nothing was measured to the end, so nothing is billed; whoever brought the host down ends as `crashed`. Refuses to
 * touch anything of a host that lives.
 */
import { readdirSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { journalDir } from './journal.ts';
import { JournalReader } from './journal-reader.ts';
import { STARTERS } from './ledger-rows.ts';
import { HOST_ID, ifDead, lockedHosts } from './lock.ts';
import type { RowWriter } from './row-writer.ts';

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
  const started = db.prepare(STARTERS).all();
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

function takeOver({ rows, dataDir, culprit }: RecoveryOptions, owner: string): number {
  const journal = new JournalReader(journalDir(dataDir, owner === FORMER ? null : owner));
  try {
    for (const segment of journal.segments()) {
      rows.feed(journal, { hostId: owner, segment, end: null, again: true });
    }
    const guilty = culprit !== null && (culprit.hostId ?? owner) === owner ? culprit.function : null;
    const records = rows.closeStarts(owner, guilty);
    journal.clear();
    return records;
  } finally {
    journal.close();
  }
}
