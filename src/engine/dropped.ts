/** Isolates that are to go. Disposing one takes half a millisecond: done between requests, one at a time, unless many wait. */
const MOST_WAITING = 8;

export class Dropped {
  readonly #guests: { dispose(): void }[] = [];

  add(guest: { dispose(): void }): void {
    this.#guests.push(guest);
  }

  /** `idle`: there is nothing else to do. Returns how many were disposed. */
  clear(idle: boolean): number {
    if (!idle && this.#guests.length <= MOST_WAITING) return 0;
    const guest = this.#guests.shift();
    guest?.dispose();
    return guest === undefined ? 0 : 1;
  }

  close(): void {
    for (const guest of this.#guests.splice(0)) guest.dispose();
  }
}
