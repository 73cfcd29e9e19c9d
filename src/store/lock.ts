/// <reference path="./better-sqlite3.d.ts" />
/**
 * Who may use a data directory, and which of its hosts live. A lock is a transaction on an empty database, so the
 * operating system drops it with the process, SIGKILL included. A host's lock is there before its first row and goes
 * with its last: an owner whose lock is free or missing is dead. Held by the main thread (or the supervisor), because
 * a store thread that dies does not mean that its host did.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { HostError } from '../contract/errors.ts';
import { codeOf, explained, isBusy, pause } from './sqlite.ts';

const HOSTS = 'hosts';
const DATA_DIR = 'isolane.lock';
/** What held the directory before it could have several hosts. */
const FORMER: readonly string[] = ['ledger.lock', 'inbox.lock'];
export const HOST_ID: RegExp = /^[\w-]{1,64}$/;
const UNBORN = '.new';
const BORN = '.lock';
const TRIES = 100;
const TRY_MS = 5;

export interface Lock {
  /** Safe to call again. */
  close(): void;
}

/** The whole directory: for a supervisor, or a host without one. Throws `DATA_DIR_IN_USE` or `DATA_DIR_UNUSABLE`. */
export function openDataDirLock(dataDir: string): Lock {
  const inUse = (): HostError =>
    new HostError(
      'DATA_DIR_IN_USE',
      `The data directory ${dataDir} is in use by another isolane host; stop that one or choose another directory with --data-dir.`,
    );
  const held = seize(dataDir, DATA_DIR);
  if (held === null) throw inUse();
  try {
    for (const file of FORMER) {
      if (!existsSync(join(dataDir, file))) continue;
      const former = seize(dataDir, file);
      if (former === null) throw inUse();
      remove(dataDir, file);
      former.close();
    }
    return kept(() => held.close());
  } catch (error) {
    held.close();
    throw error;
  }
}

/** This host's own lock. Its file appears under its name only when it is held, so that nobody takes it for a dead one's. */
export function openHostLock(dataDir: string, hostId: string): Lock {
  if (!HOST_ID.test(hostId)) throw new Error(`${hostId} cannot name a host: letters, digits, - and _ only`);
  const unborn = join(HOSTS, hostId + UNBORN);
  const born = join(HOSTS, hostId + BORN);
  for (let tries = 0; tries < TRIES; tries++) {
    if (existsSync(join(dataDir, born))) break;
    const held = seize(dataDir, unborn);
    // Somebody sweeps up after hosts that died while they were here.
    if (held === null) pause(TRY_MS);
    else if (rename(dataDir, unborn, born)) {
      return kept(() => {
        remove(dataDir, born);
        held.close();
      });
    } else held.close();
  }
  throw new Error(`the host ${hostId} is there already`);
}

/** Hosts that left a lock behind, living ones among them. Clears away what was never a host. */
export function lockedHosts(dataDir: string): readonly string[] {
  const names = existsSync(join(dataDir, HOSTS)) ? readdirSync(join(dataDir, HOSTS)) : [];
  for (const name of names) {
    if (!name.endsWith(UNBORN)) continue;
    const file = join(HOSTS, name);
    const held = seizeOld(dataDir, file);
    if (held === 'missing' || held === 'held') continue;
    remove(dataDir, file);
    held.close();
  }
  return names.filter((name) => name.endsWith(BORN)).map((name) => name.slice(0, -BORN.length));
}

/**
 * Runs `take` if that host is dead, while no other host does; `forget`: nothing of it is left then. `null`: it lives,
 * or somebody else is at it.
 */
export function ifDead<T>(dataDir: string, hostId: string, { forget }: { forget: boolean }, take: () => T): T | null {
  const born = join(HOSTS, hostId + BORN);
  const unborn = join(HOSTS, hostId + UNBORN);
  let held = seizeOld(dataDir, born);
  // Of a time before hosts had locks, or forgotten already: held all the same, against others who think so.
  if (held === 'missing') held = seize(dataDir, unborn) ?? 'held';
  if (held === 'held') return null;
  try {
    const taken = take();
    if (forget) remove(dataDir, born);
    remove(dataDir, unborn);
    return taken;
  } finally {
    held.close();
  }
}

/** The process itself holds on to it: a lock that nobody else refers to is not garbage. */
function kept(release: () => void): Lock {
  process.once('exit', release);
  return {
    close: () => {
      process.off('exit', release);
      release();
    },
  };
}

/** `null`: somebody holds it. */
function seize(dataDir: string, file: string): Database | null {
  return explained(dataDir, file, () => {
    mkdirSync(dirname(join(dataDir, file)), { recursive: true, mode: 0o700 });
    return begun(new Database(join(dataDir, file), { timeout: 0 }));
  });
}

/** One that is there already; a lock is never made by looking at it. */
function seizeOld(dataDir: string, file: string): Database | 'held' | 'missing' {
  if (!existsSync(join(dataDir, file))) return 'missing';
  return explained(dataDir, file, () => {
    try {
      return begun(new Database(join(dataDir, file), { timeout: 0, fileMustExist: true })) ?? 'held';
    } catch (error) {
      if (!existsSync(join(dataDir, file))) return 'missing';
      throw error;
    }
  });
}

function begun(db: Database): Database | null {
  try {
    // Nothing is ever written, so there is nothing to keep a journal of beside the file.
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    if (isBusy(error)) return null;
    throw error;
  }
}

/** False: it was swept away meanwhile. */
function rename(dataDir: string, from: string, to: string): boolean {
  return explained(dataDir, to, () => {
    try {
      renameSync(join(dataDir, from), join(dataDir, to));
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
  });
}

function remove(dataDir: string, file: string): void {
  for (const end of ['', '-journal']) {
    try {
      rmSync(join(dataDir, file + end), { force: true });
    } catch {
      // A lock nobody holds harms nobody.
    }
  }
}
