/**
 * The operator's half: `server`, overridden by `ISOLANE_SERVER_…` variables, overridden by flags. Every override goes
 * through the schema of its key; a variable that overrides nothing is refused rather than ignored.
 */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { ServerSpec } from '../contract/config.ts';
import { didYouMean } from '../contract/nearest.ts';
import { type Problems, shown } from './problems.ts';
import type { ProfileName } from './profiles.ts';
import type { RawServer } from './raw.ts';
import { SERVER_KEYS } from './schema.ts';
import type { Environment } from './values.ts';

const PREFIX = 'ISOLANE_SERVER_';

/** What the command line may set; paths are relative to the working directory. */
export interface ServerFlags {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly adminPort?: number | undefined;
  readonly dataDir?: string | undefined;
  readonly profile?: ProfileName | undefined;
}

export interface ServerSources {
  readonly raw: RawServer;
  readonly environment: Environment;
  readonly flags: ServerFlags;
  /** Directory of the configuration file. */
  readonly directory: string;
  readonly workingDirectory: string;
}

export function resolveServer(
  sources: ServerSources,
  problems: Problems,
): ServerSpec & { readonly profile: ProfileName | null } {
  const overrides = { ...fromEnvironment(sources.environment, problems), ...defined(sources.flags) };
  checkFlags(sources.flags, problems);
  const merged: RawServer = { ...sources.raw, ...overrides };
  const base = overrides.dataDir === undefined ? sources.directory : sources.workingDirectory;
  const spec = {
    host: merged.host ?? '127.0.0.1',
    port: merged.port ?? 8787,
    adminHost: merged.adminHost ?? '127.0.0.1',
    adminPort: merged.adminPort ?? 8788,
    dataDir: resolve(base, merged.dataDir ?? '.isolane'),
    publicUrl: merged.publicUrl ?? null,
    trustedProxies: ranges(merged.trustedProxies ?? [], 'server.trustedProxies', problems),
    isolation: merged.isolation ?? 'shared',
    memoryMiB: merged.memoryMiB ?? 2048,
    maxIsolates: merged.maxIsolates ?? 4000,
    maxConnections: merged.maxConnections ?? 10_000,
    queueDepth: merged.queueDepth ?? 10_000,
    profile: merged.profile ?? null,
  };
  assertServer(spec, problems);
  return spec;
}

/** Checks addresses and CIDR ranges. */
export function ranges(entries: readonly string[], path: string, problems: Problems): readonly string[] {
  for (const [index, entry] of entries.entries()) {
    if (!isRange(entry)) {
      problems.refuse(`${path}[${index}] is ${shown(entry)}, but must be an address or a range such as "10.0.0.0/8".`);
    }
  }
  return entries;
}

function isRange(entry: string): boolean {
  const [address = '', bits, ...more] = entry.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function assertServer(spec: ServerSpec, problems: Problems): void {
  if (spec.port !== 0 && spec.port === spec.adminPort) {
    problems.refuse(
      `server.adminPort is ${spec.adminPort}, but server.port is the same; choose another for one of them.`,
    );
  }
  if (spec.publicUrl !== null && !/^https?:$/.test(URL.parse(spec.publicUrl)?.protocol ?? '')) {
    problems.refuse(`server.publicUrl is ${shown(spec.publicUrl)}, but must be an http or https URL.`);
  }
  if (!isLoopback(spec.adminHost)) {
    problems.warn(
      `server.adminHost is ${shown(spec.adminHost)}: the admin plane can be reached from other machines; put TLS in front of it or use "127.0.0.1".`,
    );
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function fromEnvironment(environment: Environment, problems: Problems): RawServer {
  const names = new Map([...SERVER_KEYS.keys()].map((key) => [variableName(key), key]));
  const found: Record<string, unknown> = {};
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || text === undefined) continue;
    const key = names.get(variable);
    if (key === undefined) {
      const known = didYouMean(variable, names.keys(), `; known ones are ${[...names.keys()].join(', ')}.`);
      problems.refuse(`${variable} is set in the environment, but overrides nothing${known}`);
      continue;
    }
    const schema = SERVER_KEYS.get(key);
    const readings = key === 'trustedProxies' ? [text.split(',').map((part) => part.trim())] : numberOrText(text);
    const value = readings.find((reading) => schema?.safeParse(reading).success);
    if (value !== undefined) found[key] = value;
    else
      problems.refuse(
        `${variable} is ${shown(text)}, but must be ${schema?.safeParse(text).error?.issues[0]?.message}.`,
      );
  }
  return found;
}

function checkFlags(flags: ServerFlags, problems: Problems): void {
  for (const [key, value] of Object.entries(defined(flags))) {
    const result = SERVER_KEYS.get(key as keyof RawServer)?.safeParse(value);
    if (result?.success === true) continue;
    const flag = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    problems.refuse(`--${flag} is ${shown(value)}, but must be ${result?.error?.issues[0]?.message}.`);
  }
}

/** `adminPort` → `ISOLANE_SERVER_ADMIN_PORT`, `memoryMiB` → `ISOLANE_SERVER_MEMORY_MIB`. */
function variableName(key: string): string {
  return PREFIX + key.replace('MiB', 'Mib').replace(/[A-Z]/g, '_$&').toUpperCase();
}

function numberOrText(text: string): readonly (string | number)[] {
  return /^\d+$/.test(text) ? [Number(text), text] : [text];
}

function defined(flags: ServerFlags): RawServer {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
}
