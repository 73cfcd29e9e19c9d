/** Whose isolates share a lane: realms that have none, and functions with long turns, which stay out of the others' way. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { FunctionVersion } from '../../../src/contract/function.ts';
import { GuardedHost } from '../../support/guarded-host.ts';
import { version } from '../../support/versions.ts';

const LONG_NS = 20_000_000;
let host: GuardedHost;

beforeEach(() => {
  host = new GuardedHost();
});

function run(of: FunctionVersion, times = 1, cpuNs = 50_000): void {
  for (let i = 0; i < times; i++) {
    const { id } = host.invoke(of);
    host.load();
    host.engine.settle(id, 'ok', cpuNs);
  }
}

/** Lanes on which `of` has isolates. */
function lanesOf(of: FunctionVersion): readonly number[] {
  return [...host.engine.isolates.values()].filter((one) => one.version === of).map(({ lane }) => lane);
}

describe('long turns', () => {
  const quick = [version('q1'), version('q2'), version('q3')];
  const burner = version('burner');

  it('are known after some of them, and then run where nobody else does', () => {
    for (const of of quick) run(of);
    run(burner, 3, LONG_NS);
    const before = new Set(quick.flatMap(lanesOf));
    expect(lanesOf(burner).some((lane) => before.has(lane))).toBe(true);
    run(burner, 2, LONG_NS);
    expect(lanesOf(burner)).toHaveLength(1);
    expect(lanesOf(burner).some((lane) => before.has(lane))).toBe(false);
    const late = version('late');
    run(late);
    expect(lanesOf(late)).not.toEqual(lanesOf(burner));
  });

  it('of a function alone on its lane stay there, and its lane is left to it', () => {
    run(burner, 5, LONG_NS);
    expect(host.pool.stats().loads).toBe(1);
    for (const of of quick) run(of);
    expect(quick.flatMap(lanesOf)).not.toContain(lanesOf(burner)[0]);
  });

  it('of two functions are apart from each other, too', () => {
    const other = version('other');
    for (const of of quick) run(of);
    run(burner, 5, LONG_NS);
    run(other, 5, LONG_NS);
    expect(lanesOf(other)).toHaveLength(1);
    expect(lanesOf(other)).not.toEqual(lanesOf(burner));
  });

  it('share lanes where no more can be had, and leave lanes to the others', () => {
    for (const of of quick) run(of);
    const burners = Array.from({ length: 12 }, (_, i) => version(`b${i}`));
    for (const of of burners) run(of, 6, LONG_NS);
    expect(new Set(burners.flatMap(lanesOf)).size).toBe(8);
    expect(quick.flatMap(lanesOf).some((lane) => burners.flatMap(lanesOf).includes(lane))).toBe(false);
    host.engine.maxLanes = 0;
    const late = version('late');
    run(late);
    expect(burners.flatMap(lanesOf)).not.toContain(lanesOf(late)[0]);
  });

  it('one slow start is none', () => {
    for (const of of quick) run(of);
    run(burner, 3, LONG_NS);
    run(burner, 50);
    run(burner, 3, LONG_NS);
    run(burner);
    expect(host.pool.stats().loads).toBe(4);
    expect(host.engine.laneList).toHaveLength(2);
  });

  it('that have become short leave their lane to everybody', () => {
    for (const of of quick) run(of);
    run(burner, 6, LONG_NS);
    const lane = lanesOf(burner)[0]!;
    run(burner, 6);
    for (const name of ['l1', 'l2', 'l3', 'l4']) run(version(name));
    expect([...host.engine.isolates.values()].filter((one) => one.lane === lane).length).toBeGreaterThan(1);
  });

  it('end with the isolates that had them: their lane is everybody’s again', () => {
    for (const of of quick) run(of);
    run(burner, 6, LONG_NS);
    const [number, { lane }] = [...host.engine.isolates].find(([, one]) => one.version === burner)!;
    host.engine.drop(number);
    host.pool.gone(number);
    const late = version('late');
    run(late);
    expect(lanesOf(late)).toEqual([lane]);
  });

  it('keep nobody waiting when they end, also when their isolate is moved then', async () => {
    const short = version('short', { instances: 1 });
    for (const of of [short, ...quick]) run(of);
    for (let runs = 0; runs < 8; runs++) {
      const { id } = host.invoke(burner);
      host.load();
      const { isolate } = host.engine.jobs.get(id)!;
      host.engine.begin(id);
      await host.clock.advance(10);
      for (const lane of host.engine.laneList) lane.runningSinceNs = 1;
      const waits = host.invoke(short);
      expect(host.engine.jobs.has(waits.id)).toBe(false);
      for (const lane of host.engine.laneList) lane.runningSinceNs = 0;
      host.engine.settle(id, 'ok', LONG_NS);
      host.pool.size(isolate, 1e6);
      host.engine.settle(waits.id);
      if (host.engine.dropped.includes(isolate)) return;
    }
    expect.unreachable('its long turns were never learnt');
  });

  it('with nothing but one lane everybody runs on it', () => {
    host.engine.laneList.splice(1);
    host.engine.maxLanes = 1;
    run(quick[0]!);
    run(burner, 8, LONG_NS);
    run(quick[1]!);
    expect([burner, quick[1]!].flatMap(lanesOf)).toEqual([1, 1]);
  });
});

describe('the lane that is kept', () => {
  const quick = version('quick');

  /** Every lane but the first has been in one turn for long. */
  async function corner(): Promise<void> {
    await host.clock.advance(10);
    for (const lane of host.engine.laneList.slice(1)) Object.assign(lane, { runningSinceNs: 1, running: 999 });
  }

  beforeEach(() => {
    host.engine.grow('');
    host.engine.maxLanes = 3;
  });

  it('takes no function that is not known for short turns, whatever becomes of it elsewhere', async () => {
    for (let i = 0; i < 6; i++) run(version(`new-${i}`));
    await corner();
    host.invoke(version('another'));
    host.load();
    expect([...host.engine.isolates.values()].map(({ lane }) => lane)).not.toContain(1);
  });

  it('takes one that is, once all its own are stuck', async () => {
    run(quick, 20);
    expect(lanesOf(quick)).not.toContain(1);
    await corner();
    const sent = host.invoke(quick);
    host.load();
    expect(lanesOf(quick)).toContain(1);
    host.engine.settle(sent.id);
    expect(sent.calls).toEqual(['respond 200']);
  });

  it('is left by a function whose turns have become long', async () => {
    run(quick, 20);
    await corner();
    const { id } = host.invoke(quick);
    host.load();
    expect(lanesOf(quick)).toContain(1);
    host.engine.settle(id, 'ok', LONG_NS);
    expect(lanesOf(quick)).not.toContain(1);
  });

  it('is not kept where there are fewer than three', () => {
    host.engine.laneList.pop();
    host.engine.maxLanes = 2;
    for (let i = 0; i < 4; i++) run(version(`new-${i}`));
    expect([...host.engine.isolates.values()].map(({ lane }) => lane)).toContain(1);
  });
});

describe('realms', () => {
  const of = (tenant: string): FunctionVersion => version(tenant, {}, { tenant, isolation: 'tenant' });

  it('each has lanes of its own, also when those of others are free', () => {
    const [a, b] = [of('a'), of('b')];
    for (const one of [version('shared'), a, b, version('own', {}, { isolation: 'process' })]) run(one);
    expect([...host.engine.isolates.keys()].map((isolate) => host.realmOf(isolate))).toEqual([
      '',
      'tenant:a',
      'tenant:b',
      'function:default/own',
    ]);
    run(a);
    expect(host.pool.stats().loads).toBe(4);
  });

  it('without a lane waits until there is one; a realm that only keeps warm makes room', () => {
    host.engine.maxLanes = 3;
    const [a, b] = [of('a'), of('b')];
    run(a);
    const waiting = host.invoke(b);
    expect(host.engine.loading).toEqual([]);
    expect(lanesOf(a)).toEqual([]);
    // The engine ends the process that nobody uses.
    host.engine.laneList.pop();
    host.pool.lanesChanged();
    host.load();
    host.engine.settle(waiting.id);
    expect(waiting.calls).toEqual(['respond 200']);
  });

  it('without a lane evicts nobody who is busy, nor the shared ones, and sheds at the deadline', async () => {
    host.engine.maxLanes = 3;
    const [a, b] = [of('a'), of('b')];
    run(version('shared'));
    const busy = host.invoke(a);
    host.load();
    host.engine.begin(busy.id);
    const waiting = host.invoke(b);
    await host.clock.advance(5001);
    expect(waiting.calls).toEqual(['shed overloaded']);
    expect(host.pool.stats().isolates).toBe(2);
  });

  it('keeps warm what a moved function wants warm, in its new realm', () => {
    const kept = version('kept', {}, { warm: 2 });
    host.pool.retain([kept]);
    host.load();
    host.quarantine.strike(kept, 'crashed');
    host.load();
    expect([...host.engine.isolates.keys()].map((isolate) => host.realmOf(isolate))).toEqual(
      Array(2).fill('function:default/kept'),
    );
  });

  it('a load under way in the realm that is left does not hold up the one that is entered', () => {
    const moved = version('moved');
    const sent = host.invoke(moved);
    const [old] = host.engine.loading;
    host.quarantine.strike(moved, 'crashed');
    expect(host.engine.dropped).toEqual([old]);
    host.load();
    host.engine.settle(sent.id);
    expect(sent.calls).toEqual(['respond 200']);
    expect(host.pool.stats()).toMatchObject({ loading: 0, isolates: 1 });
  });
});
