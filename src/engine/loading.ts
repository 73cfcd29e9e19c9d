/** A module on its way: what it has used so far, and until when it may. Its top level may wait for `crypto.subtle`. */
import { NS_PER_MS } from '../contract/units.ts';
import type { Guest } from './guest.ts';
import type { LoadOrder } from './lane-wire.ts';
import { nowNs } from './monotonic.ts';

export class Loading {
  readonly order: LoadOrder;
  readonly startedNs: number = nowNs();
  readonly untilMs: number;
  /** Of turns and of operations in the thread pool. */
  cpuNs = 0;
  guest: Guest | null = null;
  /** The commands of its turns so far. */
  out = '';

  constructor(order: LoadOrder) {
    this.order = order;
    this.untilMs = Date.now() + order.initMs;
  }

  get leftNs(): number {
    return Math.max(1, this.order.initMs * NS_PER_MS - this.cpuNs);
  }

  heard(out: string): void {
    this.out = this.out === '' || out === '' ? this.out + out : `${this.out},${out}`;
  }
}
