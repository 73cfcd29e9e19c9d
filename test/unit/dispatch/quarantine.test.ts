/** A function that falls, seen from its callers: what they are told, and what runs where. */
import { beforeEach, describe, expect, it } from 'vitest';
import { settle } from '../../support/fake-clock.ts';
import { GuardedHost, type Sent } from '../../support/guarded-host.ts';
import { version } from '../../support/versions.ts';

const MINUTE = 60_000;
const bad = version('bad');
const good = version('good');
let host: GuardedHost;

beforeEach(() => {
  host = new GuardedHost();
});

function fall(): Sent {
  const sent = host.invoke(bad);
  host.load();
  host.fell(sent);
  return sent;
}

describe('a fall', () => {
  it('moves the function to a process of its own: warm isolates retire, what waits runs there', async () => {
    const first = host.invoke(bad);
    host.load();
    const second = host.invoke(bad);
    host.load();
    const bystander = host.invoke(good);
    host.load();
    const behind = host.invoke(bad, { acceptedNs: 1 });
    expect(host.engine.jobs.has(second.id)).toBe(true);
    host.fell(first);
    expect(first.calls).toEqual(['fail crashed']);
    await settle();
    host.load();
    for (const { isolate, invocation } of host.engine.jobs.values())
      expect(host.realmOf(isolate)).toBe(invocation.version === bad ? 'function:default/bad' : '');
    for (const id of [...host.engine.jobs.keys()]) host.engine.settle(id);
    expect([second, behind, bystander].map(({ calls }) => calls)).toEqual(Array(3).fill(['respond 200']));
    expect(host.pool.census(bad).isolates).toBeGreaterThan(0);
    expect([...host.engine.isolates].filter(([, { version: of }]) => of === bad).map(([n]) => host.realmOf(n))).toEqual(
      Array(host.pool.census(bad).isolates).fill('function:default/bad'),
    );
  });

  it('lets what has started in the old realm finish there', async () => {
    const slow = host.invoke(bad);
    host.load();
    host.engine.begin(slow.id);
    host.quarantine.strike(bad, 'crashed');
    expect(host.engine.jobs.has(slow.id)).toBe(true);
    host.engine.settle(slow.id);
    expect(slow.calls).toEqual(['respond 200']);
    expect(host.pool.census(bad).isolates).toBe(0);
  });

  it('three: 503 and when to come again; one probe; good, and everybody is let in', async () => {
    for (let i = 0; i < 3; i++) expect(fall().calls).toEqual(['fail crashed']);
    expect(host.invoke(bad).calls).toEqual(['shed quarantined 60']);
    expect(host.dispatch.queued).toBe(0);
    const rows = host.rows.length;
    await host.clock.advance(MINUTE);
    const probe = host.invoke(bad);
    expect(host.invoke(bad).calls).toEqual(['shed quarantined 120']);
    expect(host.rows.length).toBe(rows);
    host.load();
    expect(host.realmOf(host.engine.jobs.get(probe.id)!.isolate)).toBe('function:default/bad');
    host.engine.settle(probe.id);
    expect(probe.calls).toEqual(['respond 200']);
    const after = [host.invoke(bad), host.invoke(bad)];
    host.load();
    for (const { id } of after) host.engine.settle(id);
    expect(after.map(({ calls }) => calls)).toEqual([['respond 200'], ['respond 200']]);
  });

  it('turns away who waits when it is closed, and nobody else', async () => {
    const [first] = [host.invoke(bad), host.invoke(bad), host.invoke(bad)].map((one) => one);
    host.load();
    const bystander = host.invoke(good);
    host.engine.begin(first!.id);
    const waiting = Array.from({ length: 5 }, () => host.invoke(bad));
    for (let i = 0; i < 3; i++) host.quarantine.strike(bad, 'crashed');
    await settle();
    expect(waiting.map(({ calls }) => calls)).toEqual(Array(5).fill(['shed quarantined 60']));
    expect(host.engine.jobs.has(first!.id)).toBe(true);
    host.load();
    host.engine.settle(first!.id);
    host.engine.settle(bystander.id);
    expect([first!.calls, bystander.calls]).toEqual([['respond 200'], ['respond 200']]);
    expect([host.dispatch.queued, host.dispatch.running]).toEqual([0, 0]);
  });

  it('a probe that falls again counts once and doubles the wait', async () => {
    for (let i = 0; i < 3; i++) fall();
    await host.clock.advance(MINUTE);
    expect(fall().calls).toEqual(['fail crashed']);
    expect(host.quarantine.view(bad)).toMatchObject({ state: 'quarantined', strikes: 4 });
    expect(host.invoke(bad).calls).toEqual(['shed quarantined 120']);
  });

  it('a probe that waits in vain for an isolate leaves its turn to the next', async () => {
    for (let i = 0; i < 3; i++) fall();
    await host.clock.advance(MINUTE);
    const probe = host.invoke(bad);
    await host.clock.advance(bad.spec.limits.queueMs + 1);
    expect(probe.calls).toEqual(['shed overloaded']);
    const next = host.invoke(bad);
    host.load();
    host.engine.settle(next.id);
    expect(next.calls).toEqual(['respond 200']);
    expect(host.quarantine.view(bad).state).toBe('confined');
  });

  it('a probe that does not load has not shown anything', async () => {
    for (let i = 0; i < 3; i++) fall();
    await host.clock.advance(MINUTE);
    const probe = host.invoke(bad);
    for (const isolate of host.engine.loading)
      host.engine.finishLoad(isolate, {
        ok: false,
        initNs: 1,
        cpuNs: 1,
        heapBytes: 0,
        outcome: 'init_error',
        problem: null,
      });
    expect(probe.calls).toEqual(['fail init_error']);
    expect(host.quarantine.view(bad).state).toBe('quarantined');
    expect(host.invoke(bad).calls).toEqual(['shed quarantined 120']);
  });

  it('the operator lifts it, and it is shared again', () => {
    for (let i = 0; i < 3; i++) fall();
    host.quarantine.lift(bad);
    const sent = host.invoke(bad);
    host.load();
    expect(host.realmOf(host.engine.jobs.get(sent.id)!.isolate)).toBe('');
  });
});

describe('asked back from another process', () => {
  beforeEach(() => {
    host.engine.isRemote = true;
  });

  function handedOver(): Sent {
    const sent = host.invoke();
    host.load();
    return sent;
  }

  it('comes back after its queue deadline: 503, once, no record', async () => {
    const sent = handedOver();
    await host.clock.advance(6000);
    expect([sent.calls, host.engine.asked]).toEqual([[], [sent.id]]);
    host.engine.giveBack(sent.id);
    await settle();
    expect([sent.calls, host.rows, host.engine.jobs.size]).toEqual([['shed overloaded'], [], 0]);
    expect([host.dispatch.queued, host.dispatch.running, host.pool.stats().waiting]).toEqual([0, 0, 0]);
  });

  it('had started after all: it runs, within its wall limit', async () => {
    const sent = handedOver();
    await host.clock.advance(6000);
    host.engine.begin(sent.id);
    await host.clock.advance(30_001);
    expect(host.engine.aborted).toEqual([{ id: sent.id, outcome: 'wall_timeout' }]);
    expect(sent.calls).toEqual(['fail wall_timeout']);
  });

  it('comes back in time: it waits on, with its deadline, and runs elsewhere once', async () => {
    const sent = handedOver();
    const { isolate } = host.engine.jobs.get(sent.id)!;
    const { lane } = host.engine.isolates.get(isolate)!;
    Object.assign(host.engine.laneList.find(({ id }) => id === lane)!, { runningSinceNs: 1, running: 999 });
    await host.clock.advance(10);
    host.pool.stuck(lane);
    host.pool.stuck(lane);
    expect(host.engine.asked).toEqual([sent.id]);
    host.engine.giveBack(sent.id);
    await settle();
    host.load();
    expect(host.engine.isolates.get(host.engine.jobs.get(sent.id)!.isolate)!.lane).not.toBe(lane);
    host.engine.settle(sent.id);
    expect(sent.calls).toEqual(['respond 200']);
    const late = handedOver();
    host.pool.stuck(host.engine.isolates.get(host.engine.jobs.get(late.id)!.isolate)!.lane);
    host.engine.giveBack(late.id);
    host.engine.maxLanes = 0;
    for (const one of host.engine.laneList) Object.assign(one, { runningSinceNs: 1, running: 999 });
    await host.clock.advance(6000);
    for (const id of host.engine.jobs.keys()) host.engine.giveBack(id);
    await settle();
    expect(late.calls).toEqual(['shed overloaded']);
  });

  it('whose client has left is dropped when it comes back', async () => {
    const sent = handedOver();
    host.dispatch.clientClosed(sent.id);
    host.engine.giveBack(sent.id);
    await settle();
    expect([sent.calls, host.engine.jobs.size, host.dispatch.queued]).toEqual([['shed overloaded'], 0, 0]);
  });

  it('of a function that is closed meanwhile: 503 when it comes back', async () => {
    const sent = host.invoke(bad);
    host.load();
    for (let i = 0; i < 3; i++) host.quarantine.strike(bad, 'outgrown');
    expect(sent.calls).toEqual([]);
    host.engine.giveBack(sent.id);
    await settle();
    expect([sent.calls, host.rows, host.dispatch.queued]).toEqual([['shed quarantined 60'], [], 0]);
  });

  it('by a host that goes: shed when it comes, ended when it begins, or when nothing is heard of it', async () => {
    const crowd = version('crowd', { concurrency: 10 });
    const [back, begun, silent] = [host.invoke(crowd), host.invoke(crowd), host.invoke(crowd)];
    host.load();
    const drained = host.dispatch.drain(1000);
    await host.clock.advance(1000);
    expect(host.engine.aborted).toEqual([]);
    host.engine.giveBack(back.id);
    host.engine.begin(begun.id);
    await host.clock.advance(1);
    expect(host.engine.aborted).toEqual([{ id: begun.id, outcome: 'aborted' }]);
    await host.clock.advance(250);
    expect(host.engine.aborted).toHaveLength(2);
    await drained;
    expect([back, begun, silent].map(({ calls }) => calls)).toEqual([
      ['shed overloaded'],
      ['fail aborted'],
      ['fail aborted'],
    ]);
  });

  it('and never heard of again: it has an end all the same', async () => {
    const sent = handedOver();
    await host.clock.advance(5000 + 30_000 + 1);
    expect(sent.calls).toEqual(['fail aborted']);
  });

  it('moves with its function', async () => {
    const sent = host.invoke(bad);
    host.load();
    host.quarantine.strike(bad, 'outgrown');
    expect(host.engine.asked).toEqual([sent.id]);
    host.engine.giveBack(sent.id);
    await settle();
    host.load();
    expect(host.realmOf(host.engine.jobs.get(sent.id)!.isolate)).toBe('function:default/bad');
    host.engine.settle(sent.id);
    expect(sent.calls).toEqual(['respond 200']);
    expect(host.pool.census(bad).isolates).toBe(1);
  });

  it('of a version that is replaced meanwhile, with its old isolate gone', async () => {
    host.pool.retain([bad]);
    const sent = host.invoke(bad);
    host.load();
    host.pool.stuck(host.engine.isolates.get(host.engine.jobs.get(sent.id)!.isolate)!.lane);
    host.pool.retain([{ ...bad, key: 'next' }]);
    host.engine.giveBack(sent.id);
    await host.clock.advance(5001);
    expect(sent.calls).toEqual(['shed overloaded']);
    expect(host.pool.stats().waiting).toBe(0);
  });
});
