/** A well-behaved neighbour under steady load while something else is attacked: who failed it, and by how much. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface Sample {
  /** Milliseconds since the epoch, with fractions. */
  readonly dueAt: number;
  readonly tookMs: number;
  /** 0: the connection broke. */
  readonly status: number;
}

export interface BystanderOptions {
  readonly port: number;
  readonly path: string;
  readonly perSecond: number;
  readonly connections: number;
}

export class Bystander {
  readonly #worker: Worker;
  readonly samples: Sample[] = [];

  constructor(options: BystanderOptions) {
    this.#worker = new Worker(new URL('./bystander-thread.ts', import.meta.url), { workerData: options, execArgv: [] });
  }

  static now(): number {
    return performance.timeOrigin + performance.now();
  }

  /** Brings in what was measured so far. */
  async collect(): Promise<readonly Sample[]> {
    return this.#ask('samples');
  }

  async stop(): Promise<readonly Sample[]> {
    const last = await this.#ask('stop');
    await this.#worker.terminate();
    return last;
  }

  async #ask(what: 'samples' | 'stop'): Promise<readonly Sample[]> {
    this.#worker.postMessage(what);
    const [samples] = (await once(this.#worker, 'message')) as [Sample[]];
    for (const sample of samples) this.samples.push(sample);
    return this.samples;
  }
}

/** A plain HTTP server on a thread of its own under the same load as a bystander: how the machine is today. */
export class Control {
  readonly bystander: Bystander;
  readonly #server: Worker;

  private constructor(server: Worker, bystander: Bystander) {
    this.#server = server;
    this.bystander = bystander;
  }

  static async open(perSecond = 100): Promise<Control> {
    const code = `const server = require('node:http').createServer((_, response) => response.end('fine'));
      server.listen(0, '127.0.0.1', () => require('node:worker_threads').parentPort.postMessage(server.address().port));`;
    const server = new Worker(code, { eval: true, execArgv: [] });
    const [port] = (await once(server, 'message')) as [number];
    return new Control(server, new Bystander({ port, path: '/', perSecond, connections: 4 }));
  }

  async close(): Promise<void> {
    await this.bystander.stop();
    await this.#server.terminate();
  }
}

/** What of `samples` fell due from `fromMs` to `toMs`. */
export function within(samples: readonly Sample[], fromMs: number, toMs: number): readonly Sample[] {
  return samples.filter(({ dueAt }) => dueAt >= fromMs && dueAt < toMs);
}

export function failures(samples: readonly Sample[]): readonly Sample[] {
  return samples.filter(({ status }) => status !== 200);
}

/** A machine with other work on it is slow at times by itself: below this nothing is said about the host. */
const FLOOR_MS = 30;

/** Where a plain server's p99 is above this while nobody is attacked, other work decides what takes long. */
const BUSY_MS = 8;

/** What a bystander saw undisturbed and under attack, and a plain server beside it at the same times. */
export interface Comparison {
  readonly undisturbed: readonly Sample[];
  readonly during: readonly Sample[];
  readonly plainUndisturbed: readonly Sample[];
  readonly plainDuring: readonly Sample[];
}

/**
 * The bystander's p99 is within three times its undisturbed one or `FLOOR_MS`: `null`, or a sentence what it is. Says
 * so and judges nothing on a machine that is busy with other work.
 */
export function tooSlow({ undisturbed, during, plainUndisturbed, plainDuring }: Comparison): string | null {
  const [own, attacked, plain, plainAttacked] = [undisturbed, during, plainUndisturbed, plainDuring].map((samples) =>
    quantileMs(samples, 0.99),
  ) as [number, number, number, number];
  const bound = Math.max(3 * own, 3 * plainAttacked, FLOOR_MS);
  const told =
    `bystander p99 ${attacked.toFixed(1)} ms among ${during.length}, undisturbed ${own.toFixed(1)} ms; ` +
    `a plain server ${plainAttacked.toFixed(1)} ms, undisturbed ${plain.toFixed(1)} ms`;
  const busy = plain > BUSY_MS;
  console.log(busy ? `${told}: not judged, the machine is busy with other work` : told);
  return busy || attacked <= bound ? null : `${told}: more than ${bound.toFixed(1)} ms`;
}

export function quantileMs(samples: readonly Sample[], q: number): number {
  const sorted = samples.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
