/** Figures of the pool, for those who look at it from outside. */
import type { Group } from './group.ts';
import type { Tenant } from './tenant.ts';
import type { Warm } from './warm.ts';

export interface PoolStats {
  readonly isolates: number;
  readonly idle: number;
  /** Idle ones that no function is to keep. */
  readonly evictable: number;
  readonly loading: number;
  readonly waiting: number;
  readonly bytes: number;
  /** What `bytes` may be at present: less than the budget while the process holds more than it should. */
  readonly allowedBytes: number;
  /** Isolates for which room is kept and which are not there. */
  readonly reserved: number;
  readonly evictions: number;
  readonly loads: number;
  readonly tenants: readonly TenantStats[];
}

export interface TenantStats {
  readonly name: string;
  readonly isolates: number;
  readonly bytes: number;
  /** Functions that wait for room. */
  readonly starved: number;
}

export function poolStats(groups: Iterable<Group>, warm: Warm, tenants: Iterable<Tenant>): PoolStats {
  let waiting = 0;
  let loading = 0;
  for (const group of groups) {
    waiting += group.waiting.length;
    loading += group.loading;
  }
  const { isolates, idle, evictable, bytes, allowedBytes, reserved, evictions, loads } = warm;
  return {
    ...{ isolates: isolates.size, idle, evictable, loading, waiting, bytes, allowedBytes, reserved, evictions, loads },
    tenants: [...tenants].map((tenant) => ({
      name: tenant.name,
      isolates: tenant.isolates,
      bytes: tenant.bytes,
      starved: tenant.starved.size,
    })),
  };
}

/** Isolates of one version and the invocations that have started in them. */
export function groupCensus(group: Group | undefined): { isolates: number; running: number } {
  let running = 0;
  for (const isolate of group?.isolates ?? [])
    for (const ticket of isolate.tickets) if (ticket.hasStarted) running += 1;
  return { isolates: group?.isolates.size ?? 0, running };
}
