/**
 * `isolane serve`: one configuration, served until a signal: by hosts under a supervisor, or with `--single` by this
 * process. Only waits and prints.
 */
import { loadConfig } from '../config/config.ts';
import type { Config } from '../contract/config.ts';
import { HostError } from '../contract/errors.ts';
import { WORKERS } from '../contract/host-wire.ts';
import { CONFIG_OPTION, type Command, type Input, type OptionRule, type Signal, type Terminal } from './command.ts';
import { curlLines } from './curl-lines.ts';
import { readExamples } from './examples.ts';
import { lines } from './problem-text.ts';
import { PROFILE_OPTION, profileOf } from './profile-option.ts';

/** What runs may go on for this long after the first signal, ms. */
const GRACE_MS = 25_000;
const SIGNAL_CODES: Readonly<Record<Signal, number>> = { SIGINT: 130, SIGTERM: 143 };

export const HOST_OPTIONS: Readonly<Record<string, OptionRule>> = {
  config: CONFIG_OPTION,
  host: { kind: 'text', value: 'H', about: 'address to listen on (default 127.0.0.1)' },
  port: { kind: 'port', value: 'N', about: 'port of the functions (default 8787; 0 picks a free one)' },
  'admin-port': { kind: 'port', value: 'N', about: 'port of the admin plane (default 8788; 0 picks a free one)' },
  'data-dir': { kind: 'text', value: 'DIR', about: 'where bundles, ledger and inbox are kept (default .isolane)' },
  profile: PROFILE_OPTION,
  curl: { kind: 'flag', about: 'print a curl line per function and webhook', hidden: true },
};

/** What serves, in whichever process. */
interface Running {
  readonly url: string;
  readonly adminUrl: string;
  readonly adminTokenFile: string;
  close(graceMs: number): Promise<void>;
}

export const serve: Command = {
  name: 'serve',
  usage: '[--config FILE] [--port N] [--workers N]',
  about: 'run the host, with a spare that takes over when it dies',
  words: { min: 0, max: 0 },
  options: {
    ...HOST_OPTIONS,
    workers: {
      kind: 'count',
      value: 'N',
      range: WORKERS,
      about: 'hosts on one port, each with limits of its own (default 1)',
    },
    single: { kind: 'flag', about: 'run in this one process: no supervisor, no spare' },
  },
  run: async (input, terminal) => {
    const workers = input.number('workers');
    if (input.flag('single') && workers !== undefined) {
      throw new HostError('USAGE', '--single is one process, so it takes no --workers; leave one of them out.');
    }
    const { config, warnings } = load(input, terminal);
    const host = await start({ config, warnings, workers: workers ?? 1, single: input.flag('single') }, terminal);
    const stopped = untilStopped(host, terminal);
    announce({ host, config, input }, terminal);
    return stopped;
  },
};

function start(
  asked: {
    readonly config: Config;
    readonly warnings: readonly string[];
    readonly workers: number;
    readonly single: boolean;
  },
  terminal: Terminal,
): Promise<Running> {
  const { config, warnings, workers, single } = asked;
  const log = (text: string): void => terminal.err(lines(text).join('\n'));
  const { supervise } = terminal;
  if (single) return terminal.startHost({ config, warnings, log });
  if (supervise === null) {
    const remedy = 'with Node 24.21, 26.4 or later a supervisor would replace it when it dies';
    log(`This Node cannot hand sockets to other processes, so one process serves alone; ${remedy}.`);
    return terminal.startHost({ config, warnings, log });
  }
  for (const warning of warnings) log(warning);
  return supervise({ config, workers, log });
}

export function load(input: Input, terminal: Terminal): ReturnType<typeof loadConfig> {
  return loadConfig(input.text('config') ?? 'isolane.json', {
    env: terminal.env,
    workingDirectory: terminal.workingDirectory,
    flags: {
      host: input.text('host'),
      port: input.number('port'),
      adminPort: input.number('admin-port'),
      dataDir: input.text('data-dir'),
      profile: profileOf(input),
    },
  });
}

/** The first signal drains, the second ends the process at once. */
export function untilStopped(host: Running, terminal: Terminal): Promise<number> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    terminal.onSignal((signal) => {
      if (stopping) {
        terminal.exit(SIGNAL_CODES[signal]);
        return;
      }
      stopping = true;
      host.close(GRACE_MS).then(() => resolve(0), reject);
    });
  });
}

/** With `--json` exactly one line, for programs that wait for it. */
export function announce(
  running: { readonly host: Running; readonly config: Config; readonly input: Input },
  terminal: Terminal,
): void {
  const { host, config, input } = running;
  const { url, adminUrl, adminTokenFile } = host;
  if (input.json) {
    terminal.out(JSON.stringify({ event: 'ready', url, adminUrl, adminTokenFile }));
    return;
  }
  terminal.out(`isolane ready: functions on ${url}, admin plane on ${adminUrl} (token in ${adminTokenFile})`);
  const lines = input.flag('curl')
    ? curlLines(config, { url, adminUrl, adminTokenFile, examples: readExamples(config) })
    : addresses(config, url);
  for (const line of lines) terminal.out(line);
}

function addresses(config: Config, url: string): readonly string[] {
  const functions = config.functions.flatMap(({ name, routes, url: direct, cron }) => {
    const at = [...routes.map(({ text }) => text), ...(direct ? [`${url}/fn/${name}/`] : [])];
    const times = cron.map(({ schedule, timezone }) => `cron "${schedule}" ${timezone}`);
    return [...at, ...times].map((text) => `  ${name}  ${text}`);
  });
  const webhooks = config.webhooks.map(({ name, function: target }) => `  ${target}  POST ${url}/hooks/${name}`);
  return [...functions, ...webhooks];
}
