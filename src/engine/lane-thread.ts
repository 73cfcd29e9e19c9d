/**
 * The thread of a lane: owns isolates, runs their turns one after another with `applySync`, keeps booted spares.
 * It decides nothing about invocations: it claims them, runs turns, measures, reports. How orders come and reports
 * leave, and how the thread sleeps between them, is its link's matter.
 */

import type { TurnBox } from '../contract/turn.ts';
import { NS_PER_MS } from '../contract/units.ts';
import { Agenda } from './agenda.ts';
import { Board } from './board.ts';
import { CodeCache } from './code-cache.ts';
import { Codes } from './codes.ts';
import { ColdLoads } from './cold-loads.ts';
import { Desk, delivery, Workshop } from './crypto/desk.ts';
import { Dropped } from './dropped.ts';
import { Guest, type Live } from './guest.ts';
import type { EventOrder, GoneReport, LaneInit, LaneOrder, LaneReport, LoadOrder, StartOrder } from './lane-wire.ts';
import { Loads, pressed } from './loading.ts';
import { nowNs } from './monotonic.ts';
import { type Newborn, Nursery } from './nursery.ts';
import { Reaper } from './reaper.ts';
import { peeked, Shell, type ShellStart, shellStart } from './shell.ts';
import { LaneSlots } from './slots.ts';
import { Spares } from './spares.ts';
import { TurnCpu, threadId } from './thread-cpu.ts';
import { endings, first, said, type Yielded } from './yielded.ts';

/** Orders obeyed before the agenda and the event loop get a chance. */
const MOST_ORDERS = 256;
/** What is reported does not wait behind a turn that is expected to take longer. */
const SHORT_NS = 200_000;
/** The reaper's own limit lies this far behind the host's, so that the host's word comes first. */
const GRACE_MS = 1000;

/** The lane's end of the line to the engine. */
export interface LaneLink {
  /** The next order, or `null`. */
  receive(): LaneOrder | null;
  /** Returns when the report is on its way, or waits for `flush`. */
  send(report: LaneReport): void;
  flush(): void;
  close(): void;
}

export class LaneThread {
  readonly #slots: LaneSlots;
  readonly #reaper: Reaper;
  readonly #image: ShellStart;
  readonly #link: LaneLink;
  #board: Board | null;
  readonly #agenda: Agenda = new Agenda();
  readonly #guests = new Map<number, Guest>();
  readonly #dropped: Dropped = new Dropped();
  readonly #codes: Codes;
  readonly #nursery: Nursery;
  readonly #spares: Spares;
  readonly #cold: ColdLoads;
  readonly #cpu: TurnCpu = new TurnCpu();
  readonly #workshop: Workshop;
  readonly #loads: Loads;
  /** Results of cryptography wait for them. */
  readonly #answered: Set<Guest> = new Set();
  /** Called when there is work that no order brings. */
  onReady: () => void = () => undefined;
  #handles = 0;
  #closed = false;

  constructor(init: LaneInit, link: LaneLink) {
    this.#link = link;
    this.#board = init.boardFd === null ? null : new Board(init.boardFd, init.line);
    this.#slots = new LaneSlots(init.slots);
    this.#workshop = new Workshop(init.places);
    this.#codes = new Codes(init.codeKey === null ? null : new CodeCache(init.codeKey));
    this.#loads = new Loads({
      slots: this.#slots,
      agenda: this.#agenda,
      board: () => this.#board,
      cpuNs: this.#cpu.read,
      send: (report) => this.#link.send(report),
      forget: (guest) => this.#forgetGuest(guest),
      press: (order, code, { shell }) => this.#codes.press(order, code, shell),
    });
    this.#image = shellStart(init.image);
    this.#slots.threadId = threadId();
    this.#reaper = new Reaper(this.#slots);
    const sizes = { perSize: init.spares, firstMiB: init.spareMemoryMiB };
    this.#nursery = new Nursery(this.#image.snapshot, () => this.onReady(), this.#sick);
    this.#spares = new Spares(sizes, this.#agenda, {
      make: (memoryMiB) => this.#nursery.make(memoryMiB),
      makeHere: (memoryMiB) => this.#nursery.makeHere(memoryMiB),
      takeMade: () => this.#nursery.take(),
      boot: (newborn) => this.#boot(newborn),
      dispose: (shell) => {
        this.#reaper.remove(shell.handle);
        shell.dispose();
      },
    });
    this.#cold = new ColdLoads(this.#spares, {
      load: (order, shell) => this.#load(order, shell),
      start: (order) => this.#start(order),
    });
    this.#link.send({ k: 'up' });
    this.#link.flush();
    this.#spares.restock();
  }

  /** Obeys what has come, runs what is due; returns how many orders there were. */
  work(): number {
    let obeyed = 0;
    while (obeyed < MOST_ORDERS) {
      const order = this.#link.receive();
      if (order === null) break;
      this.#obey(order);
      obeyed += 1;
    }
    if (this.#closed) return obeyed;
    for (const guest of this.#answered) this.#answer(guest);
    this.#agenda.runDue();
    if (this.#cold.step()) obeyed += 1;
    this.#board?.rest();
    this.#link.flush();
    return obeyed + this.#dropped.clear(obeyed === 0);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Something is at work whose end only the event loop tells. */
  get awaits(): boolean {
    return this.#workshop.working > 0 || this.#answered.size > 0 || this.#nursery.isMaking;
  }

  /** Ms until something is due, at most `mostMs`. */
  waitMs(mostMs: number): number {
    return this.#agenda.waitMs(mostMs);
  }

  #obey(order: LaneOrder): void {
    switch (order.k) {
      case 'load':
        if (order.isPress && this.#codes.isPressed(order)) this.#link.send(pressed(order.isolate));
        else this.#cold.add(order);
        return;
      case 'start':
        this.#start(order);
        return;
      case 'event':
        this.#event(order);
        return;
      case 'forget':
        this.#forget(order.isolate, order.inv);
        return;
      case 'drop': {
        this.#cold.drop(order.isolate);
        const guest = this.#guests.get(order.isolate);
        if (guest !== undefined) this.#dropped.add(this.#release(guest));
        return;
      }
      case 'board':
        this.#board = new Board(order.fd, order.line);
        return;
      case 'close':
        this.#close();
        return;
      default: {
        const never: never = order;
        throw new Error(`unknown order ${JSON.stringify(never)}`);
      }
    }
  }

  #load(order: LoadOrder, shell: Shell): void {
    this.#link.flush();
    this.#loads.begin(order, () => {
      const code = order.isPress
        ? this.#codes.draft(order, shell)
        : this.#codes.of(order, () => this.#link.send({ k: 'refused', isolate: order.isolate }));
      return { guest: this.#settleIn(order, shell), code };
    });
    this.#link.flush();
  }

  #settleIn(order: LoadOrder, shell: Shell): Guest {
    const desk = new Desk(this.#workshop, {
      later: (ms, retry) => this.#agenda.at(desk, Date.now() + ms, retry),
      done: () => {
        this.#answered.add(guest);
        this.onReady();
      },
    });
    const guest = new Guest(order, shell, desk);
    this.#guests.set(order.isolate, guest);
    return guest;
  }

  #start(order: StartOrder): void {
    if (this.#cold.defer(order)) return;
    this.#board?.order();
    const guest = this.#guests.get(order.isolate);
    if (guest === undefined || guest.loading !== null || guest.busy || guest.outgrown) {
      this.#link.send({ k: this.#slots.claim(order.slot, order.inv) ? 'returned' : 'skipped', inv: order.inv });
      return;
    }
    if (!this.#slots.claim(order.slot, order.inv)) {
      this.#link.send({ k: 'skipped', inv: order.inv });
      return;
    }
    const live: Live = {
      inv: order.inv,
      cpuEachNs: order.cpuMs * NS_PER_MS,
      cpuLimitNs: order.cpuMs * NS_PER_MS,
      hardDeadlineMs: Date.now() + order.wallMs + GRACE_MS,
      startedNs: nowNs(),
      cpuNs: 0,
      hostNs: 0,
      doubtNs: 0,
      estimated: false,
      logBytes: 0,
      logLines: 0,
      notes: null,
    };
    guest.live.set(order.inv, live);
    this.#turn(guest, order.inv, order.json, order.chunks);
  }

  #event(order: EventOrder): void {
    const guest = this.#guests.get(order.isolate);
    // Late for an invocation that is over: nobody waits for it, and nobody's budget could bound the turn.
    const live = guest?.live.get(order.inv);
    if (guest === undefined || live === undefined) return;
    if (order.renews === true) live.cpuLimitNs = live.cpuNs + live.cpuEachNs;
    this.#turn(guest, order.inv, order.json, order.chunks);
  }

  #forget(isolate: number, inv: number): void {
    const guest = this.#guests.get(isolate);
    if (guest === undefined || !guest.live.has(inv)) return;
    this.#turn(guest, inv, `{"e":"forget","inv":${inv}}`, null);
    guest.live.delete(inv);
    guest.desk.forget(inv);
  }

  /** Delivers what the guest's cryptography has come to; what is too late for its invocation goes nowhere. */
  #answer(guest: Guest): void {
    this.#answered.delete(guest);
    for (const [inv, results] of Map.groupBy(guest.desk.take(), (one) => one.inv)) {
      if (!this.#guests.has(guest.number)) return;
      const { json, chunks } = delivery(results);
      const { loading } = guest;
      if (loading !== null) {
        this.#loads.answer(loading, results, () => guest.shell.turn(Date.now(), `[${json}]`, chunks));
        continue;
      }
      const lives = inv === 0 ? guest.live.size > 0 : guest.live.has(inv);
      if (!lives) continue;
      for (const { spent } of results) guest.spend(inv, spent);
      if (guest.cpuBudgetNs(inv) > 0) this.#turn(guest, inv, json, chunks);
      else this.#gone(guest, inv, nowNs(), { failure: new Error('its CPU is used up'), why: 'cpu' });
    }
  }

  /** Runs one turn of `guest` for `inv` (0: nobody's in particular) and reports what it yielded. */
  #turn(guest: Guest, inv: number, json: string, chunks: readonly Uint8Array[] | null): void {
    const budgetNs = guest.cpuBudgetNs(inv);
    if (guest.expectedNs > SHORT_NS) this.#link.flush();
    const startNs = nowNs();
    this.#board?.begin(guest.name, guest.number, inv, startNs);
    const baseNs = this.#cpu.begin(startNs);
    this.#slots.begin(
      { isolate: guest.number, inv, handle: guest.shell.handle },
      { baseNs, budgetNs },
      startNs,
      guest.hardDeadlineMs(inv),
    );
    let box: TurnBox | null = null;
    let failure: unknown = null;
    try {
      box = guest.shell.turn(Date.now(), `[${json}]`, chunks);
    } catch (error) {
      failure = error;
      if (!guest.shell.isolate.isDisposed) box = peeked(guest.shell);
    }
    const killed = this.#slots.end();
    const endedNs = nowNs();
    guest.charge(inv, this.#cpu.used(baseNs, endedNs), guest.shell.takeHostNs());
    if (killed !== null || box === null || guest.shell.isolate.isDisposed) {
      const why =
        killed === 'cpu' ? 'burned' : killed !== null ? 'killed' : guest.shell.isolate.isDisposed ? 'memory' : 'fault';
      this.#gone(guest, inv, endedNs, { failure, why });
      return;
    }
    const ended = endings(guest, inv, box.out);
    // The watch sees turns that are long; what adds up over many short ones ends here.
    if (guest.cpuBudgetNs(inv) <= 0 && ended.length === 0) {
      this.#gone(guest, inv, endedNs, { failure, why: 'cpu' });
      return;
    }
    guest.ran(endedNs - startNs);
    if (guest.live.size === 1 && ended.length === 1) guest.rested();
    this.#reportTurn(guest, inv, endedNs, { box, ended, stray: failure === null ? null : said(failure) });
    guest.wakeInv = box.wakeInv ?? 0;
    this.#wake(guest, box.wake);
  }

  #reportTurn(guest: Guest, inv: number, endedNs: number, yielded: Yielded): void {
    const { box, ended, stray } = yielded;
    const owner = inv !== 0 ? inv : ended.length === 1 ? ended[0]! : guest.live.size === 1 ? first(guest.live) : inv;
    this.#link.send({
      k: 'turn',
      isolate: guest.number,
      inv: owner,
      endedNs,
      ...guest.usage(owner),
      heapBytes: guest.heapBytes,
      out: box.out,
      chunks: box.chunks ?? null,
      logs: guest.takeLogs(),
      outgrown: guest.outgrown,
      stray,
    });
    for (const done of ended) {
      guest.live.delete(done);
      guest.desk.forget(done);
    }
  }

  #gone(guest: Guest, inv: number, endedNs: number, how: { failure: unknown; why: GoneReport['why'] }): void {
    const owner = inv !== 0 || guest.live.size !== 1 ? inv : first(guest.live);
    const report: GoneReport = {
      k: 'gone',
      isolate: guest.number,
      inv: owner,
      why: how.why,
      message: said(how.failure).message,
      endedNs,
      ...guest.usage(owner),
      lives: [...guest.live.keys()].map((one) => ({ inv: one, ...guest.usage(one) })),
      heapBytes: guest.heapBytes,
      logs: guest.takeLogs(),
    };
    this.#forgetGuest(guest);
    this.#link.send(report);
  }

  #forgetGuest(guest: Guest): void {
    this.#release(guest).dispose();
  }

  /** Nothing comes to it any more. */
  #release(guest: Guest): Guest {
    this.#guests.delete(guest.number);
    this.#answered.delete(guest);
    this.#agenda.cancel(guest.desk);
    this.#agenda.cancel(guest);
    this.#reaper.remove(guest.shell.handle);
    guest.desk.close();
    return guest;
  }

  /** Notes when the guest's next timer is due. */
  #wake(guest: Guest, wakeAtMs: number): void {
    if (wakeAtMs === guest.wakeAtMs) return;
    guest.wakeAtMs = wakeAtMs;
    if (wakeAtMs === 0) this.#agenda.cancel(guest);
    else this.#agenda.at(guest, wakeAtMs, () => this.#tick(guest));
  }

  /** One due timer of the guest; the turn says when the next one is due. */
  #tick(guest: Guest): void {
    guest.wakeAtMs = 0;
    if (guest.live.size === 0) return;
    const owner = guest.live.size === 1 ? first(guest.live) : guest.live.has(guest.wakeInv) ? guest.wakeInv : 0;
    this.#turn(guest, owner, '{"e":"tick"}', null);
  }

  #boot(newborn: Newborn): Shell {
    this.#reaper.add(++this.#handles, newborn.isolate);
    return new Shell(this.#image, newborn, this.#handles, {
      log: () => false,
      subtle: () => '!InvalidStateError: there is no function yet',
      nodeCrypto: () => '!["Error",null,"there is no function yet"]',
    });
  }

  readonly #sick = (message: string): void => {
    this.#link.send({ k: 'sick', message });
    this.#link.flush();
  };

  #close(): void {
    for (const guest of this.#guests.values()) guest.dispose();
    this.#dropped.close();
    this.#spares.close();
    this.#nursery.close();
    this.#reaper.close();
    this.#closed = true;
    this.#link.close();
  }
}
