/** What one tenant holds of the pool, how much it may hold, and which of its functions wait for room. */
import { ISOLATE_BASE_BYTES, NO_TENANT_LIMITS, type TenantLimits } from '../contract/capacity.ts';
import type { Group, PooledIsolate } from './group.ts';

export class Tenant {
  readonly name: string;
  limits: TenantLimits = NO_TENANT_LIMITS;
  isolates = 0;
  bytes = 0;
  /** Of its isolates, those that may go; the least recently used first. */
  readonly idle: Map<number, PooledIsolate> = new Map();
  /** Groups that wait for room. */
  readonly starved: Set<Group> = new Set();
  /** When it was last given room: the lowest comes first. */
  turn = 0;

  constructor(name: string) {
    this.name = name;
  }

  get isLimited(): boolean {
    return this.limits !== NO_TENANT_LIMITS;
  }

  /** It holds what it may. */
  get isFull(): boolean {
    return this.isolates >= this.limits.instances || this.bytes + ISOLATE_BASE_BYTES > this.limits.memoryBytes;
  }

  get isOver(): boolean {
    return this.bytes > this.limits.memoryBytes || this.isolates > this.limits.instances;
  }
}
