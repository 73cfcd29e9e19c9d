/**
 * The load generator, a process of its own: `node bench/load.ts '<JSON of LoadPlan>'` prints one JSON `LoadResult`.
 * Closed loop: every connection sends its next request when the last is answered. Open loop: requests fall due at a
 * fixed rate whatever the server does; one that finds no free connection waits, and the wait counts from when it fell
 * due, so a stall is seen in full. What the generator itself was late is told as `lagP99Ms`, not hidden in latencies.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, requestBytes, type Target } from './connection.ts';
import { Histogram, type Quantiles } from './histogram.ts';

export interface LoadPlan extends Target {
  readonly connections: number;
  readonly warmupMs: number;
  readonly durationMs: number;
  /** Requests per second; `null`: closed loop. */
  readonly ratePerSecond: number | null;
  /** The body every answer must have (checked before and after, the status on every answer). */
  readonly expectBody: string;
}

export interface LoadResult extends Quantiles {
  readonly perSecond: number;
  readonly failures: number;
  /** Open loop: how late the generator woke up; 0 in a closed loop. */
  readonly lagP99Ms: number;
}

class Meter {
  histogram: Histogram = new Histogram();
  lag: Histogram = new Histogram();
  failures = 0;

  reset(): void {
    this.histogram = new Histogram();
    this.lag = new Histogram();
    this.failures = 0;
  }

  answered(status: number, sinceMs: number): void {
    if (status !== 200) this.failures += 1;
    this.histogram.record(performance.now() - sinceMs);
  }
}

class Abandoned extends Error {}

function closedLoop(connection: Connection, bytes: Buffer, meter: Meter, running: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentAt = 0;
    const done = (status: number): void => {
      meter.answered(status, sentAt);
      if (running()) next();
      else resolve();
    };
    const next = (): void => {
      sentAt = performance.now();
      connection.send(bytes, done, reject);
    };
    next();
  });
}

async function openLoop(
  connections: readonly Connection[],
  bytes: Buffer,
  meter: Meter,
  plan: { readonly ratePerSecond: number; readonly running: () => boolean },
): Promise<void> {
  const free = [...connections];
  const waiting: number[] = [];
  let head = 0;
  let broken: Error | null = null;
  const startedAt = performance.now();
  let due = 0;

  const send = (connection: Connection, since: number): void =>
    connection.send(
      bytes,
      (status) => {
        meter.answered(status, since);
        const next = waiting[head];
        if (next === undefined) {
          free.push(connection);
          return;
        }
        head += 1;
        send(connection, next);
      },
      (error) => {
        broken = error;
      },
    );

  while (plan.running()) {
    if (broken) throw broken;
    const now = performance.now();
    const dueNow = Math.floor(((now - startedAt) * plan.ratePerSecond) / 1000);
    for (; due < dueNow; due++) {
      const dueAt = startedAt + (due * 1000) / plan.ratePerSecond;
      meter.lag.record(now - dueAt);
      const connection = free.pop();
      if (connection) send(connection, now);
      else waiting.push(dueAt);
    }
    await sleep(1);
  }
  // Whoever still waits has waited at least this long: it counts, it is not forgotten.
  for (const since of waiting.slice(head)) meter.answered(0, since);
}

async function check(connection: Connection, bytes: Buffer, expectBody: string): Promise<void> {
  const { status, body } = await connection.ask(bytes);
  if (status !== 200 || body !== expectBody) {
    throw new Abandoned(`expected 200 ${JSON.stringify(expectBody)}, got ${status} ${JSON.stringify(body)}`);
  }
}

export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const bytes = requestBytes(plan);
  const connections = Array.from({ length: plan.connections }, () => new Connection(plan.port));
  const meter = new Meter();
  for (const connection of connections) await check(connection, bytes, plan.expectBody);

  let running = true;
  const measure = (async () => {
    if (plan.warmupMs > 0) await sleep(plan.warmupMs);
    meter.reset();
    const startedAt = performance.now();
    await sleep(plan.durationMs);
    running = false;
    return performance.now() - startedAt;
  })();
  const load =
    plan.ratePerSecond === null
      ? Promise.all(connections.map((each) => closedLoop(each, bytes, meter, () => running)))
      : openLoop(connections, bytes, meter, { ratePerSecond: plan.ratePerSecond, running: () => running });
  const tookMs = await Promise.race([measure, load.then(() => measure)]);
  const { failures } = meter;
  const quantiles = meter.histogram.quantiles();
  await load;
  for (const connection of connections) connection.close();
  return {
    ...quantiles,
    perSecond: (quantiles.count * 1000) / tookMs,
    failures,
    lagP99Ms: plan.ratePerSecond === null ? 0 : meter.lag.quantileMs(0.99),
  };
}

if (import.meta.main) {
  const result = await runLoad(JSON.parse(process.argv[2] ?? '') as LoadPlan);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
