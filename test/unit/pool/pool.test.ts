/** Who runs where: the pool against an engine whose every step the test decides. */
import { describe, expect, it } from 'vitest';
import type { Invocation, Reply } from '../../../src/contract/invocation.ts';
import { MIB } from '../../../src/contract/units.ts';
import { Pool } from '../../../src/pool/pool.ts';
import type { Ticket } from '../../../src/pool/ticket.ts';
import { FAILED, FakeEngine, LOADED } from '../../support/fake-engine.ts';
import { invocation, version } from '../../support/versions.ts';

const NO_REPLY: Reply = { respond: () => undefined, fail: () => undefined, shed: () => undefined };

interface Watched extends Ticket {
  readonly events: string[];
}

function ticket(of: Invocation): Watched {
  const events: string[] = [];
  return {
    invocation: of,
    events,
    isolate: null,
    hasStarted: false,
    recalled: false,
    over: false,
    listener: {
      started: (_, placement) => events.push(placement.init === null ? 'warm' : 'cold'),
      head: () => undefined,
      failed: () => undefined,
      log: () => undefined,
      subrequest: () => undefined,
      settled: ({ outcome }) => events.push(outcome),
      unloadable: (_, ranAs) => events.push(ranAs === of.id ? 'unloadable' : `unloadable as ${ranAs}`),
      returned: () => true,
    },
  };
}

function world(options: { maxIsolates?: number; memoryBytes?: number; maxLanes?: number } = {}) {
  const engine = new FakeEngine();
  engine.maxLanes = options.maxLanes ?? 2;
  const pool = new Pool({
    engine,
    maxIsolates: options.maxIsolates ?? 100,
    memoryBytes: options.memoryBytes ?? 1000 * MIB,
    nowNs: () => engine.nowNs,
    realmOf: () => '',
    stray: () => undefined,
    felled: () => undefined,
  });
  engine.listener = pool;
  const enter = (of = version('hello'), more: Partial<Invocation> = {}) => {
    const one = ticket(invocation(of, NO_REPLY, more));
    pool.enter(one);
    return one;
  };
  return { engine, pool, enter };
}

describe('pool', () => {
  it('loads an isolate for the first invocation and keeps it warm for the second', () => {
    const { engine, enter } = world();
    const first = enter();
    expect(engine.loading.length).toBe(1);
    engine.finishLoad(engine.loading[0]!);
    engine.settle(first.invocation.id);
    const second = enter();
    engine.settle(second.invocation.id);
    expect(first.events).toEqual(['cold', 'ok']);
    expect(second.events).toEqual(['warm', 'ok']);
    expect(engine.isolates.size).toBe(1);
  });

  it('does not stampede: a burst on an unknown function loads one isolate a lane', () => {
    const { engine, enter } = world();
    for (let i = 0; i < 100; i++) enter();
    expect(engine.loading.length).toBe(2);
  });

  it('runs a burst of quick invocations on the isolates it has', () => {
    const { engine, enter, pool } = world();
    const tickets = Array.from({ length: 50 }, () => enter());
    for (const isolate of engine.loading) engine.finishLoad(isolate);
    for (let round = 0; round < 50; round++) for (const id of [...engine.jobs.keys()]) engine.settle(id);
    expect(tickets.every((one) => one.events.at(-1) === 'ok')).toBe(true);
    expect(pool.stats().loads).toBe(2);
  });

  it('hands quick invocations over ahead of time, up to the patience', () => {
    const { engine, enter } = world();
    const warm = enter();
    engine.finishLoad(engine.loading[0]!);
    engine.settle(warm.invocation.id, 'ok', 100_000);
    for (let i = 0; i < 30; i++) enter();
    // 100 µs each and 1 ms of patience: ten on the isolate, the rest waits for others to load.
    expect(engine.jobs.size).toBe(10);
    expect(engine.loading.length).toBeGreaterThan(0);
  });

  it('gives a waiting function an isolate for each invocation, up to its instances', () => {
    const { engine, enter, pool } = world();
    const of = version('slow', { instances: 20 });
    for (let i = 0; i < 30; i++) enter(of);
    for (let round = 0; round < 50 && engine.loading.length > 0; round++) {
      for (const isolate of engine.loading) {
        engine.finishLoad(isolate);
        for (const [id, job] of engine.jobs) if (!job.started) engine.begin(id);
        // The first turn is over and the invocation goes on: the engine reports the size.
        engine.listener.size(isolate, LOADED.heapBytes);
      }
    }
    expect(engine.isolates.size).toBe(20);
    expect([...engine.jobs.values()].filter((job) => job.started).length).toBe(20);
    expect(pool.stats().waiting).toBe(10);
  });

  it('one isolate serves several at once when concurrency allows', () => {
    const { engine, enter } = world();
    const of = version('shared', { concurrency: 10 });
    for (let i = 0; i < 10; i++) enter(of);
    expect(engine.loading.length).toBe(1);
    engine.finishLoad(engine.loading[0]!);
    expect(engine.jobs.size).toBe(10);
  });

  it('takes work back from a lane that is stuck and runs it elsewhere', () => {
    const { engine, enter } = world();
    const busy = enter();
    const isolate = engine.loading[0]!;
    engine.finishLoad(isolate);
    engine.settle(busy.invocation.id);
    const victim = enter();
    const lane = engine.isolates.get(isolate)!.lane;
    engine.nowNs = 10e6;
    engine.laneList.find((one) => one.id === lane)!.runningSinceNs = 1;
    engine.listener.stuck(lane);
    const other = engine.loading[0]!;
    expect(engine.isolates.get(other)!.lane).not.toBe(lane);
    engine.finishLoad(other);
    engine.settle(victim.invocation.id);
    expect(victim.events).toEqual(['cold', 'ok']);
  });

  it('puts what it took back in the order of its age, before what came later', () => {
    const { engine, enter, pool } = world({ maxLanes: 3 });
    const of = version('crowd', { concurrency: 10, instances: 2 });
    const [first, ...others] = [1, 2, 3, 4].map((acceptedNs) => enter(of, { acceptedNs }));
    engine.finishLoad(engine.loading[0]!);
    const { lane } = engine.isolates.get(engine.jobs.get(first!.invocation.id)!.isolate)!;
    engine.begin(first!.invocation.id);
    engine.nowNs = 1e9;
    for (const one of engine.laneList) Object.assign(one, { runningSinceNs: 1, running: 999 });
    others.push(enter(of, { acceptedNs: 5 }));
    pool.stuck(lane);
    engine.finishLoad(engine.loading[0]!);
    expect([...engine.jobs.keys()]).toEqual([first, ...others].map((one) => one!.invocation.id));
  });

  it('looks again when the turn that blocked its lane ended with its isolate', () => {
    const { engine, enter } = world({ maxLanes: 2 });
    const looping = enter(version('loop'));
    const isolate = engine.loading[0]!;
    engine.finishLoad(isolate);
    engine.begin(looping.invocation.id);
    const other = enter(version('other'));
    const fresh = engine.loading[0]!;
    engine.nowNs = 10e6;
    for (const lane of engine.laneList) lane.runningSinceNs = 1;
    engine.finishLoad(fresh);
    expect(engine.jobs.has(other.invocation.id)).toBe(false);
    for (const lane of engine.laneList) lane.runningSinceNs = 0;
    engine.isolates.delete(isolate);
    engine.listener.gone(isolate);
    expect(engine.jobs.has(other.invocation.id)).toBe(true);
  });

  it('waits for loads that keep its lane, and loads nothing twice', () => {
    const { engine, enter, pool } = world();
    const of = version('warm');
    const warm = enter(of);
    const isolate = engine.loading[0]!;
    engine.finishLoad(isolate);
    engine.settle(warm.invocation.id);
    const { lane } = engine.isolates.get(isolate)!;
    for (const name of ['a', 'b', 'c', 'd']) enter(version(name));
    const there = engine.loading.filter((number) => engine.isolates.get(number)!.lane === lane);
    engine.nowNs = 10e6;
    // The first of the loads on this lane is under way, another one behind it.
    Object.assign(engine.laneList.find(({ id }) => id === lane)!, { runningSinceNs: 1, running: there[0] });
    enter(of);
    pool.stuck(lane);
    expect(there.length).toBeGreaterThan(1);
    expect(engine.loading).toHaveLength(4);
    // One that takes long is no reason to wait.
    engine.nowNs = 50e6;
    pool.stuck(lane);
    expect(engine.loading).toHaveLength(6);
  });

  it('starts another lane when all are stuck', () => {
    const { engine, enter } = world({ maxLanes: 4 });
    engine.nowNs = 10e6;
    for (const lane of engine.laneList) lane.runningSinceNs = 1;
    enter();
    expect(engine.laneList.length).toBe(3);
    expect(engine.isolates.get(engine.loading[0]!)!.lane).toBe(3);
  });

  it('evicts the least recently used idle isolate, never a busy one', () => {
    const { engine, enter, pool } = world({ maxIsolates: 3 });
    const run = (name: string) => {
      const one = enter(version(name));
      engine.finishLoad(engine.loading[0]!);
      return one;
    };
    const a = run('a');
    const b = run('b');
    const c = run('c');
    engine.settle(b.invocation.id);
    engine.settle(a.invocation.id);
    const d = run('d');
    expect(engine.dropped.length).toBe(1);
    expect([...engine.isolates.values()].map((one) => one.version.spec.name).sort()).toEqual(['a', 'c', 'd']);
    engine.settle(c.invocation.id);
    engine.settle(d.invocation.id);
    expect(pool.stats()).toMatchObject({ isolates: 3, evictions: 1 });
  });

  it('waits when everything is busy and the pool is full', () => {
    const { engine, enter, pool } = world({ maxIsolates: 1 });
    const a = enter(version('a'));
    engine.finishLoad(engine.loading[0]!);
    const b = enter(version('b'));
    expect(pool.stats()).toMatchObject({ isolates: 1, waiting: 1 });
    engine.settle(a.invocation.id);
    expect(engine.loading.length).toBe(1);
    engine.finishLoad(engine.loading[0]!);
    engine.settle(b.invocation.id);
    expect(b.events).toEqual(['cold', 'ok']);
  });

  it('counts bytes against the budget', () => {
    const { engine, enter, pool } = world({ memoryBytes: 5 * MIB });
    for (const name of ['a', 'b']) {
      const one = enter(version(name));
      engine.finishLoad(engine.loading[0]!, { ...LOADED, heapBytes: 2 * MIB });
      engine.settle(one.invocation.id);
    }
    expect(pool.stats()).toMatchObject({ isolates: 1, evictions: 1 });
  });

  it('tells everybody who waits when the function does not load, bills one, and backs off', () => {
    const { engine, enter } = world();
    const first = enter();
    const second = enter();
    for (const isolate of engine.loading) engine.finishLoad(isolate, FAILED);
    expect([first.events, second.events]).toEqual([['unloadable'], [`unloadable as ${first.invocation.id}`]]);
    const third = enter();
    expect(third.events).toEqual([`unloadable as ${first.invocation.id}`]);
    expect(engine.loading.length).toBe(0);
    engine.nowNs = 1.1e9;
    const fourth = enter();
    engine.finishLoad(engine.loading[0]!);
    engine.settle(fourth.invocation.id);
    expect(fourth.events).toEqual(['cold', 'ok']);
  });

  it('retires an isolate after a stray error: it finishes what it has and serves nobody new', () => {
    const { engine, enter } = world();
    const first = enter();
    const isolate = engine.loading[0]!;
    engine.finishLoad(isolate);
    engine.begin(first.invocation.id);
    engine.listener.retired(isolate);
    engine.settle(first.invocation.id);
    expect(engine.dropped).toEqual([isolate]);
    enter();
    expect(engine.loading.length).toBe(1);
  });

  it('retired isolates that are still busy do not keep others from loading', () => {
    const { engine, enter } = world();
    for (let i = 0; i < 2; i++) {
      const one = enter();
      const isolate = engine.loading[0]!;
      engine.finishLoad(isolate);
      engine.begin(one.invocation.id);
      engine.listener.retired(isolate);
    }
    const waiting = enter();
    engine.finishLoad(engine.loading[0]!);
    expect(engine.jobs.has(waiting.invocation.id)).toBe(true);
  });

  it('does not hand out an isolate that is gone', () => {
    const { engine, enter } = world();
    const first = enter();
    const isolate = engine.loading[0]!;
    engine.finishLoad(isolate);
    engine.begin(first.invocation.id);
    const second = enter();
    engine.isolates.delete(isolate);
    engine.listener.gone(isolate);
    engine.settle(first.invocation.id, 'cpu_exceeded');
    engine.finishLoad(engine.loading[0]!);
    engine.settle(second.invocation.id);
    expect(second.events.at(-1)).toBe('ok');
  });

  it('queues again what the isolate gives back, and does not press it on the same one at once', async () => {
    const { engine, enter } = world();
    const first = enter();
    engine.finishLoad(engine.loading[0]!);
    engine.settle(first.invocation.id);
    const running = enter();
    const ahead = enter();
    engine.begin(running.invocation.id);
    engine.giveBack(ahead.invocation.id);
    await Promise.resolve();
    expect(engine.jobs.has(ahead.invocation.id)).toBe(false);
    engine.settle(running.invocation.id);
    engine.settle(ahead.invocation.id);
    expect(ahead.events.at(-1)).toBe('ok');
  });

  it('withdraws what waits, and what was handed over and has not started', () => {
    const { engine, enter, pool } = world();
    const waiting = enter();
    expect(pool.withdraw(waiting)).toBe(true);
    const first = enter();
    engine.finishLoad(engine.loading[0]!);
    expect(pool.withdraw(first)).toBe(true);
    expect(engine.jobs.size).toBe(0);
    const second = enter();
    engine.begin(second.invocation.id);
    expect(pool.withdraw(second)).toBe(false);
  });

  it('fills up warm isolates and does not evict them', () => {
    const { engine, enter, pool } = world({ maxIsolates: 3 });
    const of = version('kept', {}, { warm: 2 });
    pool.retain([of]);
    for (const isolate of engine.loading) engine.finishLoad(isolate);
    pool.retain([of, version('a'), version('b'), version('c')]);
    for (const name of ['a', 'b', 'c']) {
      const one = enter(version(name));
      engine.finishLoad(engine.loading[0]!);
      engine.settle(one.invocation.id);
    }
    expect(pool.census(of)).toEqual({ isolates: 2, running: 0 });
    const one = enter(of);
    engine.settle(one.invocation.id);
    expect(one.events).toEqual(['warm', 'ok']);
  });

  it('lets a replaced version finish and drops its isolates', () => {
    const { engine, enter, pool } = world();
    const old = version('hello');
    pool.retain([old]);
    const running = enter(old);
    engine.finishLoad(engine.loading[0]!);
    engine.begin(running.invocation.id);
    pool.retain([{ ...old, version: 2, key: 'key-hello-2' }]);
    expect(engine.dropped).toEqual([]);
    engine.settle(running.invocation.id);
    expect(engine.dropped.length).toBe(1);
    expect(pool.stats().isolates).toBe(0);
  });

  it('forced cold starts get an isolate of their own', () => {
    const { engine, enter } = world();
    const first = enter();
    engine.finishLoad(engine.loading[0]!);
    engine.settle(first.invocation.id);
    const cold = enter(version('hello'), { start: 'cold' });
    engine.finishLoad(engine.loading[0]!);
    engine.settle(cold.invocation.id);
    expect(cold.events).toEqual(['cold', 'ok']);
  });
});
