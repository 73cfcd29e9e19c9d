/** Who holds how many isolates of the simulated engine, against what the world allows. */
import type { FunctionVersion } from '../../src/contract/function.ts';
import type { Oracle } from './oracle.ts';
import type { SimIsolate } from './sim-lane.ts';
import type { WorldSpec } from './world.ts';

export class SimCensus {
  readonly #isolates: ReadonlyMap<number, SimIsolate>;
  readonly #oracle: Oracle;
  readonly #spec: WorldSpec;
  /** What is deployed. */
  live: readonly FunctionVersion[] = [];

  constructor(isolates: ReadonlyMap<number, SimIsolate>, oracle: Oracle, spec: WorldSpec) {
    this.#isolates = isolates;
    this.#oracle = oracle;
    this.#spec = spec;
  }

  /** Every isolate of a version that the host has not let go. */
  of(key: string): number {
    return [...this.#isolates.values()].filter((isolate) => isolate.version.key === key).length;
  }

  ofTenant(tenant: string): number {
    return [...this.#isolates.values()].filter((isolate) => isolate.version.spec.tenant === tenant).length;
  }

  /** By count alone: room for a function of its own reserve, or beside what others have reserved. */
  hasRoom({ key, spec }: FunctionVersion, evictable: number): boolean {
    if (this.ofTenant(spec.tenant) >= this.#mostOf(spec.tenant)) return false;
    if (evictable > 0) return true;
    const isOwn = this.#reserveOf(key) > this.of(key);
    return this.#isolates.size + (isOwn ? 0 : this.#unusedReserve()) < this.#spec.maxIsolates;
  }

  /** One more of `version` has just been made. */
  check({ key, spec }: FunctionVersion): void {
    const { maxIsolates } = this.#spec;
    const { tenant, limits } = spec;
    const size = this.#isolates.size;
    if (this.of(key) > limits.instances)
      this.#oracle.violate('more instances than allowed', `${key}: ${this.of(key)} of ${limits.instances}`);
    if (this.ofTenant(tenant) > this.#mostOf(tenant))
      this.#oracle.violate('more isolates than its tenant may have', `${tenant}: ${this.ofTenant(tenant)}`);
    if (size > maxIsolates) this.#oracle.violate('more isolates than allowed', `${size} of ${maxIsolates}`);
    const kept = this.#unusedReserve();
    if (this.of(key) > this.#reserveOf(key) && size + kept > maxIsolates)
      this.#oracle.violate('reserved room is taken', `by ${key}: ${size} there, ${kept} reserved`);
  }

  #mostOf(tenant: string): number {
    return this.#spec.tenantInstances[tenant] ?? Number.POSITIVE_INFINITY;
  }

  #reserveOf(key: string): number {
    return this.live.find((one) => one.key === key)?.spec.reserved ?? 0;
  }

  /** Isolates for which room is reserved and which are not there. */
  #unusedReserve(): number {
    let unused = 0;
    for (const { key, spec } of this.live) unused += Math.max(0, spec.reserved - this.of(key));
    return unused;
  }
}
