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

/** What a bystander's p99 may be, ms: three times its undisturbed one, or what the machine did to a plain server. */
export function boundMs(undisturbed: readonly Sample[], control: readonly Sample[]): number {
  return Math.max(3 * quantileMs(undisturbed, 0.99), 3 * quantileMs(control, 0.99), FLOOR_MS);
}

export function quantileMs(samples: readonly Sample[], q: number): number {
  const sorted = samples.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
