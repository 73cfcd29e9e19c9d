/**
 * A bystander at 200 requests a second while eight neighbours do nothing but compute: eight functions of the same isolane
 * host, eight processes beside plain Hono, and workerd, which has no limits, with the same functions. How late the answers of
 * the bystander come; one that never came counts as late as it was waited for.
 */
import { load } from '../src/load/load.ts';
import type { LoadPlan, LoadResult } from '../src/load/plan.ts';
import { startHost } from '../test/support/host.ts';
import { type RunningApp, startApp, startBaseline } from './app.ts';
import { alternate, type BenchOptions } from './benchmark.ts';
import { Connection, requestBytes } from './connection.ts';
import { type Figure, figure, type Row, type Unit } from './figure.ts';
import { entryOf, writeProject } from './project.ts';

export const NEIGHBOUR_SUBJECTS = ['hono', 'workerd', 'isolane'] as const;
type NeighbourSubject = (typeof NEIGHBOUR_SUBJECTS)[number];

const NEIGHBOURS = 8;
const PER_SECOND = 200;
/** More than ever needed, so that none is waited for. */
const CONNECTIONS = 16;
const SETTLE_MS = 1000;

interface Street {
  /** Of the bystander. */
  readonly port: number;
  /** What burns, begun and ended. */
  burn(): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

/** Asks for `path` again and again, until told to end; whatever is answered. */
function pester(port: number, path: string): () => Promise<void> {
  const connection = new Connection(port);
  const bytes = requestBytes({ port, path });
  let over = false;
  const rounds = (async () => {
    while (!over) await connection.ask(bytes).catch(() => undefined);
  })();
  return async () => {
    over = true;
    connection.close();
    await Promise.race([rounds, new Promise((resolve) => setTimeout(resolve, SETTLE_MS))]);
  };
}

function asked(port: number, paths: readonly string[]): () => Promise<() => Promise<void>> {
  return async () => {
    const ends = paths.map((path) => pester(port, path));
    return async () => void (await Promise.all(ends.map((end) => end())));
  };
}

async function isolane(): Promise<Street> {
  const names = Array.from({ length: NEIGHBOURS }, (_, n) => `burn-${n}`);
  const burn = (name: string) => [name, { entry: entryOf('burn'), url: true }] as const;
  const project = await writeProject({
    functions: { hello: { routes: ['/hello'] }, ...Object.fromEntries(names.map(burn)) },
  });
  const host = await startHost({ config: project.config });
  const port = Number(new URL(host.url).port);
  return {
    port,
    burn: asked(
      port,
      names.map((name) => `/fn/${name}/`),
    ),
    async stop() {
      await host.stop();
      await project.remove();
    },
  };
}

async function open(subject: NeighbourSubject): Promise<Street> {
  switch (subject) {
    case 'isolane':
      return isolane();
    case 'workerd': {
      const app = await startApp(subject, { name: 'mixed' });
      const paths = Array.from({ length: NEIGHBOURS }, (_, n) => `/burn/${n}`);
      return { ...app, burn: asked(app.port, paths) };
    }
    case 'hono': {
      const app = await startApp(subject, { name: 'hello' });
      return { ...app, burn: processes };
    }
    default:
      return subject satisfies never;
  }
}

async function processes(): Promise<() => Promise<void>> {
  const burning: RunningApp[] = [];
  for (let n = 0; n < NEIGHBOURS; n++) burning.push(await startBaseline('burn.ts'));
  return async () => {
    await Promise.all(burning.map((each) => each.stop()));
  };
}

async function measure(subject: NeighbourSubject, seconds: number): Promise<LoadResult> {
  const street = await open(subject);
  try {
    const durationMs = seconds * 1000;
    const plan: LoadPlan = {
      origin: { host: '127.0.0.1', port: street.port, tls: false, name: '127.0.0.1' },
      requests: [{ path: '/hello' }],
      expect: { status: 200, body: 'Hello, world!\n' },
      connections: CONNECTIONS,
      warmupMs: SETTLE_MS,
      durationMs,
      ratePerSecond: PER_SECOND,
      processes: 1,
      serverTiming: false,
    };
    await load({ ...plan, warmupMs: 0, durationMs: Math.min(1000, durationMs) });
    const quiet = await street.burn();
    try {
      return await load(plan);
    } finally {
      await quiet();
    }
  } finally {
    await street.stop();
  }
}

export async function benchNeighbour(options: BenchOptions): Promise<readonly Row[]> {
  const measured = await alternate(options.subjects as readonly NeighbourSubject[], options, async (subject) => {
    const result = await measure(subject, options.seconds);
    const { count, failures, p50Ms, p99Ms } = result;
    options.progress(
      `${subject}: ${failures} of ${count} without an answer, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(1)} ms`,
    );
    return result;
  });
  const row = (name: string, unit: Unit, pick: (each: LoadResult) => number): Row => {
    const figures: Record<string, Figure> = {};
    for (const [subject, all] of measured) figures[subject] = figure(unit, all.map(pick));
    return { name, figures };
  };
  return [
    row(`bystander beside ${NEIGHBOURS} that burn: p50`, 'ms', ({ p50Ms }) => p50Ms),
    row(`bystander beside ${NEIGHBOURS} that burn: p99`, 'ms', ({ p99Ms }) => p99Ms),
    row('requests of the bystander without an answer', '%', ({ count, failures }) => (100 * failures) / count),
  ];
}
