import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newInvocationId } from '../../src/contract/ids.ts';
import type { Ledger, RecordQuery } from '../../src/contract/store.ts';
import type { UsageRecord } from '../../src/contract/usage.ts';
import { openLedger } from '../../src/store/store.ts';

const T0 = Date.parse('2026-11-30T12:00:00Z');

const record = (over: Partial<UsageRecord> = {}, atMs = T0): UsageRecord => ({
  invocationId: newInvocationId(atMs),
  attempt: 1,
  requestId: 'request',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  tenant: 'default',
  function: 'hello',
  version: 1,
  trigger: 'http',
  source: 'GET /hello/:name "ü"',
  cold: false,
  startedAt: new Date(atMs).toISOString(),
  queueNs: 1,
  memoryLimitMiB: 128,
  isolateId: 'isolate-1',
  engineId: 'engine-1',
  hostId: 'host-1',
  outcome: 'ok',
  status: 200,
  initNs: 2,
  runNs: 3,
  billedMs: 4,
  cpuNs: 5,
  cpuEstimated: true,
  hostCpuNs: 6,
  isolateMemoryPeakBytes: 7,
  mibMs: 512,
  sharedMibMs: 511,
  requestBytes: 8,
  responseBytes: 9,
  subrequests: 10,
  closedBy: 'normal',
  ...over,
});

const durable = (ledger: Ledger): Promise<void> => new Promise((then, failed) => ledger.whenDurable(then, failed));
const unexpected = (error: Error): void => expect.unreachable(error.message);
const query: RecordQuery = {
  function: null,
  outcome: null,
  trigger: null,
  from: null,
  to: null,
  cursor: null,
  limit: 100,
};

describe.each(['process', 'power'] as const)('Ledger: SQLite, durability %s', (durability) => {
  let dataDir: string;
  let ledger: Awaited<ReturnType<typeof openLedger>>;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'isolane-ledger-'));
    ledger = await openLedger({ dataDir, hostId: 'host-1', durability });
  });

  afterEach(async () => {
    await ledger.close();
    rmSync(dataDir, { recursive: true });
  });

  it('gives back every field as it was appended', async () => {
    const row = record({ cold: true, status: 0, queueNs: 2 ** 53 - 1, trigger: 'cron' });
    ledger.start(row);
    ledger.end(row);
    expect(await ledger.record(row.invocationId)).toEqual({ ...row, seq: 1 });
    expect(await ledger.record('nobody')).toBeNull();
  });

  it('fires when everything before is durable, once, in order, never at once', async () => {
    const fired: string[] = [];
    ledger.whenDurable(() => fired.push('empty'), unexpected);
    ledger.start(record());
    ledger.whenDurable(() => fired.push('start'), unexpected);
    ledger.end(record());
    ledger.whenDurable(() => fired.push('end'), unexpected);
    expect(fired).toEqual([]);
    await durable(ledger);
    await durable(ledger);
    expect(fired).toEqual(['empty', 'start', 'end']);
    expect(ledger.problem()).toBeNull();
  });

  it('keeps one record per invocation: the first END wins', async () => {
    const row = record();
    ledger.end(row);
    ledger.end({ ...row, billedMs: 99 });
    await durable(ledger);
    ledger.end({ ...row, billedMs: 100 });
    const { items } = await ledger.records(query);
    expect(items).toEqual([{ ...row, seq: 1 }]);
  });

  it('closes, when it recovers, what a former host had started, unbilled, and nothing else', async () => {
    const open = [record(), record({ cold: true }), record()];
    const [first, together, apart] = [open[0]!, open[1]!, open[2]!];
    ledger.start(first);
    ledger.start(together);
    ledger.end(together);
    ledger.start(apart);
    await durable(ledger);
    ledger.end(apart);
    await ledger.close();
    for (let life = 2; life < 4; life++) {
      ledger = await openLedger({ dataDir, hostId: `host-${life}`, durability });
      expect(await ledger.records(query)).toMatchObject({ items: { length: life } });
      expect(await ledger.recover()).toEqual({ records: life === 2 ? 1 : 0 });
      const { items } = await ledger.records(query);
      expect(items).toHaveLength(3);
      expect(items.filter((item) => item.closedBy === 'recovery')).toEqual([
        {
          ...first,
          ...{ seq: 3, outcome: 'aborted', status: 0, closedBy: 'recovery', cpuEstimated: false },
          ...{ initNs: 0, runNs: 0, billedMs: 0, cpuNs: 0, hostCpuNs: 0, isolateMemoryPeakBytes: 0 },
          ...{ mibMs: 0, sharedMibMs: 0, requestBytes: 0, responseBytes: 0, subrequests: 0 },
        },
      ]);
      if (life < 3) await ledger.close();
    }
  });

  it('finds at once what was appended before it was asked', async () => {
    await ledger.record('nobody');
    for (let i = 0; i < 20; i++) {
      const row = record();
      ledger.end(row);
      expect((await ledger.record(row.invocationId))?.seq).toBe(i + 1);
    }
  });

  it('sums records by what is asked', async () => {
    ledger.end(record({ cold: true }));
    ledger.end(record({ version: 2 }));
    ledger.end(record({ version: 2, outcome: 'function_error' }));
    ledger.end(record({ function: 'other', tenant: 'acme', trigger: 'cron' }));
    const sums = { invocations: 1, billedMs: 4, coldStarts: 0, cpuNs: '5', initNs: '2', runNs: '3', mibMs: '512' };
    const one = { ...sums, requestBytes: '8', responseBytes: '9' };
    expect(await ledger.query({ by: ['function', 'version'], from: null, to: null })).toEqual([
      { key: { function: 'hello', version: '1' }, ...one, coldStarts: 1 },
      {
        key: { function: 'hello', version: '2' },
        ...{ invocations: 2, billedMs: 8, coldStarts: 0, cpuNs: '10', initNs: '4', runNs: '6', mibMs: '1024' },
        ...{ requestBytes: '16', responseBytes: '18' },
      },
      { key: { function: 'other', version: '1' }, ...one },
    ]);
    const by = async (dimension: 'tenant' | 'trigger' | 'outcome') =>
      (await ledger.query({ by: [dimension], from: null, to: null })).map((group) => [group.key, group.invocations]);
    expect(await by('tenant')).toEqual([
      [{ tenant: 'acme' }, 1],
      [{ tenant: 'default' }, 3],
    ]);
    expect(await by('trigger')).toEqual([
      [{ trigger: 'cron' }, 1],
      [{ trigger: 'http' }, 3],
    ]);
    expect(await by('outcome')).toEqual([
      [{ outcome: 'function_error' }, 1],
      [{ outcome: 'ok' }, 3],
    ]);
    expect(await ledger.query({ by: [], from: null, to: null })).toMatchObject([
      { key: {}, invocations: 4, billedMs: 16 },
    ]);
  });

  it('adds nanoseconds beyond 2^53 exactly', async () => {
    const runNs = 2 ** 53 - 1;
    for (let i = 0; i < 3; i++) ledger.end(record({ runNs }));
    const [group] = await ledger.query({ by: [], from: null, to: null });
    expect(group?.runNs).toBe(String(BigInt(runNs) * 3n));
  });

  it('is empty at first: no group, or one of zeros', async () => {
    expect(await ledger.query({ by: ['function'], from: null, to: null })).toEqual([]);
    expect(await ledger.query({ by: [], from: null, to: null })).toMatchObject([{ invocations: 0, cpuNs: '0' }]);
    expect(await ledger.records(query)).toEqual({ items: [], nextCursor: null });
  });

  it('lists newest first, in pages that stay put while rows are added', async () => {
    for (let i = 0; i < 5; i++) ledger.end(record());
    const first = await ledger.records({ ...query, limit: 2 });
    expect(first.items.map((item) => item.seq)).toEqual([5, 4]);
    ledger.end(record());
    const second = await ledger.records({ ...query, limit: 2, cursor: first.nextCursor });
    expect(second.items.map((item) => item.seq)).toEqual([3, 2]);
    const third = await ledger.records({ ...query, limit: 2, cursor: second.nextCursor });
    expect(third).toMatchObject({ items: [{ seq: 1 }], nextCursor: null });
  });

  it('filters records; `from` is inclusive, `to` is not', async () => {
    ledger.end(record({ function: 'a' }, T0));
    ledger.end(record({ function: 'b', outcome: 'aborted' }, T0 + 1000));
    ledger.end(record({ function: 'b', trigger: 'webhook' }, T0 + 2000));
    const seqs = async (over: Partial<RecordQuery>) =>
      (await ledger.records({ ...query, ...over })).items.map((item) => item.seq);
    expect(await seqs({ function: 'b' })).toEqual([3, 2]);
    expect(await seqs({ function: 'b', outcome: 'ok' })).toEqual([3]);
    expect(await seqs({ trigger: 'webhook' })).toEqual([3]);
    expect(await seqs({ from: '2026-11-30T12:00:01Z', to: '2026-11-30T12:00:02Z' })).toEqual([2]);
    const usage = await ledger.query({ by: ['function'], from: '2026-11-30T12:00:01Z', to: '2026-11-30T12:00:02Z' });
    expect(usage).toMatchObject([{ key: { function: 'b' }, invocations: 1 }]);
  });

  it.each([{ limit: 0 }, { limit: 1.5 }, { limit: 1001 }, { cursor: 'MQ; DROP' }, { from: 'yesterday' }])(
    'refuses to list with %j',
    async (over) => {
      await expect(ledger.records({ ...query, ...over })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    },
  );

  it('refuses an unknown dimension by name', async () => {
    const by = ['status; DROP TABLE records'] as unknown as ['function'];
    await expect(ledger.query({ by, from: null, to: null })).rejects.toThrow(/cannot be grouped by status; DROP/);
  });

  it('fails what comes after it was closed', async () => {
    await ledger.close();
    await expect(durable(ledger)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
