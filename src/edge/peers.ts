/**
 * Connections per address, so that one client cannot take them all. Proxies the operator named are exempt: their
 * connections are other people's.
 */

/** One address may hold a quarter of all connections. */
const SHARE = 4;
/** But as many as one busy client needs, however small the whole is. */
const LEAST = 64;

export class Peers {
  readonly #limit: number;
  readonly #counts: Map<string, number> = new Map();

  constructor(maxConnections: number) {
    this.#limit = Math.max(LEAST, Math.ceil(maxConnections / SHARE));
  }

  /** False: the address has all it may have. */
  take(address: string): boolean {
    const count = this.#counts.get(address) ?? 0;
    if (count >= this.#limit) return false;
    this.#counts.set(address, count + 1);
    return true;
  }

  give(address: string): void {
    const count = (this.#counts.get(address) ?? 1) - 1;
    if (count === 0) this.#counts.delete(address);
    else this.#counts.set(address, count);
  }
}
