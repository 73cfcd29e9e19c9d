/**
 * Watches running turns from outside: when a lane's thread has used the CPU a turn may use, as the operating system
 * counts it, the reaper is told. Reads a lane's CPU only once its turn has run longer than its budget, so ordinary
 * turns cost nothing here.
 */
import { readFileSync } from 'node:fs';
import type { Lane } from './lane.ts';
import type { RunningTurn } from './slots.ts';

const TICK_MS = 4;
/** Ticks without work after which the watch sleeps. */
const IDLE_TICKS = 250;

export interface WatchPorts {
  readonly lanes: Iterable<Lane>;
  /** Anything handed to a lane that has not come back. */
  busy(): boolean;
  nowNs(): number;
  /** A turn is running; called at every tick. */
  look(lane: Lane, turn: RunningTurn, tookNs: number): void;
}

export class Watch {
  readonly #ports: WatchPorts;
  #timer: NodeJS.Timeout | null = null;
  #idle = 0;

  constructor(ports: WatchPorts) {
    this.#ports = ports;
  }

  wake(): void {
    this.#idle = 0;
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    if (this.#ports.busy()) this.#idle = 0;
    else if (++this.#idle > IDLE_TICKS) {
      this.stop();
      return;
    }
    const now = this.#ports.nowNs();
    for (const lane of this.#ports.lanes) {
      const turn = lane.slots.running();
      if (turn !== null) this.#ports.look(lane, turn, now - turn.sinceNs);
    }
  }
}

/** CPU nanoseconds a thread of this process has used. Without /proc: infinite, so that wall time decides. */
export function threadCpuNs(threadId: number): number {
  if (threadId === 0) return Number.POSITIVE_INFINITY;
  try {
    return Number(readFileSync(`/proc/self/task/${threadId}/schedstat`, 'latin1').split(' ', 1)[0]);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
