/**
 * CPU that an operation used on the threads of Node's pool. The system counts threads, not operations: what all pool threads
 * used meanwhile is the most it can have been, and less what others can have used at most is what it used for certain.
 * Alone, both are the same. The first is charged; only the second counts towards a limit.
 */
import { openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { nowNs } from '../monotonic.ts';
import type { Places } from './places.ts';

export interface Spent {
  readonly mostNs: number;
  readonly sureNs: number;
}

export interface Mark {
  readonly atNs: number;
  readonly takenNs: number;
  readonly threads: readonly number[];
}

/** As libuv names the threads of its pool. */
const POOL_THREAD = 'libuv-worker';

export class Meter {
  readonly #places: Places;
  readonly #buffer: Buffer = Buffer.alloc(64);
  #files: readonly number[] | null = null;

  constructor(places: Places) {
    this.#places = places;
  }

  begin(): Mark {
    return { threads: this.#threads(), takenNs: this.#places.taken(), atNs: nowNs() };
  }

  /** Call before its place is given back. */
  end({ threads, takenNs, atNs }: Mark): Spent {
    const wallNs = nowNs() - atNs;
    const othersNs = this.#places.taken() - takenNs - wallNs;
    const now = this.#threads();
    if (now.length === 0) return { mostNs: wallNs, sureNs: 0 };
    const used = now.map((ns, i) => ns - (threads[i] ?? 0));
    const sum = used.reduce((a, b) => a + b, 0);
    const mostNs = Math.max(0, Math.min(wallNs, sum));
    return { mostNs, sureNs: Math.max(0, Math.min(mostNs, Math.max(...used), sum - othersNs)) };
  }

  /** CPU of each pool thread, ns. The pool starts with its first use: until then there are none. */
  #threads(): readonly number[] {
    this.#files ??= poolFiles();
    if (this.#files.length === 0) this.#files = poolFiles();
    return this.#files.map((file) => this.#read(file));
  }

  #read(file: number): number {
    try {
      const length = readSync(file, this.#buffer, 0, 64, 0);
      return Number(this.#buffer.toString('latin1', 0, length).split(' ', 1)[0]);
    } catch {
      return 0;
    }
  }
}

function poolFiles(): readonly number[] {
  try {
    return readdirSync('/proc/self/task')
      .filter((id) => readFileSync(`/proc/self/task/${id}/comm`, 'latin1').startsWith(POOL_THREAD))
      .map((id) => openSync(`/proc/self/task/${id}/schedstat`, 'r'));
  } catch {
    return [];
  }
}
