/**
 * The ledger's tables. Records are kept in blocks, the lines that one transaction brought, because a row and three
 * indexes for each cost more than the rest of the ledger together. Readers parse blocks; what a block says of itself
 * tells them which ones. No record ever changes, and none is deleted.
 */

const V1_START = `invocation_id, attempt, request_id, trace_id, tenant, function, version, trigger, source, cold,
  strftime('%Y-%m-%dT%H:%M:%fZ', started_ms / 1000.0, 'unixepoch'), queue_ns, memory_limit_mib, isolate_id, engine_id, host_id`;
const V1_END = `outcome, status, init_ns, run_ns, billed_ms, cpu_ns, cpu_estimated, host_cpu_ns, memory_peak_bytes, mib_ms,
  shared_mib_ms, request_bytes, response_bytes, subrequests, closed_by`;
const V1_START_COLUMNS = `invocation_id TEXT NOT NULL, attempt INTEGER NOT NULL, request_id TEXT NOT NULL, trace_id TEXT NOT NULL,
  tenant TEXT NOT NULL, function TEXT NOT NULL, version INTEGER NOT NULL, trigger TEXT NOT NULL, source TEXT NOT NULL,
  cold INTEGER NOT NULL, started_ms INTEGER NOT NULL, queue_ns INTEGER NOT NULL, memory_limit_mib INTEGER NOT NULL,
  isolate_id TEXT NOT NULL, engine_id TEXT NOT NULL, host_id TEXT NOT NULL`;
const V1_END_COLUMNS = `outcome TEXT NOT NULL, status INTEGER NOT NULL, init_ns INTEGER NOT NULL, run_ns INTEGER NOT NULL,
  billed_ms INTEGER NOT NULL, cpu_ns INTEGER NOT NULL, cpu_estimated INTEGER NOT NULL, host_cpu_ns INTEGER NOT NULL,
  memory_peak_bytes INTEGER NOT NULL, mib_ms INTEGER NOT NULL, shared_mib_ms INTEGER NOT NULL, request_bytes INTEGER NOT NULL,
  response_bytes INTEGER NOT NULL, subrequests INTEGER NOT NULL, closed_by TEXT NOT NULL`;

/**
 * `starts`: invocations that have not settled. `blocks`: `rows` records with `seq` from `first_seq` on, in order of
 * commit; the bounds are of `startedAt` and of the invocation ids. `refused`: lines that are no rows, which would be a
 * bug of the host; kept, so that it costs nobody their bill.
 */
export const LEDGER_MIGRATIONS: readonly string[] = [
  `CREATE TABLE starts (${V1_START_COLUMNS}, PRIMARY KEY (invocation_id)) STRICT;
   CREATE TABLE records (seq INTEGER PRIMARY KEY, ${V1_START_COLUMNS}, ${V1_END_COLUMNS}, UNIQUE (invocation_id)) STRICT;
   CREATE TABLE refused (at_ms INTEGER NOT NULL, reason TEXT NOT NULL, row TEXT NOT NULL) STRICT`,
  `ALTER TABLE starts RENAME TO former_starts;
   CREATE TABLE starts (invocation_id TEXT PRIMARY KEY, host_id TEXT NOT NULL, line TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE blocks (
     first_seq INTEGER PRIMARY KEY,
     rows INTEGER NOT NULL,
     host_id TEXT NOT NULL,
     min_at TEXT NOT NULL,
     max_at TEXT NOT NULL,
     min_id TEXT NOT NULL,
     max_id TEXT NOT NULL,
     lines TEXT NOT NULL
   ) STRICT;
   INSERT INTO starts SELECT invocation_id, host_id, json_array(0, ${V1_START}) FROM former_starts
     WHERE invocation_id NOT IN (SELECT invocation_id FROM records);
   INSERT INTO blocks SELECT MIN(seq), COUNT(*), '', MIN(at), MAX(at), MIN(id), MAX(id), group_concat(line, char(10) ORDER BY seq)
     FROM (SELECT seq, invocation_id AS id, strftime('%Y-%m-%dT%H:%M:%fZ', started_ms / 1000.0, 'unixepoch') AS at,
       json_array(1, ${V1_START}, ${V1_END}) AS line FROM records) GROUP BY seq / 1024;
   CREATE INDEX blocks_by_time ON blocks (max_at, min_at);
   CREATE INDEX blocks_by_id ON blocks (max_id, min_id);
   DROP TABLE former_starts;
   DROP TABLE records;
   DROP TABLE IF EXISTS hosts`,
  '-- A line may hold several records: a version that would keep it aside as no row must not open the file.',
];

export const INSERT_START = `INSERT INTO starts (invocation_id, host_id, line) VALUES (?, ?, ?)
  ON CONFLICT (invocation_id) DO NOTHING`;
export const DELETE_START = 'DELETE FROM starts WHERE invocation_id = ?';
export const STARTS_OF = 'SELECT line FROM starts WHERE host_id = ? ORDER BY invocation_id';
export const DELETE_STARTS_OF = 'DELETE FROM starts WHERE host_id = ?';
export const STARTERS = 'SELECT DISTINCT host_id FROM starts';
export const LAST_BLOCK = 'SELECT first_seq, rows, host_id FROM blocks ORDER BY first_seq DESC LIMIT 1';
export const INSERT_BLOCK = `INSERT INTO blocks (first_seq, rows, host_id, min_at, max_at, min_id, max_id, lines)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
/** A small block grows at its end, or an idle host would leave one for every row. */
export const EXTEND_BLOCK = `UPDATE blocks SET rows = rows + ?, min_at = MIN(min_at, ?), max_at = MAX(max_at, ?),
  min_id = MIN(min_id, ?), max_id = MAX(max_id, ?), lines = lines || char(10) || ? WHERE first_seq = ?`;
/** Blocks that may hold one of the ids between two. */
export const BLOCKS_OF_IDS = 'SELECT first_seq, host_id, lines FROM blocks WHERE max_id >= ? AND min_id <= ?';
export const BLOCKS_FROM_LAST = 'SELECT host_id, lines FROM blocks ORDER BY first_seq DESC';
/** Once, however often a journal is read again. */
export const INSERT_REFUSED: string = `WITH new (at_ms, reason, row) AS (VALUES (?, ?, ?))
  INSERT INTO refused SELECT * FROM new WHERE NOT EXISTS (SELECT 1 FROM refused WHERE refused.row = new.row)`;
