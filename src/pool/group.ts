/**
 * The isolates of one function version, and who waits for one. Pure bookkeeping and two decisions: which isolate takes
 * the next invocation, and how many more are worth loading.
 */
import { ISOLATE_BASE_BYTES } from '../contract/capacity.ts';
import type { EngineUsage, LoadReport, Realm } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import { NS_PER_MS } from '../contract/units.ts';
import type { Tenant } from './tenant.ts';
import type { Ticket } from './ticket.ts';

/** Expected wait behind others on a busy isolate up to which queueing there beats loading another. */
const PATIENCE_NS = NS_PER_MS;
/** Invocations handed to one isolate ahead of time. */
const DEPTH = 64;
/** Busy isolates looked at for one placement. */
const LOOK = 16;
/** How long a load that failed is not tried again. */
const BACKOFF_FIRST_NS = 1000 * NS_PER_MS;
const BACKOFF_MOST_NS = 60_000 * NS_PER_MS;
/** Loads under way at once for a function whose invocations wait. */
const LOADS_PER_LANE = 8;
/** Weight of the newest run in the expectation. */
const WEIGHT = 0.2;
/** CPU of an invocation from which on its turns are long for others. */
const LONG_NS = 3 * NS_PER_MS;
/** So many more long than short runs make a function known for them; none, and it is not any more. */
const LONG_RUNS = 4;
/** Runs in a row with short turns after which a function is proven. */
const PROVEN_RUNS = 8;
/** What an isolate runs before it gives way to others: as long as loading theirs takes. */
const QUANTUM_NS = 3 * NS_PER_MS;
const QUANTUM_RUNS = 64;

export interface PooledIsolate {
  readonly number: number;
  readonly lane: number;
  readonly group: Group;
  state: 'loading' | 'ready' | 'retired';
  /** Tickets handed over and not settled. */
  readonly tickets: Ticket[];
  bytes: number;
  /** What loading cost, until its first invocation has been told. */
  init: LoadReport | null;
  /** Somebody waited for this load. */
  awaited: boolean;
  /** It gave work back: nothing is handed to it ahead of time until it settles what it has. */
  slow: boolean;
  /** It is in its group's `idle`. */
  isIdle: boolean;
  /** It was put on a lane for long turns. */
  apart: boolean;
  /** Invocations it has served. */
  served: number;
  /** It takes nothing more until it is empty: others wait for room. */
  leaving: boolean;
  /** It is loaded because the function keeps isolates ready. */
  provisioned: boolean;
}

/** A load that failed, and until when it is not tried again. */
interface Failure {
  readonly report: LoadReport;
  /** The invocation that has its record; `null`: nobody had asked for it. */
  readonly ranAs: string | null;
  readonly untilNs: number;
  readonly backoffNs: number;
}

/** An isolate that is being loaded. */
export function newIsolate(number: number, lane: number, group: Group, provisioned: boolean): PooledIsolate {
  return {
    number,
    lane,
    group,
    state: 'loading',
    tickets: [],
    bytes: ISOLATE_BASE_BYTES,
    init: null,
    awaited: group.waiting.length > 0,
    slow: false,
    isIdle: false,
    apart: group.isLong,
    served: 0,
    leaving: false,
    provisioned,
  };
}

export class Group {
  readonly version: FunctionVersion;
  readonly tenant: Tenant;
  /** Where its isolates belong. */
  realm: Realm;
  /** It is known for long turns. */
  isLong = false;
  #longRuns = 0;
  #shortRuns = 0;
  readonly waiting: Ticket[] = [];
  readonly isolates: Set<PooledIsolate> = new Set();
  /** Ready and empty, most recently used last. */
  readonly idle: PooledIsolate[] = [];
  loading = 0;
  /** Not deployed, or not any more: serves who is in it, keeps nothing. */
  obsolete = true;
  /** Share of recent invocations that waited for I/O, so that their isolate was busy without using its lane. */
  #awaiting = 0;
  /** Expected run of one invocation, ns; `null` before the first. */
  expectedNs: number | null = null;
  failure: Failure | null = null;

  constructor(version: FunctionVersion, realm: Realm, tenant: Tenant) {
    this.version = version;
    this.realm = realm;
    this.tenant = tenant;
  }

  get concurrency(): number {
    return this.version.spec.limits.concurrency;
  }

  /** One more isolate is allowed. */
  get mayGrow(): boolean {
    return this.isolates.size < this.version.spec.limits.instances;
  }

  /** Isolates for which room is kept and which are not there. */
  get owed(): number {
    return this.obsolete ? 0 : Math.max(0, this.version.spec.reserved - this.isolates.size);
  }

  /** It has more isolates than it is to keep. */
  get mayShrink(): boolean {
    const { warm, reserved } = this.version.spec;
    return this.isolates.size > (this.obsolete ? 0 : Math.max(warm, reserved));
  }

  /** Isolates that are to be kept ready and are not there. */
  get missingWarm(): number {
    const { warm, limits } = this.version.spec;
    if (warm === 0 || this.obsolete) return 0;
    return Math.max(0, Math.min(warm - this.#serving(), limits.instances - this.isolates.size));
  }

  /** Since when the first of those that wait does. */
  get waitsSinceNs(): number {
    return this.waiting[0]?.invocation.acceptedNs ?? Number.POSITIVE_INFINITY;
  }

  /** An isolate has had its turn: who waits for room may have it. */
  hadItsTurn({ served }: PooledIsolate): boolean {
    return served >= QUANTUM_RUNS || (served > 0 && served * (this.expectedNs ?? QUANTUM_NS) >= QUANTUM_NS);
  }

  /** Learns from a settled invocation; true when its isolates may have to go where others of its kind are. */
  learn({ startedNs, settledNs, cpuNs }: EngineUsage): boolean {
    const runNs = settledNs - startedNs;
    this.expectedNs = this.expectedNs === null ? runNs : this.expectedNs * (1 - WEIGHT) + runNs * WEIGHT;
    this.#awaiting *= 1 - WEIGHT / 2;
    this.#longRuns = cpuNs > LONG_NS ? Math.min(LONG_RUNS, this.#longRuns + 1) : Math.max(0, this.#longRuns - 1);
    const isLong = this.isLong ? this.#longRuns > 0 : this.#longRuns === LONG_RUNS;
    const wasProven = this.isProven;
    this.#shortRuns = cpuNs > LONG_NS ? 0 : Math.min(PROVEN_RUNS, this.#shortRuns + 1);
    if (isLong === this.isLong) return wasProven && !this.isProven;
    this.isLong = isLong;
    return true;
  }

  /** Known for short turns: it may use the lane that is kept for such, so that somebody's long turn cannot corner it. */
  get isProven(): boolean {
    return this.#shortRuns === PROVEN_RUNS;
  }

  /** It could not be loaded: told to whoever comes, until it is tried again. */
  failed(report: LoadReport, ranAs: string | null, nowNs: number): void {
    const backoffNs = Math.min(BACKOFF_MOST_NS, (this.failure?.backoffNs ?? BACKOFF_FIRST_NS / 2) * 2);
    this.failure = { report, ranAs: ranAs ?? this.failure?.ranAs ?? null, untilNs: nowNs + backoffNs, backoffNs };
  }

  /** Puts an invocation that came back where its age says, before all that came later. */
  requeue(ticket: Ticket): void {
    const { acceptedNs } = ticket.invocation;
    const at = this.waiting.findIndex((one) => one.invocation.acceptedNs >= acceptedNs);
    this.waiting.splice(at < 0 ? this.waiting.length : at, 0, ticket);
  }

  /** A turn has ended and its invocation goes on. */
  sawAwait(): void {
    this.#awaiting = Math.min(1, this.#awaiting + WEIGHT);
  }

  /** Further isolates help even where all lanes have one: this function's invocations wait for I/O. */
  get awaits(): boolean {
    return this.#awaiting > WEIGHT / 2;
  }

  /** Invocations are so short that waiting behind one costs less than a load. */
  get quick(): boolean {
    return this.expectedNs !== null && this.expectedNs < PATIENCE_NS;
  }

  /** The isolate the next invocation goes to, or `null`: it waits. */
  pick(stuck: (lane: number) => boolean): PooledIsolate | null {
    // A lane at work needs no waking: a short queue on it is quicker, and cheaper, than rousing another.
    const awake = this.quick && !this.awaits ? this.#leastBusy(stuck) : null;
    if (awake !== null) return awake;
    for (let i = this.idle.length - 1; i >= 0; i--) {
      const isolate = this.idle[i]!;
      if (stuck(isolate.lane)) continue;
      this.idle.splice(i, 1);
      return isolate;
    }
    return this.#leastBusy(stuck);
  }

  /** Of the isolates at work that may take one more, the one with the fewest. */
  #leastBusy(stuck: (lane: number) => boolean): PooledIsolate | null {
    let best: PooledIsolate | null = null;
    let looked = 0;
    for (const isolate of this.isolates) {
      if (++looked > LOOK && this.concurrency === 1) break;
      if (isolate.isIdle || !this.#takes(isolate)) continue;
      if (best !== null && best.tickets.length <= isolate.tickets.length) continue;
      if (!stuck(isolate.lane)) best = isolate;
    }
    return best;
  }

  #serving(): number {
    let count = 0;
    for (const isolate of this.isolates) if (isolate.state !== 'retired') count += 1;
    return count;
  }

  #takes(isolate: PooledIsolate): boolean {
    if (isolate.state !== 'ready' || isolate.leaving) return false;
    const held = isolate.tickets.length;
    if (held < this.concurrency) return true;
    if (isolate.slow || !this.quick || this.awaits || held >= DEPTH) return false;
    return (held * this.expectedNs!) / this.concurrency < PATIENCE_NS;
  }

  /** How many loads are worth starting now, room permitting. `soon`: isolates that will be free before one has loaded. */
  wanted(lanes: number, soon: number): number {
    const { limits } = this.version.spec;
    const each = this.quick && !this.awaits ? Math.floor(PATIENCE_NS / this.expectedNs!) : 1;
    const missing = Math.ceil(this.waiting.length / this.concurrency) - soon * each - this.loading;
    const useful = this.awaits ? lanes * LOADS_PER_LANE - this.loading : lanes - this.#serving();
    return Math.max(0, Math.min(missing, useful, limits.instances - this.isolates.size));
  }
}
