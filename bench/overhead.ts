/**
 * What the bill and the traces cost: `hello` on hosts without a ledger, and with one at 0, 5 and 100 % of traces kept. All
 * hosts are up at once and loaded for a second in turn, so that a drift of the machine hits all alike; CPU per request
 * beside requests per second, because it is the steadier figure of the two.
 */
import { join } from 'node:path';
import { startHost } from '../test/support/host.ts';
import type { BenchOptions } from './benchmark.ts';
import { closedLoop } from './closed-loop.ts';
import { cpuByThread, cpuPer, total } from './cpu.ts';
import { figure, median, type Row, type Unit } from './figure.ts';
import { writeProject } from './project.ts';

const VARIANTS = ['no ledger', '0 % traced', '5 % traced', '100 % traced'] as const;
type Variant = (typeof VARIANTS)[number];

interface Setting {
  readonly sampleRatio: number;
  readonly billed: boolean;
}

const SETTINGS: Readonly<Record<Variant, Setting>> = {
  'no ledger': { sampleRatio: 0.05, billed: false },
  '0 % traced': { sampleRatio: 0, billed: true },
  '5 % traced': { sampleRatio: 0.05, billed: true },
  '100 % traced': { sampleRatio: 1, billed: true },
};

interface Cost {
  readonly perSecond: number;
  /** `null` where the system does not tell. */
  readonly cpuUs: number | null;
}

interface Subject {
  load(durationMs: number): Promise<Cost>;
  stop(): Promise<void>;
}

const CONNECTIONS = 64;
const ROUNDS = 5;

async function start({ sampleRatio, billed }: Setting): Promise<Subject> {
  const project = await writeProject({
    functions: { hello: { routes: ['/*'] } },
    more: { telemetry: { sampleRatio } },
  });
  const unbilled = `--import=${join(import.meta.dirname, 'baseline/unbilled.ts')}`;
  const host = await startHost({ config: project.config, env: billed ? {} : { NODE_OPTIONS: unbilled } });
  const aim = { port: Number(new URL(host.url).port), path: '/', expectBody: 'Hello, world!\n' };
  return {
    async load(durationMs) {
      const before = await cpuByThread(host.pid);
      const { perSecond, count } = await closedLoop(aim, { connections: CONNECTIONS, warmupMs: 0, durationMs });
      const cpu = cpuPer(count, before, await cpuByThread(host.pid));
      return { perSecond, cpuUs: cpu === null ? null : total(cpu) };
    },
    async stop() {
      const kept = await host.admin('/v1/usage');
      const { items } = (await kept.json()) as { items: readonly unknown[] };
      await host.stop();
      await project.remove();
      if (items.length > 0 !== billed)
        throw new Error(`a host ${billed ? 'with' : 'without'} a ledger has the wrong bill`);
    },
  };
}

/** The median of each variant's rounds. */
type Measured = Readonly<Record<Variant, Cost>>;

async function measure(seconds: number): Promise<Measured> {
  const subjects = new Map<Variant, Subject>();
  const costs = new Map<Variant, Cost[]>(VARIANTS.map((variant) => [variant, []]));
  try {
    for (const variant of VARIANTS) subjects.set(variant, await start(SETTINGS[variant]));
    for (const subject of subjects.values()) await subject.load(Math.min(3000, seconds * 1000));
    for (let round = 0; round < ROUNDS; round++) {
      for (const variant of round % 2 === 0 ? VARIANTS : VARIANTS.toReversed()) {
        costs.get(variant)!.push(await subjects.get(variant)!.load((seconds * 1000) / ROUNDS));
      }
    }
  } finally {
    for (const subject of subjects.values()) await subject.stop();
  }
  const middle = (variant: Variant): Cost => {
    const all = costs.get(variant)!;
    const cpu = all.map(({ cpuUs }) => cpuUs).filter((us) => us !== null);
    return { perSecond: median(all.map(({ perSecond }) => perSecond)), cpuUs: cpu.length === 0 ? null : median(cpu) };
  };
  return Object.fromEntries(VARIANTS.map((variant) => [variant, middle(variant)])) as Record<Variant, Cost>;
}

/** What is compared with what. */
const LOSSES = [
  { name: 'lost to billing', without: 'no ledger', with: '5 % traced' },
  { name: 'lost to 5 % of traces', without: '0 % traced', with: '5 % traced' },
  { name: 'lost to 100 % of traces', without: '0 % traced', with: '100 % traced' },
] as const;

export async function benchOverhead(options: BenchOptions): Promise<readonly Row[]> {
  const all: Measured[] = [];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    const measured = await measure(options.seconds);
    all.push(measured);
    for (const [variant, { perSecond, cpuUs }] of Object.entries(measured)) {
      options.progress(
        `${variant}: ${Math.round(perSecond)} requests/s${cpuUs === null ? '' : `, ${cpuUs.toFixed(1)} µs`}`,
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
  const percents = (name: string, values: readonly number[]): Row => ({
    name,
    figures: { isolane: figure('%', values) },
  });
  const counted = all.every((each) => VARIANTS.every((variant) => each[variant].cpuUs !== null));
  return [
    row(`requests/s, ${CONNECTIONS} connections`, 'requests/s', ({ perSecond }) => perSecond),
    ...(counted ? [row('CPU of the server per request', 'µs', ({ cpuUs }) => cpuUs!)] : []),
    ...LOSSES.flatMap((loss) => [
      percents(
        `throughput ${loss.name}`,
        all.map((each) => 100 * (1 - each[loss.with].perSecond / each[loss.without].perSecond)),
      ),
      ...(counted
        ? [
            percents(
              `CPU ${loss.name}`,
              all.map((each) => 100 * (each[loss.with].cpuUs! / each[loss.without].cpuUs! - 1)),
            ),
          ]
        : []),
    ]),
  ];
}
