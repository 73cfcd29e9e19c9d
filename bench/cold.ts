/**
 * Cold start and memory: distinct functions, each called for the first time and then warm, one request at a time. The
 * cold start is what the first call takes longer than that function's next ones, seen by the client. Three series: with
 * a pause between functions, in which the host can prepare a spare isolate as it can in life; straight after each other;
 * and with a memory limit of their own, for which the host keeps no spare. None is left out of the report.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Histogram } from '../src/load/histogram.ts';
import { startHost } from '../test/support/host.ts';
import { Connection, requestBytes } from './connection.ts';
import { figure, type Row } from './figure.ts';
import { generateProject } from './generated.ts';

export interface ColdOptions {
  /** Of each series. */
  readonly functions: number;
  readonly repetitions: number;
  readonly progress: (line: string) => void;
}

interface Series {
  readonly title: string;
  readonly pauseMs: number;
  readonly limits: Readonly<Record<string, number>>;
}

interface Measured {
  readonly coldStarts: readonly Histogram[];
  readonly mibPerIsolate: number;
}

const SERIES: readonly Series[] = [
  { title: 'cold start', pauseMs: 50, limits: {} },
  { title: 'cold start in a burst', pauseMs: 0, limits: {} },
  { title: 'cold start with an unusual memory limit', pauseMs: 50, limits: { memoryMiB: 48 } },
];
const WARM_CALLS = 5;
const SETTLE_MS = 1500;
const KIB_PER_MIB = 1024;

/** Resident memory of a process, MiB (Linux). */
async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`no VmRSS of process ${pid}`);
  return Number(kib) / KIB_PER_MIB;
}

async function timed(connection: Connection, bytes: Buffer, expected: string): Promise<number> {
  const startedAt = performance.now();
  const { status, body } = await connection.ask(bytes);
  const tookMs = performance.now() - startedAt;
  if (status !== 200 || body !== expected) throw new Error(`expected ${expected}, got ${status} ${body}`);
  return tookMs;
}

/** What the first call of one function took longer than the median of its next ones. */
async function coldStartMs(connection: Connection, bytes: Buffer, expected: string): Promise<number> {
  const first = await timed(connection, bytes, expected);
  const warm: number[] = [];
  for (let call = 0; call < WARM_CALLS; call++) warm.push(await timed(connection, bytes, expected));
  return first - figure('ms', warm).median;
}

async function measure(functions: number): Promise<Measured> {
  const seriesOf = (n: number): number => Math.floor((n - 1) / functions);
  const project = await generateProject({
    // Function 0 pays for what the host itself does once; it is not counted.
    count: 1 + SERIES.length * functions,
    source: (n) => `export default { fetch: () => new Response('function ${n}') };\n`,
    limits: (n) => SERIES[seriesOf(n)]?.limits ?? {},
  });
  const host = await startHost({ config: project.config });
  const port = Number(new URL(host.url).port);
  const connection = new Connection(port);
  const coldStarts = SERIES.map(() => new Histogram());
  try {
    let before = 0;
    for (const [n, name] of project.names.entries()) {
      const series = SERIES[seriesOf(n)];
      if (series && series.pauseMs > 0) await sleep(series.pauseMs);
      const addedMs = await coldStartMs(connection, requestBytes({ port, path: `/fn/${name}/` }), `function ${n}`);
      coldStarts[seriesOf(n)]?.record(Math.max(0, addedMs));
      if (n > 0) continue;
      await sleep(SETTLE_MS);
      before = await residentMib(host.pid);
    }
    await sleep(SETTLE_MS);
    const mibPerIsolate = ((await residentMib(host.pid)) - before) / (project.names.length - 1);
    return { coldStarts, mibPerIsolate };
  } finally {
    connection.close();
    await host.stop();
    await project.remove();
  }
}

export async function benchCold(options: ColdOptions): Promise<readonly Row[]> {
  const all: Measured[] = [];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    const result = await measure(options.functions);
    all.push(result);
    const medians = result.coldStarts.map(
      (each, at) => `${SERIES[at]!.title} p50 ${each.quantileMs(0.5).toFixed(2)} ms`,
    );
    options.progress(`isolane: ${medians.join(', ')}; ${result.mibPerIsolate.toFixed(2)} MiB per warm isolate`);
  }
  const row = (name: string, unit: 'ms' | 'MiB', pick: (each: Measured) => number): Row => ({
    name,
    figures: { isolane: figure(unit, all.map(pick)) },
  });
  return [
    ...SERIES.flatMap(({ title }, at) => [
      row(`${title}, time added, p50`, 'ms', (each) => each.coldStarts[at]!.quantileMs(0.5)),
      row(`${title}, time added, p99`, 'ms', (each) => each.coldStarts[at]!.quantileMs(0.99)),
    ]),
    row('memory per warm isolate', 'MiB', (each) => each.mibPerIsolate),
  ];
}
