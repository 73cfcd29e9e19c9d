/**
 * What a lane's thread has to do at a time of its own: due timers of guests, the next spare. The thread sleeps in shared
 * memory and not in its event loop, so it keeps its own times. One entry per owner.
 */
export class Agenda {
  readonly #entries: Map<object, { readonly atMs: number; readonly run: () => void }> = new Map();
  /** No entry is due before it. */
  #earliestMs = Number.POSITIVE_INFINITY;

  /** `run` once at `atMs` (epoch), in place of what `owner` had before. */
  at(owner: object, atMs: number, run: () => void): void {
    this.#entries.set(owner, { atMs, run });
    if (atMs < this.#earliestMs) this.#earliestMs = atMs;
  }

  cancel(owner: object): void {
    this.#entries.delete(owner);
  }

  /** Ms until the first entry is due, at most `mostMs`; 0 when it is. */
  waitMs(mostMs: number): number {
    if (this.#earliestMs === Number.POSITIVE_INFINITY) return mostMs;
    return Math.max(0, Math.min(mostMs, this.#earliestMs - Date.now()));
  }

  /** Runs what is due, earliest first. */
  runDue(): void {
    const now = Date.now();
    if (now < this.#earliestMs) return;
    const due = [...this.#entries].filter(([, entry]) => entry.atMs <= now).sort(([, a], [, b]) => a.atMs - b.atMs);
    for (const [owner, entry] of due) {
      // An earlier one may have cancelled or replaced it.
      if (this.#entries.get(owner) !== entry) continue;
      this.#entries.delete(owner);
      entry.run();
    }
    this.#earliestMs = Number.POSITIVE_INFINITY;
    for (const { atMs } of this.#entries.values()) this.#earliestMs = Math.min(this.#earliestMs, atMs);
  }
}
