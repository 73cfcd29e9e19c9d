/** The functions the pool knows and their tenants: made when first called or when they keep something, forgotten when gone. */
import { NO_TENANT_LIMITS, type TenantLimits } from '../contract/capacity.ts';
import type { Realm } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import { Group } from './group.ts';
import { Tenant } from './tenant.ts';
import type { Waits } from './waits.ts';
import type { Warm } from './warm.ts';

export interface GroupsOptions {
  /** Where a version belongs now. */
  realmOf(version: FunctionVersion): Realm;
  /** What a tenant may hold; asked for all at each deployment. Default: as much as the host. */
  tenantLimits?(tenant: string): TenantLimits;
}

export class Groups {
  readonly #options: GroupsOptions;
  readonly #warm: Warm;
  readonly #waits: Waits;
  readonly #groups: Map<string, Group> = new Map();
  readonly #tenants: Map<string, Tenant> = new Map();
  /** Keys of what is deployed; `null`: nobody has said. */
  #live: ReadonlySet<string> | null = null;

  constructor(options: GroupsOptions, warm: Warm, waits: Waits) {
    this.#options = options;
    this.#warm = warm;
    this.#waits = waits;
  }

  get all(): readonly Group[] {
    return [...this.#groups.values()];
  }

  get tenants(): Iterable<Tenant> {
    return this.#tenants.values();
  }

  find(version: FunctionVersion): Group | undefined {
    return this.#groups.get(version.key);
  }

  of(version: FunctionVersion): Group {
    const known = this.#groups.get(version.key);
    if (known !== undefined) return known;
    const group = new Group(version, this.#options.realmOf(version), this.#tenant(version.spec.tenant));
    this.#groups.set(version.key, group);
    this.#judge(group);
    return group;
  }

  /** These are deployed now. */
  deploy(versions: readonly FunctionVersion[]): void {
    this.#live = new Set(versions.map((version) => version.key));
    for (const tenant of this.#tenants.values()) this.#limit(tenant);
    for (const group of this.#groups.values()) {
      this.#judge(group);
    }
  }

  /** What is not deployed any more and has nothing left is forgotten. */
  tidy(group: Group): void {
    if (!group.obsolete || group.isolates.size > 0 || group.waiting.length > 0) return;
    this.#waits.feed(group);
    this.#groups.delete(group.version.key);
  }

  #judge(group: Group): void {
    const obsolete = this.#live?.has(group.version.key) === false;
    if (obsolete !== group.obsolete) this.#warm.reserve(group, () => (group.obsolete = obsolete));
  }

  #tenant(name: string): Tenant {
    let tenant = this.#tenants.get(name);
    if (tenant !== undefined) return tenant;
    tenant = new Tenant(name);
    this.#tenants.set(name, tenant);
    this.#limit(tenant);
    return tenant;
  }

  #limit(tenant: Tenant): void {
    this.#warm.limit(tenant, this.#options.tenantLimits?.(tenant.name) ?? NO_TENANT_LIMITS);
  }
}
