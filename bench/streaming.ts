/**
 * Bodies through a function: how fast, in how much of the host's memory, and how late server-sent events come, against
 * plain Hono with the same handlers. The client checks every byte and the order of the events.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startHost } from '../test/support/host.ts';
import { alternate } from './benchmark.ts';
import { type Figure, figure, type Row } from './figure.ts';
import type { StreamPlan, StreamResult } from './stream-load.ts';
import { startHono } from './subject.ts';

const SUBJECTS = ['hono', 'isolane', 'process'] as const;
type SubjectName = (typeof SUBJECTS)[number];

export interface StreamingOptions {
  /** Of the body that is sent through, MiB; in requests of at most 256. */
  readonly mib: number;
  readonly events: number;
  readonly repetitions: number;
  readonly progress: (line: string) => void;
}

interface Running {
  readonly pid: number;
  readonly port: number;
  path(handler: string): string;
  stop(): Promise<void>;
}

interface Measured {
  readonly echoMiBs: number;
  readonly reworkMiBs: number;
  readonly echoGrowthMiB: number;
  readonly reworkGrowthMiB: number;
  readonly lateP99Ms: number;
}

const MIB = 2 ** 20;
const REQUEST_MIB = 256;
const WARM_MIB = 64;
const run = promisify(execFile);

async function startIsolane(isolation: 'shared' | 'process'): Promise<Running> {
  const directory = await mkdtemp(join(tmpdir(), 'isolane-bench-streams-'));
  const handlers = JSON.stringify(join(import.meta.dirname, 'streamed.ts'));
  const functions: Record<string, object> = {};
  for (const name of ['echo', 'rework', 'events']) {
    await writeFile(
      join(directory, `${name}.ts`),
      `import { ${name} } from ${handlers};\nexport default { fetch: ${name} };\n`,
    );
    const limits = {
      cpuMs: 60_000,
      wallMs: 120_000,
      requestBytes: REQUEST_MIB * MIB,
      streamedResponseBytes: REQUEST_MIB * MIB,
    };
    functions[name] = { entry: `${name}.ts`, url: true, limits };
  }
  const config = join(directory, 'isolane.json');
  await writeFile(config, JSON.stringify({ functions }));
  const host = await startHost({ config, env: { ISOLANE_SERVER_ISOLATION: isolation } });
  return {
    pid: host.pid,
    port: Number(new URL(host.url).port),
    path: (handler) => `/fn/${handler}/`,
    async stop() {
      await host.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function start(name: SubjectName): Promise<Running> {
  if (name !== 'hono') return startIsolane(name === 'process' ? 'process' : 'shared');
  const hono = await startHono();
  return { pid: hono.pid, port: hono.port, path: (handler) => `/${handler}`, stop: () => hono.stop() };
}

async function ask(plan: StreamPlan): Promise<StreamResult> {
  const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'stream-load.ts'), JSON.stringify(plan)]);
  return JSON.parse(stdout) as StreamResult;
}

/** Resident memory of a process, MiB; where the system does not tell, 0. */
async function residentMiB(pid: number): Promise<number> {
  const pages = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '0 0');
  return (Number(pages.split(' ')[1]) * 4096) / MIB;
}

async function send(subject: Running, handler: string, mib: number): Promise<{ perSecond: number; growthMiB: number }> {
  const plan = { kind: 'body', port: subject.port, path: subject.path(handler) } as const;
  await ask({ ...plan, bytes: Math.min(WARM_MIB, mib) * MIB });
  const before = await residentMiB(subject.pid);
  let most = before;
  let over = false;
  const watch = (async () => {
    while (!over) {
      most = Math.max(most, await residentMiB(subject.pid));
      await sleep(20);
    }
  })();
  let tookMs = 0;
  for (let left = mib; left > 0; left -= REQUEST_MIB) {
    const result = await ask({ ...plan, bytes: Math.min(left, REQUEST_MIB) * MIB });
    tookMs += result.tookMs;
  }
  over = true;
  await watch;
  return { perSecond: (mib * 1000) / tookMs, growthMiB: most - before };
}

async function measure(name: SubjectName, options: StreamingOptions): Promise<Measured> {
  const subject = await start(name);
  try {
    const echo = await send(subject, 'echo', options.mib);
    const rework = await send(subject, 'rework', options.mib);
    const plan = { kind: 'events', port: subject.port, path: subject.path('events'), count: options.events } as const;
    await ask({ ...plan, count: Math.min(200, options.events) });
    const { lateP99Ms } = await ask(plan);
    return {
      echoMiBs: echo.perSecond,
      echoGrowthMiB: echo.growthMiB,
      reworkMiBs: rework.perSecond,
      reworkGrowthMiB: rework.growthMiB,
      lateP99Ms,
    };
  } finally {
    await subject.stop();
  }
}

export async function benchStreaming(options: StreamingOptions): Promise<readonly Row[]> {
  const measured = await alternate(SUBJECTS, options, async (name) => {
    const result = await measure(name, options);
    options.progress(
      `${name}: echo ${result.echoMiBs.toFixed(0)} MiB/s (+${result.echoGrowthMiB.toFixed(0)} MiB), rework ` +
        `${result.reworkMiBs.toFixed(0)} MiB/s (+${result.reworkGrowthMiB.toFixed(0)} MiB), events p99 ${result.lateP99Ms.toFixed(2)} ms late`,
    );
    return result;
  });
  const row = (name: string, unit: Figure['unit'], pick: (each: Measured) => number): Row => ({
    name,
    figures: Object.fromEntries([...measured].map(([subject, all]) => [subject, figure(unit, all.map(pick))])),
  });
  return [
    row('body handed on', 'MiB/s', (each) => each.echoMiBs),
    row('body through a TransformStream', 'MiB/s', (each) => each.reworkMiBs),
    row('memory of the host, grown by a body handed on', 'MiB', (each) => each.echoGrowthMiB),
    row('memory of the host, grown by one through a TransformStream', 'MiB', (each) => each.reworkGrowthMiB),
    row('1,000 events/s: p99 late', 'ms', (each) => each.lateP99Ms),
  ];
}
