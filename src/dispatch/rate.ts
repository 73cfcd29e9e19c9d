/** A token bucket: `perSecond` tokens flow in, up to `burst`; an invocation takes one or is throttled. */
export class TokenBucket {
  readonly #perNs: number;
  readonly #burst: number;
  #tokens: number;
  #atNs: number;

  constructor(rate: { readonly perSecond: number; readonly burst: number }, nowNs: number) {
    this.#perNs = rate.perSecond / 1e9;
    this.#burst = rate.burst;
    this.#tokens = rate.burst;
    this.#atNs = nowNs;
  }

  take(nowNs: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowNs - this.#atNs) * this.#perNs);
    this.#atNs = nowNs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
