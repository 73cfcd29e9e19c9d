/**
 * A burst from zero: many functions that were never loaded, each called once, all at the same time, far more than there are
 * spares. Told is how long until the last has its answer, and what a warm bystander feels meanwhile: its requests fall due
 * 200 times a second whatever the host does, and each counts from when it fell due.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Histogram } from '../src/load/histogram.ts';
import { startHost } from '../test/support/host.ts';
import { Connection, requestBytes } from './connection.ts';
import { figure, type Row } from './figure.ts';
import { generateProject } from './generated.ts';

export interface BurstOptions {
  /** Never-loaded functions called at once. */
  readonly functions: number;
  /** Bursts in each process, of other functions each. */
  readonly rounds: number;
  readonly repetitions: number;
  readonly progress: (line: string) => void;
}

interface Measured {
  readonly lastMs: readonly number[];
  readonly each: Histogram;
  readonly bystander: Histogram;
  readonly alone: Histogram;
}

const PER_SECOND = 200;
const BYSTANDERS = 32;
const WARM_UP_CALLS = 200;
/** Between bursts: spares are made anew. */
const REST_MS = 1500;

/** Requests to one function at a fixed rate, recorded in whichever histogram is current. */
class Bystander {
  readonly #free: Connection[];
  readonly #bytes: Buffer;
  readonly #all: Connection[];
  histogram: Histogram | null = null;
  #failure: Error | null = null;
  #stopped = false;

  constructor(port: number, path: string) {
    this.#all = Array.from({ length: BYSTANDERS }, () => new Connection(port));
    this.#free = [...this.#all];
    this.#bytes = requestBytes({ port, path });
  }

  async warmUp(): Promise<void> {
    for (let call = 0; call < WARM_UP_CALLS; call++) await this.#all[call % BYSTANDERS]!.ask(this.#bytes);
  }

  async run(): Promise<void> {
    const startedAt = performance.now();
    for (let n = 0; !this.#stopped; n++) {
      const dueAt = startedAt + (n * 1000) / PER_SECOND;
      await sleep(Math.max(0, dueAt - performance.now()));
      const connection = this.#free.pop();
      if (connection === undefined) throw new Error(`${BYSTANDERS} requests of the bystander wait for an answer`);
      if (this.#failure !== null) throw this.#failure;
      const { histogram } = this;
      connection.send(
        this.#bytes,
        (status) => {
          if (status !== 200) this.#failure = new Error(`the bystander got ${status}`);
          histogram?.record(performance.now() - dueAt);
          this.#free.push(connection);
        },
        (error) => {
          this.#failure = error;
        },
      );
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }
}

/** Calls each function once, all at the same time; returns when the last had its answer, ms. */
async function burst(connections: readonly Connection[], calls: readonly Call[], each: Histogram): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(
    calls.map(async ({ bytes, expected }, at) => {
      const { status, body } = await connections[at]!.ask(bytes);
      each.record(performance.now() - startedAt);
      if (status !== 200 || body !== expected) throw new Error(`expected ${expected}, got ${status} ${body}`);
    }),
  );
  return performance.now() - startedAt;
}

interface Call {
  readonly bytes: Buffer;
  readonly expected: string;
}

async function measure({ functions, rounds }: BurstOptions): Promise<Measured> {
  const project = await generateProject({
    count: 1 + functions * rounds,
    source: (n) => `export default { fetch: () => new Response('function ${n}') };\n`,
    limits: () => ({}),
  });
  const host = await startHost({ config: project.config });
  const port = Number(new URL(host.url).port);
  const call = (n: number): Call => ({
    bytes: requestBytes({ port, path: `/fn/${project.names[n]}/` }),
    expected: `function ${n}`,
  });
  const bystander = new Bystander(port, `/fn/${project.names[0]}/`);
  const connections = Array.from({ length: functions }, () => new Connection(port));
  const measured = {
    lastMs: [] as number[],
    each: new Histogram(),
    bystander: new Histogram(),
    alone: new Histogram(),
  };
  try {
    await bystander.warmUp();
    // The connections are open; that they are is not what is measured.
    for (const connection of connections) await connection.ask(call(0).bytes);
    const running = bystander.run();
    running.catch(() => undefined);
    for (let round = 0; round < rounds; round++) {
      bystander.histogram = measured.alone;
      await sleep(REST_MS);
      bystander.histogram = measured.bystander;
      const calls = Array.from({ length: functions }, (_, n) => call(1 + round * functions + n));
      measured.lastMs.push(await burst(connections, calls, measured.each));
    }
    bystander.histogram = null;
    bystander.stop();
    await running;
    return measured;
  } finally {
    bystander.close();
    for (const connection of connections) connection.close();
    await host.stop();
    await project.remove();
  }
}

export async function benchBurst(options: BurstOptions): Promise<readonly Row[]> {
  const all: Measured[] = [];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    const result = await measure(options);
    all.push(result);
    const { each, bystander, alone, lastMs } = result;
    options.progress(
      `burst of ${options.functions}: last answer after ${lastMs.map((ms) => ms.toFixed(0)).join(', ')} ms, half of them ` +
        `after ${each.quantileMs(0.5).toFixed(0)} ms; bystander p50 ${bystander.quantileMs(0.5).toFixed(2)}, p99 ` +
        `${bystander.quantileMs(0.99).toFixed(2)}, worst ${bystander.quantileMs(1).toFixed(2)} ms of ` +
        `${bystander.quantiles().count} (alone p99 ${alone.quantileMs(0.99).toFixed(2)} ms)`,
    );
  }
  const row = (name: string, pick: (one: Measured) => number): Row => ({
    name,
    figures: { isolane: figure('ms', all.map(pick)) },
  });
  return [
    {
      name: `burst of ${options.functions} never-loaded functions, last answer`,
      figures: {
        isolane: figure(
          'ms',
          all.flatMap(({ lastMs }) => lastMs),
        ),
      },
    },
    row('the same, p50 of the answers', ({ each }) => each.quantileMs(0.5)),
    row('bystander meanwhile, p50', ({ bystander }) => bystander.quantileMs(0.5)),
    row('bystander meanwhile, p99', ({ bystander }) => bystander.quantileMs(0.99)),
    row('bystander alone, p99', ({ alone }) => alone.quantileMs(0.99)),
  ];
}
