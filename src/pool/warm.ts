/**
 * The isolates the pool holds, under budgets of bytes and count, the host's and each tenant's. Idle ones are kept in
 * order of use: eviction takes the least recently used, never a busy one, and none that its function is to keep.
 */
import { LRUCache } from 'lru-cache';
import { ISOLATE_BASE_BYTES, type TenantLimits } from '../contract/capacity.ts';
import type { Realm } from '../contract/engine-port.ts';
import { Brake } from './brake.ts';
import type { Group, PooledIsolate } from './group.ts';
import type { Lanes } from './lanes.ts';
import type { Tenant } from './tenant.ts';

export interface Budget {
  readonly maxIsolates: number;
  readonly memoryBytes: number;
}

/** Whose limit keeps one more isolate out. */
export type Lack = 'host' | 'tenant' | null;

/** Share of the bytes that room which is kept and not used may take. */
const RESERVED_BYTES_SHARE = 0.5;

export class Warm {
  readonly isolates: Map<number, PooledIsolate> = new Map();
  readonly #maxIsolates: number;
  readonly #brake: Brake;
  /** Those that may be evicted. */
  readonly #idle: LRUCache<number, PooledIsolate>;
  readonly #lanes: Lanes;
  bytes = 0;
  idle = 0;
  evictions = 0;
  loads = 0;
  /** Isolates for which room is kept and which are not there. */
  reserved = 0;

  constructor(budget: Budget, lanes: Lanes) {
    this.#maxIsolates = budget.maxIsolates;
    this.#brake = new Brake(budget.memoryBytes);
    this.#lanes = lanes;
    this.#idle = new LRUCache({ max: budget.maxIsolates });
  }

  /** Bytes the pool may count to at present. */
  get allowedBytes(): number {
    return this.#brake.allowedBytes;
  }

  get isBraked(): boolean {
    return this.#brake.isOn;
  }

  /** Idle isolates that may go. */
  get evictable(): number {
    return this.#idle.size;
  }

  /** There is room, or something idle to make it of. */
  mayFit(group: Group): boolean {
    const lack = this.lacks(group);
    if (lack === null) return true;
    return lack === 'tenant' ? group.tenant.idle.size > 0 : this.#idle.size > 0;
  }

  /** Who has room reserved may take the last; others leave what is reserved and not used. */
  lacks(group: Group): Lack {
    if (group.tenant.isFull) return 'tenant';
    const allowed = this.#brake.allowedBytes;
    const own = group.owed > 0;
    const kept = own ? 0 : Math.min(this.reserved, this.#maxIsolates - 1);
    const keptBytes = own ? 0 : Math.min(this.reserved * ISOLATE_BASE_BYTES, allowed * RESERVED_BYTES_SHARE);
    const isFull = this.isolates.size + kept >= this.#maxIsolates;
    return isFull || this.bytes + ISOLATE_BASE_BYTES + keptBytes > allowed ? 'host' : null;
  }

  fitsByCount({ tenant }: Group): boolean {
    return this.isolates.size < this.#maxIsolates && tenant.isolates < tenant.limits.instances;
  }

  /** Whose budget of bytes is exceeded. */
  get isOver(): Lack {
    return this.bytes > this.#brake.allowedBytes ? 'host' : null;
  }

  isOverFor(group: Group): Lack {
    return group.tenant.isOver ? 'tenant' : this.isOver;
  }

  /** What the process holds, as the operating system says. */
  look(residentBytes: number): void {
    this.#brake.look(residentBytes, this.bytes);
  }

  limit(tenant: Tenant, limits: TenantLimits): void {
    tenant.limits = limits;
    tenant.idle.clear();
    if (!tenant.isLimited) return;
    for (const isolate of this.#idle.rvalues())
      if (isolate?.group.tenant === tenant) tenant.idle.set(isolate.number, isolate);
  }

  /** What a group may keep, or whether it may at all, changes. */
  reserve(group: Group, change: () => void): void {
    this.reserved -= group.owed;
    const wasShelved = group.mayShrink;
    change();
    this.reserved += group.owed;
    if (group.mayShrink !== wasShelved) for (const isolate of group.idle) this.#shelve(isolate);
  }

  add(isolate: PooledIsolate): void {
    const { group } = isolate;
    this.isolates.set(isolate.number, isolate);
    this.reserve(group, () => group.isolates.add(isolate));
    group.tenant.isolates += 1;
    this.loads += 1;
    if (isolate.apart) this.#lanes.settle(isolate, 1);
    this.#count(isolate, isolate.bytes);
  }

  resize(isolate: PooledIsolate, heapBytes: number): void {
    const bytes = heapBytes + ISOLATE_BASE_BYTES;
    this.#count(isolate, bytes - isolate.bytes);
    isolate.bytes = bytes;
  }

  /** It serves nobody: its group may use it, and eviction may take it unless the function is to keep it. */
  rest(isolate: PooledIsolate): void {
    const { group } = isolate;
    if (!isolate.isIdle) {
      isolate.isIdle = true;
      group.idle.push(isolate);
      this.idle += 1;
    }
    this.#shelve(isolate);
  }

  /** It has been given work. */
  wake(isolate: PooledIsolate): void {
    if (isolate.isIdle) this.idle -= 1;
    isolate.isIdle = false;
    this.#unshelve(isolate);
  }

  /** It serves nobody new. */
  bar(isolate: PooledIsolate): void {
    if (isolate.isIdle) isolate.group.idle.splice(isolate.group.idle.indexOf(isolate), 1);
    this.wake(isolate);
  }

  remove(isolate: PooledIsolate): void {
    if (!this.isolates.delete(isolate.number)) return;
    const { group } = isolate;
    if (isolate.apart) this.#lanes.settle(isolate, -1);
    this.bar(isolate);
    this.reserve(group, () => group.isolates.delete(isolate));
    group.tenant.isolates -= 1;
    this.#count(isolate, -isolate.bytes);
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

  /** The least recently used isolate that may go; `undefined`: all are busy or kept. */
  evict(lack: 'host' | 'tenant', tenant: Tenant | null): PooledIsolate | undefined {
    const victim = lack === 'host' ? this.#idle.pop() : tenant?.idle.values().next().value;
    if (victim === undefined) return undefined;
    this.evictions += 1;
    this.#unshelve(victim);
    return victim;
  }

  #count(isolate: PooledIsolate, bytes: number): void {
    this.bytes += bytes;
    isolate.group.tenant.bytes += bytes;
  }

  /** As the most recently used of those that may go, if it may. */
  #shelve(isolate: PooledIsolate): void {
    const { tenant, mayShrink } = isolate.group;
    if (!isolate.isIdle || !mayShrink) {
      this.#unshelve(isolate);
      return;
    }
    this.#idle.set(isolate.number, isolate);
    if (!tenant.isLimited) return;
    tenant.idle.delete(isolate.number);
    tenant.idle.set(isolate.number, isolate);
  }

  #unshelve(isolate: PooledIsolate): void {
    this.#idle.delete(isolate.number);
    if (isolate.group.tenant.isLimited) isolate.group.tenant.idle.delete(isolate.number);
  }
}
