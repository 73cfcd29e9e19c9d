/**
 * `isolane.json` → a complete Config (CONTRACT §3). Every refusal is one sentence with key path, value and remedy, and
 * all of them come at once. Reads the file and looks whether entries exist; opens nothing else, starts nothing.
 */
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { Config } from '../contract/config.ts';
import { HostError } from '../contract/errors.ts';
import { checkCapacity } from './capacity.ts';
import { resolveFunction } from './functions.ts';
import { parseJsonc } from './jsonc.ts';
import { Problems } from './problems.ts';
import { figureOf } from './profiles.ts';
import type { RawConfig } from './raw.ts';
import { refuseTies } from './routes.ts';
import { ranges, resolveServer, type ServerFlags } from './server.ts';
import { checkShape } from './shape.ts';
import { Tenants } from './tenants.ts';
import type { Environment } from './values.ts';
import { MAX_BODY_BYTES, resolveWebhook } from './webhooks.ts';

export interface LoadOptions {
  readonly env: Environment;
  readonly flags?: ServerFlags;
  /** What flags and messages are relative to; default: the process's. */
  readonly workingDirectory?: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** One sentence each. */
  readonly warnings: readonly string[];
}

/** Throws HostError CONFIG_NOT_FOUND or CONFIG_INVALID, nothing else. */
export function loadConfig(file: string, options: LoadOptions): LoadedConfig {
  const opened = open(file, options);
  const { problems, raw, names } = opened;
  const server = serverOf(opened, options);
  const tenants = new Tenants(raw.tenants ?? {}, server.adminPort, problems);
  const mostBytes = Math.min(MAX_BODY_BYTES, figureOf(server.profile, 'requestBytes')?.max ?? MAX_BODY_BYTES);
  const functions = Object.entries(raw.functions).map(([name, entry]) =>
    resolveFunction(name, entry, {
      directory: dirname(opened.file),
      environment: options.env,
      tenants,
      names,
      webhookBytes: webhookBytes(raw, mostBytes),
      poolMiB: server.memoryMiB,
      serverIsolation: server.isolation,
      profile: server.profile,
      problems,
    }),
  );
  refuseTies(functions, problems);
  checkCapacity(functions, { server, tenants: tenants.specs }, problems);
  const webhooks = Object.entries(raw.webhooks ?? {}).map(([name, entry]) =>
    resolveWebhook(name, entry, {
      environment: options.env,
      names,
      maxBodyBytes: mostBytes,
      profile: server.profile,
      problems,
    }),
  );
  const telemetry = {
    sampleRatio: raw.telemetry?.sampleRatio ?? 0.05,
    trustedParents: ranges(raw.telemetry?.trustedParents ?? [], 'telemetry.trustedParents', problems),
  };
  problems.throwIfAny();
  if (functions.length === 0) problems.warn('functions is empty: the host answers nothing but 404 until you add one.');
  const billing = { durability: raw.billing?.durability ?? 'process' } as const;
  return {
    config: { file: opened.file, functions, webhooks, server, tenants: tenants.specs, telemetry, billing },
    warnings: problems.warnings,
  };
}

/** Only where the host of a configuration listens and keeps its data: what a client on the same machine needs. */
export function loadServer(file: string, options: LoadOptions): Config['server'] {
  const opened = open(file, options);
  if (opened.raw.server === undefined && opened.sections.has('server')) opened.problems.throwIfAny();
  const problems = new Problems(opened.shownFile);
  const server = serverOf({ ...opened, problems }, options);
  problems.throwIfAny();
  return server;
}

interface Opened {
  readonly file: string;
  readonly shownFile: string;
  readonly raw: RawConfig;
  /** Top-level keys as written. */
  readonly sections: ReadonlySet<string>;
  readonly names: ReadonlySet<string>;
  readonly problems: Problems;
}

function open(file: string, options: LoadOptions): Opened {
  const base = options.workingDirectory ?? process.cwd();
  const absolute = resolve(base, file);
  const near = relative(base, absolute);
  const shownFile = near === '' || near.startsWith('..') ? absolute : near;
  const value = parseJsonc(read(absolute, shownFile), shownFile);
  const problems = new Problems(shownFile);
  const raw = checkShape(value, problems);
  const sections = keysOf(value);
  const names = keysOf(sections.has('functions') ? (value as { readonly functions: unknown }).functions : null);
  return { file: absolute, shownFile, raw, sections, names, problems };
}

function serverOf(opened: Opened, options: LoadOptions): ReturnType<typeof resolveServer> {
  return resolveServer(
    {
      raw: opened.raw.server ?? {},
      environment: options.env,
      flags: options.flags ?? {},
      directory: dirname(opened.file),
      workingDirectory: options.workingDirectory ?? process.cwd(),
    },
    opened.problems,
  );
}

function read(file: string, shownFile: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new HostError(
      'CONFIG_NOT_FOUND',
      missing
        ? `There is no ${shownFile}; "isolane init" writes one, --config names another.`
        : `${shownFile} cannot be read (${code ?? 'unknown reason'}); --config must name a readable file.`,
      { cause: error },
    );
  }
}

/** Of functions, also those whose shape was refused: a reference to one of them is not a second problem. */
function keysOf(value: unknown): ReadonlySet<string> {
  return new Set(typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : []);
}

function webhookBytes(raw: RawConfig, fallback: number): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  for (const webhook of Object.values(raw.webhooks ?? {})) {
    const most = Math.max(bytes.get(webhook.function) ?? 0, webhook.maxBodyBytes ?? fallback);
    bytes.set(webhook.function, most);
  }
  return bytes;
}
