/**
 * Places in the process's thread pool, shared by all lanes: Node's own file and name look-ups run in the same pool and
 * must never wait for guests, and what is quick must not wait for what is long. Every lane keeps the count in one piece of
 * shared memory, together with the time integral of how many were taken, by which what ran side by side is told apart.
 */
import { availableParallelism } from 'node:os';
import { nowNs } from '../monotonic.ts';

const LOCK = 0;
const MOST_LONG = 1;
const MOST_QUICK = 2;
const LONG = 3;
const QUICK = 4;
const WORDS = 8;
const INTEGRAL = 0;
const SINCE = 1;

/** Quick operations may line up behind each thread: that costs nobody a millisecond. */
const QUEUED = 4;
/** A holder needs a microsecond; one that takes longer has lost its thread. */
const PATIENCE = 100_000;

export class Places {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, WORDS);
    this.#floats = new Float64Array(memory, WORDS * 4, 2);
  }

  /** For a pool of `threads`; one of them at least stays the process's own. */
  static memory(threads: number = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) || 4): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(WORDS * 4 + 16);
    const words = new Int32Array(memory, 0, WORDS);
    words[MOST_LONG] = Math.max(1, Math.min(availableParallelism(), threads - 3));
    words[MOST_QUICK] = QUEUED * Math.max(1, threads - 1 - words[MOST_LONG]);
    return memory;
  }

  /** False: all are taken. */
  take(long: boolean): boolean {
    return this.#locked(() => {
      const word = long ? LONG : QUICK;
      if (this.#words[word]! >= this.#words[long ? MOST_LONG : MOST_QUICK]!) return false;
      this.#settle();
      this.#words[word]! += 1;
      return true;
    });
  }

  give(long: boolean): void {
    this.#locked(() => {
      this.#settle();
      this.#words[long ? LONG : QUICK]! -= 1;
    });
  }

  /** Place-nanoseconds taken since the process began. */
  taken(): number {
    return this.#locked(() => {
      this.#settle();
      return this.#floats[INTEGRAL]!;
    });
  }

  #settle(): void {
    const now = nowNs();
    this.#floats[INTEGRAL]! += (this.#words[LONG]! + this.#words[QUICK]!) * (now - this.#floats[SINCE]!);
    this.#floats[SINCE] = now;
  }

  #locked<T>(work: () => T): T {
    for (let i = 0; i < PATIENCE && Atomics.compareExchange(this.#words, LOCK, 0, 1) !== 0; i++);
    try {
      return work();
    } finally {
      Atomics.store(this.#words, LOCK, 0);
    }
  }
}
