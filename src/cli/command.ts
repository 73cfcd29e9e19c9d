/** What a command is: its words for `help`, its options, and what it does. Commands know no argv and no process. */
import type { HostOptions, RunningHost } from '../host.ts';
import type { RunningSupervisor, SupervisorOptions } from '../supervisor/supervisor.ts';

export type SuperviseOptions = Pick<SupervisorOptions, 'config' | 'workers' | 'log'>;

export type Signal = 'SIGINT' | 'SIGTERM';

/** What a command may touch of the process it runs in; tests put their own in its place. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** Of this isolane. */
  readonly version: string;
  /** Writes a line to stdout. */
  out(line: string): void;
  /** Writes a line to stderr. */
  err(line: string): void;
  /** Calls `handler` on every SIGINT or SIGTERM until the returned function is called. */
  onSignal(handler: (signal: Signal) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
  /** In this process. */
  startHost(options: HostOptions): Promise<RunningHost>;
  /** In processes of their own; `null`: this Node cannot hand sockets down to them. */
  readonly supervise: ((options: SuperviseOptions) => Promise<RunningSupervisor>) | null;
}

export interface OptionRule {
  /** `flag` takes no value; `port` is a whole number from 0 to 65535, `count` one within `range`; `texts` may come several times. */
  readonly kind: 'flag' | 'text' | 'texts' | 'port' | 'count';
  /** Of a `count`. */
  readonly range?: { readonly min: number; readonly max: number };
  /** How the value is called in `help`; absent for flags. */
  readonly value?: string;
  readonly about: string;
  readonly hidden?: boolean;
}

export interface Input {
  /** Words that are no options. */
  readonly words: readonly string[];
  readonly json: boolean;
  flag(name: string): boolean;
  text(name: string): string | undefined;
  /** Every value of an option of kind `texts`. */
  texts(name: string): readonly string[];
  /** A `port` or a `count`. */
  number(name: string): number | undefined;
}

export interface Command {
  readonly name: string;
  /** `NAME [--data JSON]`: what follows the name in `help`. */
  readonly usage: string;
  readonly about: string;
  readonly words: { readonly min: number; readonly max: number };
  readonly options: Readonly<Record<string, OptionRule>>;
  /** Resolves with the exit code; a HostError becomes one sentence on stderr. */
  run(input: Input, terminal: Terminal): Promise<number>;
}

export const CONFIG_OPTION: OptionRule = {
  kind: 'text',
  value: 'FILE',
  about: 'the configuration (default isolane.json)',
};

/** Options of every command. */
export const COMMON_OPTIONS: Readonly<Record<string, OptionRule>> = {
  json: { kind: 'flag', about: 'print machine-readable output' },
  help: { kind: 'flag', about: 'say what the command does' },
};
