/**
 * Chance from a seed. Every draw is named by what it is for, not by when it is made: taking one arrival out of a world
 * leaves all the others as they were, which is what makes shrinking work.
 */
export class Chance {
  #state: number;

  constructor(seed: number, ...what: readonly (string | number)[]) {
    let mixed = seed | 0;
    for (const part of what) {
      const text = String(part);
      for (let i = 0; i < text.length; i++) mixed = Math.imul(mixed ^ text.charCodeAt(i), 0x01000193);
      mixed = Math.imul(mixed ^ 0x9e37, 0x85ebca6b);
    }
    this.#state = mixed;
  }

  /** 0 ≤ n < 1 (splitmix32). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number, both ends included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  /** Spread evenly over orders of magnitude, as durations are. */
  scale(from: number, to: number): number {
    return Math.round(from * (to / from) ** this.next());
  }

  pick<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)]!;
  }
}
