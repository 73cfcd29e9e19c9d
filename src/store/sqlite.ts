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
/** How long a statement waits for another process that holds the file, e.g. a backup or a `sqlite3` shell. */
const BUSY_MS = 2000;
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

/** Takes the lock of that name and opens the file; `prepare` runs while nobody else can. */
export function openLocked(
  name: string,
  options: OpenOptions,
  prepare: (db: Database) => void,
): { readonly db: Database; readonly close: () => void } {
  const lock = lockDataDir(options.dataDir, name);
  let db: Database | null = null;
  const close = (): void => {
    db?.close();
    lock.close();
  };
  try {
    db = openDatabase(options);
    const opened = db;
    explained(options.dataDir, options.file, () => prepare(opened));
    return { db: opened, close };
  } catch (error) {
    close();
    throw error;
  }
}

function openDatabase(options: OpenOptions): Database {
  const { dataDir, file, synchronous, migrations } = options;
  return explained(dataDir, file, () => {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const db = new Database(join(dataDir, file), { timeout: BUSY_MS });
    try {
      assertVersion(db);
      db.pragma('journal_mode = WAL');
      db.pragma(`synchronous = ${synchronous}`);
      db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      migrate(db, dataDir, file, migrations);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** A second connection for reading; a long query on it never delays a commit. */
export function openReader(dataDir: string, file: string): Database {
  return explained(dataDir, file, () => new Database(join(dataDir, file), { readonly: true, timeout: BUSY_MS }));
}

/**
 * Holds `<name>.lock` for as long as the returned connection lives. It is a transaction on an empty database, so the
 * operating system drops it with the process, SIGKILL included: whoever gets the lock knows that every earlier
 * holder is dead.
 */
function lockDataDir(dataDir: string, name: string): Database {
  const file = `${name}.lock`;
  const lock = explained(dataDir, file, () => {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    return new Database(join(dataDir, file), { timeout: 0 });
  });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (!codeOf(error).startsWith('SQLITE_BUSY')) throw unusable(dataDir, file, error);
    throw new HostError(
      'DATA_DIR_IN_USE',
      `The data directory ${dataDir} is in use by another isolane host; stop that one or choose another directory with --data-dir.`,
      { cause: error },
    );
  }
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

function migrate(db: Database, dataDir: string, file: string, migrations: readonly string[]): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > migrations.length) {
    throw new HostError(
      'DATA_DIR_UNUSABLE',
      `The data directory ${dataDir} cannot be used: ${file} was written by a newer isolane (schema ${version}, this one knows ${migrations.length}); update isolane or choose another directory with --data-dir.`,
    );
  }
  for (let next = version; next < migrations.length; next++) {
    db.exec(`BEGIN IMMEDIATE; ${migrations[next]!}; PRAGMA user_version = ${next + 1}; COMMIT`);
  }
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
