/**
 * The pool counts what isolates report plus a measured base; what the process really holds is another matter. When it
 * grows beyond the budget, the pool is given less, and more again only when it is well below: between the two marks
 * nothing changes. Not less than a quarter, for what is not the pool's fault must not empty it; except once: what a guest holds
 * and nobody counts goes only with its isolate, and whether it was that shows afterwards.
 */
import { MIB } from '../contract/units.ts';

/** What a host may grow by beside its isolates: bodies on their way, caches, garbage not yet collected. */
const BESIDE_BYTES = 128 * MIB;
const LOW_MARK = 0.9;
const SHRINK = 0.9;
const GROW = 0.05;
const LEAST = 0.25;
/** Looks in which the least has not helped. */
const PATIENCE = 8;

export class Brake {
  readonly #budgetBytes: number;
  /** Looks at the least so far. */
  #helpless = 0;
  /** What was held when the pool was emptied to no avail; 0: it was not. */
  #emptiedAtBytes = 0;
  /** What the pool may count to at present. */
  allowedBytes: number;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
    this.allowedBytes = budgetBytes;
  }

  get isOn(): boolean {
    return this.allowedBytes < this.#budgetBytes;
  }

  /** `residentBytes`: what the process holds more than before it had isolates; `countedBytes`: by the pool's account. */
  look(residentBytes: number, countedBytes: number): void {
    const budget = this.#budgetBytes;
    const least = budget * LEAST;
    if (residentBytes > budget + BESIDE_BYTES) {
      this.#helpless = countedBytes <= least ? this.#helpless + 1 : 0;
      const isNews = residentBytes > this.#emptiedAtBytes + BESIDE_BYTES || this.#emptiedAtBytes === 0;
      if (this.#helpless >= PATIENCE && isNews && countedBytes > 0) {
        this.#emptiedAtBytes = residentBytes;
        this.allowedBytes = 0;
      } else this.allowedBytes = Math.max(least, Math.min(this.allowedBytes, countedBytes) * SHRINK);
    } else if (residentBytes < budget * LOW_MARK + BESIDE_BYTES) {
      this.#helpless = 0;
      this.#emptiedAtBytes = 0;
      this.allowedBytes = Math.min(budget, this.allowedBytes + budget * GROW);
    }
  }
}
