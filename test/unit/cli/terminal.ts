/** A Terminal that records, and a host that only says it runs: for tests of commands without a process. */
import type { Signal, SuperviseOptions, Terminal } from '../../../src/cli/command.ts';
import type { HostOptions, RunningHost } from '../../../src/host.ts';
import type { RunningSupervisor } from '../../../src/supervisor/supervisor.ts';

export class FakeTerminal implements Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  readonly version = '0.0.0';
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  readonly exits: number[] = [];
  readonly starts: HostOptions[] = [];
  readonly supervised: SuperviseOptions[] = [];
  readonly graces: number[] = [];
  readonly reloads: HostOptions['config'][] = [];
  /** What `reload` of the host does. */
  onReload: () => Promise<void> = async () => undefined;
  /** Settles the `close` of the host. */
  closed: () => void = () => undefined;
  inputs: readonly string[] = [];
  #handlers: ((signal: Signal) => void)[] = [];

  constructor(workingDirectory: string, env: Readonly<Record<string, string>> = {}) {
    this.workingDirectory = workingDirectory;
    this.env = env;
  }

  out(line: string): void {
    this.stdout.push(line);
  }

  err(line: string): void {
    this.stderr.push(line);
  }

  onSignal(handler: (signal: Signal) => void): () => void {
    this.#handlers.push(handler);
    return () => {
      this.#handlers = this.#handlers.filter((other) => other !== handler);
    };
  }

  exit(code: number): void {
    this.exits.push(code);
  }

  signal(signal: Signal): void {
    for (const handler of this.#handlers) handler(signal);
  }

  get waits(): boolean {
    return this.#handlers.length > 0;
  }

  supervise: Terminal['supervise'] = async (options) => {
    this.supervised.push(options);
    return this.#running();
  };

  async startHost(options: HostOptions): Promise<RunningHost> {
    this.starts.push(options);
    return {
      ...this.#running(),
      wedged: false,
      inputs: this.inputs,
      strike: () => undefined,
      refreshQuarantine: () => undefined,
      reload: (config) => {
        this.reloads.push(config);
        return this.onReload();
      },
    };
  }

  #running(): RunningSupervisor {
    return {
      url: 'http://127.0.0.1:1',
      adminUrl: 'http://127.0.0.1:2',
      adminTokenFile: '/data/admin-token',
      close: (graceMs) => {
        this.graces.push(graceMs);
        return new Promise((resolve) => {
          this.closed = resolve;
        });
      },
    };
  }
}
