/** The pool of a host: its budgets, what its tenants may hold; and what the process holds, told to it twice a second. */
import { NO_TENANT_LIMITS, type TenantLimits } from '../contract/capacity.ts';
import type { Timer } from '../contract/clock.ts';
import type { Config } from '../contract/config.ts';
import type { Observer } from '../contract/observer.ts';
import { MIB } from '../contract/units.ts';
import { Pool, type PoolOptions } from '../pool/pool.ts';
import type { Parts } from './parts.ts';

const LOOK_MS = 500;

export interface PoolDoorPorts extends Pick<PoolOptions, 'felled'> {
  observers(): readonly Observer[];
}

export function openPool(parts: Parts, { observers, felled }: PoolDoorPorts): Pool {
  const { maxIsolates, memoryMiB } = parts.config.server;
  return new Pool({
    felled,
    stray: (version, line) => {
      for (const observer of observers()) observer.stray(version, line);
    },
    engine: parts.engine,
    maxIsolates,
    memoryBytes: memoryMiB * MIB,
    nowNs: () => parts.clock.nowNs(),
    realmOf: (version) => parts.quarantine.realmOf(version),
    tenantLimits: (name) => tenantLimits(parts.config, name),
  });
}

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

function tenantLimits({ tenants }: Config, name: string): TenantLimits {
  const found = tenants.find((tenant) => tenant.name === name);
  if (found === undefined || (found.instances === null && found.memoryMiB === null)) return NO_TENANT_LIMITS;
  const { instances, memoryMiB } = found;
  return {
    instances: instances ?? NO_TENANT_LIMITS.instances,
    memoryBytes: memoryMiB === null ? NO_TENANT_LIMITS.memoryBytes : memoryMiB * MIB,
  };
}
