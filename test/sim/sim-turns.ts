/** The other half of the simulated engine: what its lanes do with what they are handed, turn by turn. */
import { Chance } from './chance.ts';
import type { Oracle } from './oracle.ts';
import type { SimClock } from './sim-clock.ts';
import type { SimEngine } from './sim-engine.ts';
import type { SimIsolate, SimJob, SimLane } from './sim-lane.ts';
import type { WorldSpec } from './world.ts';

const STUCK_US = 3_000;
const LOOK_US = 5_000;
const LONG_US = 50_000;
const WEDGED_US = 1_500_000;

/** Deliberate faults of the engine itself, to see that the oracle notices. */
export type EngineSabotage = 'double-settle' | 'lost-return' | 'run-twice' | 'lost-job';

export interface SimEngineOptions {
  readonly clock: SimClock;
  readonly oracle: Oracle;
  readonly spec: WorldSpec;
  readonly sabotage: EngineSabotage | null;
}

export class SimTurns {
  readonly #engine: SimEngine;
  readonly #options: SimEngineOptions;
  #loads = 0;

  constructor(engine: SimEngine, options: SimEngineOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  work(lane: SimLane): void {
    while (lane.up && lane.alive && lane.running === 0) {
      const item = lane.items.shift();
      if (item === undefined) return;
      switch (item.kind) {
        case 'load':
          if (!item.isolate.disposed) this.#runLoad(item.isolate);
          break;
        case 'start':
          this.#runStart(item.job);
          break;
        case 'resume':
          if (!item.job.over && !item.job.isolate.disposed && !item.job.isolate.dead) this.#runTurn(item.job);
          break;
        default:
          item satisfies never;
      }
    }
  }

  #runLoad(isolate: SimIsolate): void {
    const { lane, version } = isolate;
    const { spec } = this.#options;
    const about = `${version.key}/${++this.#loads}`;
    const chance = new Chance(spec.seed, 'load', about);
    const { loadUs } = spec.functions.find((one) => one.name === version.spec.name)!;
    const us = Math.round(loadUs * (0.5 + chance.next()));
    const turn = lane.occupy(isolate.number, null);
    const fatal = this.#options.oracle.fails('load-fatal', about);
    const ok = !this.#options.oracle.fails('load', about);
    this.#look(lane, turn, us);
    this.#engine.later(us, () => {
      if (lane.turns !== turn || !lane.alive) return;
      if (fatal) {
        this.#engine.condemn(lane, isolate, 'crashed');
        return;
      }
      lane.release();
      isolate.loaded = ok;
      this.#engine.report(lane, () => this.#engine.loaded(isolate, ok, us));
      this.work(lane);
    });
  }

  #runStart(job: SimJob): void {
    const { isolate } = job;
    const { lane } = isolate;
    if (job.withdrawn || job.over) return;
    const busy =
      !isolate.loaded ||
      isolate.disposed ||
      isolate.dead ||
      isolate.active >= job.invocation.version.spec.limits.concurrency;
    if (!job.claimed && (busy || this.#options.oracle.fails('claim', `${job.key}/${job.nth}`))) {
      job.withdrawn = true;
      this.#engine.report(lane, () => this.#engine.giveBack(job));
      return;
    }
    this.claim(job);
    if (this.#options.sabotage === 'run-twice') this.#options.oracle.claimed(job.invocation.id);
    isolate.active += 1;
    job.startedNs = this.#options.clock.nowNs();
    this.#runTurn(job);
  }

  claim(job: SimJob): void {
    if (job.claimed) return;
    job.claimed = true;
    this.#options.oracle.claimed(job.invocation.id);
  }

  #runTurn(job: SimJob): void {
    const { isolate, plan } = job;
    const { lane } = isolate;
    const about = `${job.key}.${job.turn}`;
    const turn = lane.occupy(isolate.number, job);
    const wedges = this.#options.oracle.fails('turn-wedge', about);
    const crashes = this.#options.oracle.fails('turn-crash', about);
    const killed = this.#options.oracle.fails('turn-kill', about);
    lane.wedging = wedges;
    const us = killed ? 50_000 : plan.turns[job.turn]!.us;
    this.#look(lane, turn, wedges ? WEDGED_US + LONG_US : us);
    this.#engine.later(wedges ? WEDGED_US + LONG_US : us, () => {
      if (lane.turns !== turn || !lane.alive) return;
      if (wedges || crashes) {
        this.#engine.condemn(lane, isolate, wedges ? 'wedged' : 'crashed');
        return;
      }
      lane.release();
      isolate.dead = killed;
      if (killed) this.#engine.report(lane, () => this.#engine.kill(isolate, job, job.ordered ?? 'cpu_exceeded'));
      else this.#engine.report(lane, () => this.#engine.turned(job));
      this.work(lane);
    });
  }

  /** What the main thread's watch sees of a long turn. */
  #look(lane: SimLane, turn: number, us: number): void {
    const look = (atUs: number): void => {
      if (atUs > us) return;
      this.#engine.later(atUs === STUCK_US + 1000 ? atUs : LOOK_US, () => {
        if (lane.turns !== turn || !lane.alive) return;
        if (lane.unclaimed > 0 || lane.items.some((item) => item.kind === 'load')) this.#engine.listener.stuck(lane.id);
        const { current } = lane;
        if (atUs > LONG_US && current !== null && lane.turns === turn && !current.over) this.#engine.started(current);
        look(atUs + LOOK_US);
      });
    };
    look(STUCK_US + 1000);
  }
}
