import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostError } from '../../../src/contract/errors.ts';
import { openInbox, openLedger } from '../../../src/store/store.ts';

interface Closable {
  close(): Promise<void>;
}

const stores: readonly { file: string; open: (dataDir: string) => Promise<Closable> }[] = [
  { file: 'ledger.db', open: (dataDir) => openLedger({ dataDir, hostId: 'h', durability: 'process' }) },
  { file: 'inbox.db', open: (dataDir) => openInbox({ dataDir, owner: 'h' }) },
];

describe.each(stores)('opening $file', ({ file, open }) => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'isolane-open-'));
  });

  afterEach(() => rmSync(dir, { recursive: true }));

  const refusal = async (dataDir: string): Promise<HostError> => {
    const error = await open(dataDir).then(
      async (store) => store.close().then(() => expect.unreachable('it was opened')),
      (reason: unknown) => reason,
    );
    if (!(error instanceof HostError)) throw error;
    expect(error.message).toContain(dataDir);
    expect(error.message).toMatch(/^The data directory .*\.$/);
    return error;
  };

  it('makes a directory that only its owner can read', async () => {
    const dataDir = join(dir, 'a', 'b');
    await (await open(dataDir)).close();
    expect(readdirSync(dataDir)).toContain(file);
  });

  it('refuses a path that is a file, and leaves it alone', async () => {
    const path = join(dir, 'file');
    writeFileSync(path, 'precious');
    expect(await refusal(path)).toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
    expect(await refusal(join(path, 'below'))).toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  it('refuses a file that is no database, and leaves it alone', async () => {
    writeFileSync(join(dir, file), 'this is not a database, it is a text that somebody wrote');
    const error = await refusal(dir);
    expect(error.code).toBe('DATA_DIR_UNUSABLE');
    expect(error.message).toContain(`${file} is not a SQLite database`);
    expect(readFileSync(join(dir, file), 'utf8')).toMatch(/^this is not/);
  });

  it('refuses what it cannot open for writing', async () => {
    mkdirSync(join(dir, file));
    const error = await refusal(dir);
    expect(error.code).toBe('DATA_DIR_UNUSABLE');
    expect(error.message).toContain(`${file} cannot be opened for writing`);
  });

  it('refuses the file of a newer version', async () => {
    await (await open(dir)).close();
    const program = `new (require('better-sqlite3'))(process.argv[1]).pragma('user_version = 999')`;
    expect(spawnSync(process.execPath, ['-e', program, join(dir, file)]).status).toBe(0);
    expect((await refusal(dir)).message).toContain(`${file} was written by a newer isolane (schema 999`);
  });
});

describe('opening a ledger', () => {
  it('refuses a journal that is no directory, and leaves it alone', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'isolane-open-'));
    writeFileSync(join(dataDir, 'ledger-journal'), 'precious');
    const opened = openLedger({ dataDir, hostId: 'h', durability: 'process' });
    await expect(opened).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
      message: expect.stringContaining('it is not a directory') as string,
    });
    expect(readFileSync(join(dataDir, 'ledger-journal'), 'utf8')).toBe('precious');
    rmSync(dataDir, { recursive: true });
  });
});
