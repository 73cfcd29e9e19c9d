/**
 * Loads that wait on a lane, and what is to start in them. Turns go first: between two rounds of orders the lane takes one
 * step, which is to load the next function there is a spare for, or to make a spare; so a burst of loads holds nobody up for
 * longer than one of them.
 */
import type { LoadOrder, StartOrder } from './lane-wire.ts';
import type { Shell } from './shell.ts';
import type { Spares } from './spares.ts';

interface Waiting {
  readonly order: LoadOrder;
  readonly starts: StartOrder[];
}

export interface ColdPorts {
  load(order: LoadOrder, shell: Shell): void;
  start(order: StartOrder): void;
}

export class ColdLoads {
  readonly #spares: Spares;
  readonly #ports: ColdPorts;
  /** By isolate, oldest first. */
  readonly #waiting: Map<number, Waiting> = new Map();

  constructor(spares: Spares, ports: ColdPorts) {
    this.#spares = spares;
    this.#ports = ports;
  }

  add(order: LoadOrder): void {
    this.#waiting.set(order.isolate, { order, starts: [] });
  }

  /** True: it begins once its isolate has loaded. */
  defer(order: StartOrder): boolean {
    const waiting = this.#waiting.get(order.isolate);
    waiting?.starts.push(order);
    return waiting !== undefined;
  }

  /** Its isolate is not wanted any more. */
  drop(isolate: number): void {
    const waiting = this.#waiting.get(isolate);
    if (waiting === undefined) return;
    this.#waiting.delete(isolate);
    for (const start of waiting.starts) this.#ports.start(start);
  }

  /** One step. False: there was nothing to do. */
  step(): boolean {
    for (const [isolate, { order, starts }] of this.#waiting) {
      if (!this.#spares.has(order.memoryMiB)) continue;
      this.#waiting.delete(isolate);
      this.#ports.load(order, this.#spares.take(order.memoryMiB)!);
      for (const start of starts) this.#ports.start(start);
      if (this.#waiting.size === 0) this.#spares.restock();
      return true;
    }
    if (this.#spares.hatch()) return true;
    for (const { order } of this.#waiting.values()) {
      this.#spares.makeHere(order.memoryMiB);
      return true;
    }
    return false;
  }
}
