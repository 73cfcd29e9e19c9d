/**
 * Virtual time: whole microseconds and a heap of what falls due. Nothing sleeps; a retry after six hours costs as much
 * as one after six milliseconds. The wall clock may be set without moving monotonic time.
 */
import type { Clock, Timer } from '../../src/contract/clock.ts';

interface Due {
  readonly atUs: number;
  readonly order: number;
  readonly fire: () => void;
  live: boolean;
}

const EPOCH_MS = Date.parse('2026-11-30T12:00:00Z');

export class SimClock implements Clock {
  nowUs = 0;
  #offsetMs = EPOCH_MS;
  #heap: Due[] = [];
  #order = 0;
  #live = 0;

  nowNs(): number {
    return this.nowUs * 1000;
  }

  epochMs(): number {
    return Math.floor(this.nowUs / 1000) + this.#offsetMs;
  }

  after(ms: number, fire: () => void): Timer {
    return this.afterUs(Math.round(ms * 1000), fire);
  }

  afterUs(us: number, fire: () => void): Timer {
    const due: Due = { atUs: this.nowUs + Math.max(0, us), order: this.#order++, fire, live: true };
    this.#live += 1;
    this.#push(due);
    return {
      cancel: () => {
        if (due.live) this.#live -= 1;
        due.live = false;
      },
    };
  }

  /** Timers and events that are still to come. */
  get pending(): number {
    return this.#live;
  }

  /** Sets the wall clock forward or back, as an administrator would. */
  step(ms: number): void {
    this.#offsetMs += ms;
  }

  /** Moves on to what falls due next and does it; false: nothing is left. */
  advance(): boolean {
    for (let due = this.#pop(); due !== undefined; due = this.#pop()) {
      if (!due.live) continue;
      due.live = false;
      this.#live -= 1;
      this.nowUs = due.atUs;
      due.fire();
      return true;
    }
    return false;
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!before(due, heap[up]!)) break;
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = due;
  }

  #pop(): Due | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && before(heap[down + 1]!, heap[down]!)) down += 1;
      if (!before(heap[down]!, last)) break;
      heap[at] = heap[down]!;
      at = down;
    }
    heap[at] = last;
    return top;
  }
}

function before(a: Due, b: Due): boolean {
  return a.atUs === b.atUs ? a.order < b.order : a.atUs < b.atUs;
}
