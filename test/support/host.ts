/**
 * Starts the real host as a child process, the way a user does, and waits until it says it is ready. Every child gets
 * a data dir of its own and an environment with nothing of the caller's but PATH and HOME. It stops only what it
 * started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { NODE_FLAGS } from '../../src/engine/flags.ts';

export interface HostOptions {
  /** Path of an `isolane.json`. */
  readonly config: string;
  /** More arguments for `serve`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Under a supervisor, as a user runs it; otherwise one process, which starts sooner and can be killed. */
  readonly supervised?: boolean;
  /** Kept when given; otherwise a temporary one that `stop` removes. */
  readonly dataDir?: string;
  /** Shell commands that set limits before the host takes the shell's place, such as `ulimit -n 100`. */
  readonly shell?: string;
}

export interface RunningHost {
  readonly url: string;
  readonly adminUrl: string;
  /** The admin token. */
  readonly token: string;
  readonly pid: number;
  readonly child: ChildProcess;
  readonly dataDir: string;
  /** What it wrote to stderr so far: goes into the messages of failures. */
  stderr(): string;
  /** GET or POST on the admin plane, with the token. */
  admin(path: string, init?: RequestInit): Promise<Response>;
  /** Signals (SIGTERM by default), waits for the end, removes a temporary data dir. */
  stop(signal?: NodeJS.Signals): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

interface ReadyLine {
  readonly event: 'ready';
  readonly url: string;
  readonly adminUrl: string;
  readonly adminTokenFile: string;
}

const ROOT = join(import.meta.dirname, '../..');
const READY_WITHIN_MS = 30_000;
/** Longer than the host's own grace of 25 s. */
const STOP_WITHIN_MS = 30_000;
const STDERR_KEPT = 64 * 1024;

function parseReady(line: string): ReadyLine | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null; // A line for people.
  }
  if (typeof value !== 'object' || value === null || !('event' in value) || value.event !== 'ready') return null;
  return value as ReadyLine;
}

async function waitForReady(child: ChildProcess, stderr: () => string): Promise<ReadyLine> {
  const { promise, resolve, reject } = Promise.withResolvers<ReadyLine>();
  const fail = (what: string): void => reject(new Error(`The host ${what}. Its stderr:\n${stderr() || '(empty)'}`));
  const timer = setTimeout(() => fail(`was not ready within ${READY_WITHIN_MS} ms`), READY_WITHIN_MS);
  const onExit = (code: number | null, signal: string | null): void =>
    fail(`ended before it was ready (code ${code}, signal ${signal})`);
  child.once('exit', onExit);
  child.once('error', reject);
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const ready = parseReady(line);
    if (ready) resolve(ready);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    child.off('exit', onExit);
  }
}

export async function startHost(options: HostOptions): Promise<RunningHost> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'isolane-host-')));
  const argv = ['serve', '--config', options.config, '--port', '0', '--admin-port', '0', '--data-dir', dataDir];
  if (options.supervised !== true) argv.push('--single');
  const flags = options.supervised === true ? [] : NODE_FLAGS;
  // `make compare` starts hosts of another tree.
  const tree = process.env['ISOLANE_TREE'] ?? ROOT;
  const command = [process.execPath, ...flags, join(tree, 'src/main.ts'), ...argv, '--json', ...(options.args ?? [])];
  const [file, ...rest] =
    options.shell === undefined ? command : ['/bin/sh', '-c', `${options.shell}; exec "$0" "$@"`, ...command];
  const child = spawn(file!, rest, {
    cwd: tree,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-STDERR_KEPT);
  });

  const stop: RunningHost['stop'] = async (signal = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill(signal);
      const killer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
      await exit;
      clearTimeout(killer);
    }
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    return { code: child.exitCode, signal: child.signalCode };
  };

  try {
    const ready = await waitForReady(child, () => errors);
    // The shell may have given the host a disk that only its own eyes see.
    const root = options.shell === undefined ? '' : `/proc/${child.pid}/root`;
    const token = (await readFile(root + ready.adminTokenFile, 'utf8')).trim();
    return {
      url: ready.url.replace(/\/$/, ''),
      adminUrl: ready.adminUrl.replace(/\/$/, ''),
      token,
      pid: child.pid!,
      child,
      dataDir,
      stderr: () => errors,
      async admin(path, init = {}) {
        const headers = new Headers(init.headers);
        headers.set('authorization', `Bearer ${token}`);
        const ask = () => fetch(new URL(path, ready.adminUrl), { ...init, headers });
        if ((init.method ?? 'GET') !== 'GET') return ask();
        // Reading may meet a host that is just being replaced.
        return ask().catch(() => sleep(200).then(ask));
      },
      stop,
    };
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  }
}
