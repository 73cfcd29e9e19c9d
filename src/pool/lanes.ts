/**
 * What the pool knows of lanes: which are stuck in a long turn, and where the next isolate is loaded. Always within the
 * group's realm; and functions known for long turns are kept apart, so that nobody else waits behind them.
 */
import type { EnginePort, LaneView } from '../contract/engine-port.ts';
import { NS_PER_MS } from '../contract/units.ts';
import type { Group, PooledIsolate } from './group.ts';

/** A turn this long makes its lane one to avoid. */
const STUCK_NS = 3 * NS_PER_MS;
/** Lanes of a realm from which on one is kept for functions that are known for short turns. */
const RESERVE_FROM = 3;
/** A load that takes less is over before another lane would be up. */
const LOAD_NS = 40 * NS_PER_MS;
/** Most lanes of a realm that are given to functions with long turns; beyond, these share them. */
const MOST_APART = 8;

export interface LaneOptions {
  readonly engine: Pick<EnginePort, 'lanes' | 'grow'>;
  nowNs(): number;
}

export class Lanes {
  readonly #engine: Pick<EnginePort, 'lanes' | 'grow'>;
  readonly #nowNs: () => number;
  readonly #isLoading: (isolate: number) => boolean;
  /** Isolates of functions with long turns, by lane. */
  readonly #apart: Map<number, number> = new Map();

  constructor(options: LaneOptions, isLoading: (isolate: number) => boolean) {
    this.#engine = options.engine;
    this.#nowNs = () => options.nowNs();
    this.#isLoading = isLoading;
  }

  /** Lanes a group may use; it is never worth less than one. */
  count(group: Group): number {
    return Math.max(1, this.#fit(group).length - (this.#reserve(group) === null ? 0 : 1));
  }

  /** A lane this group should not be on: it is kept for those with short turns, and this one is not, or not any more. */
  isOutOfPlace(group: Group, id: number): boolean {
    return !group.isProven && this.#reserve(group)?.id === id;
  }

  isStuck(id: number): boolean {
    const lane = this.#find(id);
    if (lane === undefined || lane.full === true) return true;
    return lane.runningSinceNs > 0 && this.#nowNs() - lane.runningSinceNs > STUCK_NS;
  }

  /**
   * Every isolate of the group sits on a lane that is stuck, and there is a lane that is not, or one can be started.
   * Loads are waited for, its own and those in front of it: begun again elsewhere, each of a row of loads would be
   * done twice.
   */
  isCornered(group: Group): boolean {
    if (group.isolates.size >= group.version.spec.limits.instances) return false;
    for (const isolate of group.isolates) {
      if (!this.isStuck(isolate.lane)) return false;
      const waits = isolate.state === 'loading' || !group.isProven;
      if (waits && this.#isLoadingOn(isolate.lane)) return false;
      if (isolate.state === 'loading' && this.#find(isolate.lane)?.running === isolate.number) return false;
    }
    return this.#fit(group).some((lane) => !this.isStuck(lane.id)) || this.#grow(group);
  }

  /**
   * Idle isolates of the group that are to be had in a moment: what keeps their lanes is a load. Who is called often is
   * better off with one on another lane, too.
   */
  soon(group: Group): number {
    return group.isProven ? 0 : group.idle.filter(({ lane }) => this.#isLoadingOn(lane)).length;
  }

  /** Where to load one more isolate of `group`; `null`: there is no lane at all. */
  choose(group: Group): number | null {
    let fit = this.#fit(group);
    let free = fit.filter((lane) => !this.isStuck(lane.id));
    if (free.length === 0 && this.#grow(group)) {
      fit = this.#fit(group);
      free = fit.filter((lane) => !this.isStuck(lane.id));
    }
    const own = ownOn(group);
    let best: LaneView | null = null;
    const all = this.#engine.lanes(group.realm);
    for (const lane of [free, fit, all].find((lanes) => lanes.length > 0) ?? []) {
      if (best === null || before(lane, best, own)) best = lane;
    }
    return best?.id ?? null;
  }

  /** The group is alone on this lane: its long turns are in nobody's way. */
  isAlone(group: Group, id: number): boolean {
    return this.#find(id)?.isolates === ownOn(group).get(id);
  }

  /** An isolate with long turns has come to its lane (1), or left it (-1). */
  settle(isolate: PooledIsolate, by: 1 | -1): void {
    const count = (this.#apart.get(isolate.lane) ?? 0) + by;
    if (count > 0) this.#apart.set(isolate.lane, count);
    else this.#apart.delete(isolate.lane);
  }

  #grow(group: Group): boolean {
    if (this.#fit(group).some((lane) => this.#isFreeSoon(lane))) return false;
    const room = !group.isLong || this.#fit(group).filter((lane) => this.#apart.has(lane.id)).length < MOST_APART;
    return room && this.#engine.grow(group.realm);
  }

  #isLoadingOn(id: number): boolean {
    const lane = this.#find(id);
    return lane !== undefined && this.#isFreeSoon(lane);
  }

  /** What keeps it is a load. */
  #isFreeSoon(lane: LaneView): boolean {
    return lane.running !== 0 && this.#isLoading(lane.running) && this.#nowNs() - lane.runningSinceNs < LOAD_NS;
  }

  /** Short turns: lanes without long ones. Long turns: lanes without anybody else; when there are many, with their kind. */
  #fit(group: Group): readonly LaneView[] {
    const lanes = this.#engine.lanes(group.realm).filter((lane) => !this.isOutOfPlace(group, lane.id));
    if (!group.isLong) return this.#apart.size === 0 ? lanes : lanes.filter((lane) => !this.#apart.has(lane.id));
    const apart = lanes.filter((lane) => this.#apart.has(lane.id));
    if (apart.length >= MOST_APART) return apart;
    const own = ownOn(group);
    return lanes.filter((lane) => lane.isolates === (own.get(lane.id) ?? 0));
  }

  /** Of three lanes and more the first is kept for functions proven short: `null` when there are fewer. */
  #reserve(group: Group): LaneView | null {
    const lanes = this.#engine.lanes(group.realm);
    return lanes.length < RESERVE_FROM ? null : lanes[0]!;
  }

  #find(id: number): LaneView | undefined {
    return this.#engine.lanes().find((lane) => lane.id === id);
  }
}

/** How many isolates the group has on each lane. */
function ownOn(group: Group): ReadonlyMap<number, number> {
  const own = new Map<number, number>();
  for (const isolate of group.isolates) own.set(isolate.lane, (own.get(isolate.lane) ?? 0) + 1);
  return own;
}

/** Fewest isolates of the group first, then the least work, then the fewest isolates. */
function before(a: LaneView, b: LaneView, own: ReadonlyMap<number, number>): boolean {
  const byOwn = (own.get(a.id) ?? 0) - (own.get(b.id) ?? 0);
  return (byOwn || a.unclaimed - b.unclaimed || a.isolates - b.isolates) < 0;
}
