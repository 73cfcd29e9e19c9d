/**
 * Booted isolates without user code, so that a cold start costs only the user's code. Made one at a time between other
 * work, in the memory sizes last asked for: an isolate's limit cannot be changed once it is made.
 */
import type { Agenda } from './agenda.ts';
import type { Shell } from './shell.ts';

/** A spare blocks its lane for some ms: others get a chance in between. */
const RESTOCK_MS = 5;
const SIZES = 3;

export class Spares {
  readonly #perSize: number;
  readonly #boot: (memoryMiB: number) => Shell;
  #shells: Shell[] = [];
  /** Memory limits, last asked for first. */
  #sizes: readonly number[];
  readonly #agenda: Agenda;
  #stocking = false;

  constructor(
    sizes: { readonly perSize: number; readonly firstMiB: number },
    agenda: Agenda,
    boot: (memoryMiB: number) => Shell,
  ) {
    const { perSize, firstMiB } = sizes;
    this.#perSize = perSize;
    this.#agenda = agenda;
    this.#sizes = [firstMiB];
    this.#boot = boot;
    if (perSize > 0) this.#shells.push(boot(firstMiB));
  }

  /** One of the right size; `undefined`: there is none, boot one. */
  take(memoryMiB: number): Shell | undefined {
    this.#sizes = [memoryMiB, ...this.#sizes.filter((size) => size !== memoryMiB)].slice(0, SIZES);
    const at = this.#shells.findIndex((shell) => shell.memoryMiB === memoryMiB);
    return at < 0 ? undefined : this.#shells.splice(at, 1)[0];
  }

  restock(): void {
    if (this.#stocking) return;
    const missing = this.#sizes.find((size) => this.#count(size) < this.#perSize);
    if (missing === undefined) return;
    this.#stocking = true;
    this.#agenda.at(this, Date.now() + RESTOCK_MS, () => {
      this.#stocking = false;
      this.#shells.push(this.#boot(missing));
      this.#dropStale();
      this.restock();
    });
  }

  close(): void {
    this.#agenda.cancel(this);
    for (const shell of this.#shells.splice(0)) shell.dispose();
  }

  #count(memoryMiB: number): number {
    return this.#shells.filter((shell) => shell.memoryMiB === memoryMiB).length;
  }

  /** A size nobody asks for any more gives its spares up. */
  #dropStale(): void {
    const kept = this.#shells.filter((shell) => this.#sizes.includes(shell.memoryMiB));
    for (const shell of this.#shells) if (!kept.includes(shell)) shell.dispose();
    this.#shells = kept;
  }
}
