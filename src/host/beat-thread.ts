/**
 * The beat thread. It has no event loop that anything could hold up: it sleeps, looks at the main loop's counter and
 * says how old it is. When nobody reads any more the supervisor is dead; a main loop that does not notice (stuck for
 * ever, or wedged while it leaves) is then ended from here, for nobody else is left to do it.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { BEAT_MS, writeBeat } from '../contract/host-wire.ts';
import type { HeartData } from './beat.ts';

/** From the supervisor's death on; longer than the host takes to leave by itself. */
const ORPHAN_MS = 10_000;

const { beats, fd } = workerData as HeartData;
const sleep = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
let count = Atomics.load(beats, 0);
let sinceMs = performance.now();
let orphanMs: number | null = null;

for (;;) {
  Atomics.wait(sleep, 0, 0, BEAT_MS);
  const now = Atomics.load(beats, 0);
  const nowMs = performance.now();
  if (now !== count) sinceMs = nowMs;
  count = now;
  try {
    writeSync(fd, writeBeat({ from: 'thread', ageMs: Math.round(nowMs - sinceMs), delayMs: 0, rssMiB: 0 }));
  } catch (error) {
    // A full pipe is a supervisor that does not read for a while.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') continue;
    orphanMs ??= nowMs;
    if (nowMs - orphanMs > ORPHAN_MS) process.kill(process.pid, 'SIGKILL');
  }
}
