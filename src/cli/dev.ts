/**
 * `isolane dev`: `serve` that follows the files. A save is bundled and goes live; what does not bundle is reported and
 * the last good code serves on. Reads for people: short times, one line per event.
 */
import { basename, dirname, extname, sep } from 'node:path';
import type { Config } from '../contract/config.ts';
import { HostError } from '../contract/errors.ts';
import type { RunningHost } from '../host.ts';
import type { Command, Input, Terminal } from './command.ts';
import { DevLog, indented, type Say } from './dev-log.ts';
import { announce, HOST_OPTIONS, load, untilStopped } from './serve.ts';
import { Watcher } from './watcher.ts';

export const dev: Command = {
  name: 'dev',
  usage: '[--config FILE] [--port N]',
  about: 'run the host, watch the files and reload what changed',
  words: { min: 0, max: 0 },
  options: HOST_OPTIONS,
  run: async (input, terminal) => {
    const { config, warnings } = load(input, terminal);
    const say: Say = (event, fields, text) =>
      input.json ? terminal.out(JSON.stringify({ event, ...fields })) : terminal.err(`${clock()} ${text}`);
    const log = (line: string): void => say('log', { line }, indented('', line));
    const host = await terminal.startHost({ config, warnings, dev: true, log, observer: new DevLog(say) });
    const reloader = new Reloader({ host, config, input, terminal, say });
    const watcher = new Watcher({
      root: dirname(config.file),
      dataDir: config.server.dataDir,
      concerns: (path) => reloader.concerns(path),
      changed: (files) => reloader.reload(files),
    });
    watcher.follow(host.inputs);
    reloader.reloaded = () => watcher.follow(host.inputs);
    const stopped = untilStopped(host, terminal);
    announce({ host, config, input }, terminal);
    return stopped.finally(() => watcher.close());
  },
};

interface ReloaderOptions {
  readonly host: RunningHost;
  readonly config: Config;
  readonly input: Input;
  readonly terminal: Terminal;
  readonly say: Say;
}

/** Decide how others are read, and are in no bundle. */
const SETTINGS = /^(package|tsconfig.*)\.json$/;
/** May be what a bundle that failed was missing. */
const CODE: readonly string[] = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs', '.json'];

/** One reload at a time. */
class Reloader {
  readonly #options: ReloaderOptions;
  #server: string;
  /** What was wrong, as it was told; `null`: the files are as they are served. */
  #problem: string | null = null;
  reloaded: () => void = () => undefined;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#server = JSON.stringify(options.config.server);
  }

  concerns(path: string): boolean {
    const { host, config } = this.#options;
    if (path === config.file || SETTINGS.test(basename(path))) return true;
    if (this.#problem !== null && CODE.includes(extname(path))) return true;
    return host.inputs.some((input) => input === path || input.startsWith(path + sep));
  }

  async reload(files: readonly string[]): Promise<void> {
    const { host, input, terminal, say } = this.#options;
    const started = performance.now();
    try {
      const { config, warnings } = load(input, terminal);
      for (const warning of warnings) say('log', { line: warning }, warning);
      await host.reload(config);
      this.#problem = null;
      const ms = Math.round(performance.now() - started);
      say('reloaded', { ms, files }, `reloaded in ${ms} ms: ${files.join(', ')}`);
      if (JSON.stringify(config.server) !== this.#server) {
        const text = 'server settings changed; they hold from the next start on';
        say('log', { line: text }, text);
      }
    } catch (error) {
      this.#tell(error);
    }
    this.reloaded();
  }

  /** Once for each problem, however often the file is saved with it. */
  #tell(error: unknown): void {
    const code = error instanceof HostError ? error.code : 'INTERNAL';
    const message = error instanceof Error ? error.message : String(error);
    if (message === this.#problem) return;
    this.#problem = message;
    const [first = '', ...details] = message.split('\n');
    const lines = [
      `${first} [${code}]`,
      ...details.filter((line) => line.trim() !== ''),
      'The code before this change serves on.',
    ];
    this.#options.say('problem', { code, message }, lines.join(`\n${' '.repeat(9)}`));
  }
}

function clock(): string {
  return new Date().toTimeString().slice(0, 8);
}
