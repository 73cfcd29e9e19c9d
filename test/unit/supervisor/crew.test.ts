/** The crew against hosts that only say things: who is told to listen, when, and what happens when one dies anywhere. */
import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/contract/config.ts';
import { type Order, SINGLE, type Standing } from '../../../src/contract/host-wire.ts';
import { Crew } from '../../../src/supervisor/crew.ts';
import type { HostEvents, HostHandle } from '../../../src/supervisor/host-process.ts';
import type { Vitals } from '../../../src/supervisor/vitals.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { aVersion } from '../telemetry/story.ts';

class FakeHost implements HostHandle {
  readonly pid: number;
  readonly events: HostEvents;
  readonly orders: Order[] = [];
  beats = true;
  dead = false;

  constructor(pid: number, events: HostEvents) {
    this.pid = pid;
    this.events = events;
  }

  order(order: Order): void {
    this.orders.push(order);
  }

  kill(): void {
    this.dies('signal SIGKILL');
  }

  dies(how: string): void {
    if (this.dead) return;
    this.dead = true;
    queueMicrotask(() => this.events.exited(how));
  }

  boots(): void {
    this.events.report({ k: 'booted', hostId: `h${this.pid}`, adminTokenFile: '/t', versions: [aVersion()] });
  }

  serves(): void {
    this.events.report({ k: 'serving', url: 'http://a', adminUrl: 'http://b' });
  }

  told(k: Order['k']): readonly Order[] {
    return this.orders.filter((order) => order.k === k);
  }

  get standing(): Standing {
    return this.orders.map((order) => ('standing' in order ? order.standing : null)).findLast((one) => one !== null)!;
  }
}

function setUp(workers = 1) {
  const clock = new FakeClock();
  const hosts: FakeHost[] = [];
  const logs: string[] = [];
  const vitals: { now: Vitals | null } = { now: null };
  const crew = new Crew({
    config: {} as Config,
    ...{ workers, queues: workers, maxRssMiB: 1000 },
    clock,
    log: (line) => logs.push(line),
    start: (events) => {
      const host = new FakeHost(hosts.length + 1, events);
      hosts.push(host);
      return host;
    },
    vitals: () => vitals.now,
  });
  /** Time passes while every living host that beats does so. */
  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 25) {
      for (const host of hosts) {
        if (host.beats && !host.dead) host.events.beat({ from: 'loop', ageMs: 0, delayMs: 0, rssMiB: 100 });
      }
      await clock.advance(25);
    }
  };
  return { crew, clock, hosts, logs, vitals, pass };
}

/** One serves, one is in reserve. */
async function running() {
  const world = setUp();
  const started = world.crew.start();
  const { hosts, pass } = world;
  hosts[0]!.boots();
  hosts[0]!.serves();
  await started;
  await pass(1000);
  hosts[1]!.boots();
  return world;
}

describe('the start', () => {
  it('has the first host listen before the spare is begun, and gives it what the first has published', async () => {
    const { crew, hosts, pass } = setUp();
    const started = crew.start();
    const [first] = hosts;
    expect(first!.orders).toMatchObject([{ k: 'boot', versions: null, standing: { role: 'spare', worker: null } }]);
    first!.boots();
    expect(first!.told('activate')).toMatchObject([{ standing: { role: 'active', worker: 0, workers: 1 } }]);
    expect(first!.told('lead')).toEqual([]);
    first!.serves();
    expect(await started).toEqual({ url: 'http://a', adminUrl: 'http://b', adminTokenFile: '/t' });
    expect(first!.told('lead')).toHaveLength(1);
    expect(hosts).toHaveLength(1);
    await pass(1000);
    expect(hosts).toHaveLength(2);
    expect(hosts[1]!.orders).toMatchObject([{ k: 'boot', versions: [{ version: 1 }] }]);
    hosts[1]!.boots();
    expect(hosts[1]!.told('activate')).toEqual([]);
    expect(first!.standing).toMatchObject({ spares: 1 });
  });

  it('fails with the sentence of the host that refused, and leaves none behind', async () => {
    const { crew, hosts } = setUp();
    const started = crew.start();
    hosts[0]!.events.report({ k: 'refused', problem: { code: 'BUNDLE_FAILED', message: 'no' } });
    await expect(started).rejects.toMatchObject({ code: 'BUNDLE_FAILED', message: 'no' });
    await crew.close(0);
    expect(hosts.map(({ dead }) => dead)).toEqual([true]);
  });

  it('fails after three hosts that died before they were ready, each after a longer wait', async () => {
    const { crew, hosts, pass } = setUp();
    const started = crew.start();
    const failed = expect(started).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringMatching(/ended 3 times before it was ready \(the last one ended \(code 7\)\)/),
    });
    hosts[0]!.dies('code 7');
    await pass(25);
    expect(hosts).toHaveLength(2);
    hosts[1]!.dies('code 7');
    await pass(50);
    expect(hosts).toHaveLength(2);
    await pass(100);
    expect(hosts).toHaveLength(3);
    hosts[2]!.dies('code 7');
    await pass(25);
    await failed;
  });

  it('with workers boots at most two at once, and is ready when all serve', async () => {
    const { crew, hosts, pass } = setUp(4);
    let ready = false;
    void crew.start().then(() => (ready = true));
    hosts[0]!.boots();
    hosts[0]!.serves();
    expect(hosts).toHaveLength(3);
    for (let at = 1; at < 4; at++) {
      await pass(25);
      expect(ready).toBe(false);
      hosts[at]!.boots();
      hosts[at]!.serves();
    }
    await pass(1000);
    expect(ready).toBe(true);
    expect(hosts.map(({ standing }) => standing.worker)).toEqual([0, 1, 2, 3, null]);
    expect(hosts.map((host) => host.told('lead').length)).toEqual([1, 0, 0, 0, 0]);
  });
});

describe('a death', () => {
  it('has the spare listen in the same step, recover when the dead is gone, and another spare booted later', async () => {
    const { hosts, pass, clock } = await running();
    const [first, second] = hosts;
    first!.events.parted();
    expect(first!.dead).toBe(true);
    expect(second!.told('activate')).toMatchObject([
      { standing: { worker: 0, restarts: { ...SINGLE.restarts, crashed: 1 } } },
    ]);
    const diedMs = clock.epochMs();
    await pass(25);
    second!.serves();
    expect(second!.told('lead')).toEqual([{ k: 'lead', sinceEpochMs: diedMs }]);
    expect(hosts).toHaveLength(2);
    await pass(1000);
    expect(hosts).toHaveLength(3);
  });

  it('orders recovery of whoever serves', async () => {
    const { hosts, pass } = await running();
    hosts[1]!.dies('code 1');
    await pass(25);
    expect(hosts[0]!.told('recover')).toHaveLength(2);
    expect(hosts[0]!.standing).toMatchObject({ spares: 0, restarts: SINGLE.restarts });
  });

  it('by a fault of native code is told to whoever recovers, and every host is on its guard', async () => {
    const { hosts, pass } = await running();
    hosts[0]!.dies('signal SIGKILL');
    await pass(25);
    hosts[1]!.serves();
    expect([...hosts[1]!.told('guard'), ...hosts[1]!.told('recover')]).toEqual([{ k: 'recover', aborted: [] }]);
    await pass(1000);
    hosts[2]!.boots();
    hosts[1]!.dies('signal SIGABRT');
    await pass(25);
    hosts[2]!.serves();
    expect(hosts[2]!.told('guard')).toHaveLength(1);
    expect(hosts[2]!.told('recover')).toEqual([{ k: 'recover', aborted: [`h${hosts[1]!.pid}`] }]);
    await pass(1000);
    hosts[3]!.boots();
    expect(hosts[3]!.told('guard')).toHaveLength(1);
  });

  it('without a spare is answered by a host at once, in a series ever later', async () => {
    const { hosts, pass, logs } = await running();
    hosts[0]!.dies('signal SIGSEGV');
    await pass(25);
    hosts[1]!.serves();
    hosts[1]!.dies('signal SIGSEGV');
    await pass(25);
    expect(hosts).toHaveLength(2);
    await pass(100);
    expect(hosts).toHaveLength(3);
    expect(logs).toContain('the host (process 2) ended (signal SIGSEGV); the next host boots in 100 ms');
    hosts[2]!.dies('code 1');
    await pass(175);
    expect(hosts).toHaveLength(3);
    await pass(50);
    expect(hosts).toHaveLength(4);
    hosts[3]!.boots();
    expect(hosts[3]!.told('activate')).toHaveLength(1);
  });

  it('of a spare that was just told to listen gives the place to the next', async () => {
    const { hosts, pass } = await running();
    hosts[0]!.dies('code 1');
    await pass(25);
    hosts[1]!.dies('code 1');
    await pass(200);
    hosts[2]!.boots();
    expect(hosts[2]!.told('activate')).toHaveLength(1);
  });
});

describe('silence', () => {
  it('of a stopped host ends it, and schedules go on from its last beat', async () => {
    const { hosts, pass, vitals, clock } = await running();
    vitals.now = { state: 'T', cpuMs: 0, queuedMs: 0 };
    hosts[0]!.beats = false;
    const lastMs = clock.epochMs();
    await pass(350);
    expect(hosts[0]!.dead).toBe(false);
    await pass(50);
    expect(hosts[0]!.dead).toBe(true);
    expect(hosts[1]!.told('activate')).toMatchObject([{ standing: { restarts: { stopped: 1, crashed: 0 } } }]);
    hosts[1]!.serves();
    const [lead] = hosts[1]!.told('lead');
    expect(lead).toMatchObject({ k: 'lead' });
    expect(Math.abs((lead as { sinceEpochMs: number }).sinceEpochMs - lastMs)).toBeLessThanOrEqual(50);
  });

  it('of its loop counts, whatever the thread beside it says', async () => {
    const { hosts, pass, vitals } = await running();
    vitals.now = { state: 'T', cpuMs: 0, queuedMs: 0 };
    hosts[0]!.beats = false;
    for (let at = 0; at < 10; at++) {
      hosts[0]!.events.beat({ from: 'thread', ageMs: at * 50, delayMs: 0, rssMiB: 0 });
      await pass(50);
    }
    expect(hosts[0]!.dead).toBe(true);
  });

  it('of a spare is noticed too', async () => {
    const { hosts, pass, vitals } = await running();
    vitals.now = { state: 'T', cpuMs: 0, queuedMs: 0 };
    hosts[1]!.beats = false;
    await pass(450);
    expect([hosts[0]!.dead, hosts[1]!.dead]).toEqual([false, true]);
    await pass(1000);
    expect(hosts).toHaveLength(3);
  });

  it('while booting is allowed for a minute', async () => {
    const { crew, hosts, pass } = setUp();
    void crew.start().catch(() => undefined);
    await pass(59_000);
    expect(hosts[0]!.dead).toBe(false);
    await pass(1100);
    expect(hosts[0]!.dead).toBe(true);
  });
});

describe('a sick host', () => {
  it('serves on until the spare listens, then retires, leads no more, and is killed when it is done', async () => {
    const { hosts, pass } = await running();
    const [first, second] = hosts;
    first!.events.report({ k: 'sick', reason: 'wedged' });
    expect(first!.told('retire')).toEqual([]);
    expect(second!.told('activate')).toHaveLength(1);
    second!.serves();
    expect(first!.told('retire')).toEqual([{ k: 'retire', graceMs: 5000 }]);
    expect(second!.told('lead')).toEqual([]);
    first!.events.report({ k: 'unled', atEpochMs: 77 });
    expect(second!.told('lead')).toEqual([{ k: 'lead', sinceEpochMs: 77 }]);
    expect(second!.standing).toMatchObject({ restarts: { sick: 1, crashed: 0 } });
    first!.events.report({ k: 'done', problem: null });
    expect(first!.dead).toBe(true);
    await pass(50);
    expect(second!.told('recover')).toHaveLength(1);
    expect(second!.standing.restarts).toMatchObject({ sick: 1, crashed: 0 });
  });

  it('is killed when it does not end', async () => {
    const { hosts, pass } = await running();
    hosts[0]!.events.report({ k: 'sick', reason: 'wedged' });
    hosts[1]!.serves();
    await pass(15_100);
    expect(hosts[0]!.dead).toBe(true);
  });

  it('serves on while there is no spare', async () => {
    const { hosts, pass } = await running();
    hosts[1]!.dies('code 1');
    await pass(25);
    hosts[0]!.events.report({ k: 'sick', reason: 'wedged' });
    await pass(200);
    expect(hosts[0]!.told('retire')).toEqual([]);
    hosts[2]!.boots();
    expect(hosts[2]!.told('activate')).toHaveLength(1);
    hosts[2]!.serves();
    expect(hosts[0]!.told('retire')).toHaveLength(1);
  });

  it('that dies before its successor listens leaves it the place', async () => {
    const { hosts, pass } = await running();
    hosts[0]!.events.report({ k: 'sick', reason: 'wedged' });
    hosts[0]!.dies('signal SIGABRT');
    await pass(25);
    hosts[1]!.serves();
    expect(hosts[1]!.standing).toMatchObject({ worker: 0, role: 'active' });
    expect(hosts[1]!.told('lead')).toHaveLength(1);
    await pass(1500);
    hosts[2]!.boots();
    expect(hosts[2]!.told('activate')).toEqual([]);
  });

  it('is also one that holds too much memory', async () => {
    const { hosts } = await running();
    hosts[0]!.events.beat({ from: 'loop', ageMs: 0, delayMs: 0, rssMiB: 1001 });
    hosts[1]!.serves();
    expect(hosts[0]!.told('retire')).toHaveLength(1);
    expect(hosts[1]!.standing).toMatchObject({ restarts: { memory: 1 } });
  });
});

it('lets every other host know that what is known of functions that fall has changed', async () => {
  const { hosts } = await running();
  hosts[0]!.events.report({ k: 'quarantine' });
  expect(hosts[1]!.told('quarantine')).toHaveLength(1);
  expect(hosts[0]!.told('quarantine')).toEqual([]);
});

describe('the end', () => {
  it('lets who serves finish, a spare leave, and is over when both are gone', async () => {
    const { crew, hosts, pass } = await running();
    let over = false;
    const closed = crew.close(25_000).then(() => (over = true));
    expect(hosts[0]!.told('stop')).toEqual([{ k: 'stop', graceMs: 25_000 }]);
    expect(hosts[1]!.told('stop')).toEqual([{ k: 'stop', graceMs: 0 }]);
    hosts[1]!.events.report({ k: 'done', problem: null });
    await pass(100);
    expect([hosts[1]!.dead, over]).toEqual([true, false]);
    hosts[0]!.events.report({ k: 'done', problem: null });
    await closed;
    await pass(2000);
    expect(hosts).toHaveLength(2);
  });

  it('says what could not be written', async () => {
    const { crew, hosts } = await running();
    const closed = crew.close(0);
    hosts[1]!.events.report({ k: 'done', problem: null });
    hosts[0]!.events.report({ k: 'done', problem: { code: 'LEDGER_FAILED', message: 'full' } });
    await expect(closed).rejects.toMatchObject({ code: 'LEDGER_FAILED', message: 'full' });
  });

  it('comes for a host that does not end', async () => {
    const { crew, hosts, pass } = await running();
    const closed = crew.close(1000);
    await pass(11_100);
    await closed;
    expect(hosts.map(({ dead }) => dead)).toEqual([true, true]);
  });

  it('replaces nobody', async () => {
    const { crew, hosts, pass } = await running();
    void crew.close(1000);
    hosts[0]!.dies('code 1');
    await pass(2000);
    expect(hosts).toHaveLength(2);
    expect(hosts[1]!.told('activate')).toEqual([]);
  });
});
