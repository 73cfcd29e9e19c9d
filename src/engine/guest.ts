/**
 * A loaded isolate on its lane's thread, with the usage of the invocations that live in it. All measuring happens here:
 * a turn's CPU is the delta of the thread's CPU as the operating system counts it, taken around the turn.
 */
import type { LogLevel } from '../contract/turn.ts';
import { NS_PER_MS } from '../contract/units.ts';
import type { LaneLog } from './lane-wire.ts';
import type { Shell, ShellSink } from './shell.ts';

/** Turns between two heap samples of a busy guest: a sample costs about as much as a turn. */
const SAMPLE_EVERY = 64;
/** A turn at least this long is sampled at once. */
const SAMPLE_AFTER_NS = NS_PER_MS;

/** One invocation as its lane sees it. */
export interface Live {
  readonly inv: number;
  readonly cpuLimitNs: number;
  readonly hardDeadlineMs: number;
  startedNs: number;
  cpuNs: number;
  hostNs: number;
  estimated: boolean;
  logBytesLeft: number;
}

export class Guest implements ShellSink {
  readonly number: number;
  /** Of its function. */
  readonly name: string;
  readonly shell: Shell;
  readonly concurrency: number;
  readonly logBytes: number;
  readonly live: Map<number, Live> = new Map();
  /** Epoch ms of the armed wake-up, 0 when none is armed. */
  wakeAtMs = 0;
  heapBytes = 0;
  /** Longest recent turn, decaying: what the lane expects of the next one. */
  expectedNs: number = Number.POSITIVE_INFINITY;
  logs: LaneLog[] | null = null;
  readonly #onCatastrophe: (message: string) => void;
  #turnsSinceSample = SAMPLE_EVERY;

  constructor(
    order: { readonly isolate: number; readonly name: string; readonly concurrency: number; readonly logBytes: number },
    shell: Shell,
    onCatastrophe: (message: string) => void,
  ) {
    this.number = order.isolate;
    this.name = order.name;
    this.concurrency = order.concurrency;
    this.logBytes = order.logBytes;
    this.shell = shell;
    this.#onCatastrophe = onCatastrophe;
    shell.sink = this;
  }

  get busy(): boolean {
    return this.live.size >= this.concurrency;
  }

  log(inv: number, level: LogLevel, text: string): boolean {
    const live = this.live.get(inv);
    const cost = text.length + 1;
    if (live !== undefined) {
      if (live.logBytesLeft < cost) return false;
      live.logBytesLeft -= cost;
    } else if (this.logs !== null && this.logs.length >= 1000) return false;
    this.logs ??= [];
    this.logs.push({ inv, level, text, epochMs: Date.now() });
    return true;
  }

  catastrophe(message: string): void {
    this.#onCatastrophe(message);
  }

  takeLogs(): LaneLog[] | null {
    const logs = this.logs;
    this.logs = null;
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

  /** CPU the next turn may use: what `inv` has left, or the least of all when it is nobody's in particular. */
  cpuBudgetNs(inv: number): number {
    const owner = this.live.get(inv);
    if (owner !== undefined) return owner.cpuLimitNs - owner.cpuNs;
    let least = Number.POSITIVE_INFINITY;
    for (const live of this.live.values()) least = Math.min(least, live.cpuLimitNs - live.cpuNs);
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
    if (tookNs >= SAMPLE_AFTER_NS || this.#turnsSinceSample >= SAMPLE_EVERY) {
      this.#turnsSinceSample = 0;
      this.heapBytes = this.shell.heapBytes();
    }
  }

  dispose(): void {
    try {
      this.shell.dispose();
    } catch {
      // The reaper was quicker.
    }
  }
}
