/** The thread of a `Bystander`: open loop over keep-alive connections, so that a stalled host is seen in full. */
import { parentPort, workerData } from 'node:worker_threads';
import { Connection, requestBytes } from '../../bench/connection.ts';
import type { Sample } from './bystander.ts';

const { port, path, perSecond, connections } = workerData as {
  readonly port: number;
  readonly path: string;
  readonly perSecond: number;
  readonly connections: number;
};
const bytes = requestBytes({ port, path });
const now = (): number => performance.timeOrigin + performance.now();

/** One that reconnects: a request that was under way when its connection broke has failed. */
class Line {
  #connection: Connection | null = null;
  #settle: ((status: number) => void) | null = null;

  send(done: (status: number) => void): void {
    this.#settle = done;
    this.#connection ??= new Connection(port);
    this.#connection.send(
      bytes,
      (status) => this.#end(status),
      () => {
        this.#connection?.close();
        this.#connection = null;
        this.#end(0);
      },
    );
  }

  #end(status: number): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.(status);
  }
}

const free: Line[] = Array.from({ length: connections }, () => new Line());
const waiting: number[] = [];
let samples: Sample[] = [];

function send(line: Line, dueAt: number): void {
  line.send((status) => {
    samples.push({ dueAt, tookMs: now() - dueAt, status });
    const next = waiting.shift();
    if (next === undefined) free.push(line);
    else send(line, next);
  });
}

const startedAt = now();
let due = 0;
const timer = setInterval(() => {
  const at = now();
  const dueNow = Math.floor(((at - startedAt) * perSecond) / 1000);
  for (; due < dueNow; due++) {
    // From the moment it is sent: what this thread itself came late must not count against the host.
    const line = free.pop();
    if (line === undefined) waiting.push(startedAt + (due * 1000) / perSecond);
    else send(line, now());
  }
}, 2);

parentPort!.on('message', (what: 'samples' | 'stop') => {
  parentPort!.postMessage(samples);
  samples = [];
  if (what === 'stop') {
    clearInterval(timer);
    process.exit(0);
  }
});
