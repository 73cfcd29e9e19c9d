/**
 * CPU time of the calling thread, exact to the nanosecond. `process.threadCpuUsage` reads getrusage, which Linux only
 * brings up to date at timer ticks and context switches: a turn shorter than a tick reads as 0 (tried: 200 µs of work,
 * 0 µs counted). Node's WASI host offers clock_gettime(CLOCK_THREAD_CPUTIME_ID), which is exact; a read costs 0.7 µs.
 */
import { readlinkSync } from 'node:fs';
import type { WASI } from 'node:wasi';

const THREAD_CPUTIME_ID = 3;
/** Turns no further apart follow one another closely. */
const NEAR_NS = 20_000;

/** Only DOM typings declare it; all that is needed here is a page of memory. */
declare const WebAssembly: { Memory: new (size: { initial: number; maximum: number }) => { buffer: ArrayBuffer } };

type ClockTimeGet = (clock: number, precision: bigint, at: number) => number;

/** A function that reads the calling thread's CPU time, ns. Made and used on the same thread. */
export function threadCpuClock(): () => number {
  const exact = wasiClock();
  return (
    exact ??
    (() => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) * 1000;
    })
  );
}

/**
 * CPU around turns. A reading costs as much as a short turn's own JavaScript, so of turns that follow one another closely
 * the end of one says where the next begins: what lies between is taken as CPU, so no guest is charged for the host's.
 */
export class TurnCpu {
  readonly read: () => number;
  #cpuNs = 0;
  #atNs: number = Number.NEGATIVE_INFINITY;

  constructor(read: () => number = threadCpuClock()) {
    this.read = read;
  }

  /** The thread's CPU as a turn begins. */
  begin(nowNs: number): number {
    const goneNs = nowNs - this.#atNs;
    return goneNs < NEAR_NS ? this.#cpuNs + goneNs : this.read();
  }

  /** What a turn has used. Never negative, should the thread have waited for a core just before it. */
  used(sinceNs: number, nowNs: number): number {
    this.#atNs = nowNs;
    this.#cpuNs = this.read();
    return Math.max(0, this.#cpuNs - sinceNs);
  }
}

function wasiClock(): (() => number) | null {
  try {
    const wasi = new (quietly(() => process.getBuiltinModule('node:wasi')).WASI)({ version: 'preview1' });
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    wasi.initialize({ exports: { memory } });
    const view = new DataView(memory.buffer);
    const read = (wasi as WASI & { wasiImport: { clock_time_get: ClockTimeGet } }).wasiImport.clock_time_get;
    if (read(THREAD_CPUTIME_ID, 0n, 0) !== 0) return null;
    return () => {
      read(THREAD_CPUTIME_ID, 0n, 0);
      return view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
    };
  } catch {
    return null;
  }
}

/** Loading node:wasi warns that it is experimental; only its clock is used here, so nobody needs to hear it. */
function quietly<T>(load: () => T): T {
  const warn = process.emitWarning;
  process.emitWarning = () => undefined;
  try {
    return load();
  } finally {
    process.emitWarning = warn;
  }
}

/** The thread's id in /proc, 0 where there is none: then CPU is only checked after turns. */
export function threadId(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').pop());
  } catch {
    return 0;
  }
}
