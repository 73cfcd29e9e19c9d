/**
 * A host's heart: the main loop beats every 50 ms, and a thread beside it that no guest and no busy loop can starve
 * says how old the last beat is. Both write to the supervisor's pipe; neither ever waits for it.
 */
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { BEAT_MS, HOST_FDS, writeBeat } from '../contract/host-wire.ts';
import { MIB } from '../contract/units.ts';

export interface HeartData {
  /** Counts the main loop's beats. */
  readonly beats: Int32Array<SharedArrayBuffer>;
  readonly fd: number;
}

/** Memory is read every so many beats: a second. */
const MEMORY_BEATS: number = Math.round(1000 / BEAT_MS);
/** Beats that may wait in the pipe of a supervisor that does not read. */
const MAX_UNREAD_BYTES = 1024;

export function startHeart(): void {
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const pipe = new Socket({ fd: HOST_FDS.beat, readable: false, writable: true });
  // The channel says when the supervisor is gone.
  pipe.on('error', () => undefined);
  pipe.unref();
  let rssMiB = 0;
  let dueMs = performance.now();
  const beat = (): void => {
    const nowMs = performance.now();
    const delayMs = Math.max(0, Math.round(nowMs - dueMs));
    dueMs = nowMs + BEAT_MS;
    const count = Atomics.add(beats, 0, 1);
    if (count % MEMORY_BEATS === 0) rssMiB = Math.round(process.memoryUsage.rss() / MIB);
    if (pipe.writableLength < MAX_UNREAD_BYTES) pipe.write(writeBeat({ from: 'loop', ageMs: 0, delayMs, rssMiB }));
  };
  beat();
  setInterval(beat, BEAT_MS).unref();
  const workerData: HeartData = { beats, fd: HOST_FDS.beat };
  const file = import.meta.url.endsWith('.ts') ? './beat-thread.ts' : './beat-thread.js';
  new Worker(new URL(file, import.meta.url), { workerData, name: 'isolane-beat', env: {} }).unref();
}
