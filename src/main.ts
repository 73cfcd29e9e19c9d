/**
 * The process door: argv, environment, signals, exit codes. Makes sure that a host runs on a Node that fits and with
 * the V8 flags its isolates need, then hands over to the command line. Nothing else ends the process.
 */
import { spawn } from 'node:child_process';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Signal, SuperviseOptions, Terminal } from './cli/command.ts';
import { nodeProblem } from './cli/node-version.ts';
import { HostError } from './contract/errors.ts';
import { MALLOC_ARENA_MAX, NODE_FLAGS } from './engine/flags.ts';
import { makeDataDir } from './host/data-dir.ts';
import { missingFlags } from './host/process-flags.ts';
import type { RunningHost } from './host.ts';
import { canHandDown } from './supervisor/sockets.ts';
import type { RunningSupervisor } from './supervisor/supervisor.ts';
import { SystemClock } from './system-clock.ts';
import { VERSION } from './version.ts';

const SIGNALS: readonly Signal[] = ['SIGINT', 'SIGTERM'];
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** Where Node keeps compiled modules between starts: beside the code, writable by whoever may write the code. */
const COMPILE_CACHE = fileURLToPath(new URL('../node_modules/.cache/isolane', import.meta.url));

/**
 * By the environment they reach worker threads and hosts too, unless the operator has set them: a second start takes two
 * thirds of the time of the first, as many threads for cryptography as there are cores leave some to look up names and
 * read files, and what threads free is not kept in eight arenas for each core.
 */
const DEFAULTS = {
  NODE_COMPILE_CACHE: COMPILE_CACHE,
  UV_THREADPOOL_SIZE: String(availableParallelism() + 3),
  MALLOC_ARENA_MAX,
};

const args = process.argv.slice(2);
const problem = nodeProblem(process.versions.node);
if (problem !== null) {
  process.stderr.write(`isolane: ${problem} [NODE_UNSUPPORTED]\n`);
  process.exitCode = 1;
} else if (runsIsolates(args) && missingFlags(process).length > 0) {
  startAgainWithFlags();
} else {
  enableCompileCache(COMPILE_CACHE);
  const { runCli } = await import('./cli/cli.ts');
  const hosts: RunningHost[] = [];
  leave(
    await runCli(args, terminal(hosts)),
    hosts.some((host) => host.wedged),
  );
}

/** In this very process: a supervisor's hosts are processes of their own, started with the flags. */
function runsIsolates(words: readonly string[]): boolean {
  const command = words.find((word) => !word.startsWith('-'));
  return command === 'dev' || (command === 'serve' && (words.includes('--single') || !canHandDown()));
}

/** Becomes the same command with the flags: one process, so signals and exit code need no passing on. */
function startAgainWithFlags(): void {
  const line = [...missingFlags(process), ...process.execArgv, ...process.argv.slice(1)];
  const env = { ...DEFAULTS, ...process.env };
  try {
    process.execve?.(process.execPath, [process.execPath, ...line], env);
  } catch {
    // Where the system cannot replace a process, a child stands in for it.
  }
  // In a group of its own: a terminal's Ctrl-C would reach it twice otherwise, and the second signal means at once.
  const child = spawn(process.execPath, line, { stdio: 'inherit', detached: true, env });
  for (const signal of [...SIGNALS, 'SIGHUP'] as const) {
    process.on(signal, () => child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal));
  }
  child.on('error', (error) => {
    process.stderr.write(`isolane: Node cannot be started again with its flags (${error.message}). [ENGINE_FAILED]\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? 0)));
}

/** Ends the process. A thread that a function has wedged would keep `process.exit` waiting: then another takes its place. */
function leave(code: number, wedged: boolean): void {
  if (wedged) process.execve?.(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
  process.exit(code);
}

function terminal(hosts: RunningHost[]): Terminal {
  // A reader that went away (`isolane list | head`) is no fault.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return {
    env: process.env,
    workingDirectory: process.cwd(),
    version: VERSION,
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    onSignal: (handler) => {
      for (const signal of SIGNALS) process.on(signal, handler);
      return () => {
        for (const signal of SIGNALS) process.off(signal, handler);
      };
    },
    exit: (code) => process.exit(code),
    startHost: async (options) => {
      const { startHost } = await import('./host.ts').catch(explain);
      const host = await startHost(options);
      hosts.push(host);
      flushCompileCache();
      return host;
    },
    supervise: canHandDown() ? supervise : null,
  };
}

async function supervise(options: SuperviseOptions): Promise<RunningSupervisor> {
  const [{ openSupervisor }, { openDataDirLock }] = await Promise.all([
    import('./supervisor/supervisor.ts'),
    import('./store/store.ts'),
  ]);
  const { dataDir } = options.config.server;
  return openSupervisor({
    ...options,
    clock: new SystemClock(),
    claim: async () => {
      makeDataDir(dataDir);
      return openDataDirLock(dataDir);
    },
    command: {
      // One debugger port is for one process.
      execArgv: [...NODE_FLAGS, ...process.execArgv.filter((word) => !/^--inspect/.test(word))],
      entry: fileURLToPath(
        new URL(import.meta.url.endsWith('.ts') ? './supervised.ts' : './supervised.js', import.meta.url),
      ),
      env: { ...DEFAULTS, ...process.env },
    },
  });
}

/** What cannot be loaded is mostly the engine: npm leaves it out where it has none for the machine. */
function explain(cause: unknown): never {
  const text = cause instanceof Error ? cause.message : String(cause);
  if (!/isolated-vm|native build|\.node\b/.test(text)) throw cause;
  throw new HostError(
    'ENGINE_UNSUPPORTED',
    `isolated-vm does not load on ${process.platform}-${process.arch} with Node ${process.versions.node}; install isolane again with this Node, and see "isolane doctor".`,
    { cause },
  );
}
