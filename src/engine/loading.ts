/**
 * Modules on their way: evaluated in one turn, ready in the same or, when their top level waits for cryptography, in a
 * later one. What loading has begun ends before the first invocation does. limits.initMs bounds it all.
 */
import type { TurnBox } from '../contract/turn.ts';
import { NS_PER_MS } from '../contract/units.ts';
import type { Agenda } from './agenda.ts';
import type { Board } from './board.ts';
import type { Spent } from './crypto/meter.ts';
import type { Guest } from './guest.ts';
import type { LaneReport, LoadedReport, LoadOrder } from './lane-wire.ts';
import { nowNs } from './monotonic.ts';
import type { Code } from './shell.ts';
import type { LaneSlots } from './slots.ts';
import { readiness, said } from './yielded.ts';

export interface LoadPorts {
  readonly slots: LaneSlots;
  readonly agenda: Agenda;
  board(): Board | null;
  cpuNs(): number;
  send(report: LaneReport): void;
  forget(guest: Guest): void;
  /** It has loaded, to have its code cache made. */
  press(order: LoadOrder, code: Code, guest: Guest): void;
}

/** One module: what it has used so far, and until when it may. */
export class Loading {
  readonly order: LoadOrder;
  readonly startedNs: number = nowNs();
  readonly untilMs: number;
  /** Of turns and of operations in the thread pool. */
  cpuNs = 0;
  guest: Guest | null = null;
  code: Code | null = null;
  /** The commands of its turns so far. */
  out = '';

  constructor(order: LoadOrder) {
    this.order = order;
    this.untilMs = Date.now() + order.initMs;
  }

  get leftNs(): number {
    return Math.max(1, this.order.initMs * NS_PER_MS - this.cpuNs);
  }

  heard(out: string): void {
    this.out = this.out === '' || out === '' ? this.out + out : `${this.out},${out}`;
  }
}

/** Its time was up, or the reaper had ended it. */
class Killed extends Error {}

export class Loads {
  readonly #ports: LoadPorts;

  constructor(ports: LoadPorts) {
    this.#ports = ports;
  }

  /** `open` makes the guest and gives the code to evaluate. */
  begin(order: LoadOrder, open: () => { readonly guest: Guest; readonly code: Code }): void {
    const loading = new Loading(order);
    this.#step(loading, () => {
      const { guest, code } = open();
      loading.guest = guest;
      loading.code = code;
      guest.loading = loading;
      this.#publish(loading);
      guest.shell.evaluate(order.facts, code, order.bundleUrl);
      return guest.shell.turn(Date.now(), '[]', null);
    });
  }

  /** Results its top level waits for. */
  answer(loading: Loading, results: readonly { readonly spent: Spent }[], events: () => TurnBox): void {
    for (const { spent } of results) loading.cpuNs += spent.mostNs;
    this.#step(loading, () => {
      this.#publish(loading);
      return events();
    });
  }

  #publish({ order, guest, leftNs, untilMs }: Loading): void {
    const { board, slots, cpuNs } = this.#ports;
    const startNs = nowNs();
    board()?.begin(order.name, order.isolate, 0, startNs);
    slots.begin(
      { isolate: order.isolate, inv: 0, handle: guest!.shell.handle },
      { baseNs: cpuNs(), budgetNs: leftNs },
      startNs,
      untilMs,
    );
  }

  #step(loading: Loading, turn: () => TurnBox): void {
    const { slots, agenda, cpuNs } = this.#ports;
    const before = cpuNs();
    try {
      const box = turn();
      if (slots.end() !== null) throw new Killed('ended as it was done');
      loading.heard(box.out);
      loading.cpuNs += cpuNs() - before;
    } catch (error) {
      loading.cpuNs += cpuNs() - before;
      this.#failed(loading, error, slots.end() !== null || error instanceof Killed);
      return;
    }
    const guest = loading.guest!;
    if (guest.desk.owes(0)) {
      agenda.at(guest, loading.untilMs, () => this.#failed(loading, new Killed('its time is up'), true));
      return;
    }
    const problem = readiness(loading.out);
    if (problem === null) this.#loaded(guest, loading);
    else this.#failed(loading, Object.assign(new Error(), { ...problem, stack: '' }), false);
  }

  #loaded(guest: Guest, { order, code, startedNs, cpuNs }: Loading): void {
    this.#ports.agenda.cancel(guest);
    guest.loading = null;
    if (order.isPress) this.#ports.press(order, code!, guest);
    guest.heapBytes = guest.shell.heapBytes();
    const { number: isolate, heapBytes } = guest;
    const endedNs = nowNs();
    const initNs = endedNs - startedNs;
    this.#ports.send({ k: 'loaded', isolate, endedNs, initNs, cpuNs, heapBytes, logs: guest.takeLogs() });
  }

  #failed({ order, guest, startedNs, cpuNs }: Loading, error: unknown, killed: boolean): void {
    // Nothing of the function has been looked at: no file could be opened, no isolate made.
    const why = killed ? 'killed' : guest === null ? 'fault' : guest.shell.isolate.isDisposed ? 'memory' : 'error';
    const logs = guest?.takeLogs() ?? null;
    if (guest !== null) this.#ports.forget(guest);
    const endedNs = nowNs();
    const initNs = endedNs - startedNs;
    this.#ports.send({ k: 'load-failed', isolate: order.isolate, why, ...said(error), endedNs, initNs, cpuNs, logs });
  }
}

/** Nothing had to be loaded: its code cache is there. */
export function pressed(isolate: number): LoadedReport {
  return { k: 'loaded', isolate, endedNs: nowNs(), initNs: 0, cpuNs: 0, heapBytes: 0, logs: null };
}
