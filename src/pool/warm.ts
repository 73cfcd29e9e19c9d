/**
 * The isolates the pool holds, under a budget of bytes and count. Idle ones are kept in order of use: eviction takes
 * the least recently used, never a busy one.
 */
import { LRUCache } from 'lru-cache';
import type { Realm } from '../contract/engine-port.ts';
import { BASE_BYTES, type PooledIsolate } from './group.ts';
import type { Lanes } from './lanes.ts';

export interface Budget {
  readonly maxIsolates: number;
  readonly memoryBytes: number;
}

export class Warm {
  readonly isolates: Map<number, PooledIsolate> = new Map();
  readonly #budget: Budget;
  readonly #idle: LRUCache<number, PooledIsolate>;
  readonly #lanes: Lanes;
  bytes = 0;
  evictions = 0;
  loads = 0;

  constructor(budget: Budget, lanes: Lanes) {
    this.#budget = budget;
    this.#lanes = lanes;
    this.#idle = new LRUCache({ max: budget.maxIsolates });
  }

  get idle(): number {
    return this.#idle.size;
  }

  /** No room for one more. */
  get isFull(): boolean {
    return this.isolates.size >= this.#budget.maxIsolates || this.bytes + BASE_BYTES > this.#budget.memoryBytes;
  }

  get isOver(): boolean {
    return this.bytes > this.#budget.memoryBytes;
  }

  add(isolate: PooledIsolate): void {
    this.isolates.set(isolate.number, isolate);
    isolate.group.isolates.add(isolate);
    this.loads += 1;
    if (isolate.apart) this.#lanes.settle(isolate, 1);
    this.bytes += isolate.bytes;
  }

  resize(isolate: PooledIsolate, heapBytes: number): void {
    const bytes = heapBytes + BASE_BYTES;
    this.bytes += bytes - isolate.bytes;
    isolate.bytes = bytes;
  }

  /** It serves nobody: its group may use it, and eviction may take it unless the function wants it kept. */
  rest(isolate: PooledIsolate): void {
    const { group } = isolate;
    if (!isolate.isIdle) {
      isolate.isIdle = true;
      group.idle.push(isolate);
    }
    if (group.isolates.size > group.version.spec.warm) this.#idle.set(isolate.number, isolate);
  }

  /** It has been given work. */
  wake(isolate: PooledIsolate): void {
    this.#idle.delete(isolate.number);
  }

  /** It serves nobody new. */
  bar(isolate: PooledIsolate): void {
    this.#idle.delete(isolate.number);
    if (!isolate.isIdle) return;
    isolate.isIdle = false;
    isolate.group.idle.splice(isolate.group.idle.indexOf(isolate), 1);
  }

  remove(isolate: PooledIsolate): void {
    if (!this.isolates.delete(isolate.number)) return;
    if (isolate.apart) this.#lanes.settle(isolate, -1);
    isolate.group.isolates.delete(isolate);
    this.bar(isolate);
    this.bytes -= isolate.bytes;
  }

  /** All of the engine process whose idle isolate was used the longest ago, if nobody in it is busy. */
  idleRealm(except: Realm): readonly PooledIsolate[] {
    const kept = new Set<Realm>(['', except]);
    for (const isolate of this.isolates.values()) if (!this.#idle.has(isolate.number)) kept.add(isolate.group.realm);
    for (const idle of this.#idle.rvalues()) {
      const realm = idle?.group.realm ?? '';
      if (!kept.has(realm)) return [...this.isolates.values()].filter((isolate) => isolate.group.realm === realm);
    }
    return [];
  }

  /** The least recently used idle isolate, which is to be dropped; `undefined`: all are busy. */
  evict(): PooledIsolate | undefined {
    const victim = this.#idle.pop();
    if (victim !== undefined) this.evictions += 1;
    return victim;
  }
}
