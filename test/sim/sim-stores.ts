/** Ledger and inbox of a simulated host: late, and failing when the world says so. */
import type { AttemptResult, Delivery, DeliveryRow, Ledger } from '../../src/contract/store.ts';
import type { UsageRecord, UsageStart } from '../../src/contract/usage.ts';
import { MemoryInbox } from '../support/memory-inbox.ts';
import { Chance } from './chance.ts';
import type { Oracle } from './oracle.ts';
import type { SimClock } from './sim-clock.ts';

interface Group {
  readonly marks: (() => void)[];
  readonly waiters: { then: () => void; failed: (error: Error) => void }[];
}

/** Deliberate faults of the stores themselves, to see that the oracle notices. */
export type StoreSabotage = 'answer-early' | 'forgets';

export interface StoreOptions {
  readonly sabotage: StoreSabotage | null;
  readonly clock: SimClock;
  readonly oracle: Oracle;
  readonly seed: number;
}

/** Rows become durable in groups, in order, after a while. */
export class SimLedger implements Pick<Ledger, 'start' | 'end' | 'whenDurable'> {
  readonly #options: StoreOptions;
  #group: Group | null = null;
  #groups = 0;
  /** Of groups that could not be written: they come with the next. */
  readonly #unwritten: (() => void)[] = [];
  /** Groups are written one after another. */
  #busyUntilUs = 0;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  start(row: UsageStart): number {
    const { oracle } = this.#options;
    const seen = oracle.of(row.invocationId);
    seen.starts += 1;
    oracle.unanswered.delete(row.invocationId);
    this.#open().marks.push(() => {
      seen.isStartDurable = true;
    });
    return seen.starts;
  }

  end(record: UsageRecord): void {
    const seen = this.#options.oracle.of(record.invocationId);
    if (seen.starts === 0) this.#options.oracle.violate('END before START', seen.key);
    seen.ends.push(record.outcome);
    this.#open().marks.push(() => {
      seen.isEndDurable = true;
    });
  }

  whenDurable(then: () => void, failed: (error: Error) => void): void {
    if (this.#options.sabotage === 'answer-early') then();
    else this.#open().waiters.push({ then, failed });
  }

  #open(): Group {
    if (this.#group !== null) return this.#group;
    const group: Group = { marks: [], waiters: [] };
    this.#group = group;
    const { clock, seed } = this.#options;
    const chance = new Chance(seed, 'group', this.#groups++);
    clock.afterUs(chance.whole(0, 100), () => {
      this.#group = null;
      this.#busyUntilUs = Math.max(this.#busyUntilUs, clock.nowUs) + chance.scale(10, 3000);
      clock.afterUs(this.#busyUntilUs - clock.nowUs, () => this.#write(group));
    });
    return group;
  }

  #write({ marks, waiters }: Group): void {
    const { oracle } = this.#options;
    if (oracle.fails('durable', String(this.#groups))) {
      // Whoever waits is told; the rows come with a later group, as the real one keeps them.
      this.#unwritten.push(...marks);
      oracle.refusing = true;
      for (const { failed } of waiters) failed(new Error('disk full'));
      oracle.refusing = false;
      return;
    }
    for (const mark of this.#unwritten.splice(0)) mark();
    for (const mark of marks) mark();
    for (const { then } of waiters) then();
  }
}

/** An inbox that takes its time. A call that fails has done nothing. */
export class SimInbox extends MemoryInbox {
  readonly #options: StoreOptions;
  /** Deliveries that have not come to their end. */
  readonly open: Set<string> = new Set();
  /** Calls under way. */
  busy = 0;
  #calls = 0;

  constructor(options: StoreOptions) {
    super();
    this.#options = options;
  }

  override async accept(
    delivery: Delivery,
    options: { readonly maxAttempts: number; readonly dedupMs: number; readonly running?: boolean },
  ): Promise<{ readonly duplicateOf: string | null }> {
    await this.#turn('inbox-accept');
    if (this.#options.sabotage === 'forgets' && delivery.body.length % 2 === 0) return { duplicateOf: null };
    const answer = await super.accept(delivery, options);
    if (answer.duplicateOf === null) this.open.add(delivery.id);
    return answer;
  }

  override async claim(nowMs: number, limit: number): Promise<readonly DeliveryRow[]> {
    await this.#turn('inbox-claim');
    return super.claim(nowMs, limit);
  }

  override async finish(id: string, result: AttemptResult): Promise<void> {
    await this.#turn('inbox-finish');
    await super.finish(id, result);
    if (result.state !== 'ready') this.open.delete(id);
  }

  override async nextDueMs(): Promise<number | null> {
    await this.#turn('inbox-due');
    return super.nextDueMs();
  }

  async #turn(step: 'inbox-accept' | 'inbox-claim' | 'inbox-finish' | 'inbox-due'): Promise<void> {
    const { clock, oracle, seed } = this.#options;
    this.#calls += 1;
    const about = String(this.#calls);
    const us = new Chance(seed, 'inbox', about).scale(20, 5000);
    this.busy += 1;
    await new Promise<void>((resolve) => void clock.afterUs(us, resolve));
    this.busy -= 1;
    if (oracle.fails(step, about)) throw new Error('database or disk is full');
  }
}
