/** One invocation in the hands of the engine: what it used, what it owes, and who listens. */
import type { EngineUsage, GuestProblem, JobListener, LimitNote } from '../contract/engine-port.ts';
import type { Invocation } from '../contract/invocation.ts';
import type { Outcome } from '../contract/outcome.ts';
import { NS_PER_MS } from '../contract/units.ts';

export class Job {
  readonly invocation: Invocation;
  readonly listener: JobListener;
  /** Its number on the wire. */
  readonly inv: number;
  readonly slot: number;
  cpuLimitNs: number;
  started = false;
  settled = false;
  /** The guest has nothing more to do for it. */
  isDone = false;
  /** A kill the host has ordered. */
  ordered: 'wall_timeout' | 'aborted' | null = null;
  /** When the first kill was ordered, monotonic ns. */
  orderedNs = 0;
  /** The outcome a limit has decided, whatever the guest makes of it. */
  verdict: Outcome | null = null;
  /** The failure that was reported while waitUntil still ran. */
  failure: Outcome | null = null;
  problem: GuestProblem | null = null;
  subrequests = 0;
  responseBytes = 0;
  /** Of the request body, as far as the guest has read it as a stream, or of the messages of its socket. */
  requestBytes = 0;
  #startedNs = 0;
  #endedNs = 0;
  #cpuNs = 0;
  #hostNs = 0;
  #estimated = false;
  #peakBytes = 0;
  #laneNotes: readonly LimitNote[] | null = null;
  #notes: LimitNote[] | null = null;

  constructor(inv: number, slot: number, invocation: Invocation, listener: JobListener) {
    this.inv = inv;
    this.slot = slot;
    this.invocation = invocation;
    this.listener = listener;
    this.cpuLimitNs = invocation.version.spec.limits.cpuMs * NS_PER_MS;
  }

  /** Notes the kill the host orders; the first reason stands. */
  order(reason: NonNullable<Job['ordered']>, nowNs: number): void {
    if (this.ordered !== null) return;
    this.ordered = reason;
    this.orderedNs = nowNs;
  }

  /** Takes over the lane's cumulative figures. */
  measure(report: {
    readonly startedNs: number;
    readonly endedNs: number;
    readonly cpuNs: number;
    readonly hostNs: number;
    readonly estimated: boolean;
    readonly heapBytes: number;
    readonly notes: readonly LimitNote[] | null;
  }): void {
    this.#laneNotes = report.notes;
    this.#startedNs = report.startedNs;
    this.#endedNs = report.endedNs;
    this.#cpuNs = report.cpuNs;
    this.#hostNs = report.hostNs;
    this.#estimated = report.estimated;
    if (report.heapBytes > this.#peakBytes) this.#peakBytes = report.heapBytes;
  }

  /** How far a turn is known to have gone that will never be reported. */
  checkpoint(turn: { readonly untilNs: number; readonly cpuNs: number }): void {
    this.#endedNs = Math.max(this.#endedNs, turn.untilNs);
    this.#cpuNs += turn.cpuNs;
  }

  /** Its answer took until then, past its last turn. */
  lasted(untilNs: number): void {
    this.#endedNs = Math.max(this.#endedNs, untilNs);
  }

  /** It has begun. Its first report may be a long time coming, or never come. */
  began(startedNs: number): void {
    this.started = true;
    if (this.#startedNs === 0) this.#startedNs = startedNs;
  }

  /** Each message of its socket has a budget of its own. */
  renewCpu(): void {
    this.cpuLimitNs = this.#cpuNs + this.invocation.version.spec.limits.cpuMs * NS_PER_MS;
  }

  note(note: LimitNote): void {
    this.#notes = [...(this.#notes ?? []), note];
  }

  /** For the settlement: what only the engine knows of the use of limits. */
  get notes(): { readonly notes?: readonly LimitNote[] } {
    if (this.requestBytes > 0 && this.invocation.trigger !== 'websocket')
      this.note({ limit: 'requestBytes', used: this.requestBytes, reached: false });
    if (this.#notes === null && this.#laneNotes === null) return {};
    return { notes: [...(this.#notes ?? []), ...(this.#laneNotes ?? [])] };
  }

  get cpuNs(): number {
    return this.#cpuNs;
  }

  usage(settledNs: number = this.#endedNs): EngineUsage {
    return {
      startedNs: this.#startedNs,
      settledNs,
      cpuNs: this.#cpuNs,
      cpuEstimated: this.#estimated,
      hostCpuNs: this.#hostNs,
      memoryPeakBytes: this.#peakBytes,
      subrequests: this.subrequests,
      requestBytes: this.requestBytes,
      responseBytes: this.responseBytes,
    };
  }
}
