/** One host process as its supervisor holds it: starting it, hearing it, ordering it, killing it. Decides nothing. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import {
  BEAT_BYTES,
  type Beat,
  copiesOf,
  HOST_FDS,
  type Order,
  queueFd,
  type Report,
  readBeat,
  readReport,
} from '../contract/host-wire.ts';

export interface HostEvents {
  report(report: Report): void;
  beat(beat: Beat): void;
  /** The channel is closed: the process is dead or as good as dead. `exited` follows. */
  parted(): void;
  /** `how`: "signal SIGKILL", "code 1". */
  exited(how: string): void;
}

export interface HostHandle {
  /** 0: it could not be started. */
  readonly pid: number;
  order(order: Order): void;
  /** SIGKILL: what it had to write is written, or it cannot be trusted to. */
  kill(): void;
}

export interface HostCommand {
  readonly execArgv: readonly string[];
  /** The file that runs a host. */
  readonly entry: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `data`: one for each accept queue. */
  readonly fds: { readonly data: readonly number[]; readonly admin: number };
}

export function startHostProcess(command: HostCommand, events: HostEvents): HostHandle {
  const { execArgv, entry, env, fds } = command;
  const stdio: (number | 'ignore' | 'inherit' | 'ipc' | 'pipe')[] = ['ignore', 'ignore', 'inherit'];
  stdio[HOST_FDS.ipc] = 'ipc';
  stdio[HOST_FDS.admin] = fds.admin;
  stdio[HOST_FDS.beat] = 'pipe';
  const queues = fds.data.length;
  for (let copy = 0; copy < copiesOf(queues); copy++) {
    for (const [queue, fd] of fds.data.entries()) stdio[queueFd(queue, copy, queues)] = fd;
  }
  // In a group of its own: a terminal's Ctrl-C is for the supervisor, which tells its hosts.
  const child = spawn(process.execPath, [...execArgv, entry], { stdio, env: { ...env }, detached: true });
  let over = false;
  const exited = (how: string): void => {
    if (over) return;
    over = true;
    events.exited(how);
  };
  child.on('error', (error) => {
    if (child.pid === undefined) exited(error.message);
  });
  child.on('exit', (code, signal) => exited(signal === null ? `code ${code}` : `signal ${signal}`));
  child.on('disconnect', () => {
    if (!over) events.parted();
  });
  child.on('message', (message) => {
    const report = readReport(message);
    if (report !== null && !over) events.report(report);
  });
  listen(child, (beat) => {
    if (!over) events.beat(beat);
  });
  return {
    pid: child.pid ?? 0,
    order: (order) => {
      // A channel that breaks now says so by `disconnect`.
      if (child.connected) child.send(order, () => undefined);
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

function listen(child: ChildProcess, hear: (beat: Beat) => void): void {
  // Its type knows of five.
  const pipe = (child.stdio as readonly unknown[])[HOST_FDS.beat] as Readable | null | undefined;
  let rest: Buffer = Buffer.alloc(0);
  pipe?.on('error', () => undefined);
  pipe?.on('data', (bytes: Buffer) => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let at = 0;
    for (; at + BEAT_BYTES <= all.length; at += BEAT_BYTES) {
      const beat = readBeat(all.subarray(at, at + BEAT_BYTES));
      if (beat !== null) hear(beat);
    }
    rest = all.subarray(at);
  });
}
