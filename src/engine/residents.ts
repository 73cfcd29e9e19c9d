/**
 * Who lives where: the isolates, the invocations in them, and every way an invocation leaves. Pool and dispatch are told
 * from here, in this order: the isolate that is no more, then what becomes of those who were in it.
 */
import type { IsolateListener } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import { release } from '../contract/invocation.ts';
import { OUTCOMES, type Outcome } from '../contract/outcome.ts';
import { Registry } from '../contract/registry.ts';
import type { Bridge } from './bridge/bridge.ts';
import type { Job } from './job.ts';
import type { Culprit, Lane } from './lane.ts';

/** A job and where it is. */
export interface Entry {
  readonly job: Job;
  readonly record: IsolateRecord;
}

export interface IsolateRecord {
  readonly number: number;
  readonly lane: Lane;
  readonly version: FunctionVersion;
  readonly bridge: Bridge;
  loaded: boolean;
  /** The pool knows it no more. */
  gone: boolean;
}

export class Residents {
  readonly isolates: Map<number, IsolateRecord> = new Map();
  readonly jobs: Registry<string, Entry> = new Registry();
  readonly byInv: Registry<number, Entry> = new Registry();
  loading = 0;
  listener!: IsolateListener;
  readonly #mapStack: (stack: string, hash: string) => string;

  constructor(mapStack: (stack: string, hash: string) => string) {
    this.#mapStack = mapStack;
  }

  /** The isolate of that number, if it lives on that lane: no lane speaks for another's. */
  on(lane: Lane, isolate: number): IsolateRecord | undefined {
    const record = this.isolates.get(isolate);
    return record?.lane === lane ? record : undefined;
  }

  /** The invocation of that number, if it is that lane's. */
  entryOn(lane: Lane, inv: number): Entry | undefined {
    const entry = this.byInv.get(inv);
    return entry?.record.lane === lane ? entry : undefined;
  }

  settleIn(record: IsolateRecord): void {
    this.isolates.set(record.number, record);
    record.lane.isolates += 1;
    this.loading += 1;
  }

  enter(entry: Entry): void {
    const { job, record } = entry;
    this.jobs.set(job.invocation.id, entry);
    this.byInv.set(job.inv, entry);
    record.bridge.jobs.set(job.inv, job);
    record.lane.unclaimed += 1;
  }

  started(entry: Entry, startedNs: number): void {
    entry.job.began(startedNs);
    entry.record.lane.unclaimed -= 1;
    entry.job.listener.started(startedNs);
  }

  /** The one end of a job that has started. */
  settle(entry: Entry, outcome: Outcome, settledNs: number): void {
    const { job, record } = entry;
    if (job.settled) return;
    // Otherwise its order may still wait to be sent.
    const wasRead = job.started;
    // Its first report may still be on the way.
    if (!job.started) this.started(entry, settledNs);
    job.settled = true;
    this.jobs.delete(job.invocation.id);
    this.byInv.delete(job.inv);
    record.lane.freeSlot(job.slot);
    record.bridge.release(job);
    const problem =
      job.problem === null ? null : { ...job.problem, stack: this.#mapStack(job.problem.stack, record.version.hash) };
    if (OUTCOMES[outcome].isolate === 'dropped' && this.isolates.has(record.number))
      this.listener.retired(record.number);
    job.listener.settled({ outcome, problem, usage: job.usage(settledNs), ...job.notes });
    // A client's body came for this invocation alone.
    const { trigger, event } = job.invocation;
    if (wasRead && trigger === 'http' && event.kind === 'fetch' && event.body instanceof Uint8Array)
      release(event.body);
  }

  /** It was not claimed and will not be. Its slot stays taken until its lane has seen the order. */
  takenBack(entry: Entry): void {
    const { job, record } = entry;
    record.lane.unclaimed -= 1;
    this.jobs.delete(job.invocation.id);
    job.settled = true;
    record.bridge.unopen(job);
  }

  /** Its lane has let the order pass without starting it. */
  passed(entry: Entry): void {
    const { job, record } = entry;
    this.byInv.delete(job.inv);
    record.lane.freeSlot(job.slot);
    this.handBack(entry);
  }

  /** To whoever handed it over, unless that has been done. */
  handBack(entry: Entry): void {
    if (entry.job.settled) return;
    this.takenBack(entry);
    entry.job.listener.returned();
  }

  /** The isolate is no more. The pool hears of it before anybody's settlement could hand it out again. */
  remove(record: IsolateRecord): void {
    if (this.forget(record)) this.#tellGone(record);
  }

  forget(record: IsolateRecord): boolean {
    if (!this.isolates.delete(record.number)) return false;
    record.lane.isolates -= 1;
    return true;
  }

  of(lane: Lane): IsolateRecord[] {
    return [...this.isolates.values()].filter((record) => record.lane === lane);
  }

  /** Nothing more may be handed to a lane; what is in it is judged by `bury`. */
  doom(lane: Lane): void {
    for (const record of this.of(lane)) this.#tellGone(record);
  }

  /**
   * A lane that is no more, or is given up: who ran there crashed or found no memory, who lived there is aborted, who
   * waited is handed back.
   * Returns the version whose turn it was.
   */
  bury(lane: Lane, culprit: Culprit | null, nowNs: number): FunctionVersion | null {
    let felled: FunctionVersion | null = null;
    for (const record of this.of(lane)) {
      this.remove(record);
      if (!record.loaded) this.loading -= 1;
      const guilty = record.number === culprit?.isolate;
      if (guilty) felled = record.version;
      for (const job of record.bridge.jobs.values()) this.#orphan(job, guilty ? culprit : null, nowNs);
    }
    // Orders for isolates that had gone before.
    for (const entry of this.byInv.values()) {
      if (entry.record.lane === lane) this.#orphan(entry.job, null, nowNs);
    }
    return felled;
  }

  #orphan(job: Job, culprit: Culprit | null, nowNs: number): void {
    const entry = this.byInv.get(job.inv);
    if (entry === undefined) return;
    const { lane } = entry.record;
    if (job.settled) {
      this.passed(entry);
      return;
    }
    if (!job.started && !lane.claimed(job.slot, job.inv)) {
      this.passed(entry);
      return;
    }
    const guilty = culprit !== null && (culprit.inv === 0 || culprit.inv === job.inv);
    if (!guilty) {
      this.settle(entry, 'aborted', nowNs);
      return;
    }
    if (!job.started) this.started(entry, culprit.sinceNs);
    job.checkpoint(culprit);
    this.settle(entry, culprit.parked ? 'memory_exceeded' : 'crashed', culprit.untilNs);
  }

  #tellGone(record: IsolateRecord): void {
    if (record.gone) return;
    record.gone = true;
    this.listener.gone(record.number);
  }
}
