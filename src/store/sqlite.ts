/// <reference path="./better-sqlite3.d.ts" />
/**
 * Opening SQLite files the one way this project does: WAL, an explicit `synchronous`, a schema version, and every
 * failure as one sentence that names the file. Used by store threads only; the main thread never touches a database.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { HostError } from '../contract/errors.ts';

/** Older versions can corrupt a database when its write-ahead log is reset under load. */
const OLDEST_SQLITE: readonly number[] = [3, 51, 3];
/** How long a statement waits for another process that holds the file: another host, a backup or a `sqlite3` shell. */
const BUSY_MS = 2000;
/** Between two tries to write, and left to other hosts between two transactions of many. */
export const TURN_MS = 1;
/** 16 MiB of log between checkpoints: a checkpoint stalls commits for a moment, so it should be rare. */
const CHECKPOINT_PAGES = 4000;

export interface OpenOptions {
  readonly dataDir: string;
  readonly file: string;
  /** `FULL` survives power loss, `NORMAL` survives the death of the process. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** Statements that bring an empty file to version 1; further elements bring version n to n + 1. */
  readonly migrations: readonly string[];
}

/** Changes nothing in a file of this version, so that a host in reserve can open it. */
export function openDatabase(options: OpenOptions): Database {
  const { dataDir, file } = options;
  return explained(dataDir, file, () => {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    return patiently(() => openNow(options));
  });
}

function openNow({ dataDir, file, synchronous, migrations }: OpenOptions): Database {
  const db = new Database(join(dataDir, file), { timeout: 0 });
  try {
    assertVersion(db);
    db.pragma('journal_mode = WAL');
    db.pragma(`synchronous = ${synchronous}`);
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    if (versionOf(db) !== migrations.length) migrate(db, dataDir, file, migrations);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A second connection for reading; a long query on it never delays a commit. */
export function openReader(dataDir: string, file: string): Database {
  return explained(dataDir, file, () => new Database(join(dataDir, file), { readonly: true, timeout: BUSY_MS }));
}

/** Begins to write: a connection that `openDatabase` opened waits for nothing by itself. */
export function beginWrite(db: Database): void {
  patiently(() => db.exec('BEGIN IMMEDIATE'));
}

/** Hosts take turns at a file. Tried every millisecond: with SQLite's own, longer sleeps a busy host starves the others. */
function patiently<T>(work: () => T): T {
  const until = performance.now() + BUSY_MS;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= until) throw error;
      pause(TURN_MS);
    }
  }
}

export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY');
}

export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** SQLite's own result code, `''` for other errors. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function assertVersion(db: Database): void {
  const version = String(db.prepare('SELECT sqlite_version() AS version').get()?.['version']);
  const parts = version.split('.').map(Number);
  for (const [index, least] of OLDEST_SQLITE.entries()) {
    const part = parts[index] ?? 0;
    if (part > least) return;
    if (part < least) {
      throw new HostError(
        'ENGINE_UNSUPPORTED',
        `SQLite ${version} is too old, at least ${OLDEST_SQLITE.join('.')} is needed; reinstall better-sqlite3.`,
      );
    }
  }
}

/** In one transaction: of several hosts that open an old file one brings it up to date. */
function migrate(db: Database, dataDir: string, file: string, migrations: readonly string[]): void {
  db.exec('BEGIN IMMEDIATE');
  const version = versionOf(db);
  if (version > migrations.length) {
    throw new HostError(
      'DATA_DIR_UNUSABLE',
      `The data directory ${dataDir} cannot be used: ${file} was written by a newer isolane (schema ${version}, this one knows ${migrations.length}); update isolane or choose another directory with --data-dir.`,
    );
  }
  for (const migration of migrations.slice(version)) db.exec(migration);
  db.pragma(`user_version = ${migrations.length}`);
  db.exec('COMMIT');
}

function versionOf(db: Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

/** Every failure as one sentence that names the file. */
export function explained<T>(dataDir: string, file: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw error instanceof HostError ? error : unusable(dataDir, file, error);
  }
}

function unusable(dataDir: string, file: string, error: unknown): HostError {
  return new HostError(
    'DATA_DIR_UNUSABLE',
    `The data directory ${dataDir} cannot be used: ${problemOf(file, error)}; repair or move it, or choose another directory with --data-dir.`,
    { cause: error },
  );
}

function problemOf(file: string, error: unknown): string {
  switch (codeOf(error)) {
    case 'SQLITE_NOTADB':
      return `${file} is not a SQLite database`;
    case 'SQLITE_CORRUPT':
      return `${file} is damaged`;
    case 'SQLITE_READONLY':
    case 'SQLITE_READONLY_DIRECTORY':
    case 'SQLITE_CANTOPEN':
    case 'SQLITE_PERM':
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `${file} cannot be opened for writing`;
    case 'SQLITE_FULL':
    case 'ENOSPC':
      return 'the disk is full';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'it is not a directory';
    default:
      return `${file}: ${reasonOf(error)}`;
  }
}
