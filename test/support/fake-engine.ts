/**
 * An engine without isolates: tests say when loads finish, turns begin and invocations settle. It keeps the port's
 * promises (one end per job, claims) and complains when pool or dispatch break theirs.
 */
import type {
  EnginePort,
  IsolateListener,
  JobListener,
  LaneView,
  LoadReport,
  Realm,
} from '../../src/contract/engine-port.ts';
import type { FunctionVersion } from '../../src/contract/function.ts';
import type { Invocation } from '../../src/contract/invocation.ts';
import type { Outcome } from '../../src/contract/outcome.ts';

export interface FakeJob {
  readonly isolate: number;
  readonly invocation: Invocation;
  readonly listener: JobListener;
  started: boolean;
}

export const LOADED: LoadReport = { ok: true, initNs: 3e6, cpuNs: 2e6, heapBytes: 1e6, outcome: null, problem: null };
export const FAILED: LoadReport = {
  ...LOADED,
  ok: false,
  outcome: 'init_error',
  problem: { name: 'Error', message: 'no', stack: '' },
};

interface FakeLane {
  id: number;
  realm: Realm;
  isolates: number;
  unclaimed: number;
  runningSinceNs: number;
  running: number;
}

function fakeLane(id: number, realm: Realm): FakeLane {
  return { id, realm, isolates: 0, unclaimed: 0, runningSinceNs: 0, running: 0 };
}

export class FakeEngine implements EnginePort {
  listener!: IsolateListener;
  readonly laneList: FakeLane[] = [fakeLane(1, ''), fakeLane(2, '')];
  readonly isolates: Map<number, { readonly version: FunctionVersion; readonly lane: number; loaded: boolean }> =
    new Map();
  readonly jobs: Map<string, FakeJob> = new Map();
  readonly dropped: number[] = [];
  readonly aborted: { id: string; outcome: string }[] = [];
  /** Lanes are in other processes: what is asked back comes with `giveBack`, or begins. */
  isRemote = false;
  readonly asked: string[] = [];
  maxLanes = 2;
  nowNs = 0;
  #next = 100;

  lanes(realm?: Realm): readonly LaneView[] {
    return realm === undefined ? this.laneList : this.laneList.filter((lane) => lane.realm === realm);
  }

  grow(realm: Realm): boolean {
    if (this.laneList.length >= this.maxLanes) return false;
    this.laneList.push(fakeLane(this.laneList.length + 1, realm));
    return true;
  }

  load(version: FunctionVersion, lane: number): number {
    this.#next += 1;
    this.isolates.set(this.#next, { version, lane, loaded: false });
    this.laneList.find((one) => one.id === lane)!.isolates += 1;
    return this.#next;
  }

  start(isolate: number, invocation: Invocation, listener: JobListener): void {
    if (!this.isolates.has(isolate)) throw new Error(`start on isolate ${isolate}, which is not there`);
    if (this.jobs.has(invocation.id)) throw new Error(`${invocation.id} was handed over twice`);
    this.jobs.set(invocation.id, { isolate, invocation, listener, started: false });
  }

  takeBack(id: string): boolean {
    const job = this.jobs.get(id);
    if (job === undefined || job.started) return false;
    if (this.isRemote) this.asked.push(id);
    if (this.isRemote) return false;
    return this.jobs.delete(id);
  }

  abort(id: string, outcome: 'wall_timeout' | 'aborted'): void {
    this.aborted.push({ id, outcome });
    this.settle(id, outcome);
  }

  clientClosed(): void {}

  drop(isolate: number): void {
    if ([...this.jobs.values()].some((job) => job.isolate === isolate)) throw new Error(`isolate ${isolate} is in use`);
    this.#forget(isolate);
    this.dropped.push(isolate);
  }

  #forget(isolate: number): void {
    const lane = this.isolates.get(isolate)?.lane;
    if (!this.isolates.delete(isolate)) return;
    this.laneList.find((one) => one.id === lane)!.isolates -= 1;
  }

  async close(): Promise<void> {}

  finishLoad(isolate: number, report: LoadReport = LOADED): void {
    this.isolates.get(isolate)!.loaded = true;
    if (!report.ok) this.#forget(isolate);
    this.listener.loaded(isolate, report);
  }

  /** Loads that are under way, oldest first. */
  get loading(): readonly number[] {
    return [...this.isolates].filter(([, isolate]) => !isolate.loaded).map(([number]) => number);
  }

  begin(id: string): void {
    const job = this.jobs.get(id)!;
    job.started = true;
    job.listener.started(this.nowNs);
  }

  settle(id: string, outcome: Outcome = 'ok', runNs = 50_000): void {
    const job = this.jobs.get(id)!;
    if (!job.started) this.begin(id);
    this.jobs.delete(id);
    if (outcome === 'ok') job.listener.head({ status: 200, headers: [] }, null);
    job.listener.settled({
      outcome,
      problem: null,
      usage: {
        startedNs: this.nowNs,
        settledNs: this.nowNs + runNs,
        cpuNs: runNs,
        cpuEstimated: false,
        hostCpuNs: 0,
        memoryPeakBytes: 0,
        subrequests: 0,
        requestBytes: 0,
        responseBytes: 0,
      },
    });
  }

  giveBack(id: string): void {
    const job = this.jobs.get(id)!;
    this.jobs.delete(id);
    job.listener.returned();
  }
}
