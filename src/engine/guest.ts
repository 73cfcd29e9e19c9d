/**
 * A loaded isolate on its lane's thread, with the usage of the invocations that live in it. All measuring happens here:
 * a turn's CPU is the delta of the thread's CPU as the operating system counts it, taken around the turn.
 */
import type { LimitNote } from '../contract/engine-port.ts';
import { type LimitName, WARN_SHARE } from '../contract/limits.ts';
import type { LogLevel } from '../contract/turn.ts';
import { MIB, NS_PER_MS } from '../contract/units.ts';
import type { Desk } from './crypto/desk.ts';
import type { Spent } from './crypto/meter.ts';
import type { LaneLog, LiveUsage, LoadOrder } from './lane-wire.ts';
import type { Loading } from './loading.ts';
import type { Shell, ShellSink } from './shell.ts';

/** Turns between two heap samples of a busy guest: a sample costs about as much as a turn. */
const SAMPLE_EVERY = 64;
/** A turn at least this long is sampled at once. */
const SAMPLE_AFTER_NS = NS_PER_MS;

/** One invocation as its lane sees it. */
export interface Live {
  readonly inv: number;
  /** What one event of it may use, and the total at which it has used that. */
  readonly cpuEachNs: number;
  cpuLimitNs: number;
  readonly hardDeadlineMs: number;
  startedNs: number;
  cpuNs: number;
  hostNs: number;
  /** Of `cpuNs`: may have been somebody else's, and counts towards no limit. */
  doubtNs: number;
  estimated: boolean;
  logBytes: number;
  logLines: number;
  /** What of its limits only the lane sees; the last note on a limit stands. `null`: nothing worth telling. */
  notes: LimitNote[] | null;
}

/** Lines outside any invocation that wait for the next report. */
const STRAY_LINES = 1000;
/** Idle samples in a row above the soft limit, so that garbage not yet collected retires nobody. */
const SOFT_SAMPLES = 3;

export class Guest implements ShellSink {
  readonly number: number;
  /** Of its function. */
  readonly name: string;
  readonly shell: Shell;
  readonly concurrency: number;
  readonly logBytes: number;
  readonly logLines: number;
  readonly live: Map<number, Live> = new Map();
  /** Epoch ms of the armed wake-up, 0 when none is armed. */
  wakeAtMs = 0;
  /** Whose timer the wake-up is for, as the guest says; 0 unless several invocations share it. */
  wakeInv = 0;
  heapBytes = 0;
  /** Longest recent turn, decaying: what the lane expects of the next one. */
  expectedNs: number = Number.POSITIVE_INFINITY;
  logs: LaneLog[] | null = null;
  /** It holds too much for too long: it takes nothing more, before it fails anyone. */
  outgrown = false;
  /** Not `null`: its module is still loading. */
  loading: Loading | null = null;
  readonly desk: Desk;
  #strayBytes = 0;
  #turnsSinceSample = 0;
  #sampleIn = 1;
  /** Heap when the first invocation was over: what the function needs to be there at all. */
  #baseBytes: number | null = null;
  #softSamples = 0;

  constructor(
    order: Pick<LoadOrder, 'isolate' | 'name' | 'concurrency' | 'logBytes' | 'logLines'>,
    shell: Shell,
    desk: Desk,
  ) {
    this.desk = desk;
    this.number = order.isolate;
    this.name = order.name;
    this.concurrency = order.concurrency;
    this.logBytes = order.logBytes;
    this.logLines = order.logLines;
    this.shell = shell;
    shell.sink = this;
  }

  get busy(): boolean {
    return this.live.size >= this.concurrency;
  }

  log(inv: number, level: LogLevel, text: string): boolean {
    const live = this.live.get(inv);
    const bytes = Buffer.byteLength(text) + 1;
    if (!(live === undefined ? this.#takesStray(bytes) : this.#takes(live, bytes))) return false;
    this.logs ??= [];
    this.logs.push({ inv, level, text, epochMs: Date.now() });
    return true;
  }

  #takes(live: Live, bytes: number): boolean {
    const fits = live.logBytes + bytes <= this.logBytes;
    const takes = fits && live.logLines < this.logLines;
    live.logBytes += takes ? bytes : 0;
    live.logLines += takes ? 1 : 0;
    note(live, 'logBytes', live.logBytes + (fits ? 0 : bytes), this.logBytes);
    note(live, 'logLines', live.logLines + (fits && !takes ? 1 : 0), this.logLines);
    return takes;
  }

  #takesStray(bytes: number): boolean {
    this.#strayBytes += bytes;
    return this.#strayBytes <= this.logBytes && (this.logs?.length ?? 0) < STRAY_LINES;
  }

  subtle(inv: number, op: string, json: string, bytes: readonly Uint8Array[]): number | string | boolean | Uint8Array {
    if (!this.#knows(inv)) return '!InvalidStateError: crypto.subtle belongs inside a handler: the invocation is over';
    return this.desk.start(inv, op, json, bytes);
  }

  nodeCrypto(
    inv: number,
    call: { readonly op: string; readonly json: string; readonly later: boolean },
    bytes: readonly Uint8Array[],
  ): number | string | Uint8Array {
    if (call.later && !this.#knows(inv))
      return '!["Error",null,"crypto belongs inside a handler: the invocation is over"]';
    return this.desk.node(inv, call, bytes);
  }

  /** It may still be told of results. */
  #knows(inv: number): boolean {
    return inv === 0 ? this.loading !== null || this.live.size > 0 : this.live.has(inv);
  }

  takeLogs(): LaneLog[] | null {
    const logs = this.logs;
    this.logs = null;
    this.#strayBytes = 0;
    return logs;
  }

  /** Books a turn's CPU. Several live invocations share it equally where the turn does not say whose it was. */
  charge(inv: number, cpuNs: number, hostNs: number): void {
    const owner = this.live.get(inv);
    const shared = this.concurrency > 1 && this.live.size > 1;
    if (owner !== undefined) {
      owner.cpuNs += cpuNs;
      owner.hostNs += hostNs;
      owner.estimated ||= shared;
      return;
    }
    const share = this.live.size === 0 ? 0 : 1 / this.live.size;
    for (const live of this.live.values()) {
      live.cpuNs += Math.round(cpuNs * share);
      live.hostNs += Math.round(hostNs * share);
      live.estimated ||= shared;
    }
  }

  /** Books what an operation in the thread pool used. */
  spend(inv: number, { mostNs, sureNs }: Spent): void {
    this.charge(inv, mostNs, mostNs);
    const owner = this.live.get(inv);
    if (owner === undefined || sureNs >= mostNs) return;
    owner.doubtNs += mostNs - sureNs;
    owner.estimated = true;
  }

  /** What `inv` has used so far. */
  usage(inv: number): LiveUsage {
    const live = this.live.get(inv);
    if (live === undefined) return { startedNs: 0, cpuNs: 0, hostNs: 0, estimated: false, notes: null };
    const { startedNs, cpuNs, hostNs, estimated, notes } = live;
    return { startedNs, cpuNs, hostNs, estimated, notes };
  }

  /** CPU the next turn may use: what `inv` has left, or the least of all when it is nobody's in particular. */
  cpuBudgetNs(inv: number): number {
    const owner = this.live.get(inv);
    if (owner !== undefined) return leftNs(owner);
    let least = Number.POSITIVE_INFINITY;
    for (const live of this.live.values()) least = Math.min(least, leftNs(live));
    return least;
  }

  hardDeadlineMs(inv: number): number {
    const owner = this.live.get(inv);
    if (owner !== undefined) return owner.hardDeadlineMs;
    let first = Number.POSITIVE_INFINITY;
    for (const live of this.live.values()) first = Math.min(first, live.hardDeadlineMs);
    return first;
  }

  /** After a turn of `tookNs`: keeps the expectation and the heap sample fresh. */
  ran(tookNs: number): void {
    this.expectedNs = Number.isFinite(this.expectedNs) ? Math.max(tookNs, this.expectedNs * 0.9) : tookNs;
    this.#turnsSinceSample += 1;
    if (tookNs >= SAMPLE_AFTER_NS || this.#turnsSinceSample >= this.#sampleIn) this.#sample();
  }

  #sample(): void {
    const before = this.heapBytes;
    const turns = this.#turnsSinceSample;
    this.heapBytes = this.shell.heapBytes();
    this.#turnsSinceSample = 0;
    // What grows fast is looked at often enough to be seen before it is at its limit.
    const room = this.#softBytes - this.heapBytes;
    const growth = Math.max(0, this.heapBytes - before) / turns;
    const wanted = room <= 0 ? 1 : growth === 0 ? 2 * this.#sampleIn : room / growth / 4;
    this.#sampleIn = Math.max(1, Math.min(SAMPLE_EVERY, 2 * this.#sampleIn, Math.floor(wanted)));
    if (this.concurrency > 1) this.#judge();
  }

  /** Nothing runs in it now: what it still holds, it keeps. */
  rested(): void {
    if (this.#turnsSinceSample > 0 && this.#baseBytes === null) this.#sample();
    this.#baseBytes ??= this.heapBytes;
    if (this.#turnsSinceSample === 0 && this.concurrency === 1) this.#judge();
  }

  #judge(): void {
    this.#softSamples = this.heapBytes < this.#softBytes ? 0 : this.#softSamples + 1;
    if (this.#softSamples >= SOFT_SAMPLES) this.outgrown = true;
  }

  /** 80 % of the limit; half of what is left where the function needs that much to begin with. */
  get #softBytes(): number {
    const limit = this.shell.memoryMiB * MIB;
    return Math.max(limit * WARN_SHARE, ((this.#baseBytes ?? 0) + limit) / 2);
  }

  dispose(): void {
    this.desk.close();
    try {
      this.shell.dispose();
    } catch {
      // The reaper was quicker.
    }
  }
}

function leftNs({ cpuLimitNs, cpuNs, doubtNs }: Live): number {
  return cpuLimitNs - cpuNs + doubtNs;
}

function note(live: Live, limit: LimitName, used: number, allowed: number): void {
  if (used < allowed * WARN_SHARE || used === 0) return;
  const notes = live.notes?.filter((one) => one.limit !== limit) ?? [];
  live.notes = [...notes, { limit, used, reached: used > allowed }];
}
