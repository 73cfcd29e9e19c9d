/**
 * The V8 flags isolated-vm needs, in one place. Whoever starts a process that loads the engine passes them:
 * - `--no-node-snapshot`: isolates made from different snapshots in one process can crash (isolated-vm README).
 * - `--no-turboshaft-loop-unrolling`: without it ordinary loops over small array built-ins ignore termination for ever.
 * - `--no-allocation-site-pretenuring`: V8 makes what a literal makes in the old generation once all of it outlived a scavenge, as
 *   while a thousand requests wait at once. From then on each request leaves a dead old object behind that keeps its young
 *   ones alive until a full collection: 2.5 KB a request promoted, pauses of 7 to 9 ms, in a quarter of all runs. Price: V8 knows
 *   it only for the whole process, and a guest that keeps millions of objects made by literals spends three times the CPU on making them.
 */
export const NODE_FLAGS: readonly string[] = [
  '--no-node-snapshot',
  '--no-turboshaft-loop-unrolling',
  '--no-allocation-site-pretenuring',
];

/**
 * The young generation of guests, set in a lane before its first isolate (V8 reads it as it makes one; main threads keep Node's 16 MiB).
 * isolated-vm derives it from the memory limit: half a MiB a half at 64 MiB, so code that makes short-lived texts spent a
 * quarter of its CPU on collections. Price: at 32 MiB an isolate holds some 0.9 MiB more after a thousand calls (none after
 * twenty, none at 128 MiB), and one in which much survived may keep 24 MiB instead of 18.
 */
export const GUEST_HEAP_FLAG = '--max-semi-space-size=4';

/**
 * The same way, where V8 knows it: the table of numbers already turned into texts, of which an isolate takes 128 KiB at once as
 * soon as its first 256 entries are in use, that is after some requests. 16 KiB serve a function as well.
 */
export const NUMBER_TEXTS_FLAG: string | null =
  Number.parseInt(process.versions.node, 10) >= 26 ? '--smi-string-cache-size=1024' : null;

/** Lowest isolated-vm that may run guests: older ones have GHSA-864f-rcv7-6rh4 (guest to host memory corruption). */
export const ISOLATED_VM_MIN = '7.0.1';
