/**
 * Accepting webhooks that survive a loss of power: signed deliveries, no two alike, verified, stored with fsync and only then
 * answered. The most it takes in a closed loop, and how long an answer takes at 500 a second, while their function runs.
 * Afterwards everything is counted: what was answered, what the inbox holds, what ran, what was billed.
 */
import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SERIAL } from '../src/load/plan.ts';
import { type RunningHost, startHost } from '../test/support/host.ts';
import type { BenchOptions } from './benchmark.ts';
import { cpuByThread, cpuPer, total } from './cpu.ts';
import { type Figure, figure, type Row, type Unit } from './figure.ts';
import { type Aim, type LoadResult, load } from './load.ts';
import { writeProject } from './project.ts';

interface Measured {
  readonly most: LoadResult;
  readonly steady: LoadResult;
  readonly cpuUs: number | null;
  /** From the last answer of the closed loop to the last run. */
  readonly drainPerSecond: number;
}

const SECRET = 'a secret of the benchmark';
const CONNECTIONS = 64;
const PER_SECOND = 500;
const PAGE = 1000;
const LOOK_MS = 100;
const DRAINED_WITHIN_MS = 120_000;

const BODY = JSON.stringify({
  ref: 'refs/heads/main',
  repository: { id: 1, full_name: 'someone/something' },
  commits: Array.from({ length: 4 }, (_, n) => ({
    id: String(n).repeat(40),
    message: `Change number ${n}, and why it was made`,
    author: { name: 'Some One', email: 'someone@example.com' },
    added: ['src/new.ts'],
    modified: ['src/old.ts', 'README.md'],
  })),
});

function aimAt(port: number): Aim {
  return {
    port,
    path: '/hooks/github',
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/044aadd',
      'x-github-event': 'push',
      'x-github-delivery': `bench-${SERIAL}`,
      'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(BODY).digest('hex')}`,
    },
    body: BODY,
    expectBody: null,
    expectStatus: 202,
  };
}

/** Deliveries by state. */
async function inbox(host: RunningHost): Promise<ReadonlyMap<string, number>> {
  const states = new Map<string, number>();
  let cursor: string | null = null;
  do {
    const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page = (await (await host.admin(`/v1/deliveries?limit=${PAGE}${after}`)).json()) as {
      items: readonly { state: string }[];
      nextCursor: string | null;
    };
    for (const { state } of page.items) states.set(state, (states.get(state) ?? 0) + 1);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return states;
}

async function waiting(host: RunningHost): Promise<number> {
  const pages = ['ready', 'running'].map(async (state) => {
    const page = (await (await host.admin(`/v1/deliveries?limit=1&state=${state}`)).json()) as {
      items: readonly unknown[];
    };
    return page.items.length;
  });
  return (await Promise.all(pages)).reduce((sum, each) => sum + each, 0);
}

async function drained(host: RunningHost): Promise<number> {
  const startedAt = performance.now();
  while ((await waiting(host)) > 0) {
    if (performance.now() - startedAt > DRAINED_WITHIN_MS) throw new Error('deliveries were still waiting after 2 min');
    await sleep(LOOK_MS);
  }
  return performance.now() - startedAt;
}

/** Every one that was answered is there, ran once and was billed once. */
async function count(host: RunningHost, answered: number): Promise<void> {
  const states = await inbox(host);
  const usage = (await (await host.admin('/v1/usage?by=function,outcome')).json()) as {
    items: readonly { key: { outcome: string }; invocations: number }[];
  };
  const succeeded = states.get('succeeded') ?? 0;
  const stored = [...states.values()].reduce((sum, each) => sum + each, 0);
  const ok = usage.items.find(({ key }) => key.outcome === 'ok')?.invocations ?? 0;
  if (stored >= answered && succeeded === stored && ok === stored && usage.items.length === 1) return;
  throw new Error(
    `${answered} and more accepted, in the inbox ${JSON.stringify([...states])}, billed ${JSON.stringify(usage.items)}`,
  );
}

async function measure(seconds: number): Promise<Measured> {
  const project = await writeProject({
    functions: { 'on-push': {} },
    more: {
      webhooks: { github: { provider: 'github', secrets: [SECRET], function: 'on-push' } },
      billing: { durability: 'power' },
    },
  });
  const host = await startHost({ config: project.config });
  try {
    const aim = aimAt(Number(new URL(host.url).port));
    const durationMs = seconds * 1000;
    const shape = { connections: CONNECTIONS, warmupMs: Math.min(1000, durationMs), durationMs };
    const steady = await load(aim, { ...shape, ratePerSecond: PER_SECOND });
    await drained(host);
    const before = await cpuByThread(host.pid);
    const most = await load(aim, { ...shape, warmupMs: 0, ratePerSecond: null });
    const left = [...(await inbox(host))].filter(([state]) => state !== 'succeeded');
    const drainMs = await drained(host);
    const cpu = cpuPer(most.count, before, await cpuByThread(host.pid));
    await count(host, steady.count + most.count);
    const drainPerSecond = (left.reduce((sum, [, each]) => sum + each, 0) * 1000) / drainMs;
    return { most, steady, cpuUs: cpu === null ? null : total(cpu), drainPerSecond };
  } finally {
    await host.stop();
    await project.remove();
  }
}

export async function benchWebhook(options: BenchOptions): Promise<readonly Row[]> {
  const all: Measured[] = [];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    const each = await measure(options.seconds);
    all.push(each);
    options.progress(
      `${Math.round(each.most.perSecond)} accepted/s, p99 ${each.most.p99Ms.toFixed(1)} ms; at ${PER_SECOND}/s p50 ` +
        `${each.steady.p50Ms.toFixed(2)} ms, p99 ${each.steady.p99Ms.toFixed(2)} ms; backlog run at ${Math.round(each.drainPerSecond)}/s`,
    );
  }
  const row = (name: string, unit: Unit, pick: (each: Measured) => number | null): Row => {
    const values = all.map(pick).filter((value) => value !== null);
    const figures: Record<string, Figure> = values.length === 0 ? {} : { isolane: figure(unit, values) };
    return { name, figures };
  };
  const cpu = row('CPU of a delivery, accepted and run', 'µs', ({ cpuUs }) => cpuUs);
  return [
    row(`webhooks accepted/s, ${CONNECTIONS} connections`, 'requests/s', ({ most }) => most.perSecond),
    row('p99, the same', 'ms', ({ most }) => most.p99Ms),
    row(`p50 at ${PER_SECOND}/s, open loop`, 'ms', ({ steady }) => steady.p50Ms),
    row(`p99 at ${PER_SECOND}/s, open loop`, 'ms', ({ steady }) => steady.p99Ms),
    row('backlog run', 'requests/s', ({ drainPerSecond }) => drainPerSecond),
    ...(Object.keys(cpu.figures).length === 0 ? [] : [cpu]),
  ];
}
