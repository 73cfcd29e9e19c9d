/** `isolane doctor`: what a host needs of the machine, each with reason and fix. Changes nothing it does not undo. */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { loadConfig } from '../config/config.ts';
import type { ServerSpec } from '../contract/config.ts';
import { HostError } from '../contract/errors.ts';
import { ISOLATED_VM_MIN, NODE_FLAGS } from '../engine/flags.ts';
import { Cgroups } from '../engine/process/cgroup.ts';
import { CONFIG_OPTION, type Command, type Input, type Terminal } from './command.ts';
import { nodeProblem } from './node-version.ts';
import { PROFILE_OPTION, profileOf } from './profile-option.ts';

export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  /** What was found, or what is wrong and what to do. */
  readonly detail: string;
}

const CHILD_MS = 20_000;
/** No release is older. */
const EARLIEST = Date.UTC(2026, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);
const SKEW_MS = 5000;

export const doctor: Command = {
  name: 'doctor',
  usage: '[--config FILE] [--profile NAME]',
  about: 'check Node, engine, data dir, ports and clock',
  words: { min: 0, max: 0 },
  options: { config: CONFIG_OPTION, profile: PROFILE_OPTION },
  run: async (input, terminal) => {
    const { finding, server } = configuration(input, terminal);
    const findings = [
      nodeVersion(process.versions.node),
      await engine(),
      hosts(terminal, availableParallelism()),
      memoryBounds(new Cgroups()),
      ...(finding === null ? [] : [finding]),
      dataDir(server.dataDir),
      await port('port', server.host, server.port, '--port'),
      await port('admin port', server.adminHost, server.adminPort, '--admin-port'),
      clock(server.dataDir, Date.now()),
    ];
    const ok = findings.every((found) => found.ok);
    if (input.json) terminal.out(JSON.stringify({ ok, checks: findings }));
    else for (const found of findings) terminal.out(`${found.ok ? '✓' : '✗'} ${found.check}: ${found.detail}`);
    return ok ? 0 : 1;
  },
};

type Listening = Pick<ServerSpec, 'host' | 'port' | 'adminHost' | 'adminPort' | 'dataDir'>;

function configuration(
  input: Input,
  terminal: Terminal,
): { readonly finding: Finding | null; readonly server: Listening } {
  const check = 'configuration';
  const defaults: Listening = {
    host: '127.0.0.1',
    port: 8787,
    adminHost: '127.0.0.1',
    adminPort: 8788,
    dataDir: join(terminal.workingDirectory, '.isolane'),
  };
  const named = input.text('config');
  const profile = profileOf(input);
  try {
    const { config, warnings } = loadConfig(named ?? 'isolane.json', {
      env: terminal.env,
      workingDirectory: terminal.workingDirectory,
      flags: { profile },
    });
    const { length } = config.functions;
    const under = config.server.profile === null ? '' : `, within the limits of ${config.server.profile}`;
    const found = `${config.file}, ${length} ${length === 1 ? 'function' : 'functions'}${under}`;
    const detail = [found, ...warnings].join('\n    ');
    return { finding: { check, ok: true, detail }, server: config.server };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    const absent = named === undefined && error.code === 'CONFIG_NOT_FOUND';
    return { finding: absent ? null : { check, ok: false, detail: error.message }, server: defaults };
  }
}

export function nodeVersion(version: string): Finding {
  const problem = nodeProblem(version);
  return { check: 'Node', ok: problem === null, detail: problem ?? version };
}

/** One process serves as well, so this is never wrong. */
export function hosts(terminal: Pick<Terminal, 'supervise'>, processors: number): Finding {
  const check = 'hosts';
  if (terminal.supervise === null) {
    const detail =
      'this Node cannot hand sockets to other processes, so `serve` is one process; 24.21, 26.4 or later can';
    return { check, ok: true, detail };
  }
  const cores = `${processors} ${processors === 1 ? 'processor' : 'processors'}`;
  return { check, ok: true, detail: `a supervisor, one host and a spare; more hosts with --workers (${cores})` };
}

/** What holds the memory of engine processes of a `serve` that is started as this was. A watchdog does in any case. */
export function memoryBounds({ parent, reason }: Pick<Cgroups, 'parent' | 'reason'>): Finding {
  const check = 'memory of engine processes';
  const fix = 'under systemd, Delegate=memory and DelegateSubgroup=host add one';
  if (parent !== null) return { check, ok: true, detail: `a cgroup for each in ${parent}, and a watchdog` };
  return { check, ok: true, detail: `a watchdog; no cgroup bounds it (${reason}; ${fix})` };
}

/** In a child process: a binary that does not fit can take its process down. */
async function engine(): Promise<Finding> {
  const check = 'engine';
  const fix = 'install isolane again on this machine with this Node (npm leaves the engine out where it does not fit)';
  let file: string;
  try {
    file = import.meta.resolve('isolated-vm');
  } catch {
    return { check, ok: false, detail: `isolated-vm is not installed; ${fix}.` };
  }
  const version = versionOf(new URL(file));
  if (version === null || isOlder(version, ISOLATED_VM_MIN)) {
    return {
      check,
      ok: false,
      detail: `isolated-vm ${version ?? 'of unknown version'} is older than ${ISOLATED_VM_MIN}, which guests can break out of; ${fix}.`,
    };
  }
  const problem = await trial(file);
  const detail =
    problem === null ? `isolated-vm ${version}` : `isolated-vm ${version} does not run (${problem}); ${fix}.`;
  return { check, ok: problem === null, detail };
}

const TRIAL = `
const { default: ivm } = await import(process.argv[1]);
const isolate = new ivm.Isolate({ memoryLimit: 8 });
if (isolate.createContextSync().evalSync('6 * 7') !== 42) throw new Error('wrong answer');
isolate.dispose();
`;

function trial(file: string): Promise<string | null> {
  const args = [...NODE_FLAGS, '--input-type=module', '--eval', TRIAL, file];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: CHILD_MS, env: {} });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(0, 4096);
    });
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => {
      const line = stderr.split('\n').find((text) => /^\w*Error/.test(text));
      resolve(code === 0 ? null : (line ?? `it ended with ${signal ?? code}`));
    });
  });
}

function versionOf(file: URL): string | null {
  for (let directory = new URL('.', file); directory.pathname !== '/'; directory = new URL('..', directory)) {
    const manifest = new URL('package.json', directory);
    if (!existsSync(manifest)) continue;
    const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: unknown; version?: unknown };
    if (name === 'isolated-vm') return String(version);
  }
  return null;
}

export function isOlder(version: string, least: string): boolean {
  const numbers = (text: string): readonly number[] => text.split('-')[0]?.split('.').map(Number) ?? [];
  const [have, want] = [numbers(version), numbers(least)];
  for (const [index, number] of want.entries()) {
    const mine = have[index] ?? 0;
    if (mine !== number) return mine < number;
  }
  return false;
}

/** A directory that is not there yet is made by the host: then its nearest ancestor must let it. */
export function dataDir(directory: string): Finding {
  const check = 'data dir';
  let there = directory;
  while (!existsSync(there) && there !== dirname(there)) there = dirname(there);
  try {
    if (!statSync(there).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' });
    accessSync(there, constants.R_OK | constants.W_OK | constants.X_OK);
    if (there === directory) probe(directory, () => undefined);
    return { check, ok: true, detail: there === directory ? directory : `${directory} (made at the first start)` };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown reason';
    return {
      check,
      ok: false,
      detail: `${directory} cannot be written (${code}); make it writable or choose another with --data-dir.`,
    };
  }
}

function probe(directory: string, look: (file: string) => void): void {
  const file = join(directory, `.probe-${process.pid}`);
  try {
    writeFileSync(file, 'probe', { flush: true });
    look(file);
  } finally {
    rmSync(file, { force: true });
  }
}

function port(check: string, host: string, number: number, flag: string): Promise<Finding> {
  if (number === 0) return Promise.resolve({ check, ok: true, detail: 'any free one' });
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? `something listens on it already (perhaps another isolane); stop that or choose another with ${flag}`
          : error.code === 'EACCES'
            ? `this user may not listen on it; choose one above 1023 with ${flag}`
            : `it cannot be listened on (${error.code ?? error.message}); choose another address or port`;
      resolve({ check, ok: false, detail: `${host}:${number}: ${why}.` });
    });
    server.listen({ host, port: number, exclusive: true }, () => {
      server.close(() => resolve({ check, ok: true, detail: `${host}:${number} is free` }));
    });
  });
}

/** Signatures and certificates fail on a wrong clock; so do bills. */
export function clock(directory: string, nowMs: number): Finding {
  const check = 'clock';
  const now = new Date(nowMs).toISOString();
  if (nowMs < EARLIEST || nowMs > LATEST) {
    return { check, ok: false, detail: `it says ${now}, which cannot be; set it, best by NTP.` };
  }
  let skewMs = 0;
  if (existsSync(directory)) {
    try {
      probe(directory, (file) => {
        skewMs = Math.abs(statSync(file).mtimeMs - nowMs);
      });
    } catch {
      skewMs = 0; // The check of the data dir says what is wrong with it.
    }
  }
  if (skewMs > SKEW_MS) {
    return {
      check,
      ok: false,
      detail: `${directory} keeps another time (${Math.round(skewMs / 1000)} s apart); set both clocks by NTP.`,
    };
  }
  return { check, ok: true, detail: now };
}
