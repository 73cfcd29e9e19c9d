/** What the process holds, told to the pool twice a second; and what its tenants may hold. */
import { NO_TENANT_LIMITS, type TenantLimits } from '../contract/capacity.ts';
import type { Timer } from '../contract/clock.ts';
import type { Config } from '../contract/config.ts';
import { MIB } from '../contract/units.ts';
import type { Parts } from './parts.ts';

const LOOK_MS = 500;

/** To be called before any function is loaded: only what comes after counts. */
export function watchMemory(parts: Pick<Parts, 'clock' | 'pool' | 'log' | 'config'>): Timer {
  const { clock, pool } = parts;
  const baseBytes = process.memoryUsage.rss();
  let braked = false;
  const look = (): void => {
    timer = clock.after(LOOK_MS, look);
    const was = braked;
    braked = pool.look(Math.max(0, process.memoryUsage.rss() - baseBytes));
    if (braked && !was) {
      const { memoryMiB } = parts.config.server;
      parts.log(
        `The host holds more than server.memoryMiB, which is ${memoryMiB}, allows for isolates: it keeps fewer of them until it does not; raise server.memoryMiB, or lower limits.memoryMiB of functions.`,
      );
    }
  };
  let timer = clock.after(LOOK_MS, look);
  return { cancel: () => timer.cancel() };
}

export function tenantLimits({ tenants }: Config, name: string): TenantLimits {
  const found = tenants.find((tenant) => tenant.name === name);
  if (found === undefined || (found.instances === null && found.memoryMiB === null)) return NO_TENANT_LIMITS;
  const { instances, memoryMiB } = found;
  return {
    instances: instances ?? NO_TENANT_LIMITS.instances,
    memoryBytes: memoryMiB === null ? NO_TENANT_LIMITS.memoryBytes : memoryMiB * MIB,
  };
}
