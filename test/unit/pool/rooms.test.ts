/** Whose room it is: reserves, isolates kept ready, limits of tenants, turns between those who wait, the brake. */
import { describe, expect, it } from 'vitest';
import { ISOLATE_BASE_BYTES, type TenantLimits } from '../../../src/contract/capacity.ts';
import type { FunctionVersion } from '../../../src/contract/function.ts';
import type { Reply } from '../../../src/contract/invocation.ts';
import { MIB } from '../../../src/contract/units.ts';
import { Brake } from '../../../src/pool/brake.ts';
import { Pool } from '../../../src/pool/pool.ts';
import { FAILED, FakeEngine } from '../../support/fake-engine.ts';
import { invocation, version } from '../../support/versions.ts';

const NO_REPLY: Reply = { respond: () => undefined, fail: () => undefined, shed: () => undefined };

interface WorldOptions {
  readonly maxIsolates?: number;
  readonly memoryBytes?: number;
  readonly limits?: Readonly<Record<string, Partial<TenantLimits>>>;
}

function world({ maxIsolates = 100, memoryBytes = 1000 * MIB, limits = {} }: WorldOptions = {}) {
  const engine = new FakeEngine();
  const none = { instances: Number.POSITIVE_INFINITY, memoryBytes: Number.POSITIVE_INFINITY };
  const pool = new Pool({
    ...{ engine, maxIsolates, memoryBytes, nowNs: () => engine.nowNs, realmOf: () => '' },
    ...{ stray: () => undefined, felled: () => undefined },
    tenantLimits: (name) => ({ ...none, ...limits[name] }),
  });
  engine.listener = pool;
  let age = 0;
  /** Calls a function; the invocation's id. */
  const call = (of: FunctionVersion): string => {
    age += 1;
    const made = invocation(of, NO_REPLY, { acceptedNs: age });
    const ignore = (): undefined => undefined;
    pool.enter({
      ...{ invocation: made, isolate: null, hasStarted: false, recalled: false, over: false },
      listener: {
        ...{ started: ignore, head: ignore, failed: ignore, log: ignore, subrequest: ignore, settled: ignore },
        ...{ unloadable: ignore, returned: () => true },
      },
    });
    return made.id;
  };
  const loadAll = (): void => {
    while (engine.loading.length > 0) engine.finishLoad(engine.loading[0]!);
  };
  const counts = (): Record<string, number> => {
    const found: Record<string, number> = {};
    for (const { version: of } of engine.isolates.values()) found[of.spec.name] = (found[of.spec.name] ?? 0) + 1;
    return found;
  };
  return { engine, pool, call, loadAll, counts };
}

/** A function that waits for I/O: each invocation has an isolate to itself. */
const of = (name: string, spec: Parameters<typeof version>[2] = {}): FunctionVersion =>
  version(name, { instances: 50 }, spec);

describe('reserved', () => {
  it('keeps room that others cannot take, and takes it when called', () => {
    const { pool, call, loadAll, counts } = world({ maxIsolates: 4 });
    const kept = of('kept', { reserved: 2 });
    const others = ['a', 'b', 'c', 'd'].map((name) => of(name));
    pool.retain([kept, ...others]);
    expect(pool.stats()).toMatchObject({ isolates: 0, reserved: 2 });
    for (const one of others) call(one);
    loadAll();
    expect(counts()).toEqual({ a: 1, b: 1 });
    call(kept);
    expect(counts()).toEqual({ a: 1, b: 1, kept: 1 });
    expect(pool.stats().reserved).toBe(1);
  });

  it('is not evicted for others once it is loaded', () => {
    const { engine, pool, call, loadAll, counts } = world({ maxIsolates: 3 });
    const kept = of('kept', { reserved: 1 });
    const others = ['a', 'b', 'c', 'd', 'e'].map((name) => of(name));
    pool.retain([kept, ...others]);
    const first = call(kept);
    loadAll();
    engine.settle(first);
    for (const one of others) {
      const id = call(one);
      loadAll();
      engine.settle(id);
    }
    expect(counts()).toEqual({ kept: 1, d: 1, e: 1 });
  });

  it('is free again when the function is gone', () => {
    const { pool } = world({ maxIsolates: 4 });
    pool.retain([of('kept', { reserved: 2 })]);
    pool.retain([]);
    expect(pool.stats().reserved).toBe(0);
  });
});

describe('warm', () => {
  it('is filled one load a lane at a time, in turn between functions', () => {
    const { engine, pool, loadAll, counts } = world();
    pool.retain([of('a', { warm: 3 }), of('b', { warm: 3 })]);
    expect(engine.loading.length).toBe(2);
    expect(counts()).toEqual({ a: 1, b: 1 });
    loadAll();
    expect(counts()).toEqual({ a: 3, b: 3 });
  });

  it('is refilled when one has gone', () => {
    const { engine, pool, loadAll, counts } = world();
    pool.retain([of('a', { warm: 2 })]);
    loadAll();
    const [gone] = engine.isolates.keys();
    engine.isolates.delete(gone!);
    engine.listener.gone(gone!);
    loadAll();
    expect(counts()).toEqual({ a: 2 });
  });

  it('shrinks back to what is kept, and no further', () => {
    const { engine, pool, call, loadAll, counts } = world({ maxIsolates: 4 });
    const kept = of('kept', { warm: 1 });
    pool.retain([kept, of('a'), of('b'), of('c'), of('d')]);
    loadAll();
    const ids = [call(kept), call(kept)];
    loadAll();
    expect(counts()).toEqual({ kept: 2 });
    for (const id of ids) engine.settle(id);
    for (const name of ['a', 'b', 'c', 'd']) {
      const id = call(of(name));
      loadAll();
      engine.settle(id);
    }
    expect(counts()).toEqual({ kept: 1, b: 1, c: 1, d: 1 });
  });

  it('waits after a load that failed, and is tried again', () => {
    const { engine, pool, loadAll, counts } = world();
    pool.retain([of('a', { warm: 1 })]);
    engine.finishLoad(engine.loading[0]!, FAILED);
    pool.look(0);
    expect(engine.loading).toEqual([]);
    engine.nowNs = 2e9;
    pool.look(0);
    loadAll();
    expect(counts()).toEqual({ a: 1 });
  });
});

describe('tenants', () => {
  it('have no more isolates than they may, and make room of their own', () => {
    const { engine, pool, call, loadAll, counts } = world({ limits: { acme: { instances: 2 } } });
    const [a, b, c] = ['a', 'b', 'c'].map((name) => of(name, { tenant: 'acme' }));
    const ids = [call(a!), call(b!), call(c!)];
    call(of('other'));
    loadAll();
    expect(counts()).toEqual({ a: 1, b: 1, other: 1 });
    engine.settle(ids[0]!);
    loadAll();
    expect(counts()).toEqual({ b: 1, c: 1, other: 1 });
    expect(pool.stats().tenants.find(({ name }) => name === 'acme')).toMatchObject({ isolates: 2, starved: 0 });
  });

  it('hold no more bytes than they may', () => {
    const { engine, call, loadAll, counts } = world({
      limits: { acme: { memoryBytes: 2.5 * (ISOLATE_BASE_BYTES + 1e6) } },
    });
    for (const name of ['a', 'b', 'c', 'd']) {
      const id = call(of(name, { tenant: 'acme' }));
      loadAll();
      engine.settle(id);
    }
    expect(counts()).toEqual({ c: 1, d: 1 });
  });

  it('are given room in turn: the one with less comes first, then who waits longest', () => {
    const { engine, call, loadAll, counts } = world({ maxIsolates: 2 });
    const loud = ['a', 'b', 'c', 'd'].map((name) => call(of(name, { tenant: 'loud' })));
    loadAll();
    call(of('quiet', { tenant: 'quiet' }));
    expect(counts()).toEqual({ a: 1, b: 1 });
    engine.settle(loud[0]!);
    loadAll();
    // It came last, and its tenant has nothing.
    expect(counts()).toEqual({ b: 1, quiet: 1 });
    engine.settle(loud[1]!);
    loadAll();
    expect(counts()).toEqual({ c: 1, quiet: 1 });
  });

  it('give room to functions without an isolate first, then to who waits longest', () => {
    const { engine, call, loadAll, counts } = world({ maxIsolates: 2 });
    const several = of('several');
    const first = call(several);
    const other = call(of('other'));
    loadAll();
    call(several);
    call(of('none'));
    expect(counts()).toEqual({ several: 1, other: 1 });
    engine.begin(first);
    engine.settle(other);
    loadAll();
    expect(counts()).toEqual({ several: 1, none: 1 });
  });

  it('give way though their isolates never rest', () => {
    const { engine, call, loadAll, counts } = world({ maxIsolates: 1 });
    const busy = of('busy', { tenant: 'loud' });
    let running = call(busy);
    loadAll();
    // So quick that work is handed over ahead of time: the isolate is never empty.
    for (let i = 0; i < 5; i++) {
      const next = call(busy);
      engine.settle(running, 'ok', 500_000);
      running = next;
    }
    call(of('quiet', { tenant: 'quiet' }));
    for (let i = 0; i < 10 && counts()['quiet'] === undefined; i++) {
      call(busy);
      const [first] = engine.jobs.keys();
      engine.settle(first!, 'ok', 500_000);
      loadAll();
    }
    expect(counts()).toEqual({ quiet: 1 });
  });
});

describe('the brake', () => {
  const budget = 1000 * MIB;

  it('takes hold above the budget, lets go only well below', () => {
    const brake = new Brake(budget);
    brake.look(1100 * MIB, 900 * MIB);
    expect(brake.isOn).toBe(false);
    brake.look(1200 * MIB, 900 * MIB);
    expect(brake.allowedBytes).toBe(810 * MIB);
    brake.look(1100 * MIB, 800 * MIB);
    expect(brake.allowedBytes).toBe(810 * MIB);
    brake.look(900 * MIB, 700 * MIB);
    expect(brake.allowedBytes).toBe(860 * MIB);
    for (let i = 0; i < 10; i++) brake.look(0, 0);
    expect([brake.isOn, brake.allowedBytes]).toEqual([false, budget]);
  });

  it('leaves a quarter, whatever the process holds', () => {
    const brake = new Brake(budget);
    for (let i = 0; i < 100; i++) brake.look(9000 * MIB, 10 * MIB);
    expect(brake.allowedBytes).toBe(budget / 4);
  });

  it('allows nothing for one look when a quarter has not helped for long, and again only when more is held', () => {
    const brake = new Brake(budget);
    const looks = (count: number, residentMiB: number): number =>
      Array.from({ length: count }, () => {
        brake.look(residentMiB * MIB, 10 * MIB);
        return brake.allowedBytes;
      }).filter((bytes) => bytes === 0).length;
    expect(looks(7, 2000)).toBe(0);
    expect(looks(1, 2000)).toBe(1);
    expect(looks(50, 2000)).toBe(0);
    expect(brake.allowedBytes).toBe(budget / 4);
    expect(looks(50, 2200)).toBe(1);
    // It helped: what comes after is another matter.
    expect(looks(50, 500)).toBe(0);
    expect(looks(50, 2000)).toBe(1);
  });

  it('evicts everything idle when it allows nothing', () => {
    const { pool, call, loadAll, engine } = world({ maxIsolates: 1000, memoryBytes: 1000 * MIB });
    const many = Array.from({ length: 98 }, (_, index) => of(`f${index}`));
    pool.retain(many);
    for (const one of many) {
      const id = call(one);
      loadAll();
      engine.settle(id);
    }
    expect(pool.stats().isolates).toBe(98);
    for (let n = 0; n < 7; n++) pool.look(9000 * MIB);
    expect(pool.stats().isolates).toBe(98);
    pool.look(9000 * MIB);
    expect(pool.stats().isolates).toBe(0);
  });

  it('evicts idle isolates, a few at each look, and those that are kept ready never', () => {
    const { engine, pool, call, loadAll } = world({ maxIsolates: 1000, memoryBytes: 300 * MIB });
    const kept = of('kept', { warm: 2 });
    const many = Array.from({ length: 98 }, (_, index) => of(`f${index}`));
    pool.retain([kept, ...many]);
    loadAll();
    for (const one of many) {
      const id = call(one);
      loadAll();
      engine.settle(id);
    }
    expect(pool.stats().isolates).toBe(100);
    pool.look(2000 * MIB);
    const after = pool.stats();
    expect(100 - after.isolates).toBeGreaterThan(0);
    expect(100 - after.isolates).toBeLessThanOrEqual(32);
    for (let i = 0; i < 50; i++) pool.look(2000 * MIB);
    expect(pool.stats().bytes).toBeLessThanOrEqual(75 * MIB);
    expect(pool.census(kept).isolates).toBe(2);
  });
});
