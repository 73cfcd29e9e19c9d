/**
 * The self-test of the snapshot, run in a child process: makes one, boots isolates from it in a worker thread as lanes
 * do, and has each answer a request. Exits 0 when all of it holds; a crash is an answer too.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { FetchStart } from '../contract/turn.ts';
import { splitAnswer } from './commands.ts';
import { makeSnapshot } from './image.ts';
import { Nursery } from './nursery.ts';
import { preludeSource } from './prelude.ts';
import { Shell, shellStart } from './shell.ts';

const ISOLATES = 4;
const SOURCE = `export default { fetch() { return new Response(crypto.randomUUID() + Math.random()) } }`;
const START = JSON.stringify([
  ['fetch', 1, 'GET', 'http://self.test/', '', null, 'x', '', 0, [], null] satisfies FetchStart,
]);
const FACTS = JSON.stringify({
  env: {},
  services: [],
  memoryMiB: 32,
  wasm: false,
  timers: 10,
  subrequests: 10,
  responseBytes: 1000,
  streamedResponseBytes: 1000,
  concurrency: 1,
  lambda: null,
});

interface TestData {
  readonly prelude: string;
  readonly snapshot: ArrayBuffer;
}

async function answers({ prelude, snapshot }: TestData): Promise<readonly string[]> {
  const start = shellStart({ prelude, snapshot });
  const sink = { log: () => true, subtle: () => '!', nodeCrypto: () => '!' };
  let ready = (): void => undefined;
  const nursery = new Nursery(start.snapshot, () => ready(), fail);
  const outs: string[] = [];
  for (let handle = 1; handle <= ISOLATES; handle++) {
    const made = new Promise<void>((resolve) => {
      ready = resolve;
    });
    nursery.make(32);
    await made;
    const newborn = nursery.take();
    if (newborn === null) throw new Error('no isolate was made');
    const shell = new Shell(start, newborn, handle, sink);
    shell.evaluate(FACTS, { kind: 'module', source: SOURCE, cachedData: null }, 'isolane:///self-test.mjs');
    shell.turn(Date.now(), '[]', null);
    outs.push(shell.turn(Date.now(), START, null).out);
    shell.dispose();
  }
  nursery.close();
  return outs;
}

/** No process.exit anywhere here: it aborts now and then while a thread with isolates lives. */
function fail(reason: string): void {
  process.stderr.write(`${reason}\n`);
  process.exitCode = 1;
}

if (isMainThread) {
  const prelude = await preludeSource();
  let passed = false;
  const worker = new Worker(new URL(import.meta.url), { workerData: { prelude, snapshot: makeSnapshot(prelude) } });
  worker.on('error', (error) => fail(String(error)));
  worker.on('message', (outs: readonly string[]) => {
    const fine = outs.every((out) => splitAnswer(out).answer?.status === 200);
    passed = fine && new Set(outs).size === ISOLATES;
  });
  worker.on('exit', () => {
    if (!passed) fail('isolates of one snapshot do not answer as they should');
  });
} else {
  parentPort?.postMessage(await answers(workerData as TestData));
}
