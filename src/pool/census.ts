/** Figures of the pool, for those who look at it from outside. */
import type { Group } from './group.ts';
import type { Warm } from './warm.ts';

export interface PoolStats {
  readonly isolates: number;
  readonly idle: number;
  readonly loading: number;
  readonly waiting: number;
  readonly bytes: number;
  readonly evictions: number;
  readonly loads: number;
}

export function poolStats(groups: Iterable<Group>, warm: Warm): PoolStats {
  let waiting = 0;
  let loading = 0;
  for (const group of groups) {
    waiting += group.waiting.length;
    loading += group.loading;
  }
  const { isolates, idle, bytes, evictions, loads } = warm;
  return { isolates: isolates.size, idle, loading, waiting, bytes, evictions, loads };
}

/** Isolates of one version and the invocations that have started in them. */
export function groupCensus(group: Group | undefined): { isolates: number; running: number } {
  let running = 0;
  for (const isolate of group?.isolates ?? [])
    for (const ticket of isolate.tickets) if (ticket.hasStarted) running += 1;
  return { isolates: group?.isolates.size ?? 0, running };
}
