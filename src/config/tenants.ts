/** Which tenant a function belongs to, and what the operator granted that tenant. Refuses a function with two tenants. */
import { isIP } from 'node:net';
import type { TenantSpec } from '../contract/config.ts';
import type { Problems } from './problems.ts';
import type { RawTenant } from './raw.ts';
import { hostName, isHostName } from './routes.ts';

export const DEFAULT_TENANT = 'default';

export interface TenantGrant {
  readonly name: string;
  readonly privateHosts: readonly string[];
  /** What the tenant's functions get where they ask for nothing, and may not go below; `null`: the server's. */
  readonly isolation: 'shared' | 'process' | null;
}

interface TenantRule extends TenantGrant, TenantSpec {
  readonly patterns: readonly RegExp[];
}

export class Tenants {
  readonly #rules: readonly TenantRule[];
  readonly #problems: Problems;

  constructor(raw: Readonly<Record<string, RawTenant>>, adminPort: number, problems: Problems) {
    this.#problems = problems;
    this.#rules = Object.entries(raw).map(([name, tenant]) => {
      const path = `tenants.${name}`;
      return {
        name,
        instances: tenant.instances ?? null,
        memoryMiB: tenant.memoryMiB ?? null,
        patterns: tenant.functions.map((pattern, index) => glob(pattern, `${path}.functions[${index}]`, problems)),
        privateHosts: (tenant.privateHosts ?? []).flatMap((pair, index) =>
          hostAndPort(pair, `${path}.privateHosts[${index}]`, adminPort, problems),
        ),
        isolation: tenant.isolation ?? null,
      };
    });
  }

  /** Those the operator named. */
  get specs(): readonly TenantSpec[] {
    return this.#rules.map(({ name, instances, memoryMiB }) => ({ name, instances, memoryMiB }));
  }

  of(functionName: string): TenantGrant {
    const owners = this.#rules.filter((rule) => rule.patterns.some((pattern) => pattern.test(functionName)));
    const [first, second] = owners;
    if (first !== undefined && second !== undefined) {
      this.#problems.refuse(
        `functions.${functionName} belongs to two tenants, "${first.name}" and "${second.name}"; narrow the patterns in tenants.${second.name}.functions.`,
      );
    }
    return first ?? { name: DEFAULT_TENANT, privateHosts: [], isolation: null };
  }
}

function glob(pattern: string, path: string, problems: Problems): RegExp {
  if (!/^[a-z0-9*-]+$/.test(pattern)) {
    problems.refuse(`${path} is "${pattern}", but must be a function name in which "*" stands for any characters.`);
  }
  const source = pattern.split(/\*+/).map((part) => part.replace(/[^a-z0-9-]/g, '\\$&'));
  return new RegExp(`^${source.join('.*')}$`);
}

function hostAndPort(pair: string, path: string, adminPort: number, problems: Problems): readonly string[] {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(pair);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  const known = match?.[1] === undefined ? isIP(host) === 4 || isHostName(host) : isIP(host) === 6;
  if (match !== null && known && port >= 1 && port <= 65_535) {
    const name = match[1] === undefined ? hostName(host) : new URL(`http://[${host}]`).hostname;
    if (port === adminPort && /^(?:localhost$|127\.|0\.|\[::)/.test(name)) {
      problems.warn(`${path} is "${pair}", but that is the admin plane: functions do not reach it, lifted or not.`);
    }
    return [`${name}:${port}`];
  }
  problems.refuse(`${path} is "${pair}", but must be a "host:port" pair such as "10.0.0.5:8080".`);
  return [];
}
