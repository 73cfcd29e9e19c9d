/** One entry of `functions` → a complete FunctionSpec. Refuses what cannot work; reads no code. */
import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { Cron } from 'croner';
import type { CronEntry, FunctionSpec, Handler, Route } from '../contract/function.ts';
import { didYouMean } from '../contract/nearest.ts';
import { resolveLimits } from './limits.ts';
import { type Problems, shown } from './problems.ts';
import type { ProfileName } from './profiles.ts';
import type { RawFunction } from './raw.ts';
import { hostName, isHostName, parseRoute } from './routes.ts';
import type { TenantGrant, Tenants } from './tenants.ts';
import { type Environment, resolveValue } from './values.ts';

const EXTENSIONS = /\.(ts|tsx|js|mjs)$/;
const ENV_BYTES_MAX = 65_536;

export interface FunctionContext {
  /** Directory of the configuration file. */
  readonly directory: string;
  readonly environment: Environment;
  readonly tenants: Tenants;
  /** Every function name of the file, also of entries that were refused. */
  readonly names: ReadonlySet<string>;
  /** Largest body of the webhook endpoints that call each function. */
  readonly webhookBytes: ReadonlyMap<string, number>;
  readonly poolMiB: number;
  readonly serverIsolation: 'shared' | 'process';
  readonly profile: ProfileName | null;
  readonly problems: Problems;
}

export function resolveFunction(name: string, raw: RawFunction, context: FunctionContext): FunctionSpec {
  const { problems } = context;
  const path = `functions.${name}`;
  const tenant = context.tenants.of(name);
  const handler = handlerOf(raw.handler ?? 'fetch', path, problems);
  const routes = routesOf(raw.routes ?? [], path, problems);
  const url = raw.url ?? false;
  const limits = resolveLimits(
    raw.limits ?? {},
    {
      path,
      lambda: handler.kind === 'lambda',
      webhookBytes: context.webhookBytes.get(name) ?? null,
      routed: url || routes.length > 0,
      poolMiB: context.poolMiB,
      profile: context.profile,
    },
    problems,
  );
  const warm = raw.warm ?? 0;
  if (warm > limits.instances) {
    problems.refuse(`${path}.warm is ${warm}, but must not be above limits.instances, which is ${limits.instances}.`);
  }
  const reserved = raw.reserved ?? 0;
  if (reserved > limits.instances) {
    problems.refuse(
      `${path}.reserved is ${reserved}, but must not be above limits.instances, which is ${limits.instances}.`,
    );
  }
  if (raw.idempotency !== undefined) {
    problems.warn(
      `${path}.idempotency has no effect yet: requests with the same Idempotency-Key each run; do not rely on it.`,
    );
  }
  const env = envOf(raw, path, context);
  return {
    name,
    tenant: tenant.name,
    entry: entryOf(raw.entry, path, context),
    handler,
    routes,
    url,
    auth: raw.auth ?? 'none',
    env,
    services: servicesOf(raw.services ?? {}, { env, path, tenant: tenant.name }, context),
    limits,
    rate:
      raw.rate === undefined ? null : { perSecond: raw.rate.perSecond, burst: raw.rate.burst ?? raw.rate.perSecond },
    egressAllow: egressOf(raw, path, problems),
    privateHosts: tenant.privateHosts,
    idempotencyTtlHours: raw.idempotency === undefined ? null : (raw.idempotency.ttlHours ?? 24),
    warm,
    reserved,
    cron: (raw.cron ?? []).map((entry, index) => cronOf(entry, `${path}.cron[${index}]`, problems)),
    ...isolationOf(raw, path, tenant, context),
  };
}

function entryOf(entry: string, path: string, context: FunctionContext): string {
  const file = resolve(context.directory, entry);
  if (!EXTENSIONS.test(entry)) {
    context.problems.refuse(`${path}.entry is ${shown(entry)}, but must end in .ts, .tsx, .js or .mjs.`);
  } else if (file.includes('\0') || statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    context.problems.refuse(
      `${path}.entry is ${shown(entry)}, but there is no such file; create it or correct the path (relative to the configuration file).`,
    );
  }
  return file;
}

function handlerOf(text: string, path: string, problems: Problems): Handler {
  if (text === 'fetch') return { kind: 'fetch' };
  const match = /^lambda(?::([A-Za-z_$][\w$]*))?$/.exec(text);
  if (match !== null) return { kind: 'lambda', exportName: match[1] ?? 'handler' };
  problems.refuse(`${path}.handler is ${shown(text)}, but must be "fetch", "lambda" or "lambda:exportName".`);
  return { kind: 'fetch' };
}

function routesOf(texts: readonly string[], path: string, problems: Problems): readonly Route[] {
  return texts.flatMap((text, index) => {
    const parsed = parseRoute(text);
    if ('route' in parsed) return [parsed.route];
    problems.refuse(`${path}.routes[${index}] is ${shown(text)}, but that is not a route: ${parsed.problem}.`);
    return [];
  });
}

function envOf(raw: RawFunction, path: string, context: FunctionContext): Readonly<Record<string, string>> {
  const env: Record<string, string> = Object.create(null);
  let bytes = 0;
  for (const [name, value] of Object.entries(raw.env ?? {})) {
    const text = resolveValue(value, `${path}.env.${name}`, context.environment, context.problems);
    if (text === null) continue;
    env[name] = text;
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
  }
  if (bytes > ENV_BYTES_MAX) {
    context.problems.refuse(
      `${path}.env has ${bytes} bytes, but must not have more than ${ENV_BYTES_MAX}; put data into the code.`,
    );
  }
  return env;
}

function servicesOf(
  raw: Readonly<Record<string, string>>,
  owner: { readonly env: Readonly<Record<string, string>>; readonly path: string; readonly tenant: string },
  context: FunctionContext,
): Readonly<Record<string, string>> {
  const { env, path, tenant } = owner;
  const services: Record<string, string> = Object.create(null);
  for (const [binding, target] of Object.entries(raw)) {
    const here = `${path}.services.${binding}`;
    if (Object.hasOwn(env, binding)) {
      context.problems.refuse(
        `${here} has the name of an entry of ${path}.env; both become env.${binding}, rename one.`,
      );
    }
    if (!context.names.has(target)) {
      const remedy = didYouMean(target, context.names, '; declare it under "functions".');
      context.problems.refuse(`${here} is ${shown(target)}, but there is no such function${remedy}`);
    } else if (context.tenants.of(target).name !== tenant) {
      context.problems.refuse(
        `${here} is ${shown(target)}, but that function belongs to another tenant; bind one of the same tenant.`,
      );
    }
    services[binding] = target;
  }
  return services;
}

function egressOf(raw: RawFunction, path: string, problems: Problems): readonly string[] | null {
  if (raw.egress?.allow === undefined) return null;
  return raw.egress.allow.map((host, index) => {
    if (isIP(host) === 0 && !isHostName(host)) {
      problems.refuse(
        `${path}.egress.allow[${index}] is ${shown(host)}, but must be a host name such as "api.github.com", without scheme, port or wildcard.`,
      );
    }
    return isIP(host) === 0 ? hostName(host) : host.toLowerCase();
  });
}

/** Cron patterns have five parts (or six with seconds) or a nickname; croner would also take a single date. */
function cronOf(
  entry: { readonly schedule: string; readonly timezone?: string | undefined },
  path: string,
  problems: Problems,
): CronEntry {
  const timezone = entry.timezone ?? 'UTC';
  const schedule = entry.schedule.trim();
  if (!isTimezone(timezone)) {
    problems.refuse(`${path}.timezone is ${shown(timezone)}, but must be an IANA time zone such as "Europe/Berlin".`);
    return { schedule, timezone };
  }
  const parts = schedule.split(/\s+/).length;
  if (!schedule.startsWith('@') && parts !== 5 && parts !== 6) {
    problems.refuse(`${path}.schedule is ${shown(schedule)}, but must have five parts such as "*/5 * * * *".`);
    return { schedule, timezone };
  }
  try {
    if (new Cron(schedule, { timezone, paused: true }).nextRun() === null) {
      problems.refuse(`${path}.schedule is ${shown(schedule)}, but that never comes; correct the day or the month.`);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, '').replace(/\.$/, '') : 'unknown';
    problems.refuse(
      `${path}.schedule is ${shown(schedule)}, but that is not a cron schedule (${reason}); write one such as "*/5 * * * *".`,
    );
  }
  return { schedule, timezone };
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/**
 * A function may raise its isolation, never lower it: what server and tenant demand is a cordon for the tenant, what
 * the function asks for is a process of its own. A tenant's entry is the operator's, so it may lower the server's.
 */
function isolationOf(
  raw: RawFunction,
  path: string,
  tenant: TenantGrant,
  context: FunctionContext,
): Pick<FunctionSpec, 'isolation' | 'wasm'> {
  const { problems, serverIsolation } = context;
  const demanded = tenant.isolation ?? serverIsolation;
  const wasm = raw.wasm === true;
  if (raw.isolation === 'shared' && demanded === 'process') {
    const who = tenant.isolation === null ? 'server.isolation' : `tenants.${tenant.name}.isolation`;
    problems.refuse(`${path}.isolation is "shared", but ${who} demands "process"; remove the key.`);
  }
  if (wasm && raw.isolation !== 'process' && demanded !== 'process') {
    problems.refuse(`${path}.wasm is true, but needs "isolation": "process"; set both or neither.`);
  }
  if (raw.isolation === 'process') return { isolation: 'process', wasm };
  return { isolation: demanded === 'process' ? 'tenant' : 'shared', wasm };
}
