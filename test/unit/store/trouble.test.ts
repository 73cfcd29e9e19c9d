import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newInvocationId } from '../../../src/contract/ids.ts';
import type { UsageRecord } from '../../../src/contract/usage.ts';
import { openInbox, openLedger } from '../../../src/store/store.ts';

const record = (over: Partial<UsageRecord> = {}): UsageRecord => ({
  ...{ invocationId: newInvocationId(0), attempt: 1, requestId: 'r', traceId: '0'.repeat(32), tenant: 'default' },
  ...{ function: 'f', version: 1, trigger: 'http', source: '/', cold: false, startedAt: '2026-11-30T12:00:00.000Z' },
  ...{ queueNs: 1, memoryLimitMiB: 128, isolateId: 'i', engineId: 'e', hostId: 'h', outcome: 'ok', status: 200 },
  ...{ initNs: 0, runNs: 1, billedMs: 1, cpuNs: 5, cpuEstimated: false, hostCpuNs: 0, isolateMemoryPeakBytes: 0 },
  ...{ mibMs: 128, sharedMibMs: 128, requestBytes: 0, responseBytes: 0, subrequests: 0, closedBy: 'normal' },
  ...over,
});

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

describe('open invocations', () => {
  it('are rows only while they are open', async () => {
    const ledger = await openLedger({ dataDir, hostId: 'h', durability: 'process' });
    const durable = () => new Promise<void>((resolve, reject) => ledger.whenDurable(resolve, reject));
    const db = new Database(join(dataDir, 'ledger.db'), { readonly: true });
    const open = () => db.prepare('SELECT invocation_id FROM starts').all().length;
    const rows = [record(), record(), record()];
    for (const row of rows) ledger.start(row);
    ledger.end(rows[0]!);
    await durable();
    expect(open()).toBe(2);
    ledger.end(rows[1]!);
    await durable();
    expect(open()).toBe(1);
    db.close();
    await ledger.close();
  });
});

describe('a ledger that cannot write', () => {
  it('says so, keeps the rows, and writes them when it can', async () => {
    const ledger = await openLedger({ dataDir, hostId: 'h', durability: 'process' });
    const release = hold('ledger.db');
    const first = record();
    const second = record();
    ledger.start(first);
    ledger.end(second);
    const answers: string[] = [];
    await new Promise<void>((resolve) => {
      ledger.whenDurable(
        () => resolve(void answers.push('durable')),
        (error) => resolve(void answers.push(error.message)),
      );
    });
    const sentence = 'The billing ledger cannot be written: database is locked.';
    expect(answers).toEqual([sentence]);
    expect(ledger.problem()).toBe(sentence);
    release();
    await new Promise<void>((resolve, reject) => ledger.whenDurable(resolve, reject));
    expect(ledger.problem()).toBeNull();
    ledger.end(first);
    const query = { function: null, outcome: null, trigger: null, from: null, to: null, cursor: null, limit: 10 };
    expect((await ledger.records(query)).items.map((item) => item.invocationId)).toEqual([
      first.invocationId,
      second.invocationId,
    ]);
    expect(answers).toHaveLength(1);
    await ledger.close();
  });

  it('recovers by itself when nothing more is appended', async () => {
    const ledger = await openLedger({ dataDir, hostId: 'h', durability: 'process' });
    const release = hold('ledger.db');
    ledger.end(record());
    await new Promise<void>((resolve) =>
      ledger.whenDurable(
        () => expect.unreachable(),
        () => resolve(),
      ),
    );
    release();
    await expect.poll(() => ledger.problem(), { timeout: 5000 }).toBeNull();
    await ledger.close();
  });

  it('keeps a row aside that its tables refuse, and writes the others', async () => {
    const warnings: string[] = [];
    const warn = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', warn);
    const ledger = await openLedger({ dataDir, hostId: 'h', durability: 'process' });
    const good = record();
    ledger.end(record({ runNs: 0.5 }));
    ledger.end(record({ startedAt: 'never' }));
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
