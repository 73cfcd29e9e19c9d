/**
 * `isolane dev`: `serve` that follows the files. A save is bundled and goes live; what does not bundle is reported and
 * the last good code serves on. Reads for people: short times, one line per event.
 */
import { dirname } from 'node:path';
import type { Config } from '../contract/config.ts';
import { HostError } from '../contract/errors.ts';
import type { RunningHost } from '../host.ts';
import type { Command, Input, Terminal } from './command.ts';
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
    const say = (event: string, fields: Readonly<Record<string, unknown>>, text: string): void =>
      input.json ? terminal.out(JSON.stringify({ event, ...fields })) : terminal.err(`${clock()} ${text}`);
    const log = (line: string): void => say('log', { line }, line);
    const host = await terminal.startHost({ config, warnings, dev: true, log });
    const reloader = new Reloader({ host, config, input, terminal, say });
    const watcher = new Watcher({
      root: dirname(config.file),
      dataDir: config.server.dataDir,
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
  readonly say: (event: string, fields: Readonly<Record<string, unknown>>, text: string) => void;
}

/** One reload at a time. */
class Reloader {
  readonly #options: ReloaderOptions;
  #server: string;
  reloaded: () => void = () => undefined;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#server = JSON.stringify(options.config.server);
  }

  async reload(files: readonly string[]): Promise<void> {
    const { host, input, terminal, say } = this.#options;
    const started = performance.now();
    try {
      const { config, warnings } = load(input, terminal);
      for (const warning of warnings) say('log', { line: warning }, warning);
      await host.reload(config);
      const ms = Math.round(performance.now() - started);
      say('reloaded', { ms, files }, `reloaded in ${ms} ms: ${files.join(', ')}`);
      if (JSON.stringify(config.server) !== this.#server) {
        const text = 'server settings changed; they hold from the next start on';
        say('log', { line: text }, text);
      }
    } catch (error) {
      const code = error instanceof HostError ? error.code : 'INTERNAL';
      const message = error instanceof Error ? error.message : String(error);
      say('problem', { code, message }, `${message} [${code}]\n         the code before this change serves on`);
    }
    this.reloaded();
  }
}

function clock(): string {
  return new Date().toTimeString().slice(0, 8);
}
