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

/** A function that brought a host down: what it was running there is not collateral. */
export interface Culprit {
  readonly function: string;
  readonly hostId: string;
}

export interface RecoveryOptions {
  readonly db: Database;
  readonly rows: RowWriter;
  readonly dataDir: string;
  /** The host that asks. */
  readonly hostId: string;
  readonly culprits: readonly Culprit[];
}

/** Journals without a host's name are of this one. */
const FORMER = 'former';
/** Blocks made of the tables of that time. */
const MIGRATED = '';
/** No line is shorter. */
const LINE_BYTES = 64;

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

function takeOver({ rows, dataDir, culprits }: RecoveryOptions, owner: string): number {
  const journal = new JournalReader(journalDir(dataDir, owner === FORMER ? null : owner));
  try {
    // The writer deletes a segment only when it is done with it: what is here was perhaps the last it wrote.
    const known = rows.recent(owner === FORMER ? [FORMER, MIGRATED] : [owner], journal.bytes() / LINE_BYTES);
    for (const segment of journal.segments()) rows.feed(journal, { hostId: owner, segment, end: null }, known);
    const guilty = new Set(culprits.filter((one) => one.hostId === owner).map((one) => one.function));
    const records = rows.closeStarts(owner, guilty);
    journal.clear();
    return records;
  } finally {
    journal.close();
  }
}
