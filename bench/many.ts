/**
 * Thousands of functions in one host. Deployed and idle: what a warm call of one of them takes beside a host that has
 * no other, how long the host takes to start the second time, what each costs in memory. More of them in use than the
 * pool has room for: round robin, so that every call meets an eviction and a cold start. Thousands warm at once.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Catalog } from '../src/catalog/catalog.ts';
import { loadConfig } from '../src/config/config.ts';
import { Histogram } from '../src/load/histogram.ts';
import { type RunningHost, startHost } from '../test/support/host.ts';
import { alternate, type BenchOptions } from './benchmark.ts';
import { Connection, requestBytes } from './connection.ts';
import { figure, type Row, type Unit } from './figure.ts';
import { type GeneratedProject, generateProject } from './generated.ts';

/** Requests to one host before it is the other's turn. */
const SLICE = 250;
const WARM_UP = 500;
const SETTLE_MS = 1500;
const KIB_PER_MIB = 1024;

interface Scale {
  /** Functions deployed, each time. */
  readonly deployed: readonly number[];
  readonly slices: number;
  /** In use, and how many of them fit. */
  readonly roundRobin: { readonly functions: number; readonly pool: number; readonly rounds: number };
  readonly warm: number;
  readonly randomCalls: number;
}

const FULL: Scale = {
  deployed: [1, 5000, 10_000],
  slices: 12,
  roundRobin: { functions: 1000, pool: 200, rounds: 2 },
  warm: 2500,
  randomCalls: 3000,
};
const SMALL: Scale = {
  deployed: [1, 20, 40],
  slices: 2,
  roundRobin: { functions: 12, pool: 4, rounds: 1 },
  warm: 10,
  randomCalls: 50,
};

interface Deployed {
  readonly project: GeneratedProject;
  readonly dataDir: string;
}

/** A project whose functions are bundled already, as on every start but the first. */
export async function deploy(count: number, server: Readonly<Record<string, number>> = {}): Promise<Deployed> {
  const project = await generateProject({
    count,
    source: (n) => `export default { fetch: () => new Response('function ${n}') };\n`,
    limits: () => ({}),
    routes: (n) => [`GET /tenant-${n}/items/:id`],
    server,
  });
  const dataDir = join(project.directory, 'data');
  const catalog = new Catalog({ dataDir, root: project.directory });
  await catalog.publish(loadConfig(project.config, { env: {} }).config.functions);
  await catalog.close();
  return { project, dataDir };
}

/** Resident memory of a process, MiB (Linux). */
async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`no VmRSS of process ${pid}`);
  return Number(kib) / KIB_PER_MIB;
}

interface PoolStats {
  readonly isolates: number;
  readonly bytes: number;
  readonly evictions: number;
}

/** A host and one connection to it. */
class Site {
  readonly host: RunningHost;
  readonly startedMs: number;
  readonly #port: number;
  readonly #connection: Connection;

  private constructor(host: RunningHost, startedMs: number) {
    this.host = host;
    this.startedMs = startedMs;
    this.#port = Number(new URL(host.url).port);
    this.#connection = new Connection(this.#port);
  }

  static async open({ project, dataDir }: Deployed): Promise<Site> {
    const startedAt = performance.now();
    const host = await startHost({ config: project.config, dataDir });
    return new Site(host, performance.now() - startedAt);
  }

  /** One call of function `n`; ms. */
  async call(n: number): Promise<number> {
    const bytes = requestBytes({ port: this.#port, path: `/tenant-${n}/items/7` });
    const startedAt = performance.now();
    const { status, body } = await this.#connection.ask(bytes);
    const tookMs = performance.now() - startedAt;
    if (status !== 200 || body !== `function ${n}`) throw new Error(`function ${n}: ${status} ${body}`);
    return tookMs;
  }

  async pool(): Promise<PoolStats> {
    const stats = (await (await this.host.admin('/v1/stats')).json()) as { pool: PoolStats };
    return stats.pool;
  }

  async close(): Promise<void> {
    this.#connection.close();
    await this.host.stop();
  }
}

/** Figures of one repetition, by the name of their row. */
export type Measured = ReadonlyMap<string, readonly [unit: Unit, value: number]>;

/** Idle functions: the first of `projects` has one alone. */
export async function measureIdle(projects: readonly Deployed[], slices: number): Promise<Measured> {
  const found = new Map<string, readonly [Unit, number]>();
  const sites: Site[] = [];
  try {
    // One after the other: each start has the machine for itself.
    for (const project of projects) sites.push(await Site.open(project));
    await sleep(SETTLE_MS);
    const idleMib = await Promise.all(sites.map((site) => residentMib(site.host.pid)));
    const latencies = sites.map(() => new Histogram());
    for (const site of sites) for (let i = 0; i < WARM_UP; i++) await site.call(0);
    for (let slice = 0; slice < slices; slice++) {
      const order = [...sites.keys()];
      for (const at of slice % 2 === 0 ? order : order.reverse())
        for (let i = 0; i < SLICE; i++) latencies[at]!.record(await sites[at]!.call(0));
    }
    const p50 = latencies.map((each) => each.quantileMs(0.5));
    for (const [at, { project }] of projects.entries()) {
      const count = project.names.length;
      found.set(`warm call, ${count} deployed, p50`, ['ms', p50[at]!]);
      found.set(`start of the host, ${count} deployed, second time`, ['s', sites[at]!.startedMs / 1000]);
      if (at === 0) continue;
      found.set(`warm call, ${count} deployed against one, p50`, ['×', p50[at]! / p50[0]!]);
      found.set(`memory of a deployed function that is idle, of ${count}`, [
        'KiB',
        ((idleMib[at]! - idleMib[0]!) * KIB_PER_MIB) / (count - projects[0]!.project.names.length),
      ]);
    }
    return found;
  } finally {
    for (const site of sites) await site.close();
  }
}

/** Every function in turn, in a pool that holds some of them. */
export async function measureRoundRobin(deployed: Deployed, rounds: number): Promise<Measured> {
  const { length } = deployed.project.names;
  const site = await Site.open(deployed);
  try {
    const latencies = new Histogram();
    // The first round fills the pool.
    for (let round = 0; round <= rounds; round++)
      for (let n = 0; n < length; n++) {
        const tookMs = await site.call(n);
        if (round > 0) latencies.record(tookMs);
      }
    const { evictions, isolates } = await site.pool();
    const name = `${length} functions in turn, room for ${isolates}`;
    return new Map<string, readonly [Unit, number]>([
      [`${name}, p50`, ['ms', latencies.quantileMs(0.5)]],
      [`${name}, p99`, ['ms', latencies.quantileMs(0.99)]],
      [`${name}, evictions`, ['', evictions]],
    ]);
  } finally {
    await site.close();
  }
}

/** Each function called once, and then one at random. */
export async function measureWarm(deployed: Deployed, calls: number): Promise<Measured> {
  const { length } = deployed.project.names;
  const site = await Site.open(deployed);
  try {
    await site.call(0);
    await sleep(SETTLE_MS);
    const [before, poolBefore] = [await residentMib(site.host.pid), await site.pool()];
    for (let n = 1; n < length; n++) await site.call(n);
    await sleep(SETTLE_MS);
    const [after, pool] = [await residentMib(site.host.pid), await site.pool()];
    if (pool.isolates !== length) throw new Error(`${pool.isolates} isolates are warm, not ${length}`);
    const latencies = new Histogram();
    let n = 1;
    for (let i = 0; i < calls; i++) {
      n = (n * 48_271) % 2_147_483_647;
      latencies.record(await site.call(n % length));
    }
    const added = pool.isolates - poolBefore.isolates;
    const name = `${length} warm isolates`;
    return new Map<string, readonly [Unit, number]>([
      [`${name}: resident memory of the host`, ['MiB', after]],
      [`${name}: resident memory of each`, ['MiB', (after - before) / added]],
      [`${name}: what the pool counts for each`, ['MiB', (pool.bytes - poolBefore.bytes) / added / 2 ** 20]],
      [`${name}: call of one at random, p50`, ['ms', latencies.quantileMs(0.5)]],
      [`${name}: call of one at random, p99`, ['ms', latencies.quantileMs(0.99)]],
    ]);
  } finally {
    await site.close();
  }
}

const PARTS = ['idle', 'round robin', 'warm'] as const;

export async function benchMany(options: BenchOptions): Promise<readonly Row[]> {
  const { deployed, slices, roundRobin, warm, randomCalls } = options.small ? SMALL : FULL;
  const idle: Deployed[] = [];
  const made: Deployed[] = [];
  const make = async (count: number, server?: Readonly<Record<string, number>>): Promise<Deployed> => {
    options.progress(`bundling ${count} functions`);
    const one = await deploy(count, server);
    made.push(one);
    return one;
  };
  try {
    for (const count of deployed) idle.push(await make(count));
    const crowd = await make(roundRobin.functions, { maxIsolates: roundRobin.pool });
    const many = await make(warm, { maxIsolates: warm, memoryMiB: Math.max(256, warm * 8) });
    const measured = await alternate(PARTS, options, (part) => {
      switch (part) {
        case 'idle':
          return measureIdle(idle, slices);
        case 'round robin':
          return measureRoundRobin(crowd, roundRobin.rounds);
        case 'warm':
          return measureWarm(many, randomCalls);
        default:
          return part satisfies never;
      }
    });
    return [...measured.values()].flatMap(rowsOf);
  } finally {
    for (const { project } of made) await project.remove();
  }
}

function rowsOf(repetitions: readonly Measured[]): Row[] {
  return [...repetitions[0]!].map(([name, [unit]]) => ({
    name,
    figures: {
      isolane: figure(
        unit,
        repetitions.map((each) => each.get(name)![1]),
      ),
    },
  }));
}
