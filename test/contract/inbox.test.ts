import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostError } from '../../src/contract/errors.ts';
import { newInvocationId } from '../../src/contract/ids.ts';
import type { Delivery, Inbox } from '../../src/contract/store.ts';
import { openInbox } from '../../src/store/store.ts';
import { MemoryInbox } from '../support/memory-inbox.ts';

const T0 = Date.parse('2026-11-30T12:00:00Z');
const HOUR = 3_600_000;
const OPTIONS = { maxAttempts: 3, dedupMs: 72 * HOUR };

const delivery = (over: Partial<Delivery> = {}, atMs = T0): Delivery => ({
  id: newInvocationId(atMs),
  endpoint: 'github',
  provider: 'github',
  dedupKey: over.id ?? newInvocationId(atMs),
  keyId: 'key-0',
  receivedAt: new Date(atMs).toISOString(),
  method: 'POST',
  target: '/hooks/github?x=%20y',
  headers: ['x-one', '1', 'x-one', 'zwei ü'],
  body: new TextEncoder().encode('{"a":1}'),
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  ...over,
});

const kinds: readonly { name: string; open: (dataDir: string) => Promise<Inbox> }[] = [
  { name: 'SQLite', open: (dataDir) => openInbox({ dataDir, owner: 'host-1' }) },
  { name: 'memory', open: async () => new MemoryInbox() },
];

describe.each(kinds)('Inbox: $name', ({ open }) => {
  let dataDir: string;
  let inbox: Inbox;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'isolane-inbox-'));
    inbox = await open(dataDir);
  });

  afterEach(async () => {
    await inbox.close();
    rmSync(dataDir, { recursive: true });
  });

  it('keeps an event byte for byte', async () => {
    const body = Buffer.from('xx\0\xff\xfe{"a":1}\r\n', 'latin1').subarray(2);
    const event = delivery({ body });
    expect(await inbox.accept(event, OPTIONS)).toEqual({ duplicateOf: null });
    const row = await inbox.get(event.id);
    expect(row).toMatchObject({
      ...event,
      body: expect.anything(),
      state: 'ready',
      attempts: 0,
      maxAttempts: 3,
      dueAtMs: T0,
    });
    expect(Buffer.from(row!.body).equals(body)).toBe(true);
    expect(await inbox.get('nobody')).toBeNull();
  });

  it('keeps an empty body and a large one', async () => {
    const large = new Uint8Array(3 * 1024 * 1024).fill(7);
    for (const body of [new Uint8Array(), large]) {
      const event = delivery({ body });
      await inbox.accept(event, OPTIONS);
      expect(Buffer.from((await inbox.get(event.id))!.body).equals(body)).toBe(true);
    }
  });

  it('stores an event once per endpoint and key within the window', async () => {
    const first = delivery({ dedupKey: 'k' });
    await inbox.accept(first, OPTIONS);
    expect(await inbox.accept(delivery({ dedupKey: 'k' }, T0 + HOUR), OPTIONS)).toEqual({ duplicateOf: first.id });
    expect(await inbox.accept(delivery({ dedupKey: 'k', endpoint: 'other' }), OPTIONS)).toEqual({ duplicateOf: null });
    const later = delivery({ dedupKey: 'k' }, T0 + 72 * HOUR);
    expect(await inbox.accept(later, OPTIONS)).toEqual({ duplicateOf: null });
    expect(await inbox.accept(delivery({ dedupKey: 'k' }, T0 + 73 * HOUR), OPTIONS)).toEqual({ duplicateOf: later.id });
    expect((await inbox.list({ endpoint: null, state: null, cursor: null, limit: 10 })).items).toHaveLength(3);
  });

  it('stores one of many that arrive at once', async () => {
    const events = Array.from({ length: 20 }, () => delivery({ dedupKey: 'same' }));
    const answers = await Promise.all(events.map((event) => inbox.accept(event, OPTIONS)));
    expect(answers.filter((answer) => answer.duplicateOf === null)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.duplicateOf)).size).toBe(2);
  });

  it('begins a new series when the first one is dead', async () => {
    const first = delivery({ dedupKey: 'k' });
    await inbox.accept(first, { ...OPTIONS, running: true });
    expect((await inbox.accept(delivery({ dedupKey: 'k' }), OPTIONS)).duplicateOf).toBe(first.id);
    await inbox.finish(first.id, { state: 'dead', retryAtMs: null, outcome: 'function_error', status: 500 });
    const again = delivery({ dedupKey: 'k' });
    expect(await inbox.accept(again, OPTIONS)).toEqual({ duplicateOf: null });
    expect((await inbox.get(first.id))?.state).toBe('dead');
    expect((await inbox.get(again.id))?.state).toBe('ready');
  });

  it('leases what is due, in order, once', async () => {
    const events = [delivery({}, T0 + 20), delivery({}, T0), delivery({}, T0 + 10)];
    for (const event of events) await inbox.accept(event, OPTIONS);
    expect(await inbox.nextDueMs()).toBe(T0);
    expect(await inbox.claim(T0 - 1, 10)).toEqual([]);
    const rows = await inbox.claim(T0 + 10, 10);
    expect(rows.map((row) => row.id)).toEqual([events[1]!.id, events[2]!.id]);
    expect(rows[0]).toMatchObject({ state: 'running', attempts: 1, headers: events[1]!.headers });
    expect(Buffer.from(rows[0]!.body).toString()).toBe('{"a":1}');
    expect(await inbox.claim(T0 + 10, 10)).toEqual([]);
    expect(await inbox.nextDueMs()).toBe(T0 + 20);
  });

  it('leases no more than asked for', async () => {
    for (let i = 0; i < 5; i++) await inbox.accept(delivery(), OPTIONS);
    const claims = await Promise.all([inbox.claim(T0, 2), inbox.claim(T0, 2), inbox.claim(T0, 2)]);
    expect(claims.map((rows) => rows.length)).toEqual([2, 2, 1]);
    expect(new Set(claims.flat().map((row) => row.id)).size).toBe(5);
  });

  it('does not lease what was accepted as running', async () => {
    const event = delivery();
    await inbox.accept(event, { ...OPTIONS, running: true });
    expect(await inbox.claim(T0, 10)).toEqual([]);
    expect(await inbox.get(event.id)).toMatchObject({ state: 'running', attempts: 1 });
  });

  it('ends attempts: retry, then success', async () => {
    const event = delivery();
    await inbox.accept(event, OPTIONS);
    await inbox.claim(T0, 1);
    await inbox.finish(event.id, { state: 'ready', retryAtMs: T0 + 5000, outcome: 'function_error', status: 500 });
    expect(await inbox.get(event.id)).toMatchObject({
      state: 'ready',
      attempts: 1,
      dueAtMs: T0 + 5000,
      lastStatus: 500,
    });
    expect(await inbox.claim(T0 + 4999, 1)).toEqual([]);
    expect(await inbox.claim(T0 + 5000, 1)).toMatchObject([{ attempts: 2, lastOutcome: 'function_error' }]);
    await inbox.finish(event.id, { state: 'succeeded', retryAtMs: null, outcome: 'ok', status: 204 });
    expect(await inbox.get(event.id)).toMatchObject({
      state: 'succeeded',
      attempts: 2,
      lastOutcome: 'ok',
      lastStatus: 204,
    });
    expect(await inbox.nextDueMs()).toBeNull();
  });

  it('an attempt that was none takes none away', async () => {
    const event = delivery();
    await inbox.accept(event, { ...OPTIONS, running: true });
    const held = {
      state: 'ready',
      retryAtMs: T0 + 60_000,
      outcome: 'quarantined',
      status: 503,
      uncounted: true,
    } as const;
    await inbox.finish(event.id, held);
    expect(await inbox.get(event.id)).toMatchObject({ state: 'ready', attempts: 0, lastOutcome: 'quarantined' });
    expect(await inbox.claim(T0 + 60_000, 1)).toMatchObject([{ id: event.id, attempts: 1 }]);
  });

  it('ends an attempt once', async () => {
    const event = delivery();
    const done = { state: 'succeeded', retryAtMs: null, outcome: 'ok', status: 200 } as const;
    await inbox.accept(event, { ...OPTIONS, running: true });
    await inbox.finish(event.id, done);
    await expect(inbox.finish(event.id, done)).rejects.toThrow(HostError);
    await expect(inbox.finish('nobody', done)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('lists newest first, in pages, filtered, without bodies', async () => {
    const events = [];
    for (let i = 0; i < 5; i++) events.push(delivery({ endpoint: i === 2 ? 'other' : 'github' }, T0 + i));
    for (const event of events) await inbox.accept(event, OPTIONS);
    const ids = events.map((event) => event.id).reverse();
    const all = { endpoint: null, state: null, cursor: null, limit: 2 };
    const seen: string[] = [];
    for (let cursor: string | null = null; ; ) {
      const page = await inbox.list({ ...all, cursor });
      seen.push(...page.items.map((row) => row.id));
      expect(page.items.every((row) => row.body.length === 0)).toBe(true);
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(ids);
    const other = await inbox.list({ ...all, endpoint: 'other', limit: 10 });
    expect(other).toMatchObject({ items: [{ id: ids[2] }], nextCursor: null });
    await inbox.claim(T0, 1);
    const running = await inbox.list({ ...all, state: 'running', limit: 10 });
    expect(running.items.map((row) => row.id)).toEqual([ids[4]]);
  });

  it.each([{ limit: 0 }, { limit: 1001 }, { cursor: 'made up' }])('refuses to list with %j', async (over) => {
    const query = { endpoint: null, state: null, cursor: null, limit: 10, ...over };
    await expect(inbox.list(query)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });
});

describe('Inbox on disk', () => {
  it('gives back what a former host was running, and counts the attempt', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'isolane-inbox-'));
    const first = await openInbox({ dataDir, owner: 'host-1' });
    const fresh = delivery();
    const lastTry = delivery();
    await first.accept(fresh, { ...OPTIONS, running: true });
    await first.accept(lastTry, { ...OPTIONS, maxAttempts: 1, running: true });
    await first.close();
    const second = await openInbox({ dataDir, owner: 'host-2' });
    expect(await second.get(fresh.id)).toMatchObject({ state: 'running', attempts: 1 });
    expect(await second.recover()).toEqual({ deliveries: 2 });
    expect(await second.get(fresh.id)).toMatchObject({ state: 'ready', attempts: 1, lastOutcome: 'interrupted' });
    expect(await second.get(lastTry.id)).toMatchObject({ state: 'dead', attempts: 1, lastOutcome: 'interrupted' });
    expect(await second.claim(T0, 10)).toMatchObject([{ id: fresh.id, attempts: 2 }]);
    await second.close();
    await expect(second.get(fresh.id)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    rmSync(dataDir, { recursive: true });
  });
});
