/**
 * The warm pool: who runs where. Keeps isolates warm under a budget of bytes and count, evicts the least recently used
 * idle one, loads no more than the waiting work is worth, takes work back from lanes that are stuck in a long turn.
 * No clock, no timers, no Node: a simulator runs it against a fake engine.
 */
import type {
  EnginePort,
  Fall,
  IsolateListener,
  LoadReport,
  LogLine,
  Realm,
  Settlement,
} from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import { groupCensus, type PoolStats, poolStats } from './census.ts';
import { Group, newIsolate, type PooledIsolate } from './group.ts';
import { Handover } from './handover.ts';
import { Lanes } from './lanes.ts';
import type { Ticket } from './ticket.ts';
import { Waits } from './waits.ts';
import { type Budget, Warm } from './warm.ts';

export interface PoolOptions extends Budget {
  readonly engine: EnginePort;
  nowNs(): number;
  /** Where a version belongs now; `rehome` asks again. */
  realmOf(version: FunctionVersion): Realm;
  stray(version: FunctionVersion, line: LogLine): void;
  /** A function brought its lane or engine process down. */
  felled(version: FunctionVersion, how: Fall): void;
}

export class Pool implements IsolateListener {
  readonly #options: PoolOptions;
  readonly #engine: EnginePort;
  readonly #lanes: Lanes;
  readonly #groups: Map<string, Group> = new Map();
  readonly #warm: Warm;
  readonly #waits: Waits = new Waits((group) => this.#pump(group));
  /** Keys of what is deployed; `null`: nobody has said. */
  #live: ReadonlySet<string> | null = null;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#lanes = new Lanes(options.engine, () => options.nowNs());
    this.#warm = new Warm(options, this.#lanes);
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
      this.#fill(this.#group(version));
    }
  }

  /** Realms may have changed: what is warm elsewhere retires, what has not started there moves. */
  rehome(): void {
    for (const group of [...this.#groups.values()]) {
      const realm = this.#options.realmOf(group.version);
      if (realm === group.realm) continue;
      group.realm = realm;
      this.#leave([...group.isolates]);
      this.#pump(group);
      this.#fill(group);
    }
  }

  enter(ticket: Ticket): void {
    const group = this.#group(ticket.invocation.version);
    const { failure } = group;
    if (failure !== null && failure.untilNs > this.#options.nowNs() && group.isolates.size === 0) {
      ticket.listener.unloadable(failure.report, failure.ranAs);
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
    if (ticket.hasStarted || ticket.recalled) return false;
    const group = this.#group(ticket.invocation.version);
    if (ticket.isolate === null) {
      const at = group.waiting.indexOf(ticket);
      if (at >= 0) group.waiting.splice(at, 1);
      return at >= 0;
    }
    const isolate = this.#warm.isolates.get(ticket.isolate);
    ticket.recalled = !this.#engine.takeBack(ticket.invocation.id);
    if (ticket.recalled) return false;
    if (isolate !== undefined) this.#unassign(isolate, ticket);
    // Where it would have run another may.
    this.#pump(group);
    return true;
  }

  stats(): PoolStats {
    return poolStats(this.#groups.values(), this.#warm);
  }

  /** For the admin plane. */
  census(version: FunctionVersion): { isolates: number; running: number } {
    return groupCensus(this.#groups.get(version.key));
  }

  loaded(number: number, report: LoadReport): void {
    const isolate = this.#warm.isolates.get(number);
    if (isolate === undefined) return;
    const { group } = isolate;
    if (isolate.state === 'loading') group.loading -= 1;
    if (!report.ok) {
      this.#failed(isolate, report);
      this.#waits.turnEnded();
      this.#waits.roomMade(null);
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
    this.#waits.turnEnded();
    this.#waits.roomMade(null);
  }

  size(number: number, bytes: number): void {
    const isolate = this.#warm.isolates.get(number);
    if (isolate === undefined) return;
    this.#warm.resize(isolate, bytes);
    this.#sawTurn(isolate);
    this.#waits.turnEnded();
  }

  stuck(lane: number): void {
    const groups = new Set<Group>();
    for (const isolate of this.#warm.isolates.values()) {
      if (isolate.lane !== lane) continue;
      const { group } = isolate;
      const tickets = isolate.tickets.filter((one) => one.invocation.start !== 'cold');
      if (this.#recall(isolate, tickets)) groups.add(group);
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

  lanesChanged(): void {
    this.#waits.lanesChanged();
  }

  /** Hands waiting work to isolates, then loads what is worth loading. */
  #pump(group: Group): void {
    while (group.waiting.length > 0) {
      const isolate = group.pick((lane) => this.#lanes.isStuck(lane));
      if (isolate === null) break;
      this.#assign(isolate, group.waiting.shift()!);
    }
    // Its isolates are free and their lanes are not: whoever ends a turn looks again.
    if (group.waiting.length > 0 && group.idle.length > 0) this.#waits.stranded.add(group);
    else this.#waits.stranded.delete(group);
    if (group.waiting.length === 0) this.#waits.laneless.delete(group);
    if (group.waiting.length === 0 || (group.obsolete && group.isolates.size > 0)) return;
    const wanted = group.wanted(this.#lanes.count(group));
    for (let i = 0; i < wanted; i++) if (!this.#load(group)) return;
    if (wanted === 0 && this.#lanes.isCornered(group)) this.#load(group);
  }

  #assign(isolate: PooledIsolate, ticket: Ticket): void {
    this.#warm.wake(isolate);
    isolate.tickets.push(ticket);
    ticket.isolate = isolate.number;
    this.#engine.start(isolate.number, ticket.invocation, new Handover(this, isolate, ticket));
  }

  settled(isolate: PooledIsolate, ticket: Ticket, settlement: Settlement): void {
    const { group } = isolate;
    isolate.slow = false;
    this.#unassign(isolate, ticket);
    if (group.learn(settlement.usage)) this.#sort(group);
    ticket.listener.settled(settlement);
    if (group.waiting.length > 0) this.#pump(group);
  }

  returned(isolate: PooledIsolate, ticket: Ticket): void {
    isolate.slow = true;
    // A start refused on the spot comes back within the hand-over: never hand over again from in here.
    this.#pumpSoon(this.#back(isolate, ticket));
  }

  #pumpSoon(group: Group): void {
    Promise.resolve().then(() => this.#pump(group));
  }

  /** Asks back what has not started; true if some of it is back at once. What is in another process follows, or starts. */
  #recall(isolate: PooledIsolate, tickets: readonly Ticket[]): boolean {
    let some = false;
    for (const ticket of tickets) {
      if (ticket.hasStarted || ticket.recalled) continue;
      ticket.recalled = !this.#engine.takeBack(ticket.invocation.id);
      if (ticket.recalled) continue;
      this.#back(isolate, ticket);
      some = true;
    }
    return some;
  }

  /**
   * It is back, and waits again: in line before its isolate goes, for a group that waits for nothing may be forgotten;
   * and in the group of today, should that have happened.
   */
  #back(isolate: PooledIsolate, ticket: Ticket): Group {
    const group = this.#group(ticket.invocation.version);
    ticket.recalled = false;
    if (!ticket.over && ticket.listener.returned()) group.requeue(ticket);
    this.#unassign(isolate, ticket);
    return group;
  }

  /** These isolates take nothing more, and what has not started in them goes elsewhere. */
  #leave(isolates: readonly PooledIsolate[]): void {
    for (const isolate of isolates) {
      this.retired(isolate.number);
      this.#recall(isolate, [...isolate.tickets]);
    }
  }

  /** A function has become known for long turns, or is not any more: its isolates go where their kind is. */
  #sort(group: Group): void {
    for (const isolate of [...group.isolates]) {
      if (this.#lanes.isOutOfPlace(group, isolate.lane)) this.#leave([isolate]);
      if (isolate.apart === group.isLong) continue;
      if (!this.#lanes.isAlone(group, isolate.lane)) this.#leave([isolate]);
      else this.#lanes.settle(isolate, (isolate.apart = group.isLong) ? 1 : -1);
    }
  }

  #fill(group: Group): void {
    for (let i = group.isolates.size; i < group.version.spec.warm; i++) if (this.#load(group) === null) return;
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
    const { group, state } = isolate;
    if (state === 'loading') return;
    // What is no longer deployed goes as soon as it serves nobody.
    if (state === 'retired' || (group.obsolete && group.waiting.length === 0)) {
      this.#drop(isolate);
      this.#waits.roomMade(null);
      return;
    }
    this.#warm.rest(isolate);
    while (this.#warm.isOver && this.#evict());
    this.#waits.roomMade(group);
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
      this.#waits.starved.add(group);
      return null;
    }
    const lane = this.#lanes.choose(group) ?? (this.#clearRealm(group) ? this.#lanes.choose(group) : null);
    if (lane === null) {
      this.#waits.laneless.add(group);
      return null;
    }
    this.#waits.laneless.delete(group);
    const isolate = newIsolate(this.#engine.load(group.version, lane), lane, group);
    group.loading += 1;
    this.#warm.add(isolate);
    return isolate;
  }

  /** No lane for its realm and none to be had: another that only keeps warm what nobody uses makes room, once. */
  #clearRealm(group: Group): boolean {
    if (this.#waits.laneless.has(group)) return false;
    const victims = this.#warm.idleRealm(group.realm);
    for (const victim of victims) this.#drop(victim);
    return victims.length > 0;
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
    const tickets = [...isolate.tickets, ...group.waiting.splice(0)];
    const ranAs = tickets[0]?.invocation.id ?? null;
    if (report.outcome !== 'aborted') group.failed(report, ranAs, this.#options.nowNs());
    for (const ticket of tickets) ticket.over = true;
    for (const ticket of tickets) ticket.listener.unloadable(report, ranAs);
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
    if (victim !== undefined) this.#drop(victim);
    return victim !== undefined;
  }

  #drop(isolate: PooledIsolate): void {
    this.#warm.remove(isolate);
    this.#engine.drop(isolate.number);
    this.#tidy(isolate.group);
    // It was retired, or idle on a lane that is stuck: who waits for it needs another.
    if (isolate.group.waiting.length > 0) this.#pumpSoon(isolate.group);
  }

  #group(version: FunctionVersion): Group {
    const known = this.#groups.get(version.key);
    if (known !== undefined) return known;
    const group = new Group(version, this.#options.realmOf(version));
    group.obsolete = this.#live?.has(version.key) === false;
    this.#groups.set(version.key, group);
    return group;
  }

  #tidy(group: Group): void {
    if (!group.obsolete || group.isolates.size > 0 || group.waiting.length > 0) return;
    this.#groups.delete(group.version.key);
  }
}
