/** What the pool knows of lanes: which are stuck in a long turn, and where the next isolate is loaded. */
import type { EnginePort, LaneView } from '../contract/engine-port.ts';
import { NS_PER_MS } from '../contract/units.ts';
import type { Group } from './group.ts';

/** A turn this long makes its lane one to avoid. */
const STUCK_NS = 3 * NS_PER_MS;

export class Lanes {
  readonly #engine: Pick<EnginePort, 'lanes' | 'grow'>;
  readonly #nowNs: () => number;

  constructor(engine: Pick<EnginePort, 'lanes' | 'grow'>, nowNs: () => number) {
    this.#engine = engine;
    this.#nowNs = nowNs;
  }

  get count(): number {
    return this.#engine.lanes().length;
  }

  isStuck(id: number): boolean {
    const lane = this.#find(id);
    if (lane === undefined || lane.full === true) return true;
    return lane.runningSinceNs > 0 && this.#nowNs() - lane.runningSinceNs > STUCK_NS;
  }

  /**
   * Every isolate of the group sits on a lane that is stuck, and there is a lane that is not, or one can be started.
   * A load that is itself what takes long is waited for.
   */
  isCornered(group: Group): boolean {
    if (group.isolates.size >= group.version.spec.limits.instances) return false;
    for (const isolate of group.isolates) {
      if (!this.isStuck(isolate.lane)) return false;
      if (isolate.state === 'loading' && this.#find(isolate.lane)?.running === isolate.number) return false;
    }
    return this.#engine.lanes().some((lane) => !this.isStuck(lane.id)) || this.#engine.grow('');
  }

  /** Where to load one more isolate of `group`; `null`: there is no lane at all. */
  choose(group: Group): number | null {
    let free = this.#free();
    if (free.length === 0 && this.#engine.grow('')) free = this.#free();
    const own = new Map<number, number>();
    for (const isolate of group.isolates) own.set(isolate.lane, (own.get(isolate.lane) ?? 0) + 1);
    let best: LaneView | null = null;
    for (const lane of free.length > 0 ? free : this.#engine.lanes()) {
      if (best === null || before(lane, best, own)) best = lane;
    }
    return best?.id ?? null;
  }

  #free(): readonly LaneView[] {
    return this.#engine.lanes().filter((lane) => !this.isStuck(lane.id));
  }

  #find(id: number): LaneView | undefined {
    return this.#engine.lanes().find((lane) => lane.id === id);
  }
}

/** Fewest isolates of the group first, then the least work, then the fewest isolates. */
function before(a: LaneView, b: LaneView, own: ReadonlyMap<number, number>): boolean {
  const byOwn = (own.get(a.id) ?? 0) - (own.get(b.id) ?? 0);
  return (byOwn || a.unclaimed - b.unclaimed || a.isolates - b.isolates) < 0;
}
