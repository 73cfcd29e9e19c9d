/**
 * The most a subject can do, in a closed loop: by `wrk` where it is installed, which leaves more of a small machine to the
 * subject than a generator in Node, otherwise by our own. wrk counts statuses but reads no bodies, so
 * answers are checked by our own client before and after.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { Histogram, type HistogramJson } from '../src/load/histogram.ts';
import { Connection, requestBytes } from './connection.ts';
import { type Aim, load } from './load.ts';

export interface ClosedLoopShape {
  readonly connections: number;
  readonly warmupMs: number;
  readonly durationMs: number;
}

export interface ClosedLoopResult {
  readonly generator: 'wrk' | 'own';
  readonly count: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly latency: HistogramJson;
}

const report = z.object({
  requests: z.number(),
  durationUs: z.number(),
  maxUs: z.number(),
  meanUs: z.number(),
  failures: z.number(),
  percentilesUs: z.array(z.number()).length(103),
});
/** After the whole ones from 1 to 99. */
const TAIL = [0.995, 0.999, 0.9995, 0.9999];

const run = promisify(execFile);

/** `null`: not installed. */
export async function wrkVersion(): Promise<string | null> {
  try {
    await run('wrk', ['--version']);
    return null;
  } catch (error) {
    // It says its version and how to use it, and ends with code 1.
    return /^wrk (\S+)/.exec((error as { readonly stdout?: string }).stdout ?? '')?.[1] ?? null;
  }
}

export async function closedLoop(aim: Aim, shape: ClosedLoopShape): Promise<ClosedLoopResult> {
  const simple = aim.body === undefined && aim.requests === undefined && (aim.method ?? 'GET') === 'GET';
  if (!simple || (await wrkVersion()) === null) {
    const { count, perSecond, p50Ms, p99Ms, latency } = await load(aim, { ...shape, ratePerSecond: null });
    return { generator: 'own', count, perSecond, p50Ms, p99Ms, latency };
  }
  await check(aim);
  if (shape.warmupMs > 0) await wrk(aim, shape.connections, shape.warmupMs);
  const result = await wrk(aim, shape.connections, shape.durationMs);
  await check(aim);
  if (result.failures > 0) throw new Error(`${result.failures} of ${result.requests} answers were not 2xx, says wrk`);
  const at = (percent: number): number => result.percentilesUs[percent - 1]! / 1000;
  return {
    generator: 'wrk',
    count: result.requests,
    perSecond: (result.requests * 1e6) / result.durationUs,
    p50Ms: at(50),
    p99Ms: at(99),
    latency: distribution(result),
  };
}

/** What wrk tells of its latencies, as a histogram of 10,000. */
function distribution({ percentilesUs, maxUs }: z.infer<typeof report>): HistogramJson {
  const histogram = new Histogram();
  const steps = [...percentilesUs.slice(0, 99).map((us, at) => ({ q: (at + 1) / 100, us }))];
  for (const [at, q] of TAIL.entries()) steps.push({ q, us: percentilesUs[99 + at]! });
  let counted = 0;
  for (const { q, us } of steps) {
    for (; counted < Math.round(q * 10_000); counted++) histogram.record(us / 1000);
  }
  histogram.record(maxUs / 1000);
  return histogram.toJSON();
}

async function wrk(aim: Aim, connections: number, durationMs: number): Promise<z.infer<typeof report>> {
  // wrk knows whole seconds only.
  const seconds = Math.max(1, Math.round(durationMs / 1000));
  const headers = Object.entries(aim.headers ?? {}).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const url = `http://127.0.0.1:${aim.port}${aim.path}`;
  const words = [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '-s',
    join(import.meta.dirname, 'wrk.lua'),
    ...headers,
    url,
  ];
  const { stdout } = await run('wrk', words);
  return report.parse(JSON.parse(stdout.trim().split('\n').at(-1)!));
}

async function check(aim: Aim): Promise<void> {
  const connection = new Connection(aim.port);
  try {
    const { status, body } = await connection.ask(requestBytes(aim));
    if (status === (aim.expectStatus ?? 200) && (aim.expectBody === null || body === aim.expectBody)) return;
    throw new Error(
      `expected ${aim.expectStatus ?? 200} ${JSON.stringify(aim.expectBody)}, got ${status} ${JSON.stringify(body)}`,
    );
  } finally {
    connection.close();
  }
}
