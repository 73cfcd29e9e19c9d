/**
 * Durable state in SQLite, one file per concern under the data directory. One `ledger.db` and one `inbox.db` rather
 * than one per host process: today one host owns a data directory (a lock says so), rows name their host and owner,
 * and a query over all hosts stays one query. A second host process would take a lock of its own name.
 */
export { openInbox, type SqliteInbox } from './inbox.ts';
export { openLedger, type SqliteLedger } from './ledger.ts';
