/**
 * What a second worker brings: `hello` on a host with one worker, on one with two, and on one whose only worker has a single
 * core. All are up at once and loaded for a second in turn. How much there is to bring depends on what one worker and the
 * load leave of the machine, so that is measured beside it; likewise how evenly the two workers share.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { childrenOf, startSupervised } from '../test/support/supervised.ts';
import type { BenchOptions } from './benchmark.ts';
import { closedLoop } from './closed-loop.ts';
import { cpuByThread, total } from './cpu.ts';
import { figure, median, type Row, type Unit } from './figure.ts';

const VARIANTS = ['1 worker', '2 workers', '1 worker on 1 core'] as const;
type Variant = (typeof VARIANTS)[number];

const CONNECTIONS = 64;
const ROUNDS = 5;
const WARMUP_MS = 6000;
/** Of what /proc calls a tick, µs. */
const TICK_US = 10_000;

interface Cost {
  readonly perSecond: number;
  /** Of the server, a request, µs. */
  readonly cpuUs: number;
  /** Processors that server and load generator kept busy. */
  readonly cores: number;
  /** Of all that its hosts did, what the busiest did. */
  readonly largest: number;
}

interface Subject {
  load(durationMs: number): Promise<Cost>;
  stop(): Promise<void>;
}

async function start(variant: Variant): Promise<Subject> {
  const host = await startSupervised({
    config: join(import.meta.dirname, '../fixtures/isolane.json'),
    args: ['--workers', variant === '2 workers' ? '2' : '1'],
    ...(variant === '1 worker on 1 core' ? { shell: 'taskset -cp 0 $$ > /dev/null' } : {}),
  });
  // The spare boots now, not while something is measured.
  await host.whole();
  const aim = { port: Number(new URL(host.url).port), path: '/hello/world', expectBody: 'Hello, world!\n' };
  const hosts = (): Promise<readonly number[]> => Promise.all(childrenOf(host.pid).map(cpuOf));
  return {
    async load(durationMs) {
      const [ownBefore, serverBefore, hostsBefore] = [await generatorCpu(), await cpuOf(host.pid), await hosts()];
      const startedMs = performance.now();
      const { perSecond, count } = await closedLoop(aim, { connections: CONNECTIONS, warmupMs: 0, durationMs });
      const wallUs = (performance.now() - startedMs) * 1000;
      const hostsUs = (await hosts()).map((us, at) => us - hostsBefore[at]!);
      const serverUs = (await cpuOf(host.pid)) - serverBefore;
      return {
        perSecond,
        cpuUs: serverUs / count,
        cores: (serverUs + (await generatorCpu()) - ownBefore) / wallUs,
        largest: Math.max(...hostsUs) / hostsUs.reduce((sum, us) => sum + us, 0),
      };
    },
    async stop() {
      await host.stop();
    },
  };
}

/** Of a process and its children, µs. */
async function cpuOf(pid: number): Promise<number> {
  const cpu = await cpuByThread(pid);
  if (cpu === null) throw new Error('what a second worker brings is measured on Linux only');
  return total(cpu);
}

/** Of this process and the children it has waited for, µs: the load generator is either. */
async function generatorCpu(): Promise<number> {
  const stat = await readFile('/proc/self/stat', 'utf8');
  // The name before them stands in parentheses and may itself hold some.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) * TICK_US;
}

/** The median of each variant's rounds. */
type Measured = Readonly<Record<Variant, Cost>>;

async function measure({ seconds, small }: BenchOptions): Promise<Measured> {
  const subjects = new Map<Variant, Subject>();
  const costs = new Map<Variant, Cost[]>(VARIANTS.map((variant) => [variant, []]));
  const rounds = small ? 1 : ROUNDS;
  try {
    for (const variant of VARIANTS) subjects.set(variant, await start(variant));
    // Two hosts take twice as long as one until all that they run is compiled.
    for (const subject of subjects.values()) await subject.load(small ? 1000 : WARMUP_MS);
    for (let round = 0; round < rounds; round++) {
      for (const variant of round % 2 === 0 ? VARIANTS : VARIANTS.toReversed()) {
        costs.get(variant)!.push(await subjects.get(variant)!.load((seconds * 1000) / rounds));
      }
    }
  } finally {
    for (const subject of subjects.values()) await subject.stop();
  }
  const middle = (variant: Variant): Cost => {
    const pick = (key: keyof Cost): number => median(costs.get(variant)!.map((cost) => cost[key]));
    return { perSecond: pick('perSecond'), cpuUs: pick('cpuUs'), cores: pick('cores'), largest: pick('largest') };
  };
  return Object.fromEntries(VARIANTS.map((variant) => [variant, middle(variant)])) as Record<Variant, Cost>;
}

export async function benchWorkers(options: BenchOptions): Promise<readonly Row[]> {
  const all: Measured[] = [];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    const measured = await measure(options);
    all.push(measured);
    for (const [variant, { perSecond, cpuUs, cores, largest }] of Object.entries(measured)) {
      options.progress(
        `${variant}: ${Math.round(perSecond)} requests/s, ${cpuUs.toFixed(1)} µs each, ${cores.toFixed(2)} cores with the load` +
          `, ${(largest * 100).toFixed(0)} % of it in one host`,
      );
    }
  }
  const row = (name: string, unit: Unit, pick: (cost: Cost) => number): Row => ({
    name,
    figures: Object.fromEntries(
      VARIANTS.map((variant) => [
        variant,
        figure(
          unit,
          all.map((each) => pick(each[variant])),
        ),
      ]),
    ),
  });
  const times = (name: string, pick: (each: Measured) => number): Row => ({
    name,
    figures: { isolane: figure('×', all.map(pick)) },
  });
  return [
    row(`requests/s, ${CONNECTIONS} connections`, 'requests/s', ({ perSecond }) => perSecond),
    row('CPU of the server per request', 'µs', ({ cpuUs }) => cpuUs),
    row('cores in use by server and load', '', ({ cores }) => cores),
    row('work done by the busiest host', '%', ({ largest }) => largest * 100),
    times('2 workers against 1', (each) => each['2 workers'].perSecond / each['1 worker'].perSecond),
    {
      ...times('room beside 1 worker and its load', (each) => availableParallelism() / each['1 worker'].cores),
      note: 'what all cores are, over those in use: more than that a second worker cannot bring',
    },
    times(
      '2 workers against 1 on 1 core',
      (each) => each['2 workers'].perSecond / each['1 worker on 1 core'].perSecond,
    ),
  ];
}
