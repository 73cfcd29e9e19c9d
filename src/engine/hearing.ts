/** What lanes report, carried out: turns obeyed, ends judged, loads told. Reports are believed about their own lane only. */
import type { GuestProblem } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import type { Outcome } from '../contract/outcome.ts';
import { strayLine } from './bridge/problems.ts';
import { classify } from './classify.ts';
import { readCommands } from './commands.ts';
import type { EngineOptions } from './engine-options.ts';
import type { Lane } from './lane.ts';
import type { GoneReport, LaneLog, LaneReport, LoadFailedReport, TurnReport } from './lane-wire.ts';
import type { IsolateRecord, Residents } from './residents.ts';

const LOAD_ENDS: Readonly<Record<LoadFailedReport['why'], Outcome>> = {
  error: 'init_error',
  killed: 'init_error',
  memory: 'memory_exceeded',
  fault: 'aborted',
};

export interface HearingPorts {
  up(): void;
  /** The lane says itself that it is not to be trusted any more. */
  sick(lane: Lane, message: string): void;
  abort(invocationId: string, outcome: 'wall_timeout' | 'aborted'): void;
  /** The code cache of its bundle is not sound. */
  unpressed(version: FunctionVersion): void;
  nowNs(): number;
}

export class Hearing {
  readonly #residents: Residents;
  readonly #options: Pick<EngineOptions, 'mapStack' | 'mapText' | 'log'>;
  readonly #told: WeakMap<FunctionVersion, string> = new WeakMap();
  readonly #ports: HearingPorts;

  constructor(residents: Residents, options: Pick<EngineOptions, 'mapStack' | 'mapText' | 'log'>, ports: HearingPorts) {
    this.#residents = residents;
    this.#options = options;
    this.#ports = ports;
  }

  reports(lane: Lane, reports: readonly LaneReport[]): void {
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
        this.#turn(lane, report);
        return;
      case 'loaded':
        this.#loaded(lane, report.isolate, report.logs, () => {
          const { initNs, cpuNs, heapBytes } = report;
          const load = { ok: true, initNs, cpuNs, heapBytes, outcome: null, problem: null };
          this.#residents.listener.loaded(report.isolate, load);
        });
        return;
      case 'load-failed':
        this.#loaded(lane, report.isolate, report.logs, (record) => this.#loadFailed(record, report));
        return;
      case 'gone':
        this.#gone(lane, report);
        return;
      case 'returned':
      case 'skipped': {
        const entry = this.#residents.entryOn(lane, report.inv);
        if (entry !== undefined) this.#residents.passed(entry);
        return;
      }
      case 'refused': {
        const record = this.#residents.on(lane, report.isolate);
        if (record !== undefined) this.#ports.unpressed(record.version);
        return;
      }
      case 'sick':
        this.#ports.sick(lane, report.message);
        return;
      case 'up':
        this.#ports.up();
        this.#residents.listener.lanesChanged();
        return;
      default: {
        const never: never = report;
        throw new Error(`unknown report ${JSON.stringify(never)}`);
      }
    }
  }

  #turn(lane: Lane, report: TurnReport): void {
    const residents = this.#residents;
    const record = residents.on(lane, report.isolate);
    if (record === undefined) {
      // Of an isolate that was dropped meanwhile: its lane is free all the same.
      residents.listener.lanesChanged();
      return;
    }
    const entry = residents.entryOn(lane, report.inv);
    if (entry !== undefined) {
      if (!entry.job.started) residents.started(entry, report.startedNs);
      entry.job.measure(report);
    }
    if (report.logs !== null) this.#logs(record, report.logs);
    if (report.stray !== null) this.stray(record.number, report.inv, report.stray);
    if (report.outgrown) residents.listener.retired(record.number);
    try {
      record.bridge.obey(readCommands(report.out), report.chunks);
    } catch (error) {
      this.#fault(record, error);
      return;
    }
    residents.listener.size(record.number, report.heapBytes);
    // A kill that came as its turn ended hit nothing: the order stands.
    const { ordered } = entry?.job ?? { ordered: null };
    if (entry !== undefined && ordered !== null) this.#ports.abort(entry.job.invocation.id, ordered);
  }

  /** An error nobody handled: its invocation goes on, the isolate serves nobody after it. */
  stray(isolate: number, inv: number, problem: GuestProblem): void {
    const record = this.#residents.isolates.get(isolate);
    if (record === undefined) return;
    const line = strayLine(this.#mapped(problem, record), Date.now());
    const job = record.bridge.jobs.get(inv);
    if (job === undefined) this.#residents.listener.stray(record.version, line);
    else job.listener.log(line);
    this.#residents.listener.retired(isolate);
  }

  #loaded(lane: Lane, isolate: number, logs: readonly LaneLog[] | null, then: (record: IsolateRecord) => void): void {
    const record = this.#residents.on(lane, isolate);
    if (record?.loaded !== false) return;
    this.#residents.loading -= 1;
    record.loaded = true;
    if (logs !== null) this.#logs(record, logs);
    then(record);
  }

  #loadFailed(record: IsolateRecord, report: LoadFailedReport): void {
    this.#residents.forget(record);
    const problem = this.#whyNotLoaded(record, report);
    this.#tell(record.version, problem);
    this.#residents.listener.loaded(report.isolate, {
      ok: false,
      initNs: report.initNs,
      cpuNs: report.cpuNs,
      heapBytes: 0,
      outcome: LOAD_ENDS[report.why],
      ...(report.why === 'killed' ? { reached: 'initMs' as const } : {}),
      problem,
    });
  }

  /** A limit says more than how V8 puts its end. */
  #whyNotLoaded(record: IsolateRecord, { why, name, message, stack }: LoadFailedReport): GuestProblem {
    const { initMs, memoryMiB } = record.version.spec.limits;
    const limit = (text: string): GuestProblem => ({ name: 'LimitError', message: text, stack: '' });
    if (why === 'killed') return limit(`Loading took longer than ${initMs} ms (limits.initMs).`);
    if (why === 'memory') return limit(`Loading needed more than ${memoryMiB} MiB (limits.memoryMiB).`);
    return this.#mapped({ name, message, stack }, record);
  }

  /** Once for each reason, however often it is tried. */
  #tell(version: FunctionVersion, { name, message, stack }: GuestProblem): void {
    const reason = stack === '' ? `${name}: ${message}` : stack;
    if (this.#told.get(version) === reason) return;
    this.#told.set(version, reason);
    this.#options.log(`Function "${version.spec.name}" failed to load: ${reason}`);
  }

  #gone(lane: Lane, report: GoneReport): void {
    const residents = this.#residents;
    const record = residents.on(lane, report.isolate);
    if (record === undefined) return;
    if (report.logs !== null) this.#logs(record, report.logs);
    residents.remove(record);
    const culprit = residents.entryOn(lane, report.inv);
    if (culprit !== undefined && !culprit.job.started) residents.started(culprit, report.startedNs);
    const jobs = [...record.bridge.jobs.values()];
    const forAnother = jobs.some((job) => job.ordered !== null);
    for (const job of jobs) {
      const entry = residents.jobs.get(job.invocation.id);
      if (entry === undefined || !entry.job.started) continue;
      const usage = report.lives.find((one) => one.inv === job.inv);
      if (usage !== undefined) job.measure({ ...usage, endedNs: report.endedNs, heapBytes: report.heapBytes });
      const guilty = culprit === undefined ? null : job === culprit.job;
      const { why } = report;
      const { ordered, cpuNs, cpuLimitNs } = job;
      const outcome = classify({ why, guilty, ordered, forAnother, cpuNs, cpuLimitNs });
      residents.settle(entry, outcome, report.endedNs);
    }
  }

  #logs(record: IsolateRecord, logs: readonly LaneLog[]): void {
    for (const { inv, text, ...rest } of logs) {
      const line = { ...rest, text: this.#options.mapText(text, record.version.hash) };
      const job = record.bridge.jobs.get(inv);
      if (job === undefined) this.#residents.listener.stray(record.version, line);
      else job.listener.log(line);
    }
  }

  /** The prelude broke the wire's rules: nothing more is believed of this isolate. */
  #fault(record: IsolateRecord, error: unknown): void {
    const { lane, version } = record;
    this.#options.log(`isolate of ${version.spec.name} dropped: ${error instanceof Error ? error.message : error}`);
    this.#residents.remove(record);
    lane.post({ k: 'drop', isolate: record.number });
    for (const job of record.bridge.jobs.values()) {
      const entry = this.#residents.jobs.get(job.invocation.id);
      const began = job.started || lane.claimed(job.slot, job.inv);
      if (entry !== undefined && began) this.#residents.settle(entry, 'function_error', this.#ports.nowNs());
    }
  }

  #mapped(problem: GuestProblem, record: IsolateRecord): GuestProblem {
    return { ...problem, stack: this.#options.mapStack(problem.stack, record.version.hash) };
  }
}
