/**
 * The main thread's half of the engine: lanes, isolates, and the invocations in them. It hands over, listens, kills
 * what passes its limits, and tells pool and dispatch; it never decides who runs where.
 */
import type { EnginePort, IsolateListener, JobListener, Realm } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import type { Invocation } from '../contract/invocation.ts';
import { OUTCOMES, type Outcome } from '../contract/outcome.ts';
import { Registry } from '../contract/registry.ts';
import { NS_PER_MS } from '../contract/units.ts';
import { Bridge, type BridgePorts, strayLine } from './bridge/bridge.ts';
import { Agents } from './bridge/egress.ts';
import { exchange } from './bridge/fetch.ts';
import { classify } from './classify.ts';
import { readCommands } from './commands.ts';
import type { EngineOptions } from './engine-options.ts';
import { Facts } from './facts.ts';
import { Job } from './job.ts';
import { Lane } from './lane.ts';
import type { GoneReport, LaneLog, LaneReport, LoadFailedReport, TurnReport } from './lane-wire.ts';
import type { RunningTurn } from './slots.ts';
import { threadCpuNs, Watch } from './watch.ts';

/** A turn this long makes its lane one to avoid. */
const STUCK_NS = 3 * NS_PER_MS;
/** A first turn this long is known to have started before it reports. */
const LONG_NS = 50 * NS_PER_MS;
/** A turn that goes on this long after its kill was ordered has wedged its lane. */
const WEDGED_NS = 1500 * NS_PER_MS;

/** A job and where it is. */
interface Entry {
  readonly job: Job;
  readonly record: IsolateRecord;
}

interface IsolateRecord {
  readonly number: number;
  readonly lane: Lane;
  readonly version: FunctionVersion;
  readonly bridge: Bridge;
  loaded: boolean;
  /** A turn was ordered dead for the CPU it used. */
  overran: boolean;
}

export class Engine implements EnginePort {
  readonly #options: EngineOptions;
  readonly #lanes: Map<number, Lane> = new Map();
  readonly #isolates: Map<number, IsolateRecord> = new Map();
  readonly #jobs: Registry<string, Entry> = new Registry();
  readonly #byInv: Registry<number, Entry> = new Registry();
  readonly #agents: Agents = new Agents();
  readonly #watch: Watch;
  readonly #facts: Facts = new Facts();
  #healthy: readonly Lane[] = [];
  #listener!: IsolateListener;
  #sequence = 0;
  #streams = 0;
  #loading = 0;
  #wedgedLanes = 0;
  #closing = false;
  #up: (() => void) | null = null;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#watch = new Watch({
      lanes: { [Symbol.iterator]: () => this.#lanes.values() },
      busy: () => this.#jobs.size > 0 || this.#loading > 0,
      nowNs,
      look: (lane, turn, tookNs) => this.#look(lane, turn, tookNs),
    });
  }

  /** Starts the lanes; resolves when the first of them is up. */
  async open(listener: IsolateListener): Promise<void> {
    this.#listener = listener;
    const up = new Promise<void>((resolve) => {
      this.#up = resolve;
    });
    for (let i = 0; i < this.#options.lanes; i++) this.#addLane();
    await up;
  }

  lanes(): readonly Lane[] {
    return this.#healthy;
  }

  grow(realm: Realm): boolean {
    if (realm !== '' || this.#lanes.size >= this.#options.maxLanes || this.#closing) return false;
    this.#addLane();
    return true;
  }

  load(version: FunctionVersion, laneId: number): number {
    const lane = this.#lanes.get(laneId);
    if (lane === undefined) throw new Error(`no lane ${laneId}`);
    const { spec } = version;
    const number = this.#next();
    const record: IsolateRecord = {
      number,
      lane,
      version,
      bridge: new Bridge(this.#bridgePorts(number, lane)),
      loaded: false,
      overran: false,
    };
    this.#isolates.set(number, record);
    lane.isolates += 1;
    this.#loading += 1;
    this.#watch.wake();
    lane.post({
      k: 'load',
      isolate: number,
      name: spec.name,
      bundlePath: version.bundlePath,
      bundleUrl: this.#options.bundleUrl(spec.name),
      hash: version.hash,
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
    const record = this.#isolates.get(isolate);
    const slot = record === undefined || record.lane.sick ? -1 : record.lane.takeSlot();
    if (record === undefined || slot < 0) {
      listener.returned();
      return;
    }
    const { limits } = invocation.version.spec;
    const job = new Job(this.#next(), slot, invocation, listener);
    const entry = { job, record };
    this.#jobs.set(invocation.id, entry);
    this.#byInv.set(job.inv, entry);
    record.bridge.jobs.set(job.inv, job);
    record.lane.unclaimed += 1;
    this.#watch.wake();
    const { json, chunks } = record.bridge.opening(job, Date.now() + limits.wallMs);
    const wallMs = limits.wallMs + limits.waitUntilMs;
    record.lane.post({ k: 'start', isolate, inv: job.inv, slot, json, chunks, cpuMs: limits.cpuMs, wallMs });
  }

  takeBack(invocationId: string): boolean {
    const entry = this.#jobs.get(invocationId);
    if (entry === undefined || entry.job.started || !entry.record.lane.slots.takeBack(entry.job.slot)) return false;
    entry.record.lane.unclaimed -= 1;
    this.#jobs.delete(invocationId);
    entry.job.settled = true;
    entry.record.bridge.unopen(entry.job);
    return true;
  }

  abort(invocationId: string, outcome: 'wall_timeout' | 'aborted'): void {
    const entry = this.#jobs.get(invocationId);
    if (entry === undefined || entry.job.settled) return;
    const { job, record } = entry;
    job.order(outcome, nowNs());
    const turn = record.lane.slots.running();
    if (turn?.isolate === record.number) {
      record.lane.slots.kill(turn.isolate, turn.turn);
      return;
    }
    if (record.bridge.jobs.size <= 1) {
      this.#remove(record);
      record.lane.post({ k: 'drop', isolate: record.number });
    } else {
      this.#listener.retired(record.number);
      record.lane.post({ k: 'forget', isolate: record.number, inv: job.inv });
    }
    this.#settle(entry, outcome, nowNs());
  }

  clientClosed(invocationId: string): void {
    const entry = this.#jobs.get(invocationId);
    if (entry?.job.started === true) entry.record.bridge.clientClosed(entry.job);
  }

  drop(isolate: number): void {
    const record = this.#isolates.get(isolate);
    if (record === undefined) return;
    this.#isolates.delete(isolate);
    record.lane.isolates -= 1;
    record.lane.post({ k: 'drop', isolate });
  }

  /** A thread was given up: leaving by `process.exit` may wait for it for ever. */
  get wedged(): boolean {
    return this.#wedgedLanes > 0;
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#watch.stop();
    await Promise.all([...this.#lanes.values()].filter((lane) => !lane.sick).map((lane) => lane.close()));
    await this.#agents.close();
  }

  #addLane(): void {
    const { image, spares, spareMemoryMiB } = this.#options;
    const lane = new Lane(
      this.#next(),
      { image, spares, spareMemoryMiB },
      {
        reports: (from, reports) => this.#reports(from, reports),
        died: (from, error) => this.#died(from, error),
      },
    );
    this.#lanes.set(lane.id, lane);
    this.#census();
  }

  #census(): void {
    this.#healthy = [...this.#lanes.values()].filter((lane) => !lane.sick);
  }

  #reports(lane: Lane, reports: readonly LaneReport[]): void {
    for (const report of reports) {
      try {
        this.#hear(lane, report);
      } catch (error) {
        // One invocation's trouble is not the others'.
        this.#options.log(`engine: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      }
    }
  }

  #hear(lane: Lane, report: LaneReport): void {
    switch (report.k) {
      case 'turn':
        this.#turn(report);
        return;
      case 'loaded':
        this.#loaded(report.isolate, report.logs, () => {
          const { initNs, cpuNs, heapBytes } = report;
          this.#listener.loaded(report.isolate, { ok: true, initNs, cpuNs, heapBytes, outcome: null, problem: null });
        });
        return;
      case 'load-failed':
        this.#loadFailed(report);
        return;
      case 'gone':
        this.#gone(report);
        return;
      case 'returned':
      case 'skipped':
        this.#returned(lane, report.inv, report.k === 'returned');
        return;
      case 'sick':
        this.#options.log(`engine lane ${lane.id} is sick: ${report.message}`);
        this.#condemn(lane);
        return;
      case 'up':
        this.#up?.();
        return;
      default: {
        const never: never = report;
        throw new Error(`unknown report ${JSON.stringify(never)}`);
      }
    }
  }

  #turn(report: TurnReport): void {
    const record = this.#isolates.get(report.isolate);
    if (record === undefined) return;
    const entry = this.#byInv.get(report.inv);
    if (entry !== undefined) {
      if (!entry.job.started) this.#started(entry, report.startedNs);
      entry.job.measure(report);
    }
    if (report.logs !== null) this.#logs(record, report.logs);
    if (report.stray !== null) {
      const problem = { ...report.stray, stack: this.#options.mapStack(report.stray.stack, record.version.hash) };
      const line = strayLine(problem, Date.now());
      if (entry === undefined) this.#listener.stray(record.version, line);
      else entry.job.listener.log(line);
      this.#listener.retired(record.number);
    }
    if (report.outgrown) this.#listener.retired(record.number);
    try {
      record.bridge.obey(readCommands(report.out), report.chunks);
    } catch (error) {
      this.#fault(record, error);
      return;
    }
    this.#listener.size(record.number, report.heapBytes);
    // A kill that came as its turn ended hit nothing: the order stands.
    const { ordered } = entry?.job ?? { ordered: null };
    record.overran = false;
    if (entry !== undefined && ordered !== null) this.abort(entry.job.invocation.id, ordered);
  }

  #started(entry: Entry, startedNs: number): void {
    entry.job.began(startedNs);
    entry.record.lane.unclaimed -= 1;
    entry.job.listener.started(startedNs);
  }

  #loaded(isolate: number, logs: readonly LaneLog[] | null, then: () => void): void {
    this.#loading -= 1;
    const record = this.#isolates.get(isolate);
    if (record === undefined) return;
    record.loaded = true;
    if (logs !== null) this.#logs(record, logs);
    then();
  }

  #loadFailed(report: LoadFailedReport): void {
    this.#loaded(report.isolate, report.logs, () => {
      const record = this.#isolates.get(report.isolate)!;
      this.#forget(record);
      const { initMs } = record.version.spec.limits;
      const message =
        report.why === 'killed' ? `Loading took longer than ${initMs} ms (limits.initMs).` : report.message;
      const stack = this.#options.mapStack(report.stack, record.version.hash);
      this.#listener.loaded(report.isolate, {
        ok: false,
        initNs: report.initNs,
        cpuNs: report.cpuNs,
        heapBytes: 0,
        outcome: report.why === 'memory' ? 'memory_exceeded' : 'init_error',
        ...(report.why === 'killed' ? { reached: 'initMs' as const } : {}),
        problem: { name: report.name, message, stack },
      });
    });
  }

  #gone(report: GoneReport): void {
    const record = this.#isolates.get(report.isolate);
    if (record === undefined) return;
    if (report.logs !== null) this.#logs(record, report.logs);
    this.#remove(record);
    const culprit = this.#byInv.get(report.inv);
    if (culprit !== undefined && !culprit.job.started) this.#started(culprit, report.startedNs);
    const jobs = [...record.bridge.jobs.values()];
    // Why its turn was killed, if not for its own sake.
    const cause = record.overran ? 'cpu_exceeded' : jobs.some((job) => job.ordered !== null) ? 'aborted' : null;
    for (const job of jobs) {
      const entry = this.#jobs.get(job.invocation.id);
      if (entry === undefined || !entry.job.started) continue;
      const usage = report.lives.find((one) => one.inv === job.inv);
      if (usage !== undefined) job.measure({ ...usage, endedNs: report.endedNs, heapBytes: report.heapBytes });
      const guilty = culprit === undefined ? null : job === culprit.job;
      const ordered = job.ordered ?? cause;
      const { why } = report;
      const outcome = classify({ why, guilty, ordered, cpuNs: job.cpuNs, cpuLimitNs: job.cpuLimitNs });
      this.#settle(entry, outcome, report.endedNs);
    }
  }

  #returned(lane: Lane, inv: number, tell: boolean): void {
    const entry = this.#byInv.get(inv);
    if (entry === undefined) return;
    this.#byInv.delete(inv);
    lane.freeSlot(entry.job.slot);
    entry.record.bridge.unopen(entry.job);
    if (!tell || entry.job.settled) return;
    lane.unclaimed -= 1;
    this.#jobs.delete(entry.job.invocation.id);
    entry.job.settled = true;
    entry.job.listener.returned();
  }

  /** The one end of a job that has started. */
  #settle(entry: Entry, outcome: Outcome, settledNs: number): void {
    const { job, record } = entry;
    if (job.settled) return;
    // Its first report may still be on the way.
    if (!job.started) this.#started(entry, settledNs);
    job.settled = true;
    this.#jobs.delete(job.invocation.id);
    this.#byInv.delete(job.inv);
    record.lane.freeSlot(job.slot);
    record.bridge.release(job);
    const problem =
      job.problem === null
        ? null
        : { ...job.problem, stack: this.#options.mapStack(job.problem.stack, record.version.hash) };
    if (OUTCOMES[outcome].isolate === 'dropped' && this.#isolates.has(record.number))
      this.#listener.retired(record.number);
    job.listener.settled({ outcome, problem, usage: job.usage(settledNs), ...job.notes });
  }

  #logs(record: IsolateRecord, logs: readonly LaneLog[]): void {
    for (const { inv, ...line } of logs) {
      const job = record.bridge.jobs.get(inv);
      if (job === undefined) this.#listener.stray(record.version, line);
      else job.listener.log(line);
    }
  }

  /** The prelude broke the wire's rules: nothing more is believed of this isolate. */
  #fault(record: IsolateRecord, error: unknown): void {
    this.#options.log(
      `isolate of ${record.version.spec.name} dropped: ${error instanceof Error ? error.message : error}`,
    );
    this.#remove(record);
    record.lane.post({ k: 'drop', isolate: record.number });
    for (const job of record.bridge.jobs.values()) {
      const entry = this.#jobs.get(job.invocation.id);
      const began = job.started || record.lane.slots.claimed(job.slot);
      if (entry !== undefined && began) this.#settle(entry, 'function_error', nowNs());
    }
  }

  /** The isolate is no more. The pool hears of it before anybody's settlement could hand it out again. */
  #remove(record: IsolateRecord): void {
    if (this.#forget(record)) this.#listener.gone(record.number);
  }

  #forget(record: IsolateRecord): boolean {
    if (!this.#isolates.delete(record.number)) return false;
    record.lane.isolates -= 1;
    return true;
  }

  #look(lane: Lane, turn: RunningTurn, tookNs: number): void {
    if (tookNs > STUCK_NS && (lane.unclaimed > 0 || this.#loading > 0)) this.#listener.stuck(lane.id);
    const record = this.#isolates.get(turn.isolate);
    if (tookNs > LONG_NS && record !== undefined) this.#startedLong(record, turn);
    const ordered = (record?.bridge.jobs.values() ?? []).find((job) => job.ordered !== null);
    if (tookNs > turn.cpuBudgetNs && threadCpuNs(lane.slots.threadId) - turn.cpuBaseNs >= turn.cpuBudgetNs) {
      if (record !== undefined) record.overran = true;
      lane.slots.kill(turn.isolate, turn.turn);
      if (tookNs > turn.cpuBudgetNs * 2 + WEDGED_NS) this.#wedged(lane, turn);
    } else if (ordered !== undefined) {
      lane.slots.kill(turn.isolate, turn.turn);
      if (Math.min(tookNs, nowNs() - ordered.orderedNs) > WEDGED_NS) this.#wedged(lane, turn);
    }
  }

  /** A first turn that takes long has no report yet: its START row must not wait for one. */
  #startedLong(record: IsolateRecord, turn: RunningTurn): void {
    for (const job of record.bridge.jobs.values()) {
      const entry = this.#byInv.get(job.inv);
      if (entry === undefined || job.started || !record.lane.slots.claimed(job.slot)) continue;
      this.#started(entry, turn.sinceNs);
    }
  }

  #wedged(lane: Lane, turn: RunningTurn): void {
    if (lane.sick) return;
    const name = this.#isolates.get(turn.isolate)?.version.spec.name ?? 'unknown';
    const version = this.#isolates.get(turn.isolate)?.version;
    this.#options.log(`engine lane ${lane.id} is wedged by function ${name}: it ignores its end`);
    this.#condemn(lane, turn.isolate);
    if (version !== undefined) this.#listener.felled(version, 'wedged');
  }

  #died(lane: Lane, error: Error | null): void {
    if (this.#closing) return;
    if (error !== null) this.#options.log(`engine lane ${lane.id} died: ${error.message}`);
    this.#condemn(lane);
    this.#lanes.delete(lane.id);
    this.#census();
    if (this.lanes().length < this.#options.lanes) this.#addLane();
  }

  /** A lane that cannot be trusted: who ran there crashed, who lived there is aborted, who waited is handed back. */
  #condemn(lane: Lane, culprit: number = lane.slots.running()?.isolate ?? 0): void {
    if (lane.sick) return;
    lane.abandon();
    this.#wedgedLanes += 1;
    this.#census();
    for (const record of [...this.#isolates.values()]) {
      if (record.lane !== lane) continue;
      this.#remove(record);
      if (!record.loaded) this.#loading -= 1;
      for (const job of record.bridge.jobs.values()) this.#orphan(lane, job, record.number === culprit);
    }
    if (this.lanes().length < this.#options.lanes) this.grow('');
  }

  #orphan(lane: Lane, job: Job, guilty: boolean): void {
    const entry = this.#jobs.get(job.invocation.id);
    if (entry === undefined) return;
    if (!job.started && !lane.slots.claimed(job.slot)) {
      this.#returned(lane, job.inv, true);
      return;
    }
    if (!job.started) this.#started(entry, nowNs());
    this.#settle(entry, guilty ? 'crashed' : 'aborted', nowNs());
  }

  #bridgePorts(isolate: number, lane: Lane): BridgePorts {
    return {
      event: (inv, event, chunks) => lane.post({ k: 'event', isolate, inv, json: JSON.stringify(event), chunks }),
      fetch: (job, request, signal) => {
        const { spec } = job.invocation.version;
        const policy = { tenant: spec.tenant, allow: spec.egressAllow, privateHosts: spec.privateHosts };
        return exchange(request, policy, this.#agents, signal);
      },
      service: (job, service, request, spanId, signal) => {
        const target = job.invocation.version.spec.services[service];
        if (target === undefined) return Promise.reject(new Error(`there is no service binding ${service}`));
        return this.#options.service({ caller: job.invocation, target, request, spanId, signal });
      },
      settle: (job) => {
        const entry = this.#jobs.get(job.invocation.id);
        if (entry !== undefined) this.#settle(entry, job.verdict ?? job.failure ?? 'ok', job.usage().settledNs);
      },
      nowNs,
      nextStreamId: () => (this.#streams += 2),
    };
  }

  #next(): number {
    this.#sequence = this.#sequence >= 0x7ffffff0 ? 1 : this.#sequence + 1;
    return this.#sequence;
  }
}

function nowNs(): number {
  return Number(process.hrtime.bigint());
}
