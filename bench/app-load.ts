/** One app under full load on every subject: requests per second, CPU of the server for each, latency. */

import { type App, type AppSubject, startApp } from './app.ts';
import { alternate, type BenchOptions } from './benchmark.ts';
import { Connection, requestBytes } from './connection.ts';
import { cpuByThread, cpuPer, total } from './cpu.ts';
import { type Figure, figure, type Row, type Unit } from './figure.ts';
import { type LoadRequest, type LoadResult, load } from './load.ts';

export interface Expected extends LoadRequest {
  readonly answer: string;
}

export interface AppLoad {
  /** In front of the name of each row. */
  readonly title: string;
  readonly app: App;
  /** Sent in turn. Every body is compared before the load, every status meanwhile; with one request every body, too. */
  readonly requests: readonly Expected[];
  readonly connections: number;
  /** Bytes of a body that goes in and comes out again: then there is a row of MiB/s. */
  readonly bodyBytes?: number;
}

interface Measured {
  readonly result: LoadResult;
  readonly cpuUs: number | null;
}

async function check(port: number, requests: readonly Expected[]): Promise<void> {
  const connection = new Connection(port);
  try {
    for (const { answer, ...request } of requests) {
      const { status, body } = await connection.ask(requestBytes({ port, ...request }));
      if (status === 200 && body === answer) continue;
      throw new Error(`${request.path}: expected 200 ${answer.slice(0, 200)}, got ${status} ${body.slice(0, 200)}`);
    }
  } finally {
    connection.close();
  }
}

async function measure(subject: AppSubject, plan: AppLoad, seconds: number): Promise<Measured> {
  const { app, requests, connections } = plan;
  const running = await startApp(subject, app);
  try {
    const { port, pid } = running;
    await check(port, requests);
    const durationMs = seconds * 1000;
    const aim = { port, path: '', requests, expectBody: requests.length === 1 ? requests[0]!.answer : null };
    const shape = { connections, warmupMs: 0, ratePerSecond: null };
    await load(aim, { ...shape, durationMs: Math.min(2000, durationMs) });
    const before = await cpuByThread(pid);
    const result = await load(aim, { ...shape, durationMs });
    const cpu = cpuPer(result.count, before, await cpuByThread(pid));
    return { result, cpuUs: cpu === null ? null : total(cpu) };
  } finally {
    await running.stop();
  }
}

export async function loadApp(options: BenchOptions, plan: AppLoad): Promise<readonly Row[]> {
  const { title, connections, bodyBytes } = plan;
  const measured = await alternate(options.subjects as readonly AppSubject[], options, async (subject) => {
    const each = await measure(subject, plan, options.seconds);
    const { perSecond, p50Ms, p99Ms } = each.result;
    options.progress(
      `${title}, ${subject}: ${Math.round(perSecond)} requests/s, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms` +
        `${each.cpuUs === null ? '' : `, ${each.cpuUs.toFixed(0)} µs of CPU each`}`,
    );
    return each;
  });
  const row = (name: string, unit: Unit, pick: (each: Measured) => number | null): Row => {
    const figures: Record<string, Figure> = {};
    for (const [subject, all] of measured) {
      const values = all.map(pick).filter((value) => value !== null);
      if (values.length > 0) figures[subject] = figure(unit, values);
    }
    return { name: `${title}: ${name}`, figures };
  };
  const rows = [
    row(`requests/s, ${connections} connections`, 'requests/s', ({ result }) => result.perSecond),
    row('CPU of the server per request', 'µs', ({ cpuUs }) => cpuUs),
    row(`p50, ${connections} connections`, 'ms', ({ result }) => result.p50Ms),
    row(`p99, ${connections} connections`, 'ms', ({ result }) => result.p99Ms),
  ];
  if (bodyBytes !== undefined) {
    rows.push(row('MiB/s each way', 'MiB/s', ({ result }) => (result.perSecond * bodyBytes) / 2 ** 20));
  }
  return rows.filter(({ figures }) => Object.keys(figures).length > 0);
}
