/**
 * The priority of a lane's thread: a turn that lasts gives way to everybody else, the doors and the lanes with short turns
 * first, and gets its priority back when it has ended. Raising a priority again takes a privilege on Linux
 * (CAP_SYS_NICE, root has it); without it, and on other systems, threads keep the one they have.
 */
import { getPriority, setPriority } from 'node:os';
import { NS_PER_MS } from '../contract/units.ts';
import type { RunningTurn } from './slots.ts';

/** A turn that has run for so long gives way. */
const LONG_NS = 5 * NS_PER_MS;
/** How far, on the system's scale of 40. */
const STEP = 10;

export class ThreadPriority {
  readonly #threadId: () => number;
  /** Undefined before the first turn that lasts; `null` where it cannot be raised again. */
  #usual: number | null | undefined;
  #isLow = false;

  constructor(threadId: () => number) {
    this.#threadId = threadId;
  }

  /** At every look at the lane. `turn`: the one that runs. */
  look(turn: RunningTurn | null, nowNs: number): void {
    const lasts = turn !== null && nowNs - turn.sinceNs > LONG_NS;
    if (lasts === this.#isLow) return;
    const threadId = this.#threadId();
    if (threadId === 0) return;
    this.#usual ??= this.#usual === null ? null : privileged(threadId);
    if (this.#usual === null) return;
    this.#isLow = lasts;
    set(threadId, lasts ? Math.min(19, this.#usual + STEP) : this.#usual);
  }
}

/** Lowers the calling thread, which on Linux is a thread's own matter and needs no privilege. */
export function giveWay(step: number): void {
  set(0, step);
}

/** The priority the thread has, when it can be lowered and raised again; otherwise `null`. */
function privileged(threadId: number): number | null {
  try {
    const usual = getPriority(threadId);
    // Given back what another thread of ours gives away: only the attempt tells.
    setPriority(threadId, usual + 1);
    return set(threadId, usual) ? usual : null;
  } catch {
    return null;
  }
}

function set(threadId: number, priority: number): boolean {
  try {
    setPriority(threadId, priority);
    return true;
  } catch {
    return false;
  }
}
