/**
 * Durable state in SQLite, one file per concern under the data directory, shared by all its hosts: rows name their host
 * and owner, so a query over all hosts is one query. Each host has a lock and a journal of its own; when it is dead,
 * another takes over (`recover`).
 */
export { openInbox, type SqliteInbox } from './inbox.ts';
export { openLedger, type SqliteLedger } from './ledger.ts';
export type { Culprit } from './ledger-recovery.ts';
export { ifDead, type Lock, openDataDirLock, openHostLock } from './lock.ts';
