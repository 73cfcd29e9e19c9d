/**
 * The reaper: a trusted isolate of its own, on a thread of isolated-vm's pool, that can dispose a guest while the lane's
 * thread is blocked inside that guest's `applySync`. It waits in `Atomics.wait` on the lane's shared words; the main
 * thread orders a kill there when the operating system's own CPU count of the lane has reached the guest's budget.
 * So CPU limits are true CPU, whatever the neighbours do; isolated-vm's `timeout` is wall time and is not used. Should
 * the main loop itself be blocked, the reaper kills at the turn's hard wall deadline by itself.
 * It never runs guest code and never hands its isolate handles on.
 */
import ivm from 'isolated-vm';
import { type LaneSlots, REAPER_LAYOUT } from './slots.ts';

/** How often the reaper looks at the hard deadline by itself. */
const LOOK_MS = 250;

const SOURCE = `(() => {
  const at = ${JSON.stringify(REAPER_LAYOUT)};
  const words = new Int32Array(laneBuffer, 0, at.words);
  const floats = new Float64Array(laneBuffer, at.words * 4, at.floats);
  const isolates = new Map();
  const reap = (isolate, turn) => {
    const number = Atomics.load(words, at.handle);
    const handle = isolates.get(number);
    if (handle === undefined || Atomics.load(words, at.turn) !== turn) return;
    // Who changes this word first decides: the turn that ends, or its end.
    if (Atomics.compareExchange(words, at.running, isolate, -isolate) !== isolate) return;
    isolates.delete(number);
    try { handle.dispose(); } catch {}
  };
  globalThis.change = (added, handle, removed) => {
    for (const isolate of removed) isolates.delete(isolate);
    if (added !== 0) isolates.set(added, handle);
  };
  globalThis.loop = (shift) => {
    for (;;) {
      const bell = Atomics.load(words, at.bell);
      if (Atomics.load(words, at.shift) !== shift) return;
      if (Atomics.exchange(words, at.killWanted, 0) === 1) reap(words[at.killIsolate], words[at.killTurn]);
      if (Atomics.wait(words, at.bell, bell, ${LOOK_MS}) !== 'timed-out') continue;
      const turn = Atomics.load(words, at.turn);
      const isolate = Atomics.load(words, at.running);
      if (isolate > 0 && Date.now() > floats[at.hardDeadline]) reap(isolate, turn);
    }
  };
})()`;

export class Reaper {
  readonly #slots: LaneSlots;
  readonly #isolate: ivm.Isolate;
  readonly #change: ivm.Reference;
  readonly #loop: ivm.Reference;
  #removed: number[] = [];

  constructor(slots: LaneSlots) {
    this.#slots = slots;
    this.#isolate = new ivm.Isolate({ memoryLimit: 8 });
    const context = this.#isolate.createContextSync();
    context.global.setSync('laneBuffer', new ivm.ExternalCopy(slots.buffer).copyInto());
    this.#isolate.compileScriptSync(SOURCE).runSync(context);
    this.#change = context.global.getSync('change', { reference: true });
    this.#loop = context.global.getSync('loop', { reference: true });
    this.#run(slots.nextShift());
  }

  /**
   * Puts `isolate` under the reaper's eyes, as `number` (the `handle` of its turns). Waits for the reaper's lock, which takes
   * two switches of threads: done when an isolate is booted, not when it is needed.
   */
  add(number: number, isolate: ivm.Isolate): void {
    const shift = this.#slots.nextShift();
    const removed = new ivm.ExternalCopy(this.#removed).copyInto();
    this.#removed = [];
    this.#change.applySync(undefined, [number, isolate, removed]);
    this.#run(shift);
  }

  /** Forgets it at the next `add`. */
  remove(number: number): void {
    this.#removed.push(number);
  }

  close(): void {
    this.#slots.nextShift();
    this.#change.applySync(undefined, [0, undefined, new ivm.ExternalCopy([]).copyInto()]);
    this.#isolate.dispose();
  }

  #run(shift: number): void {
    this.#loop.apply(undefined, [shift]).catch(() => undefined);
  }
}
