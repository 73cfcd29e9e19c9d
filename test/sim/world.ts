/**
 * A world as plain data: what is deployed, what arrives when, what goes wrong. Drawn from a seed, small on purpose:
 * few lanes, few isolates, tight queues, so that a hundred arrivals meet every corner. Shrinking takes parts out.
 */
import type { FunctionVersion } from '../../src/contract/function.ts';
import { version } from '../support/versions.ts';
import { Chance } from './chance.ts';

/** Every kind of step that can be made to fail. What failing means stands where the step is. */
export const STEPS = [
  'load',
  'load-fatal',
  'start',
  'claim',
  'turn-kill',
  'turn-wedge',
  'turn-crash',
  'turn-stray',
  'head',
  'body',
  'take-back',
  'settle',
  'drop',
  'grow',
  'durable',
  'inbox-accept',
  'inbox-claim',
  'inbox-finish',
  'inbox-due',
  'delivery',
  'client',
] as const;
export type Step = (typeof STEPS)[number];

export interface FunctionPlan {
  readonly name: string;
  readonly concurrency: number;
  readonly instances: number;
  readonly queueMs: number;
  readonly wallMs: number;
  readonly warm: number;
  readonly tenant: string;
  readonly reserved: number;
  readonly rate: { readonly perSecond: number; readonly burst: number } | null;
  readonly cron: boolean;
  /** It runs in an engine process of its own. */
  readonly apart: boolean;
  /** Typical length of a turn, µs. */
  readonly turnUs: number;
  /** Typical wait for I/O, µs. */
  readonly awaitUs: number;
  /** Share of invocations that wait for I/O at all. */
  readonly awaits: number;
  readonly loadUs: number;
}

export interface Arrival {
  /** Names all draws that concern it. */
  readonly key: number;
  readonly atUs: number;
  readonly function: number;
  readonly kind: 'http' | 'cold' | 'webhook' | 'sync-webhook';
  /** A webhook sent once more under the same delivery id. */
  readonly repeats: number | null;
}

export interface WorldSpec {
  readonly seed: number;
  readonly functions: readonly FunctionPlan[];
  readonly arrivals: readonly Arrival[];
  readonly lanes: number;
  /** Of one realm. */
  readonly maxLanes: number;
  /** Engine processes at once. */
  readonly maxRealms: number;
  /** Claim slots of one lane. */
  readonly slots: number;
  /** The lanes are in another process: asked, not told. */
  readonly remote: boolean;
  readonly maxIsolates: number;
  /** Most isolates of a tenant; absent: no limit. */
  readonly tenantInstances: Readonly<Record<string, number>>;
  /** What the process holds, as the pool is told from time to time. */
  readonly looks: readonly { readonly atUs: number; readonly mib: number }[];
  readonly queueDepth: number;
  readonly webhookSlots: number;
  /** One redeploy of every function. */
  readonly redeployAtUs: number | null;
  readonly drainAtUs: number | null;
  readonly graceMs: number;
  readonly clockSteps: readonly { readonly atUs: number; readonly ms: number }[];
  /** Probability of failing, per step; absent: never. */
  readonly chances: Readonly<Partial<Record<Step, number>>>;
  /** Exactly these fail: the nth (from 1) of a step. */
  readonly fails: readonly { readonly step: Step; readonly nth: number }[];
}

const SPAN_US = 400_000;

export function drawWorld(seed: number, size: 'small' | 'large'): WorldSpec {
  const chance = new Chance(seed, 'world');
  const count = size === 'small' ? chance.whole(4, 12) : chance.whole(10, 80);
  // What came later is drawn apart: worlds that were known stay as they were.
  const crowd = new Chance(seed, 'tenants');
  const tenants = crowd.pick([['t0'], ['t0'], ['t0', 't1'], ['t0', 't1', 't2']]);
  const functions = Array.from({ length: chance.whole(1, 4) }, (_, index) =>
    drawFunction(chance, crowd, tenants, index),
  );
  const bursts = Array.from({ length: chance.whole(1, 4) }, () => chance.whole(0, SPAN_US));
  const arrivals: Arrival[] = Array.from({ length: count }, (_, key) => {
    const kind = chance.pick(['http', 'http', 'http', 'http', 'cold', 'webhook', 'webhook', 'sync-webhook'] as const);
    const atUs = chance.is(0.6) ? chance.pick(bursts) + chance.whole(0, 300) : chance.whole(0, SPAN_US);
    const repeats = kind === 'webhook' && key > 0 && chance.is(0.2) ? chance.whole(0, key - 1) : null;
    return { key, atUs, function: chance.whole(0, functions.length - 1), kind, repeats };
  });
  const lanes = chance.whole(1, 3);
  const kept = functions.reduce((sum, one) => sum + Math.max(one.warm, one.reserved), 0);
  return {
    seed,
    functions,
    arrivals,
    lanes,
    maxLanes: lanes + chance.whole(0, 3),
    maxRealms: chance.whole(1, 3),
    slots: chance.pick([2, 4, 64]),
    remote: chance.is(0.4),
    maxIsolates: kept + chance.whole(1, 6),
    tenantInstances: Object.fromEntries(
      tenants.filter(() => crowd.is(0.3)).map((name) => [name, keptBy(functions, name) + crowd.whole(1, 3)]),
    ),
    looks: crowd.is(0.3)
      ? Array.from({ length: crowd.whole(1, 8) }, () => ({ atUs: crowd.whole(0, SPAN_US), mib: crowd.pick([10, 800]) }))
      : [],
    queueDepth: chance.pick([3, 10, 1000]),
    webhookSlots: chance.whole(1, 4),
    redeployAtUs: chance.is(0.3) ? chance.whole(0, SPAN_US) : null,
    drainAtUs: chance.is(0.3) ? chance.whole(0, SPAN_US * 2) : null,
    graceMs: chance.pick([0, 20, 500]),
    clockSteps: chance.is(0.2)
      ? [{ atUs: chance.whole(0, SPAN_US), ms: chance.pick([-7_200_000, -500, 900, 7_200_000]) }]
      : [],
    chances: {},
    fails: [],
  };
}

/** The same world with a little of everything going wrong. */
export function withTrouble(spec: WorldSpec): WorldSpec {
  const chance = new Chance(spec.seed, 'trouble');
  const chances: Partial<Record<Step, number>> = {};
  for (const step of STEPS) if (chance.is(0.35)) chances[step] = chance.pick([0.02, 0.1, 0.4]);
  return { ...spec, chances };
}

function keptBy(functions: readonly FunctionPlan[], tenant: string): number {
  return functions
    .filter((one) => one.tenant === tenant)
    .reduce((sum, one) => sum + Math.max(one.warm, one.reserved), 0);
}

function drawFunction(chance: Chance, crowd: Chance, tenants: readonly string[], index: number): FunctionPlan {
  const concurrency = chance.is(0.3) ? chance.whole(2, 5) : 1;
  return {
    name: `f${index}`,
    concurrency,
    instances: chance.pick([1, 2, 5, 100]),
    queueMs: chance.pick([5, 50, 300, 5000]),
    wallMs: chance.pick([30, 200, 3000]),
    warm: chance.is(0.2) ? 1 : 0,
    tenant: crowd.pick(tenants),
    reserved: crowd.is(0.25) ? 1 : 0,
    rate: chance.is(0.15) ? { perSecond: 20, burst: 3 } : null,
    cron: chance.is(0.2),
    apart: chance.is(0.2),
    turnUs: chance.scale(20, 8000),
    awaitUs: chance.scale(100, 60_000),
    awaits: chance.pick([0, 0, 0.3, 1]),
    loadUs: chance.scale(500, 20_000),
  };
}

export function versionOf(plan: FunctionPlan, generation: number): FunctionVersion {
  const { name, concurrency, instances, queueMs, wallMs, warm, reserved, tenant, rate, cron, apart } = plan;
  const limits = { concurrency, instances, queueMs, wallMs, waitUntilMs: 100, cpuMs: 50 };
  const schedule = cron ? [{ schedule: '* * * * * *', timezone: 'UTC' }] : [];
  const made = version(name, limits, {
    rate,
    cron: schedule,
    warm: Math.min(warm, instances),
    reserved: Math.min(reserved, instances),
    tenant,
    isolation: apart ? 'process' : 'shared',
  });
  return { ...made, version: generation, key: `${name}@${generation}` };
}
