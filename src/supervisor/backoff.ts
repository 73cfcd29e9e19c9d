/** How long to wait before the next host after deaths in a row: the first is replaced at once, a series ever later. */

export interface BackoffRules {
  readonly firstMs: number;
  readonly maxMs: number;
  /** After so long without a death the series is forgotten. */
  readonly quietMs: number;
}

export const BACKOFF_RULES: BackoffRules = { firstMs: 100, maxMs: 30_000, quietMs: 60_000 };

export class Backoff {
  readonly #rules: BackoffRules;
  #deaths = 0;
  #lastMs: number = Number.NEGATIVE_INFINITY;

  constructor(rules: BackoffRules = BACKOFF_RULES) {
    this.#rules = rules;
  }

  death(nowMs: number): void {
    this.#deaths = nowMs - this.#lastMs > this.#rules.quietMs ? 1 : this.#deaths + 1;
    this.#lastMs = nowMs;
  }

  /** From now until the next host may be started, ms. */
  delayMs(nowMs: number): number {
    const { firstMs, maxMs, quietMs } = this.#rules;
    if (this.#deaths < 2 || nowMs - this.#lastMs > quietMs) return 0;
    const delayMs = Math.min(maxMs, firstMs * 2 ** Math.min(this.#deaths - 2, 30));
    return Math.max(0, this.#lastMs + delayMs - nowMs);
  }
}
