/** Who is judged to have wedged a lane: a thread that sleeps inside its turn is, one that works or waits for a CPU is not. */
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { Judge } from '../../../src/engine/judge.ts';
import { LaneSlots } from '../../../src/engine/slots.ts';

const MS = 1e6;
const LOOKS = 700;

let worker: Worker | null = null;
afterEach(async () => {
  await worker?.terminate();
  worker = null;
});

/** A thread that does `what` and nothing else. */
async function threadThat(what: string): Promise<LaneSlots> {
  const source = `
    const { parentPort } = require('node:worker_threads');
    parentPort.postMessage(Number(require('node:fs').readlinkSync('/proc/thread-self').split('/').pop()));
    setTimeout(() => { ${what} }, 20);`;
  worker = new Worker(source, { eval: true });
  const slots = new LaneSlots();
  slots.threadId = await new Promise<number>((resolve) => worker!.once('message', resolve));
  await new Promise((resolve) => setTimeout(resolve, 100));
  return slots;
}

/** Looks at its turn, which began a second ago, again and again. */
async function isWedged(slots: LaneSlots): Promise<boolean> {
  const judge = new Judge(slots);
  const nowNs = Number(process.hrtime.bigint());
  slots.begin(
    { isolate: 7, inv: 1, handle: 7 },
    { baseNs: 0, budgetNs: Number.POSITIVE_INFINITY },
    nowNs - 1000 * MS,
    Date.now() + 60_000,
  );
  for (let look = 0; look < LOOKS; look++) {
    const turn = slots.running();
    if (turn !== null && judge.look(turn, Number(process.hrtime.bigint()))) return true;
    if (look % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return false;
}

describe.runIf(process.platform === 'linux')('a turn', () => {
  it('whose thread sleeps has wedged its lane', async () => {
    const slots = await threadThat('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);');
    expect(await isWedged(slots)).toBe(true);
  });

  it('whose thread works has not', async () => {
    const slots = await threadThat('for (;;);');
    expect(await isWedged(slots)).toBe(false);
  });

  it('that has only begun is not looked at', async () => {
    const slots = await threadThat('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);');
    const judge = new Judge(slots);
    const nowNs = Number(process.hrtime.bigint());
    slots.begin(
      { isolate: 7, inv: 1, handle: 7 },
      { baseNs: 0, budgetNs: Number.POSITIVE_INFINITY },
      nowNs,
      Date.now() + 60_000,
    );
    for (let look = 0; look < LOOKS; look++) expect(judge.look(slots.running()!, nowNs + 200 * MS)).toBe(false);
  });
});
