/**
 * The isolates the pool holds, under a budget of bytes and count. Idle ones are kept in order of use: eviction takes
 * the least recently used, never a busy one.
 */
import { LRUCache } from 'lru-cache';
import { MIB } from '../contract/units.ts';
import type { PooledIsolate } from './group.ts';

/** What an isolate costs the process beside its heap. */
export const BASE_BYTES: number = 1.3 * MIB;

export interface Budget {
  readonly maxIsolates: number;
  readonly memoryBytes: number;
}

export class Warm {
  readonly isolates: Map<number, PooledIsolate> = new Map();
  readonly #budget: Budget;
  readonly #idle: LRUCache<number, PooledIsolate>;
  bytes = 0;
  evictions = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
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
    this.isolates.delete(isolate.number);
    isolate.group.isolates.delete(isolate);
    this.bar(isolate);
    this.bytes -= isolate.bytes;
  }

  /** Takes the least recently used idle isolate out; `undefined`: all are busy. */
  evict(): PooledIsolate | undefined {
    const victim = this.#idle.pop();
    if (victim === undefined) return undefined;
    this.evictions += 1;
    this.remove(victim);
    return victim;
  }
}
