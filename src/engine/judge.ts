/**
 * Judges a lane's running turn from outside, by what the operating system says of the lane's thread: it ends the turn
 * once it has used the CPU it may use, and tells when a turn ignores its end. A busy machine shortens nobody's budget
 * and makes nobody a culprit: what counts after the end was delivered is CPU really used, or a thread that sleeps.
 */
import { readFileSync } from 'node:fs';
import { NS_PER_MS } from '../contract/units.ts';
import type { KillCause, LaneSlots, RunningTurn } from './slots.ts';

/** CPU a turn may still use after its end was delivered. */
const BURNED_NS = 100 * NS_PER_MS;
/** A turn that neither runs nor waits for a CPU this long after its end was delivered is parked. */
const PARKED_NS = 500 * NS_PER_MS;
/** A turn this long is looked at for a thread that sleeps, which nothing in a turn does: V8 out of memory parks it for ever. */
const STILL_AFTER_NS = 250 * NS_PER_MS;
/** So many looks in a row without any CPU: looks and not time, so that a process that was stopped blames nobody. */
const STILL_LOOKS = 500;
/** The reaper itself has not come to deliver the end. */
const UNDELIVERED_NS = 1500 * NS_PER_MS;

interface Order {
  readonly turn: number;
  readonly cause: KillCause;
  readonly atNs: number;
  /** From when the isolate was seen disposed. */
  ended: { readonly cpuNs: number; atNs: number } | null;
}

export class Judge {
  readonly #slots: LaneSlots;
  #order: Order | null = null;
  #still: { readonly turn: number; readonly cpuNs: number; looks: number } | null = null;

  constructor(slots: LaneSlots) {
    this.#slots = slots;
  }

  /** Orders the end of `turn`; the first reason stands. */
  kill(turn: RunningTurn, cause: KillCause, nowNs: number): void {
    if (this.#order?.turn !== turn.turn) this.#order = { turn: turn.turn, cause, atNs: nowNs, ended: null };
    this.#slots.kill(turn.isolate, turn.turn, this.#order.cause);
  }

  /** Looks at a turn that runs. True: it has wedged its lane, nothing here will end it. */
  look(turn: RunningTurn, nowNs: number): boolean {
    const order = this.#order?.turn === turn.turn ? this.#order : null;
    if (!turn.ended) {
      if (this.#isStill(turn, nowNs)) return true;
      const overdue = nowNs - turn.sinceNs > turn.cpuBudgetNs;
      if (overdue && this.#cpuNs() - turn.cpuBaseNs >= turn.cpuBudgetNs) this.kill(turn, 'cpu', nowNs);
      // Said again: the reaper may have been between two shifts.
      else if (order !== null) this.kill(turn, order.cause, nowNs);
      return order !== null && nowNs - order.atNs > UNDELIVERED_NS;
    }
    // The reaper's own wall deadline needs no order.
    this.#order = order ?? { turn: turn.turn, cause: 'order', atNs: nowNs, ended: null };
    const cpuNs = this.#cpuNs();
    this.#order.ended ??= { cpuNs, atNs: nowNs };
    const { ended } = this.#order;
    if (!Number.isFinite(cpuNs)) return nowNs - ended.atNs > BURNED_NS + PARKED_NS;
    if (cpuNs - ended.cpuNs >= BURNED_NS) return true;
    if (threadState(this.#slots.threadId) === 'R') ended.atNs = nowNs;
    return nowNs - ended.atNs > PARKED_NS;
  }

  /** The thread sleeps inside the turn, whoever may have ordered what. */
  #isStill(turn: RunningTurn, nowNs: number): boolean {
    if (nowNs - turn.sinceNs < STILL_AFTER_NS) return false;
    const cpuNs = this.#cpuNs();
    const still = this.#still;
    if (still?.turn !== turn.turn || cpuNs !== still.cpuNs || threadState(this.#slots.threadId) === 'R') {
      this.#still = { turn: turn.turn, cpuNs, looks: 0 };
      return false;
    }
    still.looks += 1;
    return Number.isFinite(cpuNs) && still.looks >= STILL_LOOKS;
  }

  #cpuNs(): number {
    return threadCpuNs(this.#slots.threadId);
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

/** `R` runs or waits for a CPU, anything else does neither. */
function threadState(threadId: number): string {
  try {
    const stat = readFileSync(`/proc/self/task/${threadId}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  } catch {
    return '';
  }
}
