/** Several hosts on one data directory: each sees all rows, none touches those of a host that lives. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newInvocationId } from '../../src/contract/ids.ts';
import type { Delivery, RecordQuery, StoredRecord } from '../../src/contract/store.ts';
import { LEDGER_MIGRATIONS } from '../../src/store/ledger-rows.ts';
import { LineWriter } from '../../src/store/line-writer.ts';
import { type Lock, openHostLock, openInbox, openLedger } from '../../src/store/store.ts';
import { usageRecord } from '../support/usage-record.ts';

const T0 = Date.parse('2026-11-30T12:00:00Z');
const OPTIONS = { maxAttempts: 3, dedupMs: 3_600_000 };
const ALL: RecordQuery = {
  ...{ function: null, outcome: null, trigger: null, from: null, to: null, cursor: null, limit: 1000 },
};

interface Host {
  readonly ledger: Awaited<ReturnType<typeof openLedger>>;
  readonly inbox: Awaited<ReturnType<typeof openInbox>>;
  /** As its process would: what it holds is free, and nobody told the stores. */
  die(): void;
}

const LINES = new LineWriter('none');
let dataDir: string;
let closers: (() => unknown)[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'isolane-hosts-'));
  closers = [];
});

afterEach(async () => {
  for (const close of closers.reverse()) await close();
  rmSync(dataDir, { recursive: true });
});

async function host(hostId: string, durability: 'process' | 'power' = 'process'): Promise<Host> {
  const lock = openHostLock(dataDir, hostId);
  const ledger = await openLedger({ dataDir, hostId, durability });
  const inbox = await openInbox({ dataDir, owner: hostId });
  closers.push(
    () => lock.close(),
    () => inbox.close(),
    () => ledger.close().catch(() => undefined),
  );
  return { ledger, inbox, die: () => dies(lock, hostId) };
}

/** The lock is dropped while its file stays, which is what SIGKILL leaves. */
function dies(lock: Lock, hostId: string): void {
  lock.close();
  mkdirSync(join(dataDir, 'hosts'), { recursive: true });
  writeFileSync(join(dataDir, 'hosts', `${hostId}.lock`), '');
}

const durable = ({ ledger }: Host): Promise<void> => new Promise((then, failed) => ledger.whenDurable(then, failed));
const journals = (): string[] => readdirSync(join(dataDir, 'ledger-journal')).sort();
const locks = (): string[] => readdirSync(join(dataDir, 'hosts')).sort();

const delivery = (over: Partial<Delivery> = {}): Delivery => ({
  ...{ id: newInvocationId(T0), endpoint: 'e', provider: 'github', dedupKey: newInvocationId(T0), keyId: 'k' },
  ...{ receivedAt: new Date(T0).toISOString(), method: 'POST', target: '/', headers: [], traceparent: '' },
  body: new TextEncoder().encode('{"a":1}'),
  ...over,
});

describe.each(['process', 'power'] as const)('the ledger of several hosts, durability %s', (durability) => {
  it('is one for queries', async () => {
    const a = await host('a', durability);
    const b = await host('b', durability);
    const rows = ['a', 'b', 'a', 'b'].map((hostId) => usageRecord({ hostId }));
    for (const row of rows) {
      const { ledger } = row.hostId === 'a' ? a : b;
      ledger.end(row);
      expect((await ledger.record(row.invocationId))?.hostId).toBe(row.hostId);
    }
    for (const { ledger } of [a, b]) {
      const { items } = await ledger.records(ALL);
      expect(items.map((item) => [item.seq, item.hostId])).toEqual([
        [4, 'b'],
        [3, 'a'],
        [2, 'b'],
        [1, 'a'],
      ]);
      expect(await ledger.query({ by: [], from: null, to: null })).toMatchObject([{ invocations: 4 }]);
    }
  });

  it('closes what dead hosts had started, and nothing of those that live', async () => {
    const [a, b, c] = [await host('a', durability), await host('b', durability), await host('c', durability)];
    const rows = ['a', 'b', 'c'].map((hostId) => usageRecord({ hostId }));
    for (const [index, one] of [a, b, c].entries()) {
      one.ledger.start(rows[index]!);
      await durable(one);
      await one.ledger.record('');
    }
    expect(await c.ledger.recover()).toEqual({ records: 0 });
    expect(locks()).toEqual(['a.lock', 'b.lock', 'c.lock']);
    a.die();
    expect(await c.ledger.recover()).toEqual({ records: 1 });
    expect(await c.ledger.recover()).toEqual({ records: 0 });
    expect(await b.ledger.records(ALL)).toMatchObject({
      items: [{ invocationId: rows[0]!.invocationId, outcome: 'aborted', billedMs: 0, closedBy: 'recovery' }],
    });
    expect(locks()).toEqual(['b.lock', 'c.lock']);
    expect(journals()).toEqual(['b', 'c']);
    // Those that live go on as if nothing had been.
    b.ledger.end(rows[1]!);
    c.ledger.end(rows[2]!);
    expect((await b.ledger.record(rows[1]!.invocationId))?.outcome).toBe('ok');
    expect((await c.ledger.record(rows[2]!.invocationId))?.outcome).toBe('ok');
  });

  it('ends as crashed what the culprit was running where it did it, and nothing else', async () => {
    const [a, b, c] = [await host('a', durability), await host('b', durability), await host('c', durability)];
    const start = async (one: Host, hostId: string, name: string): Promise<string> => {
      const row = usageRecord({ hostId, function: name });
      one.ledger.start(row);
      await durable(one);
      return row.invocationId;
    };
    const guilty = await start(a, 'a', 'bad');
    const neighbour = await start(a, 'a', 'good');
    const elsewhere = await start(b, 'b', 'bad');
    const settled = usageRecord({ hostId: 'a', function: 'bad' });
    a.ledger.end(settled);
    await durable(a);
    a.die();
    b.die();
    expect(await c.ledger.recover({ culprits: [{ function: 'bad', hostId: 'a' }] })).toEqual({ records: 3 });
    const outcome = async (id: string) => (await c.ledger.record(id))?.outcome;
    expect(await outcome(guilty)).toBe('crashed');
    expect(await outcome(neighbour)).toBe('aborted');
    expect(await outcome(elsewhere)).toBe('aborted');
    expect(await outcome(settled.invocationId)).toBe('ok');
    expect(await c.ledger.record(guilty)).toMatchObject({ billedMs: 0, runNs: 0, closedBy: 'recovery' });
  });

  it('takes over once when several try at the same moment', async () => {
    const a = await host('a', durability);
    for (let i = 0; i < 500; i++) a.ledger.start(usageRecord({ hostId: 'a' }));
    await durable(a);
    const others = [await host('b', durability), await host('c', durability), await host('d', durability)];
    a.die();
    const taken = await Promise.all(others.map(({ ledger }) => ledger.recover()));
    expect(taken.map(({ records }) => records).sort()).toEqual([0, 0, 500]);
    const [group] = await others[0]!.ledger.query({ by: ['outcome'], from: null, to: null });
    expect(group).toMatchObject({ key: { outcome: 'aborted' }, invocations: 500 });
  });

  it('goes on when one of its hosts closes', async () => {
    const a = await host('a', durability);
    const b = await host('b', durability);
    b.ledger.end(usageRecord({ hostId: 'b' }));
    await b.ledger.close();
    await b.inbox.close();
    a.ledger.end(usageRecord({ hostId: 'a' }));
    expect((await a.ledger.records(ALL)).items).toHaveLength(2);
    expect(await a.inbox.accept(delivery(), OPTIONS)).toEqual({ duplicateOf: null });
    expect([a.ledger.problem(), a.inbox.problem()]).toEqual([null, null]);
  });
});

describe('a host in reserve', () => {
  it('changes nothing until it recovers', async () => {
    const a = await host('a');
    const open = usageRecord({ hostId: 'a' });
    a.ledger.start(open);
    await durable(a);
    const event = delivery();
    await a.inbox.accept(event, { ...OPTIONS, running: true });
    a.die();
    const b = await host('b');
    expect(journals()).toEqual(['a', 'b']);
    expect(await b.inbox.get(event.id)).toMatchObject({ state: 'running', attempts: 1 });
    expect(await b.ledger.record(open.invocationId)).toBeNull();
    await b.ledger.recover();
    await b.inbox.recover();
    expect(journals()).toEqual(['b']);
    expect((await b.ledger.record(open.invocationId))?.outcome).toBe('aborted');
    expect((await b.inbox.get(event.id))?.state).toBe('ready');
  });
});

describe('the inbox of several hosts', () => {
  it('gives a due delivery to one of them, and its end to that one alone', async () => {
    const a = await host('a');
    const b = await host('b');
    const events = Array.from({ length: 10 }, () => delivery());
    for (const event of events) await a.inbox.accept(event, OPTIONS);
    const [ofA, ofB] = await Promise.all([a.inbox.claim(T0, 6), b.inbox.claim(T0, 6)]);
    expect(ofA.length + ofB.length).toBe(10);
    expect(new Set([...ofA, ...ofB].map((row) => row.id)).size).toBe(10);
    expect(await a.inbox.recover()).toEqual({ deliveries: 0 });
    const done = { state: 'succeeded', retryAtMs: null, outcome: 'ok', status: 200 } as const;
    await expect(a.inbox.finish(ofB[0]!.id, done)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await b.inbox.finish(ofB[0]!.id, done);
    expect((await a.inbox.get(ofB[0]!.id))?.state).toBe('succeeded');
  });

  it('stores an event once, whichever host it comes to', async () => {
    const [a, b] = [await host('a'), await host('b')];
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 === 0 ? a : b).inbox.accept(delivery({ dedupKey: 'same', id: `id-${i}` }), OPTIONS),
      ),
    );
    expect(answers.filter((answer) => answer.duplicateOf === null)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.duplicateOf)).size).toBe(2);
  });

  it('delivers elsewhere what a dead host had accepted or was running', async () => {
    const [a, b, c] = [await host('a'), await host('b'), await host('c')];
    const [waiting, running, living] = [delivery(), delivery(), delivery()];
    await a.inbox.accept(waiting, OPTIONS);
    await a.inbox.accept(running, { ...OPTIONS, running: true });
    await c.inbox.accept(living, { ...OPTIONS, running: true });
    a.die();
    const given = await Promise.all([b.inbox.recover(), c.inbox.recover()]);
    expect(given.map(({ deliveries }) => deliveries).sort()).toEqual([0, 1]);
    const rows = await b.inbox.claim(T0, 10);
    expect(rows.map((row) => [row.id, row.attempts])).toEqual([
      [waiting.id, 1],
      [running.id, 2],
    ]);
  });
});

describe('a data directory of a time when there was one host', () => {
  it('is taken over: its journal, its open invocations, its running deliveries', async () => {
    const first = await host('old');
    const event = delivery();
    await first.inbox.accept(event, { ...OPTIONS, running: true });
    await first.ledger.close();
    await first.inbox.close();
    const [apart, ended, open] = [0, 1, 2].map(() => usageRecord({ hostId: 'old' })) as [
      ReturnType<typeof usageRecord>,
      ReturnType<typeof usageRecord>,
      ReturnType<typeof usageRecord>,
    ];
    rmSync(join(dataDir, 'hosts'), { recursive: true });
    const segment = (number: number): string => join(dataDir, 'ledger-journal', `${number}.jsonl`);
    writeFileSync(segment(9), LINES.start(apart) + LINES.record(ended, false));
    writeFileSync(segment(10), LINES.record(apart, true) + LINES.start(open));
    const second = await host('new');
    expect(await second.ledger.recover()).toEqual({ records: 1 });
    expect(await second.inbox.recover()).toEqual({ deliveries: 1 });
    const outcomes = [apart, ended, open].map(async (row) => (await second.ledger.record(row.invocationId))?.outcome);
    expect(await Promise.all(outcomes)).toEqual(['ok', 'ok', 'aborted']);
    expect(existsSync(segment(9)) || existsSync(segment(10))).toBe(false);
    expect(journals()).toEqual(['new']);
    expect(locks()).toEqual(['new.lock']);
    expect(await second.inbox.claim(T0, 1)).toMatchObject([{ id: event.id, attempts: 2 }]);
  });

  it('keeps its records when their tables are of that time too, and bills nothing twice', async () => {
    const rows = Array.from({ length: 2500 }, (_, i) =>
      usageRecord({ hostId: 'old', function: `f-${i % 3}`, startedAt: new Date(T0 + i * 7).toISOString(), cold: true }),
    );
    const open = usageRecord({ hostId: 'old' });
    const db = new Database(join(dataDir, 'ledger.db'));
    db.exec(LEDGER_MIGRATIONS[0]!);
    db.pragma('user_version = 1');
    const cells = (line: string): (string | number)[] => {
      const [, ...all] = JSON.parse(line) as (string | number)[];
      return all.map((cell, i) =>
        i === 10 ? Date.parse(String(cell)) : i === 2 && cell === '' ? String(all[0]) : cell,
      );
    };
    const marks = (count: number): string => Array(count).fill('?').join(', ');
    const insert = db.prepare(`INSERT INTO records VALUES (NULL, ${marks(31)})`);
    db.exec('BEGIN');
    for (const row of rows) insert.run(...cells(LINES.record(row, false)));
    db.prepare(`INSERT INTO starts VALUES (${marks(16)})`).run(...cells(LINES.start(open)));
    db.exec('COMMIT');
    db.close();
    // It died before it had deleted what it had read, and with a row it had not.
    mkdirSync(join(dataDir, 'ledger-journal'));
    const last = usageRecord({ hostId: 'old' });
    const tail = [...rows.slice(-50), last].map((row) => LINES.record(row, false)).join('');
    writeFileSync(join(dataDir, 'ledger-journal', '3.jsonl'), LINES.start(rows.at(-60)!) + tail);
    const { ledger } = await host('new');
    expect(await ledger.recover()).toEqual({ records: 1 });
    const items: StoredRecord[] = [];
    for (let cursor: string | null = null; ; ) {
      const page = await ledger.records({ ...ALL, cursor });
      items.unshift(...[...page.items].reverse());
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(items.slice(0, 2501)).toEqual([...rows, last].map((row, i) => ({ ...row, seq: i + 1 })));
    expect(items.slice(2501)).toMatchObject([{ seq: 2502, invocationId: open.invocationId, outcome: 'aborted' }]);
    const at = (i: number): string => new Date(T0 + i * 7).toISOString();
    const groups = await ledger.query({ by: ['function'], from: at(1000), to: at(1300) });
    expect(groups.map((group) => [group.key.function, group.invocations, group.coldStarts])).toEqual([
      ['f-0', 100, 100],
      ['f-1', 100, 100],
      ['f-2', 100, 100],
    ]);
    expect(await ledger.record(rows[1234]!.invocationId)).toMatchObject({ seq: 1235 });
  });
});
