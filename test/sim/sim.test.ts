/**
 * Thousands of small worlds from seeds, and every step failing once. A failure prints its seed, the shrunk world and
 * what happened in it; `ISOLANE_SIM_SEED=n` runs that one alone, `ISOLANE_TEST_ALL=1` many more.
 */
import { describe, expect, it } from 'vitest';
import { report, shrink } from './shrink.ts';
import { type SimulationOptions, simulate } from './simulation.ts';
import { drawWorld, STEPS, type WorldSpec, withTrouble } from './world.ts';

const MANY = process.env['ISOLANE_TEST_ALL'] === '1' ? 15 : 1;
const ONLY = process.env['ISOLANE_SIM_SEED'];

async function check(spec: WorldSpec, options: SimulationOptions = {}): Promise<number> {
  const { violations, invocations } = await simulate(spec, options);
  const first = violations[0];
  if (first !== undefined) throw new Error(await report(await shrink(spec, first.name, options), options));
  return invocations;
}

async function seeds(from: number, count: number, draw: (seed: number) => WorldSpec): Promise<void> {
  const list = ONLY === undefined ? Array.from({ length: count * MANY }, (_, index) => from + index) : [Number(ONLY)];
  let invocations = 0;
  for (const seed of list) invocations += await check(draw(seed));
  // A world in which nothing arrives proves nothing.
  expect(invocations).toBeGreaterThan(list.length);
}

describe('random worlds', () => {
  it('small, nothing fails', () => seeds(0, 300, (seed) => drawWorld(seed, 'small')), 300_000);
  it(
    'small, a little of everything fails',
    () => seeds(0, 700, (seed) => withTrouble(drawWorld(seed, 'small'))),
    300_000,
  );
  it(
    'large, a little of everything fails',
    () => seeds(0, 12, (seed) => withTrouble(drawWorld(seed, 'large'))),
    300_000,
  );
});

describe('every step fails once', () => {
  for (const world of [3, 7, 12, 21, 30, 44]) {
    it(`world ${world}`, async () => {
      const spec = drawWorld(world, 'small');
      const { hits } = await simulate(spec);
      let failed = 0;
      for (const step of STEPS) {
        for (let nth = 1; nth <= (hits.get(step) ?? 0); nth++) {
          await check({ ...spec, fails: [{ step, nth }] });
          failed += 1;
        }
      }
      expect(failed).toBeGreaterThan(20);
    }, 120_000);
  }

  it('no kind of step is left out', async () => {
    const made = new Set<string>();
    for (let seed = 0; seed < 60; seed++)
      for (const [step] of (await simulate(drawWorld(seed, 'small'))).hits) made.add(step);
    expect(STEPS.filter((step) => !made.has(step))).toEqual([]);
  });
});

describe('room is shared', () => {
  /** One tenant floods a full pool with six functions, another has as much work in one. */
  const flood: WorldSpec = {
    ...drawWorld(1, 'small'),
    functions: [0, 1, 2, 3, 4, 5, 6].map((index) => ({
      ...{ name: `f${index}`, tenant: index === 6 ? 'quiet' : 'loud', concurrency: 1, instances: 100, queueMs: 60_000 },
      ...{ wallMs: 3000, warm: 0, reserved: 0, rate: null, cron: false, apart: false },
      ...{ turnUs: 200, awaitUs: 5000, awaits: 1, loadUs: 1000 },
    })),
    arrivals: Array.from({ length: 7 * 60 }, (_, key) => ({
      ...{ key, atUs: key < 6 * 60 ? 1000 : 2000, function: key < 6 * 60 ? key % 6 : 6, kind: 'http', repeats: null },
    })),
    ...{ lanes: 2, maxLanes: 2, slots: 64, remote: false, maxIsolates: 4, tenantInstances: {}, looks: [] },
    ...{ queueDepth: 10_000, redeployAtUs: null, drainAtUs: null, clockSteps: [] },
  };
  const shares = async (options: SimulationOptions = {}) => {
    const { waitsUs, violations } = await simulate(flood, options);
    expect(violations).toEqual([]);
    const loud = Math.max(...[0, 1, 2, 3, 4, 5].map((index) => waitsUs.get(`f${index}`)!));
    return waitsUs.get('f6')! / loud;
  };

  it('between tenants, however much one of them asks for', async () => {
    // Half of the pool for a seventh of the work.
    expect(await shares()).toBeLessThan(0.4);
  });

  it('and not by luck', async () => {
    expect(await shares({ sabotage: 'no-tenants' })).toBeGreaterThan(0.6);
  });
});

describe('the simulator', () => {
  it('runs the same world twice in the same way', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const spec = withTrouble(drawWorld(seed, 'small'));
      const [a, b] = [await simulate(spec, { tracing: true }), await simulate(spec, { tracing: true })];
      expect(a.trace).toEqual(b.trace);
    }
  });

  /** Fakes that break their word on purpose: were they not caught, the worlds above would prove little. */
  const CAUGHT = {
    'answer-early': ['answer before its row', 'answer before its END row'],
    forgets: ['a webhook is lost'],
    'double-settle': ['not one record'],
    'lost-return': ['no answer'],
    'lost-job': ['no answer'],
    'run-twice': ['runs twice'],
    'no-reserve': ['reserved room is taken'],
    'no-warm': ['too few are kept warm'],
    'no-tenant-limits': ['more isolates than its tenant may have'],
    'one-queue': ['turned away by its neighbours'],
  } as const;
  for (const [sabotage, names] of Object.entries(CAUGHT)) {
    it(`catches ${sabotage}, and makes the world small`, async () => {
      const found = new Set<string>();
      for (let seed = 0; seed < 60; seed++) {
        const spec = drawWorld(seed, 'small');
        const { violations } = await simulate(spec, { sabotage: sabotage as keyof typeof CAUGHT });
        for (const { name } of violations) found.add(name);
        const name = names.find((one) => found.has(one));
        if (name === undefined) continue;
        const small = await shrink(spec, name, { sabotage: sabotage as keyof typeof CAUGHT });
        expect(small.arrivals.length).toBeLessThanOrEqual(5);
        return;
      }
      expect([...found]).toContain(names[0]);
    });
  }
});
