/** A disk that is full, a database that is locked or damaged (catalogue 110): the host sheds, says so and stays up. */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newInvocationId } from '../../../src/contract/ids.ts';
import type { RecordQuery } from '../../../src/contract/store.ts';
import { openInbox, openLedger } from '../../../src/store/store.ts';
import { usageRecord } from '../../support/usage-record.ts';

const all: RecordQuery = {
  ...{ function: null, outcome: null, trigger: null, from: null, to: null, cursor: null, limit: 1000 },
};
const LOCKED = 'The billing ledger cannot be written: database is locked.';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'isolane-trouble-'));
});

afterEach(() => rmSync(dataDir, { recursive: true }));

/** Somebody else holds the file for writing, as a `sqlite3` shell might. */
function hold(file: string): () => void {
  const db = new Database(join(dataDir, file));
  db.exec('BEGIN IMMEDIATE');
  return () => db.close();
}

type Opened = Awaited<ReturnType<typeof openLedger>>;

const durable = (ledger: Opened): Promise<void> =>
  new Promise((resolve, reject) => ledger.whenDurable(resolve, reject));
const refusal = (ledger: Opened): Promise<string> =>
  durable(ledger).then(
    () => 'durable',
    (error: unknown) => (error as Error).message,
  );
const JOURNAL = 'ledger-journal';
const segments = (): string[] =>
  existsSync(join(dataDir, JOURNAL, 'h')) ? readdirSync(join(dataDir, JOURNAL, 'h')) : [];

describe.each(['process', 'power'] as const)('open invocations, durability %s', (durability) => {
  it('are rows only while they are open', async () => {
    const ledger = await openLedger({ dataDir, hostId: 'h', durability });
    const db = new Database(join(dataDir, 'ledger.db'), { readonly: true });
    const open = async () => {
      await ledger.record('');
      return db.prepare('SELECT invocation_id FROM starts').all().length;
    };
    const rows = [usageRecord(), usageRecord(), usageRecord()];
    for (const row of rows) ledger.start(row);
    ledger.end(rows[0]!);
    expect(await open()).toBe(2);
    ledger.end(rows[1]!);
    expect(await open()).toBe(1);
    db.close();
    await ledger.close();
  });
});

describe('a ledger that cannot write, durability power', () => {
  it('says so, keeps the rows, and writes them when it can', async () => {
    const ledger = await openLedger({ dataDir, hostId: 'h', durability: 'power' });
    const release = hold('ledger.db');
    const first = usageRecord();
    const second = usageRecord();
    ledger.start(first);
    ledger.end(second);
    expect(await refusal(ledger)).toBe(LOCKED);
    expect(ledger.problem()).toBe(LOCKED);
    release();
    await durable(ledger);
    expect(ledger.problem()).toBeNull();
    ledger.end(first);
    expect((await ledger.records(all)).items.map((item) => item.invocationId)).toEqual([
      first.invocationId,
      second.invocationId,
    ]);
    await ledger.close();
  });

  it('recovers by itself when nothing more is appended', async () => {
    const ledger = await openLedger({ dataDir, hostId: 'h', durability: 'power' });
    const release = hold('ledger.db');
    ledger.end(usageRecord());
    expect(await refusal(ledger)).toBe(LOCKED);
    release();
    await expect.poll(() => ledger.problem(), { timeout: 5000 }).toBeNull();
    await ledger.close();
  });
});

describe('a ledger whose SQLite cannot be written while its journal can', () => {
  it('goes on answering, says so, and catches up', async () => {
    const journal = { segmentBytes: 10_000 };
    const ledger = await openLedger({ dataDir, hostId: 'h', durability: 'process', journal });
    const release = hold('ledger.db');
    for (let i = 0; i < 500; i++) {
      ledger.end(usageRecord());
      await durable(ledger);
    }
    expect(segments().length).toBeGreaterThan(5);
    await expect.poll(() => ledger.problem(), { timeout: 5000 }).toBe(LOCKED);
    ledger.end(usageRecord());
    await durable(ledger);
    release();
    await expect.poll(() => ledger.problem(), { timeout: 5000 }).toBeNull();
    expect((await ledger.records(all)).items).toHaveLength(501);
    expect(segments().length).toBeLessThanOrEqual(1);
    await ledger.close();
    expect(segments()).toEqual([]);
  });

  it('keeps its journal when it closes, for the next time', async () => {
    let ledger = await openLedger({ dataDir, hostId: 'h', durability: 'process' });
    const release = hold('ledger.db');
    const row = usageRecord();
    ledger.start(row);
    await durable(ledger);
    ledger.end(row);
    await expect(ledger.close()).rejects.toThrow('database is locked');
    release();
    expect(segments()).toHaveLength(1);
    expect(statSync(join(dataDir, JOURNAL)).mode & 0o777).toBe(0o700);
    ledger = await openLedger({ dataDir, hostId: 'h2', durability: 'power' });
    expect((await ledger.records(all)).items).toEqual([]);
    expect(await ledger.recover()).toEqual({ records: 0 });
    expect((await ledger.records(all)).items).toEqual([{ ...row, seq: 1 }]);
    expect(segments()).toEqual([]);
    await ledger.close();
  });

  it('refuses rows beyond its bound, counts them, and loses no other', { timeout: 60_000 }, async () => {
    const ledger = await openLedger({ dataDir, hostId: 'h', durability: 'process' });
    const release = hold('ledger.db');
    for (let group = 0; group < 200; group++) {
      for (let i = 0; i < 1000; i++) ledger.end(usageRecord());
      await durable(ledger);
    }
    expect(ledger.lost()).toBe(0);
    ledger.end(usageRecord());
    expect(ledger.lost()).toBe(1);
    expect(await refusal(ledger)).toMatch(/^The billing ledger cannot be written: /);
    release();
    const [group] = await expect
      .poll(() => (ledger.problem() === null ? ledger.query({ by: [], from: null, to: null }) : []), {
        timeout: 50_000,
      })
      .toHaveLength(1)
      .then(() => ledger.query({ by: [], from: null, to: null }));
    expect(group?.invocations).toBe(200_000);
    ledger.end(usageRecord());
    await durable(ledger);
    await ledger.close();
  });
});

describe('a ledger whose journal cannot be written', () => {
  it('fails that group, keeps its rows, and recovers by itself', async () => {
    let full = false;
    const write = (fd: number, bytes: Uint8Array, offset: number, length: number): number => {
      if (!full) return writeSync(fd, bytes, offset, length);
      if (length > 10) return writeSync(fd, bytes, offset, 10);
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
    const ledger = await openLedger({ dataDir, hostId: 'h', durability: 'process', journal: { write } });
    const rows = Array.from({ length: 5 }, () => usageRecord());
    const answers: string[] = [];
    const say = (what: string) =>
      [() => answers.push(`${what}: durable`), (error: Error) => answers.push(`${what}: ${error.message}`)] as const;
    ledger.start(rows[0]!);
    ledger.whenDurable(...say('before'));
    await durable(ledger);
    full = true;
    ledger.end(rows[0]!);
    ledger.whenDurable(...say('first'));
    ledger.end(rows[1]!);
    ledger.whenDurable(...say('second'));
    ledger.start(rows[2]!);
    const sentence = 'The billing ledger cannot be written: ENOSPC: no space left on device, write.';
    expect(await refusal(ledger)).toBe(sentence);
    expect(answers).toEqual(['before: durable', `first: ${sentence}`, `second: ${sentence}`]);
    expect(ledger.problem()).toBe(sentence);
    ledger.end(rows[3]!);
    expect(await refusal(ledger)).toBe(sentence);
    full = false;
    await expect.poll(() => ledger.problem(), { timeout: 5000 }).toBeNull();
    ledger.end(rows[2]!);
    ledger.end(rows[4]!);
    await durable(ledger);
    const kept = [rows[0]!, rows[1]!, rows[3]!, rows[2]!, rows[4]!];
    expect((await ledger.records(all)).items.map((item) => item.invocationId)).toEqual(
      kept.map((row) => row.invocationId).reverse(),
    );
    expect(answers).toHaveLength(3);
    await ledger.close();
    const db = new Database(join(dataDir, 'ledger.db'), { readonly: true });
    expect(db.prepare('SELECT * FROM refused').all()).toEqual([]);
    expect(db.prepare('SELECT * FROM starts').all()).toEqual([]);
    db.close();
  });

  it('calls nothing durable while earlier rows are in neither place', async () => {
    let full = true;
    const write = (fd: number, bytes: Uint8Array, offset: number, length: number): number => {
      if (full) throw new Error('EIO: i/o error, write');
      return writeSync(fd, bytes, offset, length);
    };
    const ledger = await openLedger({ dataDir, hostId: 'h', durability: 'process', journal: { write } });
    const release = hold('ledger.db');
    ledger.start(usageRecord());
    expect(await refusal(ledger)).toMatch('EIO');
    full = false;
    ledger.end(usageRecord());
    let answered = false;
    ledger.whenDurable(
      () => (answered = true),
      () => (answered = true),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    release();
    await expect.poll(() => answered, { timeout: 5000 }).toBe(true);
    await ledger.close();
  });
});

describe('rows that the tables refuse', () => {
  it('are kept aside, the others are written', async () => {
    const warnings: string[] = [];
    const warn = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', warn);
    const ledger = await openLedger({ dataDir, hostId: 'h', durability: 'process' });
    const good = usageRecord();
    ledger.end(usageRecord({ runNs: 0.5 }));
    ledger.end(usageRecord({ startedAt: 'never' }));
    ledger.end(good);
    const [group] = await ledger.query({ by: [], from: null, to: null });
    expect(group?.invocations).toBe(1);
    expect((await ledger.record(good.invocationId))?.invocationId).toBe(good.invocationId);
    await ledger.close();
    process.off('warning', warn);
    expect(warnings.filter((text) => text.startsWith('The billing ledger kept a row aside'))).toHaveLength(2);
    const db = new Database(join(dataDir, 'ledger.db'));
    expect(db.prepare('SELECT reason, row FROM refused').all()).toHaveLength(2);
    db.close();
  });
});

describe('an inbox that cannot write', () => {
  it('rejects, says so, and accepts again when it can', async () => {
    const inbox = await openInbox({ dataDir, owner: 'h' });
    const release = hold('inbox.db');
    const id = newInvocationId(0);
    const delivery = {
      ...{ id, endpoint: 'e', provider: 'github', dedupKey: id, keyId: 'k', receivedAt: '2026-11-30T12:00:00.000Z' },
      ...{ method: 'POST', target: '/', headers: [], body: new Uint8Array(), traceparent: '' },
    };
    const accept = () => inbox.accept(delivery, { maxAttempts: 1, dedupMs: 1000 });
    await expect(accept()).rejects.toThrow('database is locked');
    expect(inbox.problem()).toBe('The webhook inbox cannot be written: database is locked.');
    release();
    expect(await accept()).toEqual({ duplicateOf: null });
    expect(inbox.problem()).toBeNull();
    await inbox.close();
  });
});
