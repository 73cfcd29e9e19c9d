/**
 * A lane in the host's own process: its worker, the shared slots, the channel. While something is likely to come back
 * soon the main thread looks into the channel once in every round of its event loop; later it lets the lane wake it.
 */

import { MessageChannel, Worker } from 'node:worker_threads';
import { ChannelEnd } from './channel.ts';
import { entryBeside } from './entry.ts';
import { Judge, type Lost } from './judge.ts';
import { type Lane, type LaneEvents, SlotNumbers } from './lane.ts';
import type { LaneInit, LaneOrder, LaneReport, RingLaneInit } from './lane-wire.ts';
import { nowNs } from './monotonic.ts';
import { ThreadPriority } from './priority.ts';
import { Ring } from './ring.ts';
import { CLAIM_SLOTS, LaneSlots, type RunningTurn } from './slots.ts';

/** The main thread looks by itself for so long after the last word in either direction: a wake-up costs as much. */
const LOOK_MS = 0.06;
/** Orders after which a sleeping lane is woken before the round is over: it works while the main thread reads on. */
const BATCH = 4;
/** How long a full ring is waited on before trying again. */
const FULL_MS = 1;
/** Reports heard in one round of the event loop: sockets get their turn. */
const MOST_REPORTS = 64;

export class ThreadLane implements Lane {
  readonly id: number;
  readonly realm = '';
  readonly isPress: boolean;
  readonly slots: LaneSlots = new LaneSlots();
  isolates = 0;
  unclaimed = 0;
  sick = false;
  readonly #worker: Worker;
  readonly #judge: Judge = new Judge(this.slots);
  readonly #priority: ThreadPriority = new ThreadPriority(() => this.slots.threadId);
  readonly #numbers: SlotNumbers = new SlotNumbers(CLAIM_SLOTS);
  readonly #exited: Promise<void>;
  readonly #channel: ChannelEnd<LaneOrder, LaneReport>;
  readonly #reports: Ring;
  readonly #events: LaneEvents;
  #looking = false;
  #heardMs = 0;
  /** Orders sent since the lane was last woken. */
  #unsaid = 0;

  constructor(id: number, init: Omit<LaneInit, 'lane' | 'slots'>, events: LaneEvents) {
    this.id = id;
    this.isPress = init.isPress;
    this.#events = events;
    const orders = Ring.memory();
    const reports = Ring.memory();
    const { port1, port2 } = new MessageChannel();
    const out = new Ring(orders);
    this.#reports = new Ring(reports);
    this.#channel = new ChannelEnd({ out, in: this.#reports }, port1, () => out.notify());
    const workerData: RingLaneInit = { ...init, lane: id, slots: this.slots.buffer, orders, reports, port: port2 };
    this.#worker = new Worker(entryBeside(import.meta.url, './lane-worker.ts'), {
      workerData,
      transferList: [port2],
      name: `isolane-lane-${id}`,
      env: {},
    });
    this.#reports.doze();
    this.#worker.on('message', () => this.#look());
    this.#exited = new Promise((resolve) => {
      this.#worker.once('error', (error: Error) => events.died(this, error));
      this.#worker.once('exit', () => {
        this.#hear(Number.POSITIVE_INFINITY);
        port1.close();
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

  get full(): boolean {
    return this.#numbers.isOut;
  }

  takeSlot(): number {
    return this.#numbers.take();
  }

  freeSlot(slot: number): void {
    this.#numbers.give(slot);
  }

  turn(): RunningTurn | null {
    return this.slots.running();
  }

  claimed(slot: number, inv: number): boolean {
    return this.slots.claimed(slot, inv);
  }

  takeBack(slot: number, inv: number): boolean {
    return this.slots.takeBack(slot, inv);
  }

  kill(isolate: number): boolean {
    const turn = this.slots.running();
    if (turn?.isolate !== isolate) return false;
    this.#judge.kill(turn, 'order', nowNs());
    return true;
  }

  pace(turn: RunningTurn | null, atNs: number): void {
    this.#priority.look(turn, atNs);
  }

  look(turn: RunningTurn, atNs: number): Lost | null {
    return this.#judge.look(turn, atNs);
  }

  post(order: LaneOrder): void {
    this.#channel.send(order);
    this.#unsaid += 1;
    if (this.#unsaid >= BATCH) this.#wake();
    this.#look();
  }

  async close(): Promise<void> {
    this.post({ k: 'close' });
    await this.#exited;
  }

  abandon(): void {
    this.sick = true;
    // Should its thread ever come back, it ends, and its place is free for another lane.
    this.post({ k: 'close' });
    this.#worker.unref();
  }

  #wake(): void {
    this.#unsaid = 0;
    this.#channel.wake();
  }

  #look(): void {
    this.#heardMs = performance.now();
    if (this.#looking) return;
    this.#looking = true;
    this.#reports.stir();
    setImmediate(this.#round);
  }

  readonly #round = (): void => {
    if (this.#unsaid > 0) this.#wake();
    const heard = this.#hear(MOST_REPORTS);
    const sent = this.#channel.flush();
    const nowMs = performance.now();
    if (heard > 0) this.#heardMs = nowMs;
    if (nowMs - this.#heardMs < LOOK_MS) setImmediate(this.#round);
    else if (!sent) setTimeout(this.#round, FULL_MS);
    else if (!this.#reports.doze()) setImmediate(this.#round);
    else this.#looking = false;
  };

  #hear(most: number): number {
    const reports: LaneReport[] = [];
    while (reports.length < most) {
      const report = this.#channel.receive();
      if (report === null) break;
      reports.push(report);
    }
    if (reports.length > 0) this.#events.reports(this, reports);
    return reports.length;
  }
}
