/**
 * The main thread's handle of one lane: its worker, the shared slots, the outgoing batch. Orders gathered in one round
 * of the event loop leave in one message.
 */
import { Worker } from 'node:worker_threads';
import type { LaneView } from '../contract/engine-port.ts';
import type { LaneInit, LaneOrder, LaneReport } from './lane-wire.ts';
import { CLAIM_SLOTS, LaneSlots } from './slots.ts';

/** Orders that leave without waiting for more: the lane works on them while the main thread reads on. */
const BATCH = 4;

export interface LaneEvents {
  reports(lane: Lane, reports: readonly LaneReport[]): void;
  died(lane: Lane, error: Error | null): void;
}

export class Lane implements LaneView {
  readonly id: number;
  readonly realm = '';
  readonly slots: LaneSlots = new LaneSlots();
  isolates = 0;
  unclaimed = 0;
  /** Not to be given anything any more. */
  sick = false;
  readonly #worker: Worker;
  readonly #freeSlots: number[] = [];
  readonly #exited: Promise<void>;
  #nextSlot = 0;
  #orders: LaneOrder[] = [];
  #scheduled = false;

  constructor(id: number, init: Omit<LaneInit, 'buffer' | 'lane'>, events: LaneEvents) {
    this.id = id;
    const workerData: LaneInit = { ...init, lane: id, buffer: this.slots.buffer };
    this.#worker = new Worker(new URL(entryPoint(), import.meta.url), {
      workerData,
      name: `isolane-lane-${id}`,
      env: {},
    });
    this.#worker.on('message', (reports: readonly LaneReport[]) => events.reports(this, reports));
    this.#exited = new Promise((resolve) => {
      this.#worker.once('error', (error: Error) => events.died(this, error));
      this.#worker.once('exit', () => {
        events.died(this, null);
        resolve();
      });
    });
  }

  get runningSinceNs(): number {
    return this.slots.runningSinceNs();
  }

  get running(): number {
    return this.slots.running()?.isolate ?? 0;
  }

  /** A claim slot, or -1 when the lane has as many invocations as it may. */
  takeSlot(): number {
    const slot = this.#freeSlots.pop() ?? (this.#nextSlot < CLAIM_SLOTS ? this.#nextSlot++ : -1);
    if (slot >= 0) this.slots.offer(slot);
    return slot;
  }

  get full(): boolean {
    return this.#freeSlots.length === 0 && this.#nextSlot >= CLAIM_SLOTS;
  }

  freeSlot(slot: number): void {
    this.slots.release(slot);
    this.#freeSlots.push(slot);
  }

  post(order: LaneOrder): void {
    this.#orders.push(order);
    if (this.#orders.length >= BATCH) this.#send();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#send());
  }

  async close(): Promise<void> {
    this.post({ k: 'close' });
    this.#send();
    await this.#exited;
  }

  /** For a lane that does not answer: the thread is given up. */
  abandon(): void {
    this.sick = true;
    // Should its thread ever come back, it ends, and its place is free for another lane.
    this.post({ k: 'close' });
    this.#worker.unref();
  }

  #send(): void {
    this.#scheduled = false;
    if (this.#orders.length === 0) return;
    const orders = this.#orders;
    this.#orders = [];
    this.#worker.postMessage(orders);
  }
}

/** `lane-thread.ts` in the repository, `lane-thread.js` in the package. */
function entryPoint(): string {
  return import.meta.url.endsWith('.ts') ? './lane-thread.ts' : './lane-thread.js';
}
