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

/**
 * A plain HTTP server on a thread of its own under the same load as a bystander: how the machine is today. Like a host it
 * has a second thread make each answer, so it waits for a processor as often.
 */
export class Control {
  readonly bystander: Bystander;
  readonly #server: Worker;

  private constructor(server: Worker, bystander: Bystander) {
    this.#server = server;
    this.bystander = bystander;
  }

  static async open(perSecond = 100): Promise<Control> {
    const echo = `const { parentPort } = require('node:worker_threads'); parentPort.on('message', (n) => parentPort.postMessage(n));`;
    const code = `const { parentPort, Worker } = require('node:worker_threads');
      const waiting = new Map();
      let last = 0;
      const lane = new Worker(${JSON.stringify(echo)}, { eval: true, execArgv: [] });
      lane.on('message', (n) => { waiting.get(n).end('fine'); waiting.delete(n); });
      const server = require('node:http').createServer((_, response) => { waiting.set(++last, response); lane.postMessage(last); });
      server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`;
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
/** So near in time a plain server's requests met the same machine. */
const NEAR_MS = 500;
const SLOW_SHARE = 0.01;

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
 * Of the bystander's requests at most one in a hundred took longer than three times its undisturbed p99, `FLOOR_MS`, and three
 * times what a plain server took at that moment: `null`, or a sentence what it is. What else the machine does comes and goes, so
 * each request has the machine of its own half second. Judges nothing where even the plain server is slow undisturbed.
 */
export function tooSlow({ undisturbed, during, plainUndisturbed, plainDuring }: Comparison): string | null {
  const [own, attacked, plain, plainAttacked] = [undisturbed, during, plainUndisturbed, plainDuring].map((samples) =>
    quantileMs(samples, 0.99),
  ) as [number, number, number, number];
  const bound = Math.max(3 * own, FLOOR_MS);
  const long = during.filter(({ tookMs }) => tookMs > bound);
  const slow = long.filter((sample) => sample.tookMs > 3 * slowestNear(sample, plainDuring));
  const told =
    `bystander p99 ${attacked.toFixed(1)} ms among ${during.length}, undisturbed ${own.toFixed(1)} ms; ` +
    `a plain server ${plainAttacked.toFixed(1)} ms, undisturbed ${plain.toFixed(1)} ms; ` +
    `${long.length} took more than ${bound.toFixed(1)} ms, ${slow.length} of them more than thrice what the plain server took then`;
  const busy = plain > BUSY_MS;
  console.log(busy ? `${told}: not judged, the machine is busy with other work` : told);
  return busy || slow.length <= Math.max(1, SLOW_SHARE * during.length) ? null : told;
}

function slowestNear({ dueAt, tookMs }: Sample, plain: readonly Sample[]): number {
  const near = within(plain, dueAt - NEAR_MS, dueAt + tookMs + NEAR_MS);
  return Math.max(0, ...near.map((sample) => sample.tookMs));
}

export function quantileMs(samples: readonly Sample[], q: number): number {
  const sorted = samples.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
