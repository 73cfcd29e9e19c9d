/** A lane of the simulated engine: one thing after another, in virtual time. */
import type { JobListener, LaneView, Realm } from '../../src/contract/engine-port.ts';
import type { FunctionVersion } from '../../src/contract/function.ts';
import type { Invocation } from '../../src/contract/invocation.ts';
import type { JobPlan } from './job-plan.ts';
import type { SimClock } from './sim-clock.ts';

export interface SimJob {
  readonly invocation: Invocation;
  readonly listener: JobListener;
  readonly isolate: SimIsolate;
  readonly plan: JobPlan;
  readonly key: string;
  /** Which hand-over of the world it is. */
  readonly nth: number;
  claimed: boolean;
  /** The host has been told of its start. */
  started: boolean;
  over: boolean;
  /** Taken back, or asked back from another process. */
  withdrawn: boolean;
  startedNs: number;
  turn: number;
  headGiven: boolean;
  ordered: 'wall_timeout' | 'aborted' | null;
}

export interface SimIsolate {
  readonly number: number;
  readonly lane: SimLane;
  readonly version: FunctionVersion;
  readonly jobs: Set<SimJob>;
  /** Claimed and not over. */
  active: number;
  loaded: boolean;
  /** The host may hand nothing to it any more. */
  barred: string | null;
  /** Its lane knows that it is no more; the host is about to hear of it. */
  dead: boolean;
  disposed: boolean;
}

export type Item =
  | { readonly kind: 'load'; readonly isolate: SimIsolate }
  | { readonly kind: 'start'; readonly job: SimJob }
  | { readonly kind: 'resume'; readonly job: SimJob };

export class SimLane implements LaneView {
  readonly id: number;
  readonly realm: Realm;
  /** In another process: asked, not told. */
  readonly remote: boolean;
  readonly items: Item[] = [];
  readonly #slots: number;
  readonly #clock: SimClock;
  /** One way between the host and this lane, µs. */
  readonly hopUs: number;
  isolates = 0;
  unclaimed = 0;
  held = 0;
  runningSinceNs = 0;
  running = 0;
  /** Jobs whose turn runs now. */
  current: SimJob | null = null;
  /** Changes with every turn, so that a late end of a killed one is known as such. */
  turns = 0;
  alive = true;
  /** The turn that runs ignores its end. */
  wedging = false;
  up = false;

  constructor(id: number, options: { realm: Realm; remote: boolean; slots: number; clock: SimClock }) {
    this.id = id;
    this.realm = options.realm;
    this.#slots = options.slots;
    this.#clock = options.clock;
    this.remote = options.remote;
    this.hopUs = options.remote ? 250 : 60;
  }

  get full(): boolean {
    return this.held >= this.#slots;
  }

  occupy(isolate: number, job: SimJob | null): number {
    this.running = isolate;
    this.runningSinceNs = Math.max(1, this.#clock.nowNs());
    this.current = job;
    this.turns += 1;
    return this.turns;
  }

  release(): void {
    this.running = 0;
    this.runningSinceNs = 0;
    this.current = null;
    this.turns += 1;
  }
}
