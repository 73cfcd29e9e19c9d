/**
 * One command line from words to exit code: 0 ok, 1 failed, 2 wrong usage. Errors are one sentence with a code on
 * stderr. Commands that do not exist yet are not listed.
 */

import { ERRORS, HostError } from '../contract/errors.ts';
import { didYouMean } from '../contract/nearest.ts';
import { parseInput } from './arguments.ts';
import { bench } from './bench.ts';
import type { Command, Terminal } from './command.ts';
import { deliveries } from './deliveries.ts';
import { dev } from './dev.ts';
import { doctor } from './doctor.ts';
import { commandHelp, overview } from './help.ts';
import { init } from './init.ts';
import { invocation } from './invocation.ts';
import { invoke } from './invoke.ts';
import { list } from './list.ts';
import { logs } from './logs.ts';
import { serve } from './serve.ts';
import { trace } from './trace.ts';
import { usage } from './usage.ts';

/** In the order `help` lists them. */
export const COMMANDS: readonly Command[] = [
  init,
  serve,
  dev,
  invoke,
  list,
  logs,
  invocation,
  trace,
  deliveries,
  usage,
  bench,
  doctor,
];

const HELP: Command = {
  name: 'help',
  usage: '[COMMAND]',
  about: 'list the commands, or say what one does',
  words: { min: 0, max: 1 },
  options: {},
  run: async ({ words, json }, terminal) => {
    const [name] = words;
    const text = name === undefined ? overview([...COMMANDS, HELP]) : commandHelp(find(name));
    terminal.out(json ? JSON.stringify({ help: text }) : text);
    return 0;
  },
};

/** Resolves with the exit code and never rejects. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await run(args, terminal);
  } catch (error) {
    return report(error, terminal);
  }
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const at = args.findIndex((arg) => !arg.startsWith('-'));
  const name = args[at];
  if (name === undefined) {
    if (args.includes('--version')) {
      terminal.out(args.includes('--json') ? JSON.stringify({ version: terminal.version }) : terminal.version);
      return 0;
    }
    const asked = args.some((arg) => arg === '--help' || arg === '-h');
    const help = parseInput(HELP, args);
    if (asked) return HELP.run(help, terminal);
    terminal.err(overview([...COMMANDS, HELP]));
    throw new HostError('USAGE', 'A command is missing; "isolane help" lists them.');
  }
  const command = find(name);
  const input = parseInput(command, args.toSpliced(at, 1));
  if (input.flag('help')) {
    terminal.out(commandHelp(command));
    return 0;
  }
  return command.run(input, terminal);
}

function find(name: string): Command {
  const all = [...COMMANDS, HELP];
  const command = all.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const names = all.map((candidate) => candidate.name);
  throw new HostError('USAGE', `"${name}" is not a command${didYouMean(name, names, '; "isolane help" lists them.')}`);
}

/** The code stands at the end of the first line; lines after it are details. */
function report(error: unknown, terminal: Terminal): number {
  if (error instanceof HostError) {
    const [first = '', ...details] = error.message.split('\n');
    terminal.err([`isolane: ${first} [${error.code}]`, ...details].join('\n'));
    return ERRORS[error.code].fault === 'usage' ? 2 : 1;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.err(`isolane: this is a fault of isolane itself; please report it with these lines. [INTERNAL]\n${text}`);
  return 1;
}
