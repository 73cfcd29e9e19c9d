/** The life of an invocation against a fake engine, a fake clock and a ledger that waits to be told. */
import { beforeEach, describe, expect, it } from 'vitest';
import { endRecord, startRow } from '../../../src/billing/record.ts';
import type { Invocation, Reply } from '../../../src/contract/invocation.ts';
import type { InvocationStory } from '../../../src/contract/observer.ts';
import type { Ledger } from '../../../src/contract/store.ts';
import { MIB } from '../../../src/contract/units.ts';
import { Dispatch } from '../../../src/dispatch/dispatch.ts';
import { Pool } from '../../../src/pool/pool.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FAILED, FakeEngine } from '../../support/fake-engine.ts';
import { invocation, version } from '../../support/versions.ts';

class Recorder implements Reply {
  readonly calls: string[] = [];
  respond(head: { status: number }): void {
    this.calls.push(`respond ${head.status}`);
  }
  fail(outcome: string, as?: string | null): void {
    this.calls.push(as === undefined ? `fail ${outcome}` : `fail ${outcome} as ${as}`);
  }
  shed(reason: string): void {
    this.calls.push(`shed ${reason}`);
  }
}

class HeldLedger implements Pick<Ledger, 'start' | 'end' | 'whenDurable'> {
  readonly rows: string[] = [];
  readonly waiting: { then: () => void; failed: (error: Error) => void }[] = [];
  start(row: { invocationId: string }): number {
    return this.rows.push(`start ${row.invocationId}`);
  }
  end(row: { invocationId: string; outcome: string }): void {
    this.rows.push(`end ${row.invocationId} ${row.outcome}`);
  }
  whenDurable(then: () => void, failed: (error: Error) => void): void {
    this.waiting.push({ then, failed });
  }
  commit(): void {
    for (const { then } of this.waiting.splice(0)) then();
  }
}

let engine: FakeEngine;
let clock: FakeClock;
let ledger: HeldLedger;
let dispatch: Dispatch;
let stories: InvocationStory[];
let sheds: string[];

beforeEach(() => {
  engine = new FakeEngine();
  clock = new FakeClock();
  ledger = new HeldLedger();
  stories = [];
  sheds = [];
  const pool = new Pool({
    engine,
    maxIsolates: 50,
    memoryBytes: 500 * MIB,
    nowNs: () => clock.nowNs(),
    realmOf: () => '',
    stray: () => undefined,
    felled: () => undefined,
  });
  engine.listener = pool;
  dispatch = new Dispatch({
    pool,
    engine,
    gate: { admit: () => ({ kind: 'open' }), closedSeconds: () => null, probed: () => undefined },
    book: {
      start: (of, placed, { queueNs }) =>
        startRow(of, {
          cold: placed.init !== null,
          startedAt: new Date(clock.epochMs()).toISOString(),
          queueNs,
          isolateId: 'i',
          engineId: 'e',
          hostId: 'h',
        }),
      end: endRecord,
    },
    ledger: ledger as unknown as Ledger,
    observers: [
      { settled: (story) => stories.push(story), shed: (_, reason) => sheds.push(reason), stray: () => undefined },
    ],
    clock,
    queueDepth: 3,
    tenants: () => 1,
  });
});

function invoke(of = version('hello'), more: Partial<Invocation> = {}): { of: Invocation; reply: Recorder } {
  const reply = new Recorder();
  const made = invocation(of, reply, more);
  dispatch.invoke(made);
  return { of: made, reply };
}

function load(): void {
  for (const isolate of engine.loading) engine.finishLoad(isolate);
}

describe('dispatch', () => {
  it('answers once, after its rows are durable, and writes one record', () => {
    const { of, reply } = invoke();
    load();
    engine.settle(of.id);
    expect(ledger.rows).toEqual([`start ${of.id}`, `end ${of.id} ok`]);
    expect(reply.calls).toEqual([]);
    ledger.commit();
    expect(reply.calls).toEqual(['respond 200']);
    expect(stories.map((story) => story.record.outcome)).toEqual(['ok']);
    expect(dispatch.running).toBe(0);
  });

  it('answers 503 when the ledger cannot write', () => {
    const { of, reply } = invoke();
    load();
    engine.settle(of.id);
    for (const { failed } of ledger.waiting) failed(new Error('disk full'));
    expect(reply.calls).toEqual(['fail aborted']);
  });

  it('bills the cold start to the invocation that waited for it', () => {
    const { of } = invoke();
    load();
    engine.settle(of.id);
    const warm = invoke();
    engine.settle(warm.of.id);
    expect(stories.map(({ record }) => [record.cold, record.initNs > 0, record.billedMs])).toEqual([
      [true, true, 4],
      [false, false, 1],
    ]);
  });

  it('turns away what waits longer than queueMs: 503, a counter, no record', async () => {
    const { reply } = invoke(version('slow', { queueMs: 100 }));
    await clock.advance(99);
    expect(reply.calls).toEqual([]);
    await clock.advance(1);
    expect(reply.calls).toEqual(['shed overloaded']);
    expect([ledger.rows, stories, sheds]).toEqual([[], [], ['overloaded']]);
    expect(dispatch.queued).toBe(0);
  });

  it('turns away at once when the queue is full', () => {
    const replies = Array.from({ length: 5 }, () => invoke().reply.calls);
    expect(replies.map((calls) => calls[0])).toEqual([
      undefined,
      undefined,
      undefined,
      'shed overloaded',
      'shed overloaded',
    ]);
  });

  it('ends at the wall limit, counted from the start', async () => {
    const { of, reply } = invoke(version('hangs', { wallMs: 200, queueMs: 1000 }));
    await clock.advance(150);
    load();
    engine.begin(of.id);
    await clock.advance(199);
    expect(engine.aborted).toEqual([]);
    await clock.advance(1);
    expect(engine.aborted).toEqual([{ id: of.id, outcome: 'wall_timeout' }]);
    ledger.commit();
    expect(reply.calls).toEqual(['fail wall_timeout']);
    expect(stories[0]?.record).toMatchObject({ outcome: 'wall_timeout', status: 504 });
  });

  it.for([
    { wallMs: 100, waitUntilMs: 300, endsAt: 350 },
    { wallMs: 10_000, waitUntilMs: 300, endsAt: 350 },
    { wallMs: 60, waitUntilMs: 2000, endsAt: 2060 },
  ])('after the response, waitUntil has its own limit, counted from there: $waitUntilMs of $wallMs', async (rule) => {
    const { of, reply } = invoke(version('waits', rule));
    load();
    engine.begin(of.id);
    await clock.advance(50);
    engine.jobs.get(of.id)!.listener.head({ status: 201, headers: [] }, null);
    ledger.commit();
    expect(reply.calls).toEqual(['respond 201']);
    await clock.advance(rule.endsAt - 51);
    expect(engine.aborted).toEqual([]);
    await clock.advance(100);
    expect(engine.aborted).toEqual([{ id: of.id, outcome: 'wall_timeout' }]);
    expect(stories[0]?.record).toMatchObject({ outcome: 'wall_timeout', status: 201 });
    expect(reply.calls).toEqual(['respond 201']);
  });

  it('a client that went away is an outcome only when nothing else was', () => {
    const first = invoke();
    load();
    engine.begin(first.of.id);
    dispatch.clientClosed(first.of.id);
    engine.settle(first.of.id);
    const second = invoke();
    engine.begin(second.of.id);
    dispatch.clientClosed(second.of.id);
    engine.settle(second.of.id, 'function_error');
    expect(stories.map(({ record }) => [record.outcome, record.status])).toEqual([
      ['client_closed', 499],
      ['function_error', 500],
    ]);
  });

  it('a function that does not load: one record, and everybody is told of that one', () => {
    const [a, b] = [invoke(), invoke()];
    for (const isolate of engine.loading) engine.finishLoad(isolate, FAILED);
    ledger.commit();
    expect([a.reply.calls, b.reply.calls]).toEqual([['fail init_error'], [`fail init_error as ${a.of.id}`]]);
    expect(stories.map(({ record }) => [record.outcome, record.billedMs])).toEqual([['init_error', 3]]);
    expect([dispatch.queued, dispatch.running]).toEqual([0, 0]);
  });

  it('drains: refuses what comes, sheds what waits, aborts what does not end', async () => {
    const running = invoke(version('hangs'));
    load();
    engine.begin(running.of.id);
    const waiting = invoke(version('other'));
    const drained = dispatch.drain(500);
    expect(invoke().reply.calls).toEqual(['shed overloaded']);
    await clock.advance(500);
    await drained;
    ledger.commit();
    expect(waiting.reply.calls).toEqual(['shed overloaded']);
    expect(running.reply.calls).toEqual(['fail aborted']);
    expect(stories.map(({ record }) => [record.outcome, record.billedMs])).toEqual([['aborted', 0]]);
  });

  it('warns of limits that were nearly reached', () => {
    const { of } = invoke(version('near', { cpuMs: 10 }));
    load();
    engine.settle(of.id, 'ok', 9e6);
    expect(stories[0]?.limits).toMatchObject([{ limit: 'cpuMs', reached: false }]);
  });
});
