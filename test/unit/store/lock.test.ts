import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ifDead, lockedHosts, openDataDirLock, openHostLock } from '../../../src/store/lock.ts';

const LOCK = new URL('../../../src/store/lock.ts', import.meta.url).href;

let dataDir: string;
let children: ChildProcess[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'isolane-lock-'));
  children = [];
});

afterEach(async () => {
  for (const child of children) await kill(child);
  rmSync(dataDir, { recursive: true });
});

/** Another process that runs `program` with the functions of the module at hand and then stays. */
async function elsewhere(program: string): Promise<ChildProcess> {
  const code = `import { openDataDirLock, openHostLock } from ${JSON.stringify(LOCK)};
    const dataDir = ${JSON.stringify(dataDir)}; ${program}; console.log('there'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout!, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

const dead = (hostId: string): boolean => ifDead(dataDir, hostId, { forget: false }, () => true) ?? false;
const inUse = { code: 'DATA_DIR_IN_USE', message: expect.stringContaining('is in use by another isolane host; stop') };

describe('the lock of a data directory', () => {
  it('is held once, until it is closed', () => {
    const path = join(dataDir, 'new');
    const lock = openDataDirLock(path);
    expect(() => openDataDirLock(path)).toThrow(expect.objectContaining(inUse));
    lock.close();
    lock.close();
    openDataDirLock(path).close();
    expect(readdirSync(path)).toEqual(['isolane.lock']);
  });

  it('goes with the process that holds it', async () => {
    const child = await elsewhere('openDataDirLock(dataDir)');
    expect(() => openDataDirLock(dataDir)).toThrow(expect.objectContaining(inUse));
    await kill(child);
    openDataDirLock(dataDir).close();
  });

  it('respects a host of a time when each store had a lock, and clears up after it', () => {
    const former = new Database(join(dataDir, 'inbox.lock'));
    former.exec('BEGIN EXCLUSIVE');
    writeFileSync(join(dataDir, 'ledger.lock'), '');
    expect(() => openDataDirLock(dataDir)).toThrow(expect.objectContaining(inUse));
    former.close();
    openDataDirLock(dataDir).close();
    expect(readdirSync(dataDir)).toEqual(['isolane.lock']);
  });

  it('refuses a directory that cannot be used, in one sentence', () => {
    writeFileSync(join(dataDir, 'file'), 'precious');
    expect(() => openDataDirLock(join(dataDir, 'file'))).toThrow(
      expect.objectContaining({
        code: 'DATA_DIR_UNUSABLE',
        message: expect.stringMatching(/^The data directory .*\.$/),
      }),
    );
  });
});

describe('the lock of a host', () => {
  it('says that it lives, here and elsewhere, until it is closed or killed', async () => {
    const own = openHostLock(dataDir, 'a');
    const killed = await elsewhere(`openHostLock(dataDir, 'b')`);
    await elsewhere(`openHostLock(dataDir, 'c')`);
    expect([...lockedHosts(dataDir)].sort()).toEqual(['a', 'b', 'c']);
    expect(['a', 'b', 'c', 'never'].map(dead)).toEqual([false, false, false, true]);
    own.close();
    await kill(killed);
    expect(['a', 'b', 'c'].map(dead)).toEqual([true, true, false]);
    expect([...lockedHosts(dataDir)].sort()).toEqual(['b', 'c']);
  });

  it('is left by itself when the host closes, and forgotten when somebody took over', async () => {
    await kill(await elsewhere(`openHostLock(dataDir, 'a')`));
    expect(ifDead(dataDir, 'a', { forget: true }, () => 'taken')).toBe('taken');
    openHostLock(dataDir, 'b').close();
    expect(readdirSync(join(dataDir, 'hosts'))).toEqual([]);
  });

  it('is taken over by one at a time, with a lock or without', async () => {
    await kill(await elsewhere(`openHostLock(dataDir, 'a')`));
    for (const owner of ['a', 'without']) {
      expect(ifDead(dataDir, owner, { forget: true }, () => dead(owner))).toBe(false);
      expect(dead(owner)).toBe(true);
    }
  });

  it('stays for the next one when taking over fails', async () => {
    await kill(await elsewhere(`openHostLock(dataDir, 'a')`));
    const fail = (): never => {
      throw new Error('the disk is full');
    };
    expect(() => ifDead(dataDir, 'a', { forget: true }, fail)).toThrow('the disk is full');
    expect(dead('a')).toBe(true);
    expect(lockedHosts(dataDir)).toEqual(['a']);
  });

  it('sweeps up a host that died before it was one', () => {
    mkdirSync(join(dataDir, 'hosts'));
    writeFileSync(join(dataDir, 'hosts', 'a.new'), '');
    expect(lockedHosts(dataDir)).toEqual([]);
    expect(existsSync(join(dataDir, 'hosts', 'a.new'))).toBe(false);
  });

  it('is never taken for a dead one while it comes, however hard others look', { timeout: 60_000 }, async () => {
    const looking = `import { lockedHosts, ifDead } from ${JSON.stringify(LOCK)};
      setInterval(() => { for (let i = 0; i < 200; i++) for (const id of lockedHosts(dataDir)) ifDead(dataDir, id, { forget: true }, () => 0); }, 1)`;
    await elsewhere(looking);
    await elsewhere(looking);
    for (let i = 0; i < 60; i++) {
      const lock = openHostLock(dataDir, `host-${i}`);
      expect(dead(`host-${i}`)).toBe(false);
      expect(existsSync(join(dataDir, 'hosts', `host-${i}.lock`))).toBe(true);
      lock.close();
    }
  });

  it.each(['', '../a', 'a/b', 'x'.repeat(65)])('refuses the name %j', (name) => {
    expect(() => openHostLock(dataDir, name)).toThrow('cannot name a host');
  });
});
