/**
 * Room for isolates: made of idle ones, a few at a time, and given in turn to those who wait for it. Who holds more
 * than its share and never rests gives way, too, once its isolate has run for as long as loading another one takes.
 */
import type { Group, PooledIsolate } from './group.ts';
import type { Waits } from './waits.ts';
import type { Warm } from './warm.ts';

/** Isolates that go for one that comes: each costs its lane half a millisecond. */
const MOST_EVICTED = 4;
/** Isolates that go as one comes to rest, and at a look at what the process holds. */
const MOST_AT_ONCE = 2;
const MOST_PER_LOOK = 32;

export interface RoomPorts {
  drop(isolate: PooledIsolate): void;
  /** Hands waiting work to the isolates there are; returns how many more the rest is worth. */
  handOut(group: Group): number;
  /** Loads one; false: it has come to wait for something else. */
  load(group: Group): boolean;
}

export class Rooms {
  readonly #warm: Warm;
  readonly #waits: Waits;
  readonly #ports: RoomPorts;
  /** Isolates that take nothing more until they are empty. */
  #leaving = 0;
  #granting = false;

  constructor(warm: Warm, waits: Waits, ports: RoomPorts) {
    this.#warm = warm;
    this.#waits = waits;
    this.#ports = ports;
  }

  /** Evicts idle isolates until one more fits; false: everything is busy or kept. */
  make(group: Group): boolean {
    for (let i = 0; i < MOST_EVICTED; i++) {
      const lack = this.#warm.lacks(group);
      if (lack === null) return true;
      const victim = this.#warm.evict(lack, group.tenant);
      if (victim === undefined) return false;
      this.#ports.drop(victim);
    }
    // Bytes may take more than these: several go for each that comes, so it ends; a count never does.
    return this.#warm.fitsByCount(group);
  }

  /** Evicts what is too much of the host, or (`group`) of its tenant, a few at a time; all that is idle when nothing is allowed. */
  shrink(group: Group | null): void {
    const perLook = this.#warm.allowedBytes === 0 ? Number.POSITIVE_INFINITY : MOST_PER_LOOK;
    for (let i = 0; i < (group === null ? perLook : MOST_AT_ONCE); i++) {
      const lack = group === null ? this.#warm.isOver : this.#warm.isOverFor(group);
      const victim = lack === null ? undefined : this.#warm.evict(lack, group?.tenant ?? null);
      if (victim === undefined) return;
      this.#ports.drop(victim);
    }
  }

  /** Gives what room there is, an isolate at a time, to whoever's turn it is. */
  grant(): void {
    if (this.#granting || this.#waits.starving === 0) return;
    this.#granting = true;
    try {
      for (let group = this.#next(); group !== null; group = this.#next()) {
        this.#waits.feed(group);
        const wanted = this.#ports.handOut(group);
        if (wanted === 0) continue;
        this.#waits.serve(group);
        if (!this.#ports.load(group)) {
          // Without a lane it waits for one; without room nobody has any.
          if (group.tenant.starved.has(group)) return;
        } else if (wanted > 1) this.#waits.starve(group);
      }
    } finally {
      this.#granting = false;
    }
  }

  #next(): Group | null {
    return this.#waits.next((group) => this.#warm.mayFit(group));
  }

  /** An isolate is between two invocations: whether it gives way, now that it is empty or as soon as it is. */
  givesWay(isolate: PooledIsolate): boolean {
    if (this.#waits.starving === 0) return false;
    if (isolate.leaving) return true;
    if (this.#leaving >= this.#waits.starving) return false;
    return isolate.group.hadItsTurn(isolate) && this.#waits.isOwedBy(isolate.group);
  }

  leave(isolate: PooledIsolate): void {
    isolate.leaving = true;
    this.#leaving += 1;
  }

  /** It is empty, or gone. */
  left(isolate: PooledIsolate): void {
    if (!isolate.leaving) return;
    isolate.leaving = false;
    this.#leaving -= 1;
  }
}
