/**
 * Whether it pays to look for the other side's next word before sleeping. With one caller at a time it does: the word
 * comes sooner than a wake-up would take. With several there is other work for the processor, and a thread that looks
 * keeps it from the threads it waits for. One for all lanes of the main thread; it never measures anything itself.
 */

/** So long after several were seen at once nobody looks. */
const CROWD_MS = 10;

export class Patience {
  #isAsked = false;
  #crowdedMs: number = Number.NEGATIVE_INFINITY;

  /** A lane was given a turn to run. */
  asked(nowMs: number): void {
    if (this.#isAsked) this.#crowdedMs = nowMs;
    this.#isAsked = true;
  }

  /** A lane has reported. */
  answered(): void {
    this.#isAsked = false;
  }

  pays(nowMs: number): boolean {
    return nowMs - this.#crowdedMs > CROWD_MS;
  }
}
