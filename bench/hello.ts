/**
 * Requests per second and latency of `hello`, every subject in a fresh process for every repetition, in alternating
 * order so that a drift of the machine hits all alike.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { alternate } from './benchmark.ts';
import { type Figure, figure, type Row } from './figure.ts';
import type { LoadPlan, LoadResult } from './load.ts';
import { type Subject, type SubjectName, startSubject } from './subject.ts';

export interface HelloOptions {
  readonly subjects: readonly SubjectName[];
  readonly seconds: number;
  readonly repetitions: number;
  readonly progress: (line: string) => void;
}

interface Measured {
  readonly busy: LoadResult;
  readonly single: LoadResult;
  readonly half: LoadResult;
}

const BUSY_CONNECTIONS = 64;
const run = promisify(execFile);

/** Loads `subject` from a process of its own. */
export async function load(
  subject: Subject,
  shape: Pick<LoadPlan, 'connections' | 'warmupMs' | 'durationMs' | 'ratePerSecond'>,
): Promise<LoadResult> {
  const { port, path, expectBody } = subject;
  const plan: LoadPlan = { port, path, expectBody, ...shape };
  const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'load.ts'), JSON.stringify(plan)]);
  const result = JSON.parse(stdout) as LoadResult;
  if (result.failures > 0) throw new Error(`${result.failures} of ${result.count} answers were not 200`);
  return result;
}

async function measure(name: SubjectName, seconds: number): Promise<Measured> {
  const subject = await startSubject(name);
  const durationMs = seconds * 1000;
  try {
    const closed = { durationMs, ratePerSecond: null };
    const busy = await load(subject, { ...closed, connections: BUSY_CONNECTIONS, warmupMs: 2000 });
    const single = await load(subject, { ...closed, connections: 1, warmupMs: 500 });
    // Half of what it just showed it can do; more connections than ever needed, so none is waited for.
    const ratePerSecond = Math.round(busy.perSecond / 2);
    const half = await load(subject, { durationMs, ratePerSecond, connections: 128, warmupMs: 500 });
    return { busy, single, half };
  } finally {
    await subject.stop();
  }
}

export async function benchHello(options: HelloOptions): Promise<readonly Row[]> {
  const measured = await alternate(options.subjects, options, async (name) => {
    const result = await measure(name, options.seconds);
    const { busy, single, half } = result;
    options.progress(
      `${name}: ${Math.round(busy.perSecond)} requests/s, p50 ${busy.p50Ms.toFixed(3)} ms; alone p50 ` +
        `${single.p50Ms.toFixed(3)} ms; half load p99 ${half.p99Ms.toFixed(3)} ms (generator late ${half.lagP99Ms.toFixed(1)} ms)`,
    );
    return result;
  });
  const row = (name: string, unit: Figure['unit'], pick: (each: Measured) => number): Row => ({
    name,
    figures: Object.fromEntries([...measured].map(([subject, all]) => [subject, figure(unit, all.map(pick))])),
  });
  return [
    row(`requests/s, ${BUSY_CONNECTIONS} connections`, 'requests/s', (each) => each.busy.perSecond),
    row(`p50, ${BUSY_CONNECTIONS} connections`, 'ms', (each) => each.busy.p50Ms),
    row(`p99, ${BUSY_CONNECTIONS} connections`, 'ms', (each) => each.busy.p99Ms),
    row('p50, 1 connection', 'ms', (each) => each.single.p50Ms),
    row('p99, 1 connection', 'ms', (each) => each.single.p99Ms),
    row('p99 at half of its own most, open loop', 'ms', (each) => each.half.p99Ms),
  ];
}
