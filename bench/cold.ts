/**
 * Cold start: distinct functions, each called for the first time and then warm. The cold start is what the first call takes
 * longer than the median of that function's next ones, seen by the client. One function falls due every 10 ms whatever the
 * host does, in bundles of 1, 100 and 500 KB, with the code caches that were made when they were published; in a row, one
 * straight after the other; and with a memory limit of their own, for which the host keeps no spare. None is left out.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Histogram, mergeAll } from '../src/load/histogram.ts';
import { startHost } from '../test/support/host.ts';
import { Connection, requestBytes } from './connection.ts';
import { figure, type Row } from './figure.ts';
import { generateProject } from './generated.ts';
import { library } from './library.ts';

export interface ColdOptions {
  /** Of each series. */
  readonly functions: number;
  readonly repetitions: number;
  readonly progress: (line: string) => void;
}

interface Series {
  readonly title: string;
  /** Size of the bundle; 0: the handler alone. */
  readonly kib: number;
  /** One function falls due so often; 0: as soon as the last has been measured. */
  readonly everyMs: number;
  readonly limits: Readonly<Record<string, number>>;
}

interface Measured {
  readonly coldStarts: readonly Histogram[];
}

const SERIES: readonly Series[] = [
  { title: 'hello, one every 10 ms', kib: 0, everyMs: 10, limits: {} },
  { title: 'bundle of 100 KB, one every 10 ms', kib: 100, everyMs: 10, limits: {} },
  { title: 'bundle of 500 KB, one every 10 ms', kib: 500, everyMs: 10, limits: {} },
  { title: 'hello, one every 50 ms', kib: 0, everyMs: 50, limits: {} },
  { title: 'hello, in a row', kib: 0, everyMs: 0, limits: {} },
  { title: 'hello with an unusual memory limit, one every 10 ms', kib: 0, everyMs: 10, limits: { memoryMiB: 48 } },
];
const WARM_CALLS = 5;
/** First calls that may be under way at once. */
const CONNECTIONS = 64;
const SETTLE_MS = 1500;
const CACHES_WITHIN_MS = 60_000;

/** What was published has its code cache. */
async function cachesMade(dataDir: string, count: number): Promise<void> {
  for (const untilMs = Date.now() + CACHES_WITHIN_MS; Date.now() < untilMs; await sleep(100)) {
    const files = await readdir(join(dataDir, 'bundles'));
    if (files.filter((file) => file.endsWith('.code')).length >= count) return;
  }
  throw new Error(`${count} code caches were not made within ${CACHES_WITHIN_MS} ms`);
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
  return Math.max(0, first - figure('ms', warm).median);
}

function source({ kib }: Series, n: number): string {
  if (kib === 0) return `export default { fetch: () => new Response('function ${n}') };\n`;
  return `import { parts, size } from './library-${kib}/index.ts';
export default { fetch: () => new Response(parts.length > 0 && size > 0 ? 'function ${n}' : 'no library') };\n`;
}

type Call = (connection: Connection, n: number) => Promise<void>;

/** Each falls due whether the one before has been answered or not; with no connection free it waits, and that counts. */
async function openLoop(numbers: readonly number[], everyMs: number, free: Connection[], call: Call): Promise<void> {
  const startedAt = performance.now();
  const all: Promise<void>[] = [];
  for (const [at, n] of numbers.entries()) {
    await sleep(Math.max(0, startedAt + at * everyMs - performance.now()));
    const connection = free.pop();
    if (connection === undefined) throw new Error(`more than ${CONNECTIONS} first calls are under way at once`);
    all.push(call(connection, n).then(() => void free.push(connection)));
  }
  await Promise.all(all);
}

async function measure(functions: number): Promise<Measured> {
  const seriesOf = (n: number): Series | undefined => SERIES[Math.floor((n - 1) / functions)];
  const project = await generateProject({
    // Function 0 pays for what the host itself does once; it is not counted.
    count: 1 + SERIES.length * functions,
    source: (n) => source(seriesOf(n) ?? SERIES[0]!, n),
    limits: (n) => seriesOf(n)?.limits ?? {},
    files: new Map(SERIES.flatMap(({ kib }) => (kib === 0 ? [] : [...library(`library-${kib}`, kib)]))),
  });
  const host = await startHost({ config: project.config });
  const port = Number(new URL(host.url).port);
  const connections = Array.from({ length: CONNECTIONS }, () => new Connection(port));
  const coldStarts = SERIES.map(() => new Histogram());
  const call = async (histogram: Histogram | null, connection: Connection, n: number): Promise<void> => {
    const bytes = requestBytes({ port, path: `/fn/${project.names[n]}/` });
    const addedMs = await coldStartMs(connection, bytes, `function ${n}`);
    histogram?.record(addedMs);
  };
  try {
    await cachesMade(host.dataDir, SERIES.filter(({ kib }) => kib > 0).length * functions);
    for (const connection of connections) await call(null, connection, 0);
    await sleep(SETTLE_MS);
    for (const [at, { everyMs }] of SERIES.entries()) {
      const numbers = Array.from({ length: functions }, (_, n) => 1 + at * functions + n);
      const one: Call = (connection, n) => call(coldStarts[at]!, connection, n);
      if (everyMs > 0) await openLoop(numbers, everyMs, [...connections], one);
      else for (const n of numbers) await one(connections[0]!, n);
      await sleep(SETTLE_MS);
    }
    return { coldStarts };
  } finally {
    for (const connection of connections) connection.close();
    await host.stop();
    await project.remove();
  }
}

export async function benchCold(options: ColdOptions): Promise<readonly Row[]> {
  const all: Measured[] = [];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    const result = await measure(options.functions);
    all.push(result);
    const lines = result.coldStarts.map(
      (each, at) => `${SERIES[at]!.title} ${each.quantileMs(0.5).toFixed(2)} / ${each.quantileMs(0.99).toFixed(2)} ms`,
    );
    options.progress(`cold start p50 / p99: ${lines.join('; ')}`);
  }
  const row = (name: string, unit: 'ms', pick: (each: Measured) => number): Row => ({
    name,
    figures: { isolane: figure(unit, all.map(pick)) },
  });
  return [
    ...SERIES.flatMap(({ title }, at) => [
      row(`cold start, ${title}, time added, p50`, 'ms', (each) => each.coldStarts[at]!.quantileMs(0.5)),
      {
        ...row(`cold start, ${title}, time added, p99`, 'ms', (each) => each.coldStarts[at]!.quantileMs(0.99)),
        distributions: { isolane: mergeAll(all.map((each) => each.coldStarts[at]!.toJSON())) },
      },
    ]),
  ];
}
