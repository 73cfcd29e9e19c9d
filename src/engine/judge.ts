/**
 * Judges a lane's running turn from outside, by what the operating system says of the lane's thread: it ends the turn
 * once it has used the CPU it may use, and tells when a turn ignores its end. A busy machine shortens nobody's budget
 * and makes nobody a culprit: what counts after the end was delivered is CPU really used, or a thread that sleeps.
 */
import { readFileSync } from 'node:fs';
import { NS_PER_MS } from '../contract/units.ts';
import type { KillCause, LaneSlots, RunningTurn } from './slots.ts';

/** CPU a turn may still use after its end was delivered: the longest single call of the host's for it takes a quarter of a second. */
const BURNED_NS = 300 * NS_PER_MS;
/** A turn that neither runs nor waits for a CPU this long after its end was delivered is parked. */
const PARKED_NS = 500 * NS_PER_MS;
/** A turn this long is looked at for a thread that sleeps, which nothing in a turn does. */
const STILL_AFTER_NS = 20 * NS_PER_MS;
/** So many looks in a row without any CPU: looks and not time, so that a process that was stopped blames nobody. */
const STILL_LOOKS = 500;
/** And so many where it sleeps by the clock: that is how isolated-vm parks a thread for ever when V8 is out of memory. */
const ASLEEP_LOOKS = 4;
/** Numbers of nanosleep and clock_nanosleep, by `process.arch`. */
const SLEEPS: Readonly<Record<string, readonly string[]>> = { x64: ['35', '230'], arm64: ['101', '115'] };
/** The reaper itself has not come to deliver the end. */
const UNDELIVERED_NS = 1500 * NS_PER_MS;

interface Order {
  readonly turn: number;
  readonly cause: KillCause;
  readonly atNs: number;
  /** From when the isolate was seen disposed. */
  ended: { readonly cpuNs: number; atNs: number } | null;
}

/** A lane's turn that nothing here will end: it ignores its end, or V8 ran out of memory and its thread was put to sleep. */
export type Lost = 'wedged' | 'parked';

export class Judge {
  readonly #slots: LaneSlots;
  #order: Order | null = null;
  #still: { readonly turn: number; readonly cpuNs: number; looks: number; asleep: number } | null = null;

  constructor(slots: LaneSlots) {
    this.#slots = slots;
  }

  /** Orders the end of `turn`; the first reason stands. */
  kill(turn: RunningTurn, cause: KillCause, nowNs: number): void {
    if (this.#order?.turn !== turn.turn) this.#order = { turn: turn.turn, cause, atNs: nowNs, ended: null };
    this.#slots.kill(turn.isolate, turn.turn, this.#order.cause);
  }

  /** Looks at a turn that runs. Not `null`: its lane is lost. */
  look(turn: RunningTurn, nowNs: number): Lost | null {
    const order = this.#order?.turn === turn.turn ? this.#order : null;
    const still = this.#sleeps(turn, nowNs);
    if (still !== null) return still;
    if (!turn.ended) {
      const overdue = nowNs - turn.sinceNs > turn.cpuBudgetNs;
      if (overdue && this.#cpuNs() - turn.cpuBaseNs >= turn.cpuBudgetNs) this.kill(turn, 'cpu', nowNs);
      // Said again: the reaper may have been between two shifts.
      else if (order !== null) this.kill(turn, order.cause, nowNs);
      return order !== null && nowNs - order.atNs > UNDELIVERED_NS ? 'wedged' : null;
    }
    // The reaper's own wall deadline needs no order.
    this.#order = order ?? { turn: turn.turn, cause: 'order', atNs: nowNs, ended: null };
    const cpuNs = this.#cpuNs();
    this.#order.ended ??= { cpuNs, atNs: nowNs };
    const { ended } = this.#order;
    if (!Number.isFinite(cpuNs)) return nowNs - ended.atNs > BURNED_NS + PARKED_NS ? 'wedged' : null;
    if (cpuNs - ended.cpuNs >= BURNED_NS) return 'wedged';
    if (threadState(this.#slots.threadId) === 'R') ended.atNs = nowNs;
    return nowNs - ended.atNs > PARKED_NS ? 'wedged' : null;
  }

  /** The thread sleeps inside the turn, whoever may have ordered what. */
  #sleeps(turn: RunningTurn, nowNs: number): Lost | null {
    if (nowNs - turn.sinceNs < STILL_AFTER_NS) return null;
    const cpuNs = this.#cpuNs();
    const still = this.#still;
    if (still?.turn !== turn.turn || cpuNs !== still.cpuNs || threadState(this.#slots.threadId) === 'R') {
      this.#still = { turn: turn.turn, cpuNs, looks: 0, asleep: 0 };
      return null;
    }
    still.looks += 1;
    still.asleep = isAsleep(this.#slots.threadId) ? still.asleep + 1 : 0;
    if (still.asleep >= ASLEEP_LOOKS) return 'parked';
    return Number.isFinite(cpuNs) && still.looks >= STILL_LOOKS ? 'wedged' : null;
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

/** It waits for a time to come, and for nothing else. False, too, where the system does not say. */
function isAsleep(threadId: number): boolean {
  try {
    const [call = ''] = readFileSync(`/proc/self/task/${threadId}/syscall`, 'latin1').split(' ', 1);
    return SLEEPS[process.arch]?.includes(call) === true;
  } catch {
    return false;
  }
}
