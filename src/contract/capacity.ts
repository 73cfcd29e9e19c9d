/** What isolates cost, and how much of a host may be promised to some: the pool keeps to it, the configuration is refused by it. */
import { MIB } from './units.ts';

/** Resident memory of one isolate beside its heap and buffers, as `bench/many.ts` measures it. */
export const ISOLATE_BASE_BYTES: number = 0.75 * MIB;
/** Share of the host's isolates that is promised to nobody: functions without a reserve live on it. */
const UNRESERVED_SHARE = 0.1;

/** Isolates of a host that functions may have to themselves, reserved or kept warm. */
export function mostReserved(maxIsolates: number): number {
  return maxIsolates - Math.max(1, Math.ceil(maxIsolates * UNRESERVED_SHARE));
}

/** What a whole tenant may hold of a host; infinite where the operator set nothing. */
export interface TenantLimits {
  readonly instances: number;
  readonly memoryBytes: number;
}

export const NO_TENANT_LIMITS: TenantLimits = {
  instances: Number.POSITIVE_INFINITY,
  memoryBytes: Number.POSITIVE_INFINITY,
};
