/** What a host is given and what it can be asked: alone, and under a supervisor. */
import type { Config } from '../contract/config.ts';
import type { Fall } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import type { Standing } from '../contract/host-wire.ts';
import type { Observer } from '../contract/observer.ts';
import type { Queues } from './queues.ts';

export interface HostOptions {
  readonly config: Config;
  /** One line for the operator. */
  readonly log: (line: string) => void;
  /** Debug headers need no token. */
  readonly dev?: boolean;
  /** What the configuration warned about. */
  readonly warnings?: readonly string[];
  /** Sees every invocation beside telemetry. */
  readonly observer?: Observer;
}

export interface RunningHost {
  readonly url: string;
  readonly adminUrl: string;
  readonly adminTokenFile: string;
  /** Every source file that went into a bundle. */
  readonly inputs: readonly string[];
  /** A function has wedged a thread: `process.exit` may never return. */
  readonly wedged: boolean;
  /** Serves another configuration from the next request on; in-flight requests finish on the old code. */
  reload(config: Config): Promise<void>;
  /** A host before this one died with `functionName` in a turn: counts as its fall. Unknown names are ignored. */
  strike(functionName: string, how: Fall): void;
  /** Takes over what other hosts have learnt of functions that fall; to be called when a standby host takes over. */
  refreshQuarantine(): void;
  /** Stops accepting, finishes what runs within `graceMs`, flushes, closes. */
  close(graceMs: number): Promise<void>;
}

/** What a host needs that a supervisor starts. */
export interface StandbyOptions extends HostOptions {
  /** What another host has published; `null`: bundle what the configuration declares. */
  readonly versions: readonly FunctionVersion[] | null;
  /** Bound sockets that belong to the supervisor; `admin`: a file descriptor. */
  readonly sockets: { readonly data: Queues; readonly admin: number };
  readonly standing: () => Standing;
  /** What is known of functions that fall has changed, and is on disk: the other hosts should read it. */
  readonly onFalls: () => void;
}

/** Booted, and not yet listening. */
export interface StandbyHost extends RunningHost {
  readonly hostId: string;
  readonly versions: readonly FunctionVersion[];
  /** Listens on both sockets. Rejects with a `HostError`. */
  activate(): Promise<void>;
  /** Runs the schedules from then on. */
  lead(sinceEpochMs: number): void;
  /** Runs none any more; since when. */
  unlead(): number;
  /** Takes over what hosts that died have left behind. `aborted`: those of native code, whose board says by whom. */
  recover(aborted?: readonly string[]): Promise<void>;
  /** Notes from now on who is in a turn. */
  guard(): void;
  /** `close`, but connections are ended after one more answer, not at once. */
  retire(graceMs: number): Promise<void>;
}
