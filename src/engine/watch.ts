/**
 * Looks at running turns every few milliseconds while there is work, and sleeps when there is none: what it sees, others
 * judge. Used by the host's main thread and by the warden of an engine process.
 */
import type { RunningTurn } from './slots.ts';

const TICK_MS = 4;
/** Ticks without work after which the watch sleeps. */
const IDLE_TICKS = 250;

export interface Watched {
  turn(): RunningTurn | null;
  /** At every tick: a turn that lasts gives way, where that is this side's to arrange. */
  pace?(turn: RunningTurn | null, nowNs: number): void;
}

export interface WatchPorts<L extends Watched> {
  readonly lanes: Iterable<L>;
  /** There is work, or may be. */
  busy(): boolean;
  nowNs(): number;
  /** A turn is running; called at every tick. */
  look(lane: L, turn: RunningTurn, nowNs: number): void;
  /** At the end of every tick. */
  ticked?(nowNs: number): void;
}

export class Watch<L extends Watched> {
  readonly #ports: WatchPorts<L>;
  #timer: NodeJS.Timeout | null = null;
  #idle = 0;

  constructor(ports: WatchPorts<L>) {
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
      const turn = lane.turn();
      lane.pace?.(turn, now);
      if (turn !== null) this.#ports.look(lane, turn, now);
    }
    this.#ports.ticked?.(now);
  }
}
