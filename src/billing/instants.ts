/** Epoch ms as ISO 8601 UTC. Thousands of invocations start within one millisecond: each is written out once. */
export class Instants {
  #epochMs = Number.NaN;
  #text = '';

  text(epochMs: number): string {
    if (epochMs !== this.#epochMs) {
      this.#epochMs = epochMs;
      this.#text = new Date(epochMs).toISOString();
    }
    return this.#text;
  }
}
