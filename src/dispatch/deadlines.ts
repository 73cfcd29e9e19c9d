/**
 * Deadlines of many invocations with few timers. All entries of one duration expire in the order they were added, so
 * each duration is a linked list with one armed timer for its head; adding and removing costs a few pointers.
 */
import type { Clock, Timer } from '../contract/clock.ts';
import { NS_PER_MS } from '../contract/units.ts';

export interface Deadline {
  cancel(): void;
}

/** Whoever set a deadline; it knows which one it is by its own state. */
export interface Expiring {
  expired(): void;
}

class Entry implements Deadline {
  readonly atNs: number;
  readonly target: Expiring;
  readonly #row: Row;
  previous: Entry | null = null;
  next: Entry | null = null;
  live = true;

  constructor(row: Row, atNs: number, target: Expiring) {
    this.#row = row;
    this.atNs = atNs;
    this.target = target;
  }

  cancel(): void {
    if (this.live) this.#row.remove(this);
  }
}

/** All deadlines of one duration, oldest first. */
class Row {
  readonly #clock: Clock;
  readonly #ms: number;
  #head: Entry | null = null;
  #tail: Entry | null = null;
  #timer: Timer | null = null;

  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
  }

  add(target: Expiring, nowNs: number): Entry {
    const entry = new Entry(this, nowNs + this.#ms * NS_PER_MS, target);
    entry.previous = this.#tail;
    if (this.#tail === null) this.#head = entry;
    else this.#tail.next = entry;
    this.#tail = entry;
    this.#timer ??= this.#clock.after(this.#ms, () => this.#expire());
    return entry;
  }

  remove(entry: Entry): void {
    entry.live = false;
    if (entry.previous === null) this.#head = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === null) this.#tail = entry.previous;
    else entry.next.previous = entry.previous;
    // A dead entry that was promoted would keep its neighbours alive, and they theirs: whole requests, until a full GC.
    entry.previous = null;
    entry.next = null;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #expire(): void {
    this.#timer = null;
    const now = this.#clock.nowNs();
    while (this.#head !== null && this.#head.atNs <= now) {
      const entry = this.#head;
      this.remove(entry);
      entry.target.expired();
    }
    if (this.#head === null || this.#timer !== null) return;
    const waitMs = Math.max(1, Math.ceil((this.#head.atNs - now) / NS_PER_MS));
    this.#timer = this.#clock.after(waitMs, () => this.#expire());
  }
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #rows: Map<number, Row> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `target.expired` once after `ms`, unless cancelled; `nowNs` spares a look at the clock. */
  after(ms: number, target: Expiring, nowNs: number = this.#clock.nowNs()): Deadline {
    let row = this.#rows.get(ms);
    if (row === undefined) {
      row = new Row(this.#clock, ms);
      this.#rows.set(ms, row);
    }
    return row.add(target, nowNs);
  }

  close(): void {
    for (const row of this.#rows.values()) row.close();
    this.#rows.clear();
  }
}
