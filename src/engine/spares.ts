/**
 * Booted isolates without user code, so that a cold start costs only the user's code; in the memory sizes last asked for: an
 * isolate's limit cannot be changed once it is made. They are made on another thread; the lane boots one in half a
 * millisecond when nobody waits for it. A few are kept, more while loads find none.
 */
import type { Agenda } from './agenda.ts';
import type { Newborn } from './nursery.ts';
import type { Shell } from './shell.ts';

/** After one is taken its function is served first. */
const RESTOCK_MS = 2;
const SIZES = 3;
/** Most that are kept of a size, in multiples of what is kept at rest. */
const MOST_TIMES = 4;
/** Without a cold start for so long, what is kept beyond that goes. */
const REST_MS = 10_000;

export interface SparePorts {
  /** Begins to make one on another thread, unless one is on its way. */
  make(memoryMiB: number): void;
  /** Makes one on this thread: where somebody waits, the other one's turn at a busy processor is not waited for. */
  makeHere(memoryMiB: number): Newborn;
  /** One that has been made. */
  takeMade(): Newborn | null;
  boot(newborn: Newborn): Shell;
  dispose(shell: Shell): void;
}

export class Spares {
  readonly #perSize: number;
  readonly #ports: SparePorts;
  readonly #agenda: Agenda;
  readonly #shells: Shell[] = [];
  /** Memory limits, last asked for first. */
  #sizes: readonly number[];
  #target: number;

  constructor(sizes: { readonly perSize: number; readonly firstMiB: number }, agenda: Agenda, ports: SparePorts) {
    this.#perSize = sizes.perSize;
    this.#target = sizes.perSize;
    this.#sizes = [sizes.firstMiB];
    this.#agenda = agenda;
    this.#ports = ports;
  }

  has(memoryMiB: number): boolean {
    return this.#shells.some((shell) => shell.memoryMiB === memoryMiB);
  }

  /** One of the right size; `undefined`: there is none. */
  take(memoryMiB: number): Shell | undefined {
    this.#sizes = [memoryMiB, ...this.#sizes.filter((size) => size !== memoryMiB)].slice(0, SIZES);
    const at = this.#shells.findIndex((shell) => shell.memoryMiB === memoryMiB);
    return at < 0 ? undefined : this.#shells.splice(at, 1)[0];
  }

  /** Boots the one that was made. False: there was none. */
  hatch(): boolean {
    const newborn = this.#ports.takeMade();
    if (newborn === null) return false;
    this.#shells.push(this.#ports.boot(newborn));
    this.restock();
    return true;
  }

  /** A load waits, and there is none: it is made here and now, and from now on more are kept. */
  makeHere(memoryMiB: number): void {
    this.#target = Math.min(this.#perSize * MOST_TIMES, this.#target + 1);
    this.#shells.push(this.#ports.boot(this.#ports.makeHere(memoryMiB)));
  }

  restock(): void {
    if (this.#perSize === 0) return;
    const isFull = this.#missing() === undefined;
    this.#agenda.at(this, Date.now() + (isFull ? REST_MS : RESTOCK_MS), () => {
      if (isFull) this.#rest();
      const missing = this.#missing();
      if (missing !== undefined) this.#ports.make(missing);
    });
  }

  close(): void {
    this.#agenda.cancel(this);
    for (const shell of this.#shells.splice(0)) this.#ports.dispose(shell);
  }

  #missing(): number | undefined {
    return this.#sizes.find((size) => this.#count(size) < this.#target);
  }

  #count(memoryMiB: number): number {
    return this.#shells.filter((shell) => shell.memoryMiB === memoryMiB).length;
  }

  /** Nobody has come for a while: no more than a few are kept, of sizes that were asked for last. */
  #rest(): void {
    this.#target = this.#perSize;
    const kept = this.#sizes.flatMap((size) =>
      this.#shells.filter((shell) => shell.memoryMiB === size).slice(0, this.#target),
    );
    for (const shell of this.#shells.splice(0)) {
      if (kept.includes(shell)) this.#shells.push(shell);
      else this.#ports.dispose(shell);
    }
  }
}
