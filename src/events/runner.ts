/**
 * Runs due deliveries of the inbox, a bounded number at once. Knows when, not what: the attempt itself is given to it.
 * It wakes when a delivery falls due, when a slot frees that others wait for, or when it is told of work; once a minute at
 * least.
 */
import type { Clock, Timer } from '../contract/clock.ts';
import type { DeliveryRow, Inbox } from '../contract/store.ts';

export interface RunnerOptions {
  readonly inbox: Inbox;
  readonly clock: Clock;
  /** Attempts at once. */
  readonly concurrency: number;
  /** Makes one attempt and ends it in the inbox. Never rejects. */
  readonly attempt: (row: DeliveryRow) => Promise<void>;
}

/** Longest sleep: the wall clock may be set, due times are wall-clock times, and other hosts leave work behind. */
const MAX_SLEEP_MS = 60_000;
const TROUBLE_MS = 1_000;

export class Runner {
  readonly #options: RunnerOptions;
  readonly #running: Set<Promise<void>> = new Set();
  #state: 'idle' | 'started' | 'stopped' = 'idle';
  #timer: Timer | null = null;
  #pumping: Promise<void> | null = null;
  #again = false;
  /** There was no room for all that may be due: whoever frees a slot looks again. */
  #more = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'started';
    this.wake();
  }

  /** Claims nothing more; resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#timer?.cancel();
    this.#timer = null;
    await this.#pumping;
    await Promise.all(this.#running);
  }

  /** There may be something due. */
  wake(): void {
    if (this.#state !== 'started') return;
    this.#again = true;
    if (this.#pumping !== null) return;
    this.#pumping = this.#pump().finally(() => {
      this.#pumping = null;
      if (this.#again) this.wake();
    });
  }

  /** Whether an event may begin its first attempt as it is accepted; whoever does so must `track` it at once. */
  get hasRoom(): boolean {
    return this.#state === 'started' && this.#running.size < this.#options.concurrency;
  }

  /** Counts `work` as running until it ends. It never rejects. */
  track(work: Promise<void>): void {
    const done = work.finally(() => {
      this.#running.delete(done);
      if (this.#more) this.wake();
    });
    this.#running.add(done);
  }

  async #pump(): Promise<void> {
    const { inbox, clock, concurrency } = this.#options;
    try {
      while (this.#again && this.#state === 'started') {
        this.#again = false;
        const room = concurrency - this.#running.size;
        if (room <= 0) {
          this.#more = true;
          return;
        }
        const rows = await inbox.claim(clock.epochMs(), room);
        for (const row of rows) this.track(this.#options.attempt(row));
        this.#more = rows.length === room;
        if (this.#more) {
          // Slots that were freed meanwhile.
          if (this.#running.size < concurrency) this.#again = true;
          continue;
        }
        const dueMs = await inbox.nextDueMs();
        this.#sleep(Math.min(Math.max((dueMs ?? Infinity) - clock.epochMs(), 0), MAX_SLEEP_MS));
      }
    } catch {
      // The inbox says by itself that it is in trouble; here it is only asked again.
      this.#sleep(TROUBLE_MS);
    }
  }

  #sleep(ms: number): void {
    if (this.#state !== 'started') return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(ms, () => {
      this.#timer = null;
      this.wake();
    });
  }
}
