/**
 * The warm pool: who runs where. Keeps isolates warm under a budget of bytes and count, evicts the least recently used
 * idle one, loads no more than the waiting work is worth, takes work back from lanes that are stuck in a long turn.
 * No clock, no timers, no Node: a simulator runs it against a fake engine.
 */
import type { EnginePort, Fall, IsolateListener, LoadReport, LogLine, Settlement } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import { groupCensus, type PoolStats, poolStats } from './census.ts';
import type { Group, PooledIsolate } from './group.ts';
import { Groups, type GroupsOptions } from './groups.ts';
import { Handover } from './handover.ts';
import { Lanes } from './lanes.ts';
import { Loader } from './loader.ts';
import { Rooms } from './rooms.ts';
import type { Ticket } from './ticket.ts';
import { Waits } from './waits.ts';
import { type Budget, Warm } from './warm.ts';

export interface PoolOptions extends Budget, GroupsOptions {
  readonly engine: EnginePort;
  nowNs(): number;
  stray(version: FunctionVersion, line: LogLine): void;
  /** A function brought its lane or engine process down. */
  felled(version: FunctionVersion, how: Fall): void;
}

export class Pool implements IsolateListener {
  readonly #options: PoolOptions;
  readonly #engine: EnginePort;
  readonly #lanes: Lanes;
  readonly #groups: Groups;
  readonly #warm: Warm;
  readonly #waits: Waits = new Waits((group) => this.#pump(group));
  readonly #rooms: Rooms;
  readonly #loader: Loader;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#lanes = new Lanes(options, (isolate) => this.#warm.isolates.get(isolate)?.state === 'loading');
    this.#warm = new Warm(options, this.#lanes);
    this.#groups = new Groups(options, this.#warm, this.#waits);
    const drop = (isolate: PooledIsolate): void => this.#drop(isolate);
    this.#rooms = new Rooms(this.#warm, this.#waits, {
      drop,
      handOut: (group) => this.#handOut(group),
      load: (group) => this.#loader.load(group) !== null,
    });
    this.#loader = new Loader({
      ...{ engine: this.#engine, lanes: this.#lanes, warm: this.#warm, waits: this.#waits, rooms: this.#rooms },
      nowNs: () => options.nowNs(),
      drop,
    });
  }

  /** The versions that are live now: others are retired, those with `warm` are filled up. */
  retain(versions: readonly FunctionVersion[]): void {
    this.#groups.deploy(versions);
    for (const group of this.#groups.all) {
      if (!group.obsolete) continue;
      for (const isolate of [...group.isolates]) this.retired(isolate.number);
      this.#groups.tidy(group);
    }
    // Who keeps nothing costs nothing until it is called.
    for (const version of versions)
      if (version.spec.warm > 0 || version.spec.reserved > 0) this.#loader.provision.ask(this.#groups.of(version));
    this.#loader.provision.fill();
    this.#rooms.grant();
  }

  /** From time to time; `residentBytes`: what the process holds more than before it had isolates. True: too much. */
  look(residentBytes: number): boolean {
    this.#warm.look(residentBytes);
    this.#rooms.shrink(null);
    this.#loader.provision.again();
    this.#rooms.grant();
    return this.#warm.isBraked;
  }

  /** Realms may have changed: what is warm elsewhere retires, what has not started there moves. */
  rehome(): void {
    for (const group of this.#groups.all) {
      const realm = this.#options.realmOf(group.version);
      if (realm === group.realm) continue;
      group.realm = realm;
      this.#leave([...group.isolates]);
      this.#pump(group);
      this.#loader.provision.ask(group);
    }
    this.#loader.provision.fill();
  }

  enter(ticket: Ticket): void {
    const group = this.#groups.of(ticket.invocation.version);
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
    const group = this.#groups.of(ticket.invocation.version);
    if (ticket.isolate === null) {
      const at = group.waiting.indexOf(ticket);
      if (at >= 0) group.waiting.splice(at, 1);
      if (group.waiting.length === 0) this.#waits.feed(group);
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
    return poolStats(this.#groups.all, this.#warm, this.#groups.tenants);
  }

  /** For the admin plane. */
  census(version: FunctionVersion): { isolates: number; running: number } {
    return groupCensus(this.#groups.find(version));
  }

  loaded(number: number, report: LoadReport): void {
    const isolate = this.#warm.isolates.get(number);
    if (isolate === undefined) return;
    const { group } = isolate;
    if (isolate.state === 'loading') group.loading -= 1;
    if (!report.ok) {
      this.#failed(isolate, report);
      this.#loader.over(isolate, false);
      this.#waits.turnEnded();
      this.#rooms.grant();
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
    this.#loader.over(isolate, true);
  }

  retired(number: number): void {
    const isolate = this.#warm.isolates.get(number);
    if (isolate === undefined) return;
    if (isolate.state === 'loading') isolate.group.loading -= 1;
    isolate.state = 'retired';
    this.#warm.bar(isolate);
    this.#loader.provision.ask(isolate.group);
    this.#settleDown(isolate);
    this.#loader.provision.fill();
  }

  gone(number: number): void {
    const isolate = this.#warm.isolates.get(number);
    if (isolate === undefined) return;
    if (isolate.state === 'loading') isolate.group.loading -= 1;
    this.#remove(isolate);
    this.#loader.over(isolate, false);
    this.#pump(isolate.group);
    this.#waits.turnEnded();
    this.#rooms.grant();
    this.#loader.provision.ask(isolate.group);
    this.#loader.provision.fill();
  }

  size(number: number, bytes: number): void {
    const isolate = this.#warm.isolates.get(number);
    if (isolate !== undefined) this.#sawTurn(isolate, bytes);
    // Also when its isolate was moved as it ended: its lane is free.
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
    this.#waits.turnEnded();
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
    for (let wanted = this.#handOut(group); wanted > 0; wanted--) {
      // Who comes last stands in line.
      if (this.#waits.starving > 0) {
        this.#waits.starve(group);
        this.#rooms.grant();
        return;
      }
      if (!this.#loader.load(group)) return;
    }
  }

  /** Hands waiting work to isolates; returns how many loads the rest is worth, room permitting. */
  #handOut(group: Group): number {
    while (group.waiting.length > 0) {
      const isolate = group.pick((lane) => this.#lanes.isStuck(lane));
      if (isolate === null) break;
      this.#assign(isolate, group.waiting.shift()!);
    }
    // Its isolates are free and their lanes are not: whoever ends a turn looks again.
    if (group.waiting.length > 0 && group.idle.length > 0) this.#waits.stranded.add(group);
    else this.#waits.stranded.delete(group);
    if (group.waiting.length === 0) {
      this.#waits.laneless.delete(group);
      this.#waits.feed(group);
      return 0;
    }
    if (group.obsolete && group.isolates.size > 0) return 0;
    const wanted = group.wanted(this.#lanes.count(group), this.#lanes.soon(group));
    return wanted === 0 && this.#lanes.isCornered(group) ? 1 : wanted;
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
    isolate.served += 1;
    this.#unassign(isolate, ticket);
    if (isolate.tickets.length > 0) this.#mayLeave(isolate);
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
    const group = this.#groups.of(ticket.invocation.version);
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

  /** It serves others without a pause, and some wait for room: it takes nothing more. */
  #mayLeave(isolate: PooledIsolate): void {
    if (isolate.leaving || isolate.state !== 'ready' || !this.#rooms.givesWay(isolate)) return;
    this.#rooms.leave(isolate);
    this.#recall(isolate, [...isolate.tickets]);
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
      this.#rooms.grant();
      return;
    }
    // Its own work comes first, unless its lane is stuck, or others wait that have less.
    const mayGo = group.waiting.length === 0 || this.#rooms.givesWay(isolate) || this.#lanes.isStuck(isolate.lane);
    this.#rooms.left(isolate);
    this.#warm.rest(isolate);
    this.#rooms.shrink(group);
    if (mayGo) this.#rooms.grant();
  }

  /** Of those whose turn has ended and that go on: this function waits for I/O, so its others need isolates. */
  #sawTurn(isolate: PooledIsolate, bytes: number): void {
    const { group } = isolate;
    this.#warm.resize(isolate, bytes);
    for (const ticket of isolate.tickets) {
      if (!ticket.hasStarted) continue;
      group.sawAwait();
      if (group.waiting.length > 0) this.#pump(group);
      return;
    }
  }

  /** Benchmark control: a new isolate for this invocation alone. */
  #loadFor(group: Group, ticket: Ticket): void {
    const isolate = this.#loader.load(group);
    if (isolate === null) {
      group.waiting.push(ticket);
      return;
    }
    isolate.awaited = true;
    this.#assign(isolate, ticket);
  }

  #failed(isolate: PooledIsolate, report: LoadReport): void {
    const { group } = isolate;
    this.#remove(isolate);
    if (group.loading > 0 || group.isolates.size > 0) return;
    const tickets = [...isolate.tickets, ...group.waiting.splice(0)];
    const ranAs = tickets[0]?.invocation.id ?? null;
    if (report.outcome !== 'aborted') group.failed(report, ranAs, this.#options.nowNs());
    for (const ticket of tickets) ticket.over = true;
    for (const ticket of tickets) ticket.listener.unloadable(report, ranAs);
  }

  #remove(isolate: PooledIsolate): void {
    this.#rooms.left(isolate);
    this.#warm.remove(isolate);
  }

  #drop(isolate: PooledIsolate): void {
    this.#remove(isolate);
    this.#engine.drop(isolate.number);
    this.#loader.provision.ask(isolate.group);
    this.#groups.tidy(isolate.group);
    // It was retired, or idle on a lane that is stuck: who waits for it needs another.
    if (isolate.group.waiting.length > 0) this.#pumpSoon(isolate.group);
  }
}
