/**
 * The process door: argv, environment, signals, exit codes. Makes sure that a host runs on a Node that fits and with
 * the V8 flags its isolates need, then hands over to the command line. Nothing else ends the process.
 */
import { spawn } from 'node:child_process';
import type { Signal, Terminal } from './cli/command.ts';
import { nodeProblem } from './cli/node-version.ts';
import { NODE_FLAGS } from './engine/flags.ts';
import { VERSION } from './version.ts';

const SIGNALS: readonly Signal[] = ['SIGINT', 'SIGTERM'];
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

const args = process.argv.slice(2);
const problem = nodeProblem(process.versions.node);
if (problem !== null) {
  process.stderr.write(`isolane: ${problem} [NODE_UNSUPPORTED]\n`);
  process.exitCode = 1;
} else if (runsIsolates(args) && NODE_FLAGS.some((flag) => !process.execArgv.includes(flag))) {
  startAgainWithFlags();
} else {
  const { runCli } = await import('./cli/cli.ts');
  process.exit(await runCli(args, terminal()));
}

function runsIsolates(words: readonly string[]): boolean {
  const command = words.find((word) => !word.startsWith('-'));
  return command === 'serve' || command === 'dev';
}

/** Becomes the same command with the flags: one process, so signals and exit code need no passing on. */
function startAgainWithFlags(): void {
  const missing = NODE_FLAGS.filter((flag) => !process.execArgv.includes(flag));
  const line = [...missing, ...process.execArgv, ...process.argv.slice(1)];
  try {
    process.execve?.(process.execPath, [process.execPath, ...line], process.env);
  } catch {
    // Where the system cannot replace a process, a child stands in for it.
  }
  // In a group of its own: a terminal's Ctrl-C would reach it twice otherwise, and the second signal means at once.
  const child = spawn(process.execPath, line, { stdio: 'inherit', detached: true });
  for (const signal of [...SIGNALS, 'SIGHUP'] as const) {
    process.on(signal, () => child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal));
  }
  child.on('error', (error) => {
    process.stderr.write(`isolane: Node cannot be started again with its flags (${error.message}). [ENGINE_FAILED]\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? 0)));
}

function terminal(): Terminal {
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
    startHost: async (options) => (await import('./host.ts')).startHost(options),
  };
}
