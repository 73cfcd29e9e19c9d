/**
 * The memory a lane's thread shares with the main thread and with its reaper: who runs since when, with what budget;
 * the kill order; and one claim word per invocation handed over. A wedged thread cannot report itself, so everything
 * a watchdog needs is here. Words are written by exactly one side, as said below. "Main" is the main thread of the
 * process the lane's thread lives in: the host's, or an engine process's warden.
 *
 * A claim word holds the number of the invocation last decided there: itself, when its thread claimed it, or its
 * negative, when it was taken back. Both sides race by compare-and-exchange; nobody has to offer or to clear anything.
 */

const WORDS = 16;
const FLOATS = 8;
/** Numbers of invocations start again some day: a difference this large means that they have. */
const WRAP = 0x40000000;
/** Invocations that may be handed to one lane and not have ended. */
export const CLAIM_SLOTS = 4096;

/** Rung by whoever has something for the reaper; what it is, the next words say, each with one writer: nothing gets lost. */
const BELL = 0;
const KILL_WANTED = 1;
const SHIFT = 2;
const KILL_ISOLATE = 3;
const KILL_TURN = 4;
const TURN = 5;
const RUNNING = 6;
const KILL_CAUSE = 7;
const THREAD_ID = 8;
const INVOCATION = 9;
const HANDLE = 10;

const SINCE_NS = 0;
const CPU_BASE_NS = 1;
const CPU_BUDGET_NS = 2;
const HARD_DEADLINE_MS = 3;

/** Why a turn was ended: its CPU as the watch measured it, or any other order (the reaper's own wall deadline too). */
export type KillCause = 'cpu' | 'order';

export interface RunningTurn {
  readonly turn: number;
  readonly isolate: number;
  /** The invocation it is for; 0: nobody's in particular, or a load. */
  readonly inv: number;
  /** The reaper has disposed the isolate, and the thread has not come back yet. */
  readonly ended: boolean;
  readonly sinceNs: number;
  readonly cpuBaseNs: number;
  readonly cpuBudgetNs: number;
}

export class LaneSlots {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #claims: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(WORDS * 4 + FLOATS * 8 + CLAIM_SLOTS * 4)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, WORDS);
    this.#floats = new Float64Array(buffer, WORDS * 4, FLOATS);
    this.#claims = new Int32Array(buffer, WORDS * 4 + FLOATS * 8, CLAIM_SLOTS);
  }

  /** Thread: a turn of `isolate` begins, which the reaper knows as `handle`. `hardDeadlineMs` (epoch) is the reaper's own, main-loop-independent limit. */
  begin(
    who: { readonly isolate: number; readonly inv: number; readonly handle: number },
    cpu: { readonly baseNs: number; readonly budgetNs: number },
    sinceNs: number,
    hardDeadlineMs: number,
  ): number {
    const turn = (this.#words[TURN]! + 1) | 0;
    this.#floats[SINCE_NS] = sinceNs;
    this.#floats[CPU_BASE_NS] = cpu.baseNs;
    this.#floats[CPU_BUDGET_NS] = cpu.budgetNs;
    this.#floats[HARD_DEADLINE_MS] = hardDeadlineMs;
    this.#words[INVOCATION] = who.inv;
    this.#words[HANDLE] = who.handle;
    this.#words[RUNNING] = who.isolate;
    Atomics.store(this.#words, TURN, turn);
    return turn;
  }

  /** Thread: the turn is over. Not `null`: the reaper was quicker, and its isolate is being disposed. */
  end(): KillCause | null {
    this.#floats[SINCE_NS] = 0;
    if (Atomics.exchange(this.#words, RUNNING, 0) >= 0) return null;
    return this.#words[KILL_TURN] === this.#words[TURN] && this.#words[KILL_CAUSE] === 1 ? 'cpu' : 'order';
  }

  /** Main: the turn that runs now, or `null`. */
  running(): RunningTurn | null {
    const turn = Atomics.load(this.#words, TURN);
    // Negative: the reaper has disposed it, and it has not come back yet.
    const word = Atomics.load(this.#words, RUNNING);
    if (word === 0) return null;
    const running = {
      turn,
      isolate: Math.abs(word),
      inv: this.#words[INVOCATION]!,
      ended: word < 0,
      sinceNs: this.#floats[SINCE_NS]!,
      cpuBaseNs: this.#floats[CPU_BASE_NS]!,
      cpuBudgetNs: this.#floats[CPU_BUDGET_NS]!,
    };
    return Atomics.load(this.#words, TURN) === turn && running.sinceNs > 0 ? running : null;
  }

  /** Main: monotonic ns since which a turn runs, 0 when none does. */
  runningSinceNs(): number {
    return this.#floats[SINCE_NS]!;
  }

  /** Main: turns begun so far, to tell a lane at work from one at rest. */
  turns(): number {
    return Atomics.load(this.#words, TURN);
  }

  /** Main: have the reaper dispose `isolate` if `turn` still runs. */
  kill(isolate: number, turn: number, cause: KillCause = 'order'): void {
    this.#words[KILL_CAUSE] = cause === 'cpu' ? 1 : 0;
    this.#words[KILL_ISOLATE] = isolate;
    this.#words[KILL_TURN] = turn;
    Atomics.store(this.#words, KILL_WANTED, 1);
    this.#ring();
  }

  /**
   * Thread: ends every shift of the reaper begun so far, so that its registry can be changed; returns the number of the
   * next. Numbers, not a flag: several shifts may be waiting to begin, and each has to see that its time is over.
   */
  nextShift(): number {
    const shift = Atomics.add(this.#words, SHIFT, 1) + 1;
    this.#ring();
    return shift;
  }

  #ring(): void {
    Atomics.add(this.#words, BELL, 1);
    Atomics.notify(this.#words, BELL);
  }

  get threadId(): number {
    return Atomics.load(this.#words, THREAD_ID);
  }

  set threadId(id: number) {
    Atomics.store(this.#words, THREAD_ID, id);
  }

  /** Thread: claims it; false when it was taken back. */
  claim(slot: number, inv: number): boolean {
    return this.#decide(slot, inv, inv);
  }

  /** Main: takes it back; false when it has started. */
  takeBack(slot: number, inv: number): boolean {
    return this.#decide(slot, inv, -inv);
  }

  /** Main: its thread has claimed it. */
  claimed(slot: number, inv: number): boolean {
    return Atomics.load(this.#claims, slot) === inv;
  }

  #decide(slot: number, inv: number, word: number): boolean {
    const before = Atomics.load(this.#claims, slot);
    if (before === inv || before === -inv) return false;
    // An order that was given up with its place: somebody after it has been decided there already.
    const age = inv - Math.abs(before);
    if (before !== 0 && age < 0 && age > -WRAP) return false;
    return Atomics.compareExchange(this.#claims, slot, before, word) === before;
  }
}

/** Word indices the reaper's own code needs; it runs in an isolate and cannot import this file. */
export const REAPER_LAYOUT: Readonly<Record<string, number>> = {
  bell: BELL,
  killWanted: KILL_WANTED,
  shift: SHIFT,
  killIsolate: KILL_ISOLATE,
  killTurn: KILL_TURN,
  turn: TURN,
  running: RUNNING,
  handle: HANDLE,
  words: WORDS,
  hardDeadline: HARD_DEADLINE_MS,
  floats: FLOATS,
};
