/**
 * Requests per second, CPU per request and latency of `hello`, every subject in a fresh process for every repetition, in
 * alternating order so that a drift of the machine hits all alike.
 */
import { Histogram, type HistogramJson, mergeAll } from '../src/load/histogram.ts';
import { alternate, type BenchOptions } from './benchmark.ts';
import { type ClosedLoopResult, closedLoop } from './closed-loop.ts';
import { type CpuByThread, cpuByThread, cpuPer, total } from './cpu.ts';
import { type Figure, figure, type Row } from './figure.ts';
import { type LoadResult, load } from './load.ts';
import { type SubjectName, startSubject } from './subject.ts';

export type HelloOptions = Pick<BenchOptions, 'subjects' | 'seconds' | 'repetitions' | 'progress'>;

interface Measured {
  readonly busy: ClosedLoopResult;
  readonly cpu: CpuByThread | null;
  readonly single: ClosedLoopResult;
  readonly half: LoadResult;
}

const BUSY_CONNECTIONS = 64;
/** More than ever needed at half load, so that none is waited for. */
const HALF_CONNECTIONS = 128;

async function measure(name: SubjectName, seconds: number): Promise<Measured> {
  const subject = await startSubject(name);
  const durationMs = seconds * 1000;
  try {
    // Before the CPU is read: what is compiled is compiled by then.
    const warmupMs = seconds < 1 ? durationMs : 2000;
    await closedLoop(subject, { connections: BUSY_CONNECTIONS, warmupMs: 0, durationMs: warmupMs });
    const before = await cpuByThread(subject.pid);
    const busy = await closedLoop(subject, { connections: BUSY_CONNECTIONS, warmupMs: 0, durationMs });
    const cpu = cpuPer(busy.count, before, await cpuByThread(subject.pid));
    const single = await closedLoop(subject, { connections: 1, warmupMs: Math.min(500, durationMs), durationMs });
    const half = await load(subject, {
      connections: HALF_CONNECTIONS,
      warmupMs: 500,
      durationMs,
      // Of what it just showed it can do.
      ratePerSecond: Math.round(busy.perSecond / 2),
    });
    return { busy, cpu, single, half };
  } finally {
    await subject.stop();
  }
}

export async function benchHello(options: HelloOptions): Promise<readonly Row[]> {
  const measured = await alternate(options.subjects, options, async (name) => {
    const result = await measure(name, options.seconds);
    const { busy, single, half, cpu } = result;
    options.progress(
      `${name}: ${Math.round(busy.perSecond)} requests/s (${busy.generator}), p50 ${busy.p50Ms.toFixed(3)} ms, ` +
        `${cpu === null ? '' : `${total(cpu).toFixed(1)} µs of CPU each; `}alone p50 ${single.p50Ms.toFixed(3)} ms; ` +
        `half load p99 ${half.p99Ms.toFixed(3)} ms (generator late ${half.lagP99Ms.toFixed(1)} ms)`,
    );
    return result;
  });
  const row = (name: string, unit: Figure['unit'], pick: (each: Measured) => number): Row => ({
    name,
    figures: Object.fromEntries([...measured].map(([subject, all]) => [subject, figure(unit, all.map(pick))])),
  });
  const distributions = (pick: (each: Measured) => HistogramJson): Required<Pick<Row, 'distributions'>> => ({
    distributions: Object.fromEntries([...measured].map(([subject, all]) => [subject, mergeAll(all.map(pick))])),
  });
  const generators = new Set([...measured.values()].flat().map((each) => each.busy.generator));
  const note = `closed loop, load by ${[...generators].join(' and ')}`;
  return [
    { ...row(`requests/s, ${BUSY_CONNECTIONS} connections`, 'requests/s', (each) => each.busy.perSecond), note },
    ...cpuRow(measured),
    row(`p50, ${BUSY_CONNECTIONS} connections`, 'ms', (each) => each.busy.p50Ms),
    {
      ...row(`p99, ${BUSY_CONNECTIONS} connections`, 'ms', (each) => each.busy.p99Ms),
      ...distributions((each) => each.busy.latency),
      note,
    },
    row('p50, 1 connection', 'ms', (each) => each.single.p50Ms),
    {
      ...row('p99, 1 connection', 'ms', (each) => each.single.p99Ms),
      ...distributions((each) => each.single.latency),
      note,
    },
    {
      ...row('p99 at half of its own most, open loop', 'ms', (each) => each.half.p99Ms),
      ...distributions((each) => each.half.latency),
      note: 'open loop; a wait for a connection counts, the lateness of the generator does not',
    },
    {
      ...row('p99 at half of its own most, generator included', 'ms', (each) => quantile(each.half.sinceDue, 0.99)),
      note: 'from when each request fell due',
    },
  ];
}

/** None where the system does not tell the CPU of threads. */
function cpuRow(measured: ReadonlyMap<SubjectName, readonly Measured[]>): readonly Row[] {
  const figures: Record<string, Figure> = {};
  const parts: Record<string, Record<string, number>> = {};
  for (const [subject, all] of measured) {
    const readings = all.map((each) => each.cpu).filter((each) => each !== null);
    if (readings.length === 0) continue;
    figures[subject] = figure('µs', readings.map(total));
    const kinds = [...new Set(readings.flatMap((each) => [...each.keys()]))];
    const mean = (kind: string): number =>
      readings.reduce((sum, each) => sum + (each.get(kind) ?? 0), 0) / readings.length;
    parts[subject] = Object.fromEntries(kinds.map((kind) => [kind, mean(kind)]));
  }
  if (Object.keys(figures).length === 0) return [];
  return [{ name: `CPU of the server per request, ${BUSY_CONNECTIONS} connections`, figures, parts }];
}

function quantile(json: HistogramJson | null, q: number): number {
  return json === null ? Number.NaN : Histogram.from(json).quantileMs(q);
}
