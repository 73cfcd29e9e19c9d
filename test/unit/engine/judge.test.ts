/** Who is judged to have wedged a lane: a thread that sleeps inside its turn is, one that works or waits for a CPU is not. */
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { Judge, type Lost } from '../../../src/engine/judge.ts';
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
async function verdict(slots: LaneSlots, looks = LOOKS): Promise<Lost | null> {
  const judge = new Judge(slots);
  const nowNs = Number(process.hrtime.bigint());
  slots.begin(
    { isolate: 7, inv: 1, handle: 7 },
    { baseNs: 0, budgetNs: Number.POSITIVE_INFINITY },
    nowNs - 1000 * MS,
    Date.now() + 60_000,
  );
  for (let look = 0; look < looks; look++) {
    const turn = slots.running();
    const lost = turn === null ? null : judge.look(turn, Number(process.hrtime.bigint()));
    if (lost !== null) return lost;
    if (look % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return null;
}

describe.runIf(process.platform === 'linux')('a turn', () => {
  it('whose thread sleeps has wedged its lane', async () => {
    const slots = await threadThat('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);');
    expect(await verdict(slots, 100)).toBe(null);
    expect(await verdict(slots)).toBe('wedged');
  });

  it.runIf(['x64', 'arm64'].includes(process.arch))(
    'whose thread sleeps by the clock is parked, and soon known',
    async () => {
      // The one way to make a thread of Node's sleep by the clock: SQLite waits so for a lock.
      const slots = await threadThat(`
      const { DatabaseSync } = require('node:sqlite');
      const file = require('node:path').join(require('node:fs').mkdtempSync(require('node:os').tmpdir() + '/isolane-judge-'), 'db');
      const holder = new DatabaseSync(file);
      holder.exec('CREATE TABLE t (x); BEGIN EXCLUSIVE');
      new DatabaseSync(file, { timeout: 5000 }).exec('BEGIN EXCLUSIVE');`);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const before = performance.now();
      while (performance.now() - before < 4000) if ((await verdict(slots, 100)) === 'parked') return;
      expect.unreachable('nobody saw that it sleeps');
    },
  );

  it('whose thread works has not', async () => {
    const slots = await threadThat('for (;;);');
    expect(await verdict(slots)).toBe(null);
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
    for (let look = 0; look < LOOKS; look++) expect(judge.look(slots.running()!, nowNs + 10 * MS)).toBe(null);
  });
});
