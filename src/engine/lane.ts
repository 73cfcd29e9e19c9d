/**
 * A lane as the engine sees it, wherever its thread lives: orders go in, reports come out, and it says what runs. Two
 * kinds: `thread-lane.ts` in the host's own process, `process/process-lane.ts` in an engine process.
 */
import type { LaneView } from '../contract/engine-port.ts';
import type { Lost } from './judge.ts';
import type { LaneOrder, LaneReport } from './lane-wire.ts';
import type { RunningTurn } from './slots.ts';

export interface Lane extends LaneView {
  isolates: number;
  unclaimed: number;
  /** It only makes code caches: the pool does not know of it. */
  readonly isPress?: boolean;
  /** Not to be given anything any more. */
  readonly sick: boolean;
  /** A slot for one more invocation, or -1 when the lane has as many as it may. */
  takeSlot(): number;
  freeSlot(slot: number): void;
  post(order: LaneOrder): void;
  /** The turn that runs now, as far as it is known here. */
  turn(): RunningTurn | null;
  /** Its thread is known to have claimed it. */
  claimed(slot: number, inv: number): boolean;
  /** True: it is back. False: it has begun, or its lane was asked: then it comes back later if it had not. */
  takeBack(slot: number, inv: number): boolean;
  /** Ends the turn of `isolate`, if one runs. False: none is known to run. */
  kill(isolate: number): boolean;
  pace?(turn: RunningTurn | null, nowNs: number): void;
  /** Looks at the turn that runs. Not `null`: it has cost the lane. */
  look(turn: RunningTurn, nowNs: number): Lost | null;
  /** For a lane that does not answer: it is given up. */
  abandon(): void;
  close(): Promise<void>;
}

/** Who was in a turn as its lane ended, and how far that is known to have gone: no further may it be billed. */
export interface Culprit {
  readonly isolate: number;
  /** 0: nobody's in particular. */
  readonly inv: number;
  readonly sinceNs: number;
  readonly untilNs: number;
  readonly cpuNs: number;
  /** It found no memory and was put to sleep; otherwise it crashed. */
  readonly parked: boolean;
}

export interface LaneEvents {
  reports(lane: Lane, reports: readonly LaneReport[]): void;
  /** The thread has ended. */
  died(lane: Lane, error: Error | null): void;
}

/** Hands out the numbers of claim words. */
export class SlotNumbers {
  readonly #most: number;
  readonly #free: number[] = [];
  #next = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** -1: all are taken. */
  take(): number {
    return this.#free.pop() ?? (this.#next < this.#most ? this.#next++ : -1);
  }

  give(slot: number): void {
    this.#free.push(slot);
  }

  get isOut(): boolean {
    return this.#free.length === 0 && this.#next >= this.#most;
  }
}
