/** A ledger that keeps nothing, in place of the real one (`unbilled.ts`): what a request costs without its bill. */
import type { Ledger } from '../../src/contract/store.ts';

class NullLedger implements Ledger {
  /** Answers wait for the end of their group, as with the real one: many leave together. */
  #waiters: (() => void)[] = [];

  start(): number {
    return 0;
  }

  end(): void {
    // Kept nowhere.
  }

  whenDurable(then: () => void): void {
    if (this.#waiters.push(then) === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const then of waiters) then();
  }

  problem(): string | null {
    return null;
  }

  lost(): number {
    return 0;
  }

  async query(): Promise<readonly []> {
    return [];
  }

  async records(): Promise<{ readonly items: readonly []; readonly nextCursor: null }> {
    return { items: [], nextCursor: null };
  }

  async record(): Promise<null> {
    return null;
  }

  async recover(): Promise<{ readonly records: number }> {
    return { records: 0 };
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}

export async function openLedger(): Promise<NullLedger> {
  return new NullLedger();
}
