/**
 * The warm pool: who runs where. Keeps isolates warm under a budget of bytes and count, evicts the least recently used
 * idle one, loads no more than the waiting work is worth, takes work back from lanes that are stuck in a long turn.
 * No clock, no timers, no Node: a simulator runs it against a fake engine.
 */
import type { EnginePort, Fall, IsolateListener, LoadReport, LogLine, Settlement } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import { NS_PER_MS } from '../contract/units.ts';
import { Group, type PooledIsolate } from './group.ts';
import { Handover } from './handover.ts';
import { Lanes } from './lanes.ts';
import type { Ticket } from './ticket.ts';
import { BASE_BYTES, type Budget, Warm } from './warm.ts';

const BACKOFF_FIRST_NS = 1000 * NS_PER_MS;
const BACKOFF_MOST_NS = 60_000 * NS_PER_MS;

export interface PoolOptions extends Budget {
  readonly engine: EnginePort;
  nowNs(): number;
  stray(version: FunctionVersion, line: LogLine): void;
  /** A function brought its lane or engine process down. */
  felled(version: FunctionVersion, how: Fall): void;
}

export interface PoolStats {
  readonly isolates: number;
  readonly idle: number;
  readonly loading: number;
  readonly waiting: number;
  readonly bytes: number;
  readonly evictions: number;
  readonly loads: number;
}

export class Pool implements IsolateListener {
  readonly #options: PoolOptions;
  readonly #engine: EnginePort;
  readonly #lanes: Lanes;
  readonly #groups: Map<string, Group> = new Map();
  readonly #warm: Warm;
  /** Groups whose work waits although they have idle isolates: on lanes that are stuck. */
  readonly #stranded: Set<Group> = new Set();
  /** Groups whose work waits because the pool is full of busy isolates. */
  readonly #starved: Set<Group> = new Set();
  /** Keys of what is deployed; `null`: nobody has said. */
  #live: ReadonlySet<string> | null = null;
  #loads = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#lanes = new Lanes(options.engine, () => options.nowNs());
    this.#warm = new Warm(options);
  }

  /** The versions that are live now: others are retired, those with `warm` are filled up. */
  retain(versions: readonly FunctionVersion[]): void {
    const live = new Set(versions.map((version) => version.key));
    this.#live = live;
    for (const group of this.#groups.values()) {
      group.obsolete = !live.has(group.version.key);
      if (!group.obsolete) continue;
      for (const isolate of [...group.isolates]) this.retired(isolate.number);
      this.#tidy(group);
    }
    for (const version of versions) {
      const group = this.#group(version);
      for (let i = group.isolates.size; i < version.spec.warm; i++) this.#load(group);
    }
  }

  enter(ticket: Ticket): void {
    const group = this.#group(ticket.invocation.version);
    const { failure } = group;
    if (failure !== null && failure.untilNs > this.#options.nowNs() && group.isolates.size === 0) {
      ticket.listener.unloadable(failure.report, false);
      return;
    }
    if (ticket.invocation.start === 'cold' && group.mayGrow) {
      this.#loadFor(group, ticket);
      return;
    }
    group.waiting.push(ticket);
    this.#pump(group);
  }

  /** Takes an invocation out again if it has not started. */
  withdraw(ticket: Ticket): boolean {
    if (ticket.hasStarted) return false;
    const group = this.#group(ticket.invocation.version);
    if (ticket.isolate === null) {
      const at = group.waiting.indexOf(ticket);
      if (at >= 0) group.waiting.splice(at, 1);
      return at >= 0;
    }
    const isolate = this.#warm.isolates.get(ticket.isolate);
    if (!this.#engine.takeBack(ticket.invocation.id)) return false;
    if (isolate !== undefined) this.#unassign(isolate, ticket);
    // Where it would have run another may.
    if (group.waiting.length > 0) this.#pump(group);
    return true;
  }

  stats(): PoolStats {
    let waiting = 0;
    let loading = 0;
    for (const group of this.#groups.values()) {
      waiting += group.waiting.length;
      loading += group.loading;
    }
    return {
      isolates: this.#warm.isolates.size,
      idle: this.#warm.idle,
      loading,
      waiting,
      bytes: this.#warm.bytes,
      evictions: this.#warm.evictions,
      loads: this.#loads,
    };
  }

  /** Isolates of one version and the invocations that have started in them, for the admin plane. */
  census(version: FunctionVersion): { isolates: number; running: number } {
    const isolates = this.#groups.get(version.key)?.isolates ?? new Set();
    let running = 0;
    for (const isolate of isolates) for (const ticket of isolate.tickets) if (ticket.hasStarted) running += 1;
    return { isolates: isolates.size, running };
  }

  loaded(number: number, report: LoadReport): void {
    const isolate = this.#warm.isolates.get(number);
    if (isolate === undefined) return;
    const { group } = isolate;
    if (isolate.state === 'loading') group.loading -= 1;
    if (!report.ok) {
      this.#failed(isolate, report);
      this.#pumpStranded();
      this.#feedStarved(null);
      return;
    }
    group.failure = null;
    if (isolate.state === 'loading') isolate.state = 'ready';
    isolate.init = isolate.awaited ? report : null;
    this.size(number, report.heapBytes);
    // Its own work first: resting, it would be room for another group, which would evict it unused.
    if (group.waiting.length > 0 && isolate.state === 'ready' && isolate.tickets.length === 0) this.#warm.rest(isolate);
    this.#pump(group);
    this.#settleDown(isolate);
  }

  retired(number: number): void {
    const isolate = this.#warm.isolates.get(number);
    if (isolate === undefined) return;
    if (isolate.state === 'loading') isolate.group.loading -= 1;
    isolate.state = 'retired';
    this.#warm.bar(isolate);
    this.#settleDown(isolate);
  }

  gone(number: number): void {
    const isolate = this.#warm.isolates.get(number);
    if (isolate === undefined) return;
    if (isolate.state === 'loading') isolate.group.loading -= 1;
    this.#warm.remove(isolate);
    this.#pump(isolate.group);
    this.#tidy(isolate.group);
    this.#pumpStranded();
    this.#feedStarved(null);
  }

  size(number: number, bytes: number): void {
    const isolate = this.#warm.isolates.get(number);
    if (isolate === undefined) return;
    this.#warm.resize(isolate, bytes);
    this.#sawTurn(isolate);
    this.#pumpStranded();
  }

  stuck(lane: number): void {
    const groups = new Set<Group>();
    for (const isolate of this.#warm.isolates.values()) {
      if (isolate.lane !== lane) continue;
      const { group } = isolate;
      for (const ticket of isolate.tickets.filter((one) => !one.hasStarted && one.invocation.start !== 'cold')) {
        if (!this.#engine.takeBack(ticket.invocation.id)) continue;
        groups.add(this.#back(isolate, ticket));
      }
      if (isolate.state === 'loading' && group.waiting.length > 0) groups.add(group);
    }
    for (const group of groups) this.#pump(group);
  }

  stray(version: FunctionVersion, line: LogLine): void {
    this.#options.stray(version, line);
  }

  felled(version: FunctionVersion, how: Fall): void {
    this.#options.felled(version, how);
  }

  /** A lane has ended a turn: who waited for one looks again. */
  #pumpStranded(): void {
    for (const group of this.#stranded) this.#pump(group);
  }

  /** Hands waiting work to isolates, then loads what is worth loading. */
  #pump(group: Group): void {
    while (group.waiting.length > 0) {
      const isolate = group.pick((lane) => this.#lanes.isStuck(lane));
      if (isolate === null) break;
      this.#assign(isolate, group.waiting.shift()!);
    }
    // Its isolates are free and their lanes are not: whoever ends a turn looks again.
    if (group.waiting.length > 0 && group.idle.length > 0) this.#stranded.add(group);
    else this.#stranded.delete(group);
    if (group.obsolete && group.isolates.size > 0) return;
    const wanted = group.wanted(this.#lanes.count);
    for (let i = 0; i < wanted; i++) if (!this.#load(group)) return;
    if (wanted === 0 && group.waiting.length > 0 && this.#lanes.isCornered(group)) this.#load(group);
  }

  #assign(isolate: PooledIsolate, ticket: Ticket): void {
    this.#warm.wake(isolate);
    isolate.tickets.push(ticket);
    ticket.isolate = isolate.number;
    this.#engine.start(isolate.number, ticket.invocation, new Handover(this, isolate, ticket));
  }

  began(isolate: PooledIsolate, ticket: Ticket): LoadReport | null {
    ticket.hasStarted = true;
    const { init } = isolate;
    isolate.init = null;
    return init;
  }

  settled(isolate: PooledIsolate, ticket: Ticket, settlement: Settlement): void {
    const { group } = isolate;
    const { startedNs, settledNs } = settlement.usage;
    group.learn(settledNs - startedNs);
    isolate.slow = false;
    this.#unassign(isolate, ticket);
    ticket.listener.settled(settlement);
    if (group.waiting.length > 0) this.#pump(group);
  }

  returned(isolate: PooledIsolate, ticket: Ticket): void {
    isolate.slow = true;
    const group = this.#back(isolate, ticket);
    // A start refused on the spot comes back within the hand-over: never hand over again from in here.
    this.#pumpSoon(group);
  }

  #pumpSoon(group: Group): void {
    Promise.resolve().then(() => this.#pump(group));
  }

  /**
   * It is back, and waits again: in line before its isolate goes, for a group that waits for nothing may be forgotten;
   * and in the group of today, should that have happened.
   */
  #back(isolate: PooledIsolate, ticket: Ticket): Group {
    const group = this.#group(ticket.invocation.version);
    if (!ticket.over && ticket.listener.returned()) group.waiting.unshift(ticket);
    this.#unassign(isolate, ticket);
    return group;
  }

  #unassign(isolate: PooledIsolate, ticket: Ticket): void {
    const at = isolate.tickets.indexOf(ticket);
    const last = isolate.tickets.pop();
    if (at < isolate.tickets.length && last !== undefined) isolate.tickets[at] = last;
    ticket.isolate = null;
    this.#settleDown(isolate);
  }

  /** After a change: an empty isolate becomes idle, a retired one goes. */
  #settleDown(isolate: PooledIsolate): void {
    if (isolate.tickets.length > 0 || !this.#warm.isolates.has(isolate.number)) return;
    const { group } = isolate;
    // What is no longer deployed goes as soon as it serves nobody.
    const isOld = group.obsolete && isolate.state === 'ready' && group.waiting.length === 0;
    if (isolate.state === 'retired' || isOld) {
      this.#warm.remove(isolate);
      this.#engine.drop(isolate.number);
      // It made room, and who waited for it needs another.
      this.#pump(group);
      this.#tidy(group);
      this.#feedStarved(null);
      return;
    }
    if (isolate.state !== 'ready') return;
    this.#warm.rest(isolate);
    while (this.#warm.isOver && this.#evict());
    this.#feedStarved(group);
  }

  /** There is room, or an idle isolate to make it of, for groups that found none. `except` pumps by itself. */
  #feedStarved(except: Group | null): void {
    for (const group of [...this.#starved]) {
      if (group === except && group.waiting.length > 0) continue;
      this.#starved.delete(group);
      if (group.waiting.length === 0) continue;
      this.#pump(group);
      if (this.#starved.has(group)) return;
    }
  }

  /** A turn has ended and its invocation goes on: this function waits for I/O, so its others need isolates. */
  #sawTurn(isolate: PooledIsolate): void {
    const { group } = isolate;
    for (const ticket of isolate.tickets) {
      if (!ticket.hasStarted) continue;
      group.sawAwait();
      if (group.waiting.length > 0) this.#pump(group);
      return;
    }
  }

  #load(group: Group): PooledIsolate | null {
    if (!this.#makeRoom()) {
      this.#starved.add(group);
      return null;
    }
    const lane = this.#lanes.choose(group);
    if (lane === null) return null;
    const isolate: PooledIsolate = {
      number: this.#engine.load(group.version, lane),
      lane,
      group,
      state: 'loading',
      tickets: [],
      bytes: BASE_BYTES,
      init: null,
      awaited: group.waiting.length > 0,
      slow: false,
      isIdle: false,
    };
    this.#loads += 1;
    group.loading += 1;
    this.#warm.add(isolate);
    return isolate;
  }

  /** Benchmark control: a new isolate for this invocation alone. */
  #loadFor(group: Group, ticket: Ticket): void {
    const isolate = this.#load(group);
    if (isolate === null) {
      group.waiting.push(ticket);
      return;
    }
    isolate.awaited = true;
    this.#assign(isolate, ticket);
  }

  #failed(isolate: PooledIsolate, report: LoadReport): void {
    const { group } = isolate;
    this.#warm.remove(isolate);
    if (group.loading > 0 || group.isolates.size > 0) return;
    const backoffNs = Math.min(BACKOFF_MOST_NS, (group.failure?.backoffNs ?? BACKOFF_FIRST_NS / 2) * 2);
    group.failure = { report, untilNs: this.#options.nowNs() + backoffNs, backoffNs };
    const tickets = [...isolate.tickets, ...group.waiting.splice(0)];
    tickets.forEach((ticket, index) => {
      ticket.over = true;
      ticket.listener.unloadable(report, index === 0);
    });
  }

  /** Evicts idle isolates until one more fits; false when everything is busy. */
  #makeRoom(): boolean {
    while (this.#warm.isFull) {
      if (!this.#evict()) return false;
    }
    return true;
  }

  #evict(): boolean {
    const victim = this.#warm.evict();
    if (victim === undefined) return false;
    this.#engine.drop(victim.number);
    this.#tidy(victim.group);
    // It was idle on a lane that is stuck, and who waits for that lane now needs another isolate.
    if (victim.group.waiting.length > 0) this.#pumpSoon(victim.group);
    return true;
  }

  #group(version: FunctionVersion): Group {
    const known = this.#groups.get(version.key);
    if (known !== undefined) return known;
    const group = new Group(version);
    group.obsolete = this.#live?.has(version.key) === false;
    this.#groups.set(version.key, group);
    return group;
  }

  #tidy(group: Group): void {
    if (!group.obsolete || group.isolates.size > 0 || group.waiting.length > 0) return;
    this.#groups.delete(group.version.key);
  }
}
