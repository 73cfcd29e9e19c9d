/**
 * Cold start and memory: many distinct functions, each called for the first time and then warm, one request at a time.
 * The cold start is what the first call takes longer than that function's next ones, seen by the client. A pause
 * between functions lets the host prepare the next spare isolate, as it can in life; `burst` leaves it out.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHost } from '../test/support/host.ts';
import { Connection, requestBytes } from './connection.ts';
import { figure, type Row } from './figure.ts';
import { generateProject } from './generated.ts';
import { Histogram } from './histogram.ts';

export interface ColdOptions {
  readonly functions: number;
  readonly repetitions: number;
  readonly progress: (line: string) => void;
}

interface Measured {
  readonly paced: Histogram;
  readonly burst: Histogram;
  readonly mibPerIsolate: number;
}

const PAUSE_MS = 50;
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
  const project = await generateProject({
    count: functions,
    source: (n) => `export default { fetch: () => new Response('function ${n}') };\n`,
    limits: { memoryMiB: 32 },
  });
  const host = await startHost({ config: project.config });
  const port = Number(new URL(host.url).port);
  const connection = new Connection(port);
  const bytes = project.names.map((name) => requestBytes({ port, path: `/fn/${name}/` }));
  const [paced, burst] = [new Histogram(), new Histogram()];
  try {
    // The first function pays for what the host itself does once; it is not counted.
    await coldStartMs(connection, bytes[0]!, 'function 0');
    await sleep(SETTLE_MS);
    const before = await residentMib(host.pid);
    const half = Math.ceil(functions / 2);
    for (let n = 1; n < functions; n++) {
      const isPaced = n < half;
      if (isPaced) await sleep(PAUSE_MS);
      (isPaced ? paced : burst).record(Math.max(0, await coldStartMs(connection, bytes[n]!, `function ${n}`)));
    }
    await sleep(SETTLE_MS);
    const mibPerIsolate = ((await residentMib(host.pid)) - before) / (functions - 1);
    return { paced, burst, mibPerIsolate };
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
    options.progress(
      `isolane: cold start p50 ${result.paced.quantileMs(0.5).toFixed(2)} ms, in a burst ` +
        `${result.burst.quantileMs(0.5).toFixed(2)} ms; ${result.mibPerIsolate.toFixed(2)} MiB per warm isolate`,
    );
  }
  const row = (name: string, unit: 'ms' | 'MiB', pick: (each: Measured) => number): Row => ({
    name,
    figures: { isolane: figure(unit, all.map(pick)) },
  });
  return [
    row('cold start, time added, p50', 'ms', (each) => each.paced.quantileMs(0.5)),
    row('cold start, time added, p99', 'ms', (each) => each.paced.quantileMs(0.99)),
    row('cold start in a burst, p50', 'ms', (each) => each.burst.quantileMs(0.5)),
    row('cold start in a burst, p99', 'ms', (each) => each.burst.quantileMs(0.99)),
    row('memory per warm isolate', 'MiB', (each) => each.mibPerIsolate),
  ];
}
