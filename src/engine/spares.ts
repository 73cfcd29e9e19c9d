/**
 * Booted isolates without user code, so that a cold start costs only the user's code; in the memory sizes last asked for: an
 * isolate's limit cannot be changed once it is made. They are made on another thread; the lane boots one in half a
 * millisecond when nobody waits for it. A few are kept, more while they are taken faster than they are made.
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
  /** Begins to make one; false: one is on its way. */
  make(memoryMiB: number): boolean;
  /** One that has been made. */
  takeMade(): Newborn | null;
  boot(newborn: Newborn): Shell;
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

  /** Loads wait for these sizes: what they lack is made at once, and next time more are kept. */
  want(sizes: readonly number[]): void {
    const lacking = this.#lacking(sizes);
    if (lacking === undefined) return;
    this.#target = Math.min(this.#perSize * MOST_TIMES, this.#target + 1);
    this.#ports.make(lacking);
  }

  /** Boots the one that was made; meanwhile the next is made for who waits (`sizes`). False: there was nothing to do. */
  hatch(sizes: readonly number[]): boolean {
    const newborn = this.#ports.takeMade();
    if (newborn === null) return false;
    const lacking = this.#lacking(sizes, newborn.memoryMiB);
    if (lacking !== undefined) this.#ports.make(lacking);
    this.#shells.push(this.#ports.boot(newborn));
    if (lacking === undefined) this.restock();
    return true;
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
    for (const shell of this.#shells.splice(0)) shell.dispose();
  }

  /** The first size that more wait for than there are. */
  #lacking(sizes: readonly number[], coming = 0): number | undefined {
    const left = new Map<number, number>([[coming, 1]]);
    for (const { memoryMiB } of this.#shells) left.set(memoryMiB, (left.get(memoryMiB) ?? 0) + 1);
    return sizes.find((size) => {
      const count = left.get(size) ?? 0;
      left.set(size, count - 1);
      return count <= 0;
    });
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
      else shell.dispose();
    }
  }
}
