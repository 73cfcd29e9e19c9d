/**
 * The supervisor: the small process that outlives its hosts. It holds the listening sockets and the data directory,
 * starts hosts and a spare, listens to their beats and replaces those that die or fall sick. It runs no guest code,
 * opens no database and does nothing that could keep its loop from the next beat.
 */
import { totalmem } from 'node:os';
import type { Clock } from '../contract/clock.ts';
import type { Config } from '../contract/config.ts';
import { MIB } from '../contract/units.ts';
import { Crew } from './crew.ts';
import type { CrewRules } from './crew-options.ts';
import { type HostCommand, startHostProcess } from './host-process.ts';
import { bindSockets } from './sockets.ts';
import { readVitals } from './vitals.ts';

export interface SupervisorOptions {
  readonly config: Config;
  /** Hosts that serve at once, 1–64. */
  readonly workers: number;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  readonly command: Omit<HostCommand, 'fds'>;
  /** Takes the data directory for this supervisor's hosts alone; rejects if another has it. */
  readonly claim: () => Promise<{ close(): void }>;
  /** Resident memory above which a host is replaced; a share of the machine's when left out. */
  readonly maxRssMiB?: number;
  readonly rules?: Partial<CrewRules>;
}

export interface RunningSupervisor {
  readonly url: string;
  readonly adminUrl: string;
  readonly adminTokenFile: string;
  /** Stops accepting everywhere, lets hosts finish within `graceMs` and flush, and is done when they are gone. */
  close(graceMs: number): Promise<void>;
}

/** Of the machine's memory, for all hosts and the spare together. */
const MEMORY_SHARE = 0.85;

/** Rejects with a `HostError`; nothing runs and nothing is open then. */
export async function openSupervisor(options: SupervisorOptions): Promise<RunningSupervisor> {
  const { config, workers, clock, log } = options;
  const sockets = await bindSockets(config.server, workers);
  const closers: (() => void)[] = [() => sockets.close()];
  const release = (): void => {
    for (const close of closers.splice(0).reverse()) close();
  };
  try {
    const claim = await options.claim();
    closers.push(() => claim.close());
    const command: HostCommand = { ...options.command, fds: sockets.fds };
    const crew = new Crew({
      config,
      workers,
      queues: sockets.fds.data.length,
      maxRssMiB: options.maxRssMiB ?? memoryShareMiB(workers),
      clock,
      log,
      start: (events) => startHostProcess(command, events),
      vitals: readVitals,
      ...(options.rules === undefined ? {} : { rules: options.rules }),
    });
    // However this process ends, as long as it can still do anything.
    const killAll = (): void => crew.kill();
    process.on('exit', killAll);
    closers.push(() => void process.off('exit', killAll));
    const address = await crew.start().catch(async (error: unknown) => {
      await crew.close(0);
      throw error;
    });
    const close = (graceMs: number): Promise<void> => {
      // With the hosts' own ends closed nobody listens: who comes is refused, not left to wait.
      sockets.close();
      return crew.close(graceMs).finally(release);
    };
    return { ...address, close };
  } catch (error) {
    release();
    throw error;
  }
}

function memoryShareMiB(workers: number): number {
  // 0 or absurdly large where nothing constrains it.
  const constrained = process.constrainedMemory();
  const bytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return Math.floor((bytes * MEMORY_SHARE) / workers / MIB);
}

export { canHandDown } from './sockets.ts';
