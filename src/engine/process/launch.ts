/**
 * How an engine process is started: with nothing. No environment but the C library's bound on its arenas, no working
 * directory of anybody's, no descriptors but its own sockets and its board, memory bounded by the system where there is
 * a shell to say so, and Node's permission model where this Node has it: files of the engine's own code, no network.
 * What remains is what isolated-vm needs.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entryBeside } from '../entry.ts';
import { MALLOC_ARENA_MAX, NODE_FLAGS } from '../flags.ts';

/** Descriptors of the child. */
export const CONTROL_FD = 3;
export const BOARD_FD = 4;
export const FIRST_LANE_FD = 5;

const SHELL = '/bin/sh';
/** What a shell sets for the process it becomes. A limit this system does not know is left as it is. */
const SCRIPT = [
  'ulimit -c 0 2>/dev/null',
  'ulimit -f 256 2>/dev/null',
  'ulimit -d "$1" 2>/dev/null',
  'echo 800 2>/dev/null >/proc/self/oom_score_adj',
  '[ -z "$2" ] || echo 0 2>/dev/null >"$2/cgroup.procs"',
  'shift 2',
  'unset PWD OLDPWD SHLVL _',
  'exec "$@"',
].join('; ');

export interface Launch {
  /** Most bytes of data the process may map. */
  readonly dataBytes: number;
  readonly boardFd: number;
  readonly lanes: number;
  /** The directory of its cgroup; empty: it has none. */
  readonly cgroup: string;
}

export function launch({ dataBytes, boardFd, lanes, cgroup }: Launch): ChildProcess {
  const command = [
    process.execPath,
    ...NODE_FLAGS,
    '--no-warnings',
    ...permissions(),
    fileURLToPath(entryBeside(import.meta.url, './warden.ts')),
  ];
  const sockets = Array.from({ length: lanes }, () => 'pipe' as const);
  const stdio = ['ignore', 'pipe', 'pipe', 'pipe', boardFd, ...sockets] as const;
  // The host has the operator's figure, or the default.
  const env = { MALLOC_ARENA_MAX: process.env['MALLOC_ARENA_MAX'] ?? MALLOC_ARENA_MAX };
  const options = { stdio: [...stdio], env, cwd: '/' };
  if (!existsSync(SHELL)) return spawn(command[0]!, command.slice(1), options);
  return spawn(SHELL, ['-c', SCRIPT, SHELL, String(Math.floor(dataBytes / 1024)), cgroup, ...command], options);
}

/** Node 24 has the model too, but not yet for the network: there it is the isolate alone that keeps a guest off it. */
function permissions(): readonly string[] {
  if (!process.allowedNodeEnvironmentFlags.has('--permission')) return [];
  const require = createRequire(import.meta.url);
  const here = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  const addon = dirname(require.resolve('isolated-vm/package.json'));
  const loader = dirname(createRequire(`${addon}/package.json`).resolve('node-gyp-build/package.json'));
  const files = [`${here}/engine/`, `${here}/contract/`, `${dirname(here)}/package.json`, addon, loader, '/proc/self'];
  const allowed = ['--allow-addons', '--allow-worker', '--allow-wasi'];
  return ['--permission', ...allowed, ...files.map((file) => `--allow-fs-read=${file}`)];
}
