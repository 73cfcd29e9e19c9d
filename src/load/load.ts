/** Loads a server from processes of their own, together, and adds up what they found. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromGenerator, ToGenerator } from './generator-process.ts';
import { Histogram, type HistogramJson } from './histogram.ts';
import { type GeneratorPlan, type GeneratorResult, type LoadPlan, type LoadResult, requestBytes } from './plan.ts';

/** An answer that is not what it should be, before or after the load: there are no figures. */
export class WrongAnswer extends Error {}

/** Throws WrongAnswer, and whatever kept a generator from its work. */
export async function load(plan: LoadPlan): Promise<LoadResult> {
  const plans = share(plan);
  const generators = plans.map((each) => new Remote(each));
  try {
    await Promise.all(generators.map((each) => each.ready()));
    return addUp(await Promise.all(generators.map((each) => each.run())), plan);
  } finally {
    for (const each of generators) each.end();
  }
}

/** Connections and rate among the processes; none without a connection. */
export function share(plan: LoadPlan): readonly GeneratorPlan[] {
  const { requests, processes, ...rest } = plan;
  const count = Math.max(1, Math.min(processes, plan.connections));
  const bytes = requests.map((request) => requestBytes(plan.origin, request));
  return Array.from({ length: count }, (_, n) => ({
    ...rest,
    // Each begins elsewhere in the list.
    requests: bytes.map((_, at) => bytes[(at + n) % bytes.length]!.toString('base64')),
    bodiless: requests.every((request) => request.method === 'HEAD'),
    connections: Math.floor(plan.connections / count) + (n < plan.connections % count ? 1 : 0),
    ratePerSecond: plan.ratePerSecond === null ? null : plan.ratePerSecond / count,
  }));
}

class Remote {
  readonly #child: ChildProcess;
  readonly #plan: GeneratorPlan;

  constructor(plan: GeneratorPlan) {
    this.#plan = plan;
    const file = import.meta.url.endsWith('.ts') ? './generator-process.ts' : './generator-process.js';
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), [], { execArgv: [], serialization: 'advanced' });
  }

  async ready(): Promise<void> {
    await this.#ask({ plan: this.#plan });
  }

  async run(): Promise<GeneratorResult> {
    const answer = await this.#ask({ go: true });
    if ('result' in answer) return answer.result;
    throw new Error('a generator answered out of turn');
  }

  end(): void {
    this.#child.removeAllListeners();
    if (this.#child.connected) this.#child.disconnect();
  }

  #ask(order: ToGenerator): Promise<FromGenerator> {
    return new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('exit', (code) => reject(new Error(`a generator process ended with code ${code}`)));
      this.#child.once('message', (message) => {
        this.#child.removeAllListeners();
        const answer = message as FromGenerator;
        if ('refused' in answer) reject(new WrongAnswer(answer.refused));
        else resolve(answer);
      });
      this.#child.send(order);
    });
  }
}

export function addUp(parts: readonly GeneratorResult[], plan: Pick<LoadPlan, 'ratePerSecond'>): LoadResult {
  const latency = merged(parts.map((part) => part.latency));
  const lag = merged(parts.map((part) => part.lag));
  const due = parts.map((part) => part.sinceDue).filter((each) => each !== null);
  const answered = sum(parts.map((part) => part.answered));
  const errors = counts(parts.map((part) => part.errors));
  const wrongBodies = sum(parts.map((part) => part.wrongBodies));
  const names = [...new Set(parts.flatMap((part) => Object.keys(part.serverTiming)))];
  const timings = names.map((name): [string, HistogramJson] => [
    name,
    merged(parts.map((part) => part.serverTiming[name]).filter((each) => each !== undefined)).toJSON(),
  ]);
  return {
    ...latency.quantiles(),
    perSecond: (answered * 1000) / Math.max(...parts.map((part) => part.tookMs)),
    failures: sum(parts.map((part) => part.wrongStatuses)) + wrongBodies + sum(Object.values(errors)),
    statuses: counts(parts.map((part) => part.statuses)),
    wrongBodies,
    errors,
    latency: latency.toJSON(),
    sinceDue: due.length === 0 ? null : merged(due).toJSON(),
    lagP99Ms: plan.ratePerSecond === null ? 0 : lag.quantileMs(0.99),
    serverTiming: Object.fromEntries(timings),
    generatorCpuUs: sum(parts.map((part) => part.cpuUs)) / Math.max(1, answered),
  };
}

function merged(parts: readonly HistogramJson[]): Histogram {
  const whole = new Histogram();
  for (const part of parts) whole.merge(part);
  return whole;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0);
}

function counts(parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const part of parts) {
    for (const [name, count] of Object.entries(part)) total[name] = (total[name] ?? 0) + count;
  }
  return total;
}
