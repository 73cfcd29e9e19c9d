/** A thread whose turn lasts gives way to others, and only while it lasts. */
import { readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ThreadPriority } from '../../../src/engine/priority.ts';
import type { RunningTurn } from '../../../src/engine/slots.ts';

const MS = 1e6;
const turn = (sinceNs: number): RunningTurn => ({ sinceNs }) as RunningTurn;

/** Whether this process may raise a priority again. */
function mayRaise(threadId: number): boolean {
  const usual = getPriority(threadId);
  try {
    setPriority(threadId, usual + 1);
    setPriority(threadId, usual);
    return true;
  } catch {
    return false;
  }
}

describe.runIf(process.platform === 'linux')('the priority of a lane', () => {
  let worker: Worker;
  let threadId: number;

  beforeAll(async () => {
    const source = `
      const { parentPort } = require('node:worker_threads');
      const id = Number(require('node:fs').readlinkSync('/proc/thread-self').split('/').pop());
      parentPort.postMessage(id);
      parentPort.on('message', () => undefined);`;
    worker = new Worker(source, { eval: true });
    threadId = await new Promise((resolve) => worker.once('message', resolve));
  });

  afterAll(async () => {
    await worker.terminate();
  });

  /** The nineteenth field of stat, behind the name in brackets. */
  const nice = (id: number): number => {
    const stat = readFileSync(`/proc/self/task/${id}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  };

  it('falls while a turn lasts and comes back with the next; this process keeps its own', () => {
    const own = nice(process.pid);
    const usual = nice(threadId);
    const priority = new ThreadPriority(() => threadId);
    priority.look(turn(10 * MS), 12 * MS);
    expect(nice(threadId)).toBe(usual);
    priority.look(turn(10 * MS), 20 * MS);
    const lowered = nice(threadId);
    priority.look(null, 24 * MS);
    // Without the privilege to raise it again it must not be lowered, but for the one step of the attempt.
    if (mayRaise(threadId)) {
      expect(lowered).toBe(usual + 10);
      expect(nice(threadId)).toBe(usual);
      priority.look(turn(30 * MS), 40 * MS);
      expect(nice(threadId)).toBe(usual + 10);
      priority.look(turn(39 * MS), 40 * MS);
      expect(nice(threadId)).toBe(usual);
    } else expect(lowered).toBeLessThanOrEqual(usual + 1);
    expect(nice(process.pid)).toBe(own);
  });

  it('is nobody else’s when the thread is not known', () => {
    const own = nice(process.pid);
    new ThreadPriority(() => 0).look(turn(1), 100 * MS);
    expect(nice(process.pid)).toBe(own);
  });
});
