/**
 * The engine port over lanes, in the host's own process and in engine processes: it hands over, watches, ends what passes
 * its limits, and gives up what cannot be trusted any more; it never decides who runs where.
 */

import type { EnginePort, IsolateListener, JobListener, Realm } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import type { Invocation } from '../contract/invocation.ts';
import { SOCKET_CLOSE_MS, SOCKET_MS } from '../contract/socket.ts';
import { NS_PER_MS } from '../contract/units.ts';
import { Agents } from './bridge/agents.ts';
import { Bridge, type BridgePorts } from './bridge/bridge.ts';
import { CacheStore } from './bridge/cache-store.ts';
import { dial } from './bridge/dial.ts';
import { exchange, termsOf } from './bridge/fetch.ts';
import { hop } from './bridge/subrequests.ts';
import { CACHED_BYTES } from './code-cache.ts';
import { Places } from './crypto/places.ts';
import type { EngineOptions } from './engine-options.ts';
import { Facts } from './facts.ts';
import { Hearing } from './hearing.ts';
import { Job } from './job.ts';
import type { Lost } from './judge.ts';
import type { Culprit, Lane } from './lane.ts';
import { nowNs } from './monotonic.ts';
import { Press } from './press.ts';
import type { EngineProcess } from './process/engine-process.ts';
import { Fleet } from './process/fleet.ts';
import { type IsolateRecord, Residents } from './residents.ts';
import type { RunningTurn } from './slots.ts';
import { ThreadLane } from './thread-lane.ts';
import { Watch } from './watch.ts';

/** A turn this long makes its lane one to avoid. */
const STUCK_NS = 3 * NS_PER_MS;
/** A first turn this long is known to have started before it reports. */
const LONG_NS = 50 * NS_PER_MS;

export class Engine implements EnginePort {
  readonly #options: EngineOptions;
  readonly #lanes: Map<number, Lane> = new Map();
  readonly #residents: Residents;
  readonly #hearing: Hearing;
  readonly #fleet: Fleet;
  readonly #agents: Agents;
  readonly #watch: Watch<Lane>;
  readonly #press: Press = new Press({
    open: () => this.#addLane(true),
    load: (version, lane) => this.#load(version, lane, true),
    drop: (isolate) => this.drop(isolate),
  });
  readonly #caches: CacheStore = new CacheStore();
  readonly #facts: Facts = new Facts();
  readonly #places: SharedArrayBuffer = Places.memory();
  #healthy: readonly Lane[] = [];
  /** The same by realm. */
  #realms: ReadonlyMap<Realm, readonly Lane[]> = new Map();
  #sequence = 0;
  #streams = 0;
  #lines = 0;
  #pressLine: number | null = null;
  #boardFd: number | null = null;
  #wedgedLanes = 0;
  #closing = false;
  #up: (() => void) | null = null;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#agents = new Agents(options);
    this.#residents = new Residents((stack, hash) => options.mapStack(stack, hash));
    this.#hearing = new Hearing(this.#residents, options, {
      up: () => this.#up?.(),
      sick: (lane, message) => this.#sick(lane, message),
      abort: (invocationId, outcome) => this.abort(invocationId, outcome),
      unpressed: (version) => this.press([version]),
      nowNs,
    });
    this.#fleet = new Fleet(
      options,
      {
        reports: (lane, reports) => this.#hearing.reports(lane, reports),
        doomed: (process) => this.#doomed(process),
        buried: (process) => this.#buried(process),
        rested: (lane) => this.#rested(lane),
        recalled: (lane, inv) => {
          const entry = this.#residents.entryOn(lane, inv);
          if (entry !== undefined && !entry.job.started) this.#residents.handBack(entry);
        },
        log: (line) => options.log(line),
      },
      () => this.#next(),
    );
    this.#watch = new Watch({
      lanes: { [Symbol.iterator]: () => this.#lanes.values() },
      busy: () => this.#residents.jobs.size > 0 || this.#residents.loading > 0,
      nowNs,
      look: (lane, turn, now) => this.#look(lane, turn, now),
    });
  }

  /** Starts the lanes; resolves when the first of them is up. */
  async open(listener: IsolateListener): Promise<void> {
    this.#residents.listener = listener;
    const up = new Promise<void>((resolve) => {
      this.#up = resolve;
    });
    for (let i = 0; i < this.#options.lanes; i++) this.#addLane();
    await up;
  }

  lanes(realm?: Realm): readonly Lane[] {
    return realm === undefined ? this.#healthy : (this.#realms.get(realm) ?? []);
  }

  grow(realm: Realm): boolean {
    if (this.#closing) return false;
    if (realm === '') {
      if ([...this.#lanes.values()].filter((lane) => lane.realm === '').length >= this.#options.maxLanes) return false;
      this.#addLane();
      return true;
    }
    const lanes = this.#fleet.grow(realm);
    if (lanes === null) return false;
    for (const lane of lanes) this.#lanes.set(lane.id, lane);
    this.#census();
    return true;
  }

  load(version: FunctionVersion, laneId: number): number {
    const lane = this.#lanes.get(laneId);
    if (lane === undefined) throw new Error(`no lane ${laneId}`);
    return this.#load(version, lane, false);
  }

  /** Has the code caches made that these versions lack. Only for what may run in the host's own process. */
  press(versions: readonly FunctionVersion[]): void {
    if (this.#closing || (this.#options.codeKey ?? null) === null) return;
    this.#press.want(versions.filter(({ bundleBytes }) => bundleBytes >= CACHED_BYTES));
  }

  #load(version: FunctionVersion, lane: Lane, isPress: boolean): number {
    const { spec } = version;
    const number = this.#next();
    const bridge = new Bridge(this.#bridgePorts(number, lane));
    this.#residents.settleIn({ number, lane, version, bridge, loaded: false, gone: false });
    this.#watch.wake();
    lane.post({
      k: 'load',
      isolate: number,
      name: spec.name,
      bundlePath: version.bundlePath,
      source: null,
      bundleUrl: this.#options.bundleUrl(spec.name),
      hash: version.hash,
      bundleBytes: version.bundleBytes,
      isPress,
      facts: this.#facts.of(version),
      memoryMiB: spec.limits.memoryMiB,
      initMs: spec.limits.initMs,
      concurrency: spec.limits.concurrency,
      logBytes: spec.limits.logBytes,
      logLines: spec.limits.logLines,
    });
    return number;
  }

  start(isolate: number, invocation: Invocation, listener: JobListener): void {
    const record = this.#residents.isolates.get(isolate);
    const slot = record === undefined || record.lane.sick ? -1 : record.lane.takeSlot();
    if (record === undefined || slot < 0) {
      listener.returned();
      return;
    }
    const { limits } = invocation.version.spec;
    const job = new Job(this.#next(), slot, invocation, listener);
    this.#residents.enter({ job, record });
    this.#watch.wake();
    const { json, chunks } = record.bridge.opening(job, Date.now() + limits.wallMs);
    const socketMs = invocation.trigger === 'websocket' ? SOCKET_MS + SOCKET_CLOSE_MS : 0;
    const wallMs = limits.wallMs + socketMs + limits.waitUntilMs;
    record.lane.post({ k: 'start', isolate, inv: job.inv, slot, json, chunks, cpuMs: limits.cpuMs, wallMs });
  }

  takeBack(invocationId: string): boolean {
    const entry = this.#residents.jobs.get(invocationId);
    if (entry === undefined || entry.job.started) return false;
    if (!entry.record.lane.takeBack(entry.job.slot, entry.job.inv)) return false;
    this.#residents.takenBack(entry);
    return true;
  }

  abort(invocationId: string, outcome: 'wall_timeout' | 'aborted'): void {
    const entry = this.#residents.jobs.get(invocationId);
    if (entry === undefined || entry.job.settled) return;
    const { job, record } = entry;
    job.order(outcome, nowNs());
    if (record.lane.kill(record.number)) return;
    if (record.bridge.jobs.size <= 1) {
      this.#residents.remove(record);
      record.lane.post({ k: 'drop', isolate: record.number });
    } else {
      this.#residents.listener.retired(record.number);
      record.lane.post({ k: 'forget', isolate: record.number, inv: job.inv });
    }
    this.#residents.settle(entry, outcome, nowNs());
  }

  clientClosed(invocationId: string): void {
    const entry = this.#residents.jobs.get(invocationId);
    if (entry?.job.started === true) entry.record.bridge.clientClosed(entry.job);
  }

  drop(isolate: number): void {
    const record = this.#residents.isolates.get(isolate);
    if (record !== undefined && this.#residents.forget(record)) record.lane.post({ k: 'drop', isolate });
  }

  /** From now on the lanes of this process note on the file who is in a turn (`readBoard`): 1.3–1.5 µs of each. */
  guard(boardFd: number): void {
    this.#boardFd = boardFd;
    for (const lane of this.#lanes.values())
      if (lane.realm === '' && !lane.sick) lane.post({ k: 'board', fd: boardFd, line: this.#lines++ });
  }

  /** A thread was given up: leaving by `process.exit` may wait for it for ever. */
  get wedged(): boolean {
    return this.#wedgedLanes > 0;
  }

  /** The engine processes that live. */
  get processes(): Fleet['pids'] {
    return this.#fleet.pids;
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#watch.stop();
    const own = [...this.#lanes.values()].filter((lane) => lane.realm === '' && !lane.sick);
    await Promise.all([...own.map((lane) => lane.close()), this.#fleet.close()]);
    await this.#agents.close();
  }

  #addLane(isPress = false): Lane {
    const { image, spareMemoryMiB, codeKey = null } = this.#options;
    const spares = isPress ? 0 : this.#options.spares;
    const line = isPress ? (this.#pressLine ??= this.#lines++) : this.#lines++;
    const init = {
      ...{ image, spares, spareMemoryMiB, places: this.#places },
      ...{ boardFd: this.#boardFd, line, codeKey, isPress },
    };
    const lane = new ThreadLane(this.#next(), init, {
      reports: (from, reports) => {
        this.#hearing.reports(from, reports);
        if (this.#press.owns(from)) this.#press.heard(reports);
      },
      died: (from, error) => this.#died(from, error),
    });
    this.#lanes.set(lane.id, lane);
    this.#census();
    return lane;
  }

  #census(): void {
    this.#healthy = [...this.#lanes.values()].filter((lane) => !lane.sick && lane.isPress !== true);
    this.#realms = Map.groupBy(this.#healthy, (lane) => lane.realm);
  }

  #look(lane: Lane, turn: RunningTurn, now: number): void {
    const residents = this.#residents;
    const tookNs = now - turn.sinceNs;
    if (tookNs > STUCK_NS && (lane.unclaimed > 0 || residents.loading > 0)) residents.listener.stuck(lane.id);
    const record = residents.on(lane, turn.isolate);
    if (tookNs > LONG_NS && record !== undefined) this.#startedLong(record, turn);
    const lost = lane.sick ? null : lane.look(turn, now);
    if (lost !== null) this.#lost(lane, turn, lost);
  }

  /** A first turn that takes long has no report yet: its START row must not wait for one. */
  #startedLong(record: IsolateRecord, turn: RunningTurn): void {
    for (const job of record.bridge.jobs.values()) {
      const entry = this.#residents.byInv.get(job.inv);
      if (entry === undefined || job.started || !record.lane.claimed(job.slot, job.inv)) continue;
      this.#residents.started(entry, turn.sinceNs);
    }
  }

  #lost(lane: Lane, turn: RunningTurn, how: Lost): void {
    const version = this.#residents.on(lane, turn.isolate)?.version;
    const why = how === 'parked' ? 'V8 found no memory and parked its thread' : 'it ignores its end';
    this.#options.log(`engine lane ${lane.id} is wedged by function ${version?.spec.name ?? 'unknown'}: ${why}`);
    this.#condemn(lane, turn, how === 'parked');
    if (version !== undefined) this.#residents.listener.felled(version, 'wedged');
  }

  #sick(lane: Lane, message: string): void {
    // An engine process is killed for it as a whole.
    if (lane.realm !== '') return;
    this.#options.log(`engine lane ${lane.id} is sick: ${message}`);
    this.#condemn(lane, lane.turn());
  }

  #died(lane: Lane, error: Error | null): void {
    if (this.#closing) return;
    if (error !== null) this.#options.log(`engine lane ${lane.id} died: ${error.message}`);
    // One that only pressed has ended with its work.
    if (lane.isPress !== true || error !== null) this.#condemn(lane, lane.turn());
    this.#lanes.delete(lane.id);
    this.#census();
    if (this.lanes('').length < this.#options.lanes) this.#addLane();
  }

  /** A lane of our own that cannot be trusted. Its thread may burn on: it cannot be ended without the process. */
  #condemn(lane: Lane, turn: RunningTurn | null, parked = false): void {
    if (lane.sick) return;
    lane.abandon();
    this.#wedgedLanes += 1;
    this.#census();
    const now = nowNs();
    const culprit: Culprit | null = turn === null ? null : { ...turn, untilNs: now, cpuNs: 0, parked };
    this.#residents.bury(lane, culprit, now);
    if (this.#press.owns(lane)) this.#press.lost();
    if (this.lanes('').length < this.#options.lanes) this.grow('');
  }

  #doomed(process: EngineProcess): void {
    this.#census();
    for (const lane of process.lanes) this.#residents.doom(lane);
  }

  #buried(process: EngineProcess): void {
    const felled = new Set<FunctionVersion>();
    const living = new Set<FunctionVersion>();
    for (const lane of process.lanes) {
      for (const record of this.#residents.of(lane)) living.add(record.version);
      const version = this.#residents.bury(lane, process.culpritOf(lane), nowNs());
      if (version !== null) felled.add(version);
      this.#lanes.delete(lane.id);
    }
    this.#census();
    // Nobody ran as memory ran out: whoever lived there alone still did it.
    if (felled.size === 0 && living.size === 1 && process.how === 'outgrown') for (const one of living) felled.add(one);
    this.#residents.listener.lanesChanged();
    if (process.how === null) return;
    for (const version of felled) this.#residents.listener.felled(version, process.how);
  }

  /** A kill that came as its turn ended hit nothing: the order stands. */
  #rested(lane: Lane): void {
    for (const record of this.#residents.of(lane)) {
      for (const job of record.bridge.jobs.values()) {
        if (job.ordered !== null) this.abort(job.invocation.id, job.ordered);
      }
    }
  }

  #bridgePorts(isolate: number, lane: Lane): BridgePorts {
    return {
      event: (inv, event, chunks, renews) => {
        const text = JSON.stringify(event);
        const json = Array.isArray(event) ? text.slice(1, -1) : text;
        const order = { k: 'event', isolate, inv, json, chunks } as const;
        lane.post(renews === true ? { ...order, renews } : order);
      },
      connect: (job, request, listener, signal) => {
        const via = { agents: this.#agents, dialer: this.#options.dialer, signal };
        return dial(request, termsOf(job.invocation), via, listener);
      },
      fetch: (job, request, signal) => {
        const terms = termsOf(job.invocation, () => hop(job));
        return exchange(request, terms, this.#agents, signal);
      },
      service: (job, service, request, spanId, signal) => {
        const target = job.invocation.version.spec.services[service];
        if (target === undefined) return Promise.reject(new Error(`there is no service binding ${service}`));
        return this.#options.service({ caller: job.invocation, target, request, spanId, signal });
      },
      caches: this.#caches,
      stray: (inv, problem) => this.#hearing.stray(isolate, inv, problem),
      settle: (job) => {
        const entry = this.#residents.jobs.get(job.invocation.id);
        if (entry !== undefined) {
          this.#residents.settle(entry, job.verdict ?? job.failure ?? 'ok', job.usage().settledNs);
        }
      },
      soon: (run) => void setImmediate(run),
      nowNs,
      nextStreamId: () => (this.#streams += 2),
    };
  }

  #next(): number {
    this.#sequence = this.#sequence >= 0x7ffffff0 ? 1 : this.#sequence + 1;
    return this.#sequence;
  }
}
