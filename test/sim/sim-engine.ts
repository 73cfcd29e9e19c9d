/**
 * An engine without isolates that behaves like the real one, as badly as it may: lanes with claims, reports that come
 * late, turns that are killed, lanes that wedge or die, work given back, lanes in another process that can only be
 * asked. It checks what pool and dispatch must never do to an engine.
 */
import type { EnginePort, IsolateListener, JobListener, Realm } from '../../src/contract/engine-port.ts';
import type { FunctionVersion } from '../../src/contract/function.ts';
import type { Invocation } from '../../src/contract/invocation.ts';
import { OUTCOMES, type Outcome } from '../../src/contract/outcome.ts';
import { FAILED, LOADED } from '../support/fake-engine.ts';
import { planOf, streamOf } from './job-plan.ts';
import { SimCensus } from './sim-census.ts';
import { type Item, type SimIsolate, type SimJob, SimLane } from './sim-lane.ts';
import { type SimEngineOptions, SimTurns } from './sim-turns.ts';
import type { Step } from './world.ts';

const BOOT_US = 20_000;
const IDLE_US = 1_000;

export class SimEngine implements EnginePort {
  listener!: IsolateListener;
  readonly isolates: Map<number, SimIsolate> = new Map();
  readonly jobs: Map<string, SimJob> = new Map();
  readonly census: SimCensus;
  readonly #lanes: Map<number, SimLane> = new Map();
  readonly #options: SimEngineOptions;
  readonly #turns: SimTurns;
  #healthy: readonly SimLane[] = [];
  #next = 0;
  #starts = 0;
  /** Work and messages under way; 0: nothing will come of itself. */
  busy = 0;

  constructor(options: SimEngineOptions) {
    this.#options = options;
    this.census = new SimCensus(this.isolates, options.oracle, options.spec);
    this.#turns = new SimTurns(this, options);
  }

  open(listener: IsolateListener): void {
    this.listener = listener;
    for (let i = 0; i < this.#options.spec.lanes; i++) this.#addLane('', 0);
  }

  lanes(realm?: Realm): readonly SimLane[] {
    return realm === undefined ? this.#healthy : this.#healthy.filter((lane) => lane.realm === realm);
  }

  grow(realm: Realm): boolean {
    const lanes = this.lanes(realm).length;
    if (lanes >= this.#options.spec.maxLanes || (lanes === 0 && !this.#mayOpen(realm))) return false;
    if (this.#fails('grow', String(this.#next))) return false;
    this.#addLane(realm, BOOT_US);
    return true;
  }

  /** It has lanes, or may have them for the asking. */
  mayServe(realm: Realm): boolean {
    const { chances, fails } = this.#options.spec;
    const mayRefuse = chances.grow !== undefined || fails.some(({ step }) => step === 'grow');
    return this.lanes(realm).some((lane) => lane.up) || (this.#mayOpen(realm) && !mayRefuse);
  }

  #mayOpen(realm: Realm): boolean {
    const realms = new Set(this.#healthy.map((lane) => lane.realm));
    realms.delete('');
    return realm === '' || realms.size < this.#options.spec.maxRealms;
  }

  load(version: FunctionVersion, laneId: number): number {
    const lane = this.#lanes.get(laneId);
    if (lane === undefined) throw new Error(`no lane ${laneId}`);
    const isolate: SimIsolate = {
      number: ++this.#next,
      lane,
      version,
      jobs: new Set(),
      ...{ active: 0, loaded: false, barred: null, dead: false, disposed: false },
    };
    this.isolates.set(isolate.number, isolate);
    lane.isolates += 1;
    this.census.check(version);
    this.#say(() => `load ${version.key} as ${isolate.number} on lane ${laneId}`);
    this.#post(lane, { kind: 'load', isolate });
    return isolate.number;
  }

  start(number: number, invocation: Invocation, listener: JobListener): void {
    const { oracle, spec } = this.#options;
    const isolate = this.isolates.get(number);
    const { key } = oracle.of(invocation.id);
    if (isolate === undefined || isolate.barred !== null)
      oracle.violate('handed to a lost isolate', `${key} to ${number}, ${isolate?.barred ?? 'gone'}`);
    if (this.jobs.has(invocation.id)) oracle.violate('handed over twice', key);
    if (
      isolate === undefined ||
      !isolate.lane.alive ||
      isolate.lane.full ||
      this.#fails('start', `${key}/${++this.#starts}`)
    ) {
      listener.returned();
      return;
    }
    const plan = planOf(spec.functions.find((one) => one.name === invocation.version.spec.name)!, spec.seed, key);
    const job: SimJob = {
      ...{ invocation, listener, isolate, plan, key, claimed: false, started: false, over: false, withdrawn: false },
      ...{ startedNs: 0, turn: 0, headGiven: false, ordered: null, nth: this.#starts },
    };
    this.#say(() => `hand ${key} to ${number}`);
    this.jobs.set(invocation.id, job);
    isolate.jobs.add(job);
    isolate.lane.unclaimed += 1;
    isolate.lane.held += 1;
    this.#post(isolate.lane, { kind: 'start', job });
  }

  takeBack(id: string): boolean {
    const job = this.jobs.get(id);
    if (job === undefined || job.started || job.claimed || job.withdrawn) return false;
    if (job.isolate.lane.remote) {
      this.#say(() => `ask ${job.key} back`);
      this.later(job.isolate.lane.hopUs, () => {
        if (job.claimed || job.over) return;
        job.withdrawn = true;
        this.report(job.isolate.lane, () => this.giveBack(job));
      });
      return false;
    }
    if (this.#fails('take-back', `${job.key}/${job.isolate.number}`)) {
      // The lane has just looked at it and sends it back by itself.
      job.withdrawn = true;
      this.report(job.isolate.lane, () => this.giveBack(job));
      return false;
    }
    this.#say(() => `take ${job.key} back`);
    job.withdrawn = true;
    this.#forgetJob(job);
    return true;
  }

  abort(id: string, outcome: 'wall_timeout' | 'aborted'): void {
    const job = this.jobs.get(id);
    if (job === undefined || job.over) return;
    this.#say(() => `abort ${job.key}: ${outcome}`);
    const { lane } = job.isolate;
    if (!lane.remote) this.#end(job, outcome);
    else
      this.later(lane.hopUs, () => {
        if (job.over || job.withdrawn) return;
        if (job.claimed) this.report(lane, () => this.#end(job, outcome));
        else {
          job.withdrawn = true;
          this.report(lane, () => this.giveBack(job));
        }
      });
  }

  clientClosed(): void {}

  drop(number: number): void {
    const isolate = this.isolates.get(number);
    this.#say(() => `drop ${number}`);
    if (isolate === undefined) {
      this.#options.oracle.violate('dropped twice', String(number));
      return;
    }
    if (isolate.jobs.size > 0) this.#options.oracle.violate('dropped in use', String(number));
    this.#dispose(isolate, 'dropped');
    // The word of its end crosses the order to end it.
    if (this.#fails('drop', String(number))) this.later(100, () => this.listener.gone(number));
  }

  async close(): Promise<void> {}

  #addLane(realm: Realm, bootUs: number): void {
    const { clock, spec } = this.#options;
    const remote = spec.remote || realm !== '';
    const lane = new SimLane(++this.#next, { realm, remote, slots: spec.slots, clock });
    this.#lanes.set(lane.id, lane);
    this.#healthy = [...this.#lanes.values()];
    this.later(bootUs, () => {
      lane.up = true;
      this.listener.lanesChanged();
      this.#turns.work(lane);
    });
  }

  #post(lane: SimLane, item: Item): void {
    this.later(lane.hopUs, () => {
      lane.items.push(item);
      this.#turns.work(lane);
    });
  }

  report(lane: SimLane, tell: () => void): void {
    this.later(lane.hopUs, tell);
  }

  later(us: number, what: () => void): void {
    this.busy += 1;
    this.#options.clock.afterUs(us, () => {
      this.busy -= 1;
      what();
    });
  }

  loaded(isolate: SimIsolate, ok: boolean, us: number): void {
    if (this.isolates.get(isolate.number) !== isolate) return;
    if (!ok) this.#dispose(isolate, 'load failed');
    this.#say(() => `loaded ${isolate.number}: ${ok}`);
    const paid = { initNs: us * 1000, cpuNs: us * 1000 };
    this.listener.loaded(isolate.number, { ...(ok ? LOADED : FAILED), ...paid });
  }

  turned(job: SimJob): void {
    const { isolate, plan } = job;
    if (job.over || isolate.disposed) return;
    this.started(job);
    const last = job.turn === plan.turns.length - 1;
    if (job.turn === plan.headTurn && !this.#fails('head', job.key)) {
      job.headGiven = true;
      job.listener.head(
        { status: 200, headers: [] },
        plan.streams ? streamOf(this.#options.clock, this.#fails('body', job.key)) : new Uint8Array(3),
      );
    }
    if (job.over) return;
    if (this.#fails('turn-stray', `${job.key}.${job.turn}`)) this.#bar(isolate);
    if (job.over) return;
    this.listener.size(isolate.number, 1e6 + job.turn * 1000);
    if (job.over) return;
    if (job.ordered !== null) {
      this.#end(job, job.ordered);
      return;
    }
    const awaitUs = plan.turns[job.turn]!.awaitUs;
    job.turn += 1;
    if (!last) this.later(awaitUs, () => this.#post(isolate.lane, { kind: 'resume', job }));
    else if (!plan.hangs) {
      const failed = this.#fails('settle', job.key);
      this.#settle(job, failed || !job.headGiven ? 'function_error' : plan.outcome);
    }
  }

  started(job: SimJob): void {
    if (job.started) return;
    job.started = true;
    job.isolate.lane.unclaimed -= 1;
    job.listener.started(job.startedNs || this.#options.clock.nowNs());
  }

  #end(job: SimJob, outcome: 'wall_timeout' | 'aborted'): void {
    const { isolate } = job;
    if (job.over) return;
    job.ordered ??= outcome;
    const { lane } = isolate;
    if (lane.alive && lane.running === isolate.number && lane.current !== null) {
      const { current } = lane;
      // A wedged turn ignores its end; any other is over at once, and the report of it on the way.
      if (lane.wedging) return;
      lane.release();
      isolate.dead = true;
      this.report(lane, () => this.kill(isolate, current, current.ordered ?? 'aborted'));
      this.#turns.work(lane);
      return;
    }
    if (isolate.jobs.size <= 1) this.#lose(isolate, 'dropped by an abort');
    else this.#bar(isolate);
    this.#settle(job, outcome);
  }

  /** A turn was ended and took the isolate along. */
  kill(isolate: SimIsolate, culprit: SimJob, outcome: Outcome): void {
    if (isolate.disposed) return;
    this.#lose(isolate, 'killed');
    if (!culprit.over) this.started(culprit);
    for (const job of [...isolate.jobs]) if (job.started) this.#settle(job, job === culprit ? outcome : 'aborted');
    // Whoever was not claimed finds the isolate gone when the lane comes to it.
  }

  /** A wedged lane is given up alone; a crash takes the whole process along, and the host's own is never the one. */
  condemn(lane: SimLane, culprit: SimIsolate, how: 'wedged' | 'crashed'): void {
    this.#say(() => `lane ${lane.id} ${how}`);
    const guilty = lane.current;
    const lost = this.#healthy.filter((one) => one === lane || (lane.realm !== '' && one.realm === lane.realm));
    for (const one of lost) this.#bury(one);
    for (const isolate of [...this.isolates.values()]) {
      if (!lost.includes(isolate.lane)) continue;
      this.#lose(isolate, how);
      for (const job of [...isolate.jobs]) this.#orphan(job, guilty);
    }
    // Isolates that had gone before may still have had work on their way.
    for (const job of [...this.jobs.values()]) if (lost.includes(job.isolate.lane)) this.#orphan(job, null);
    if (this.lanes('').length < this.#options.spec.lanes) this.#addLane('', BOOT_US);
    this.listener.felled(culprit.version, how);
    this.listener.lanesChanged();
  }

  #bury(lane: SimLane): void {
    lane.alive = false;
    this.#lanes.delete(lane.id);
    this.#healthy = [...this.#lanes.values()];
  }

  #orphan(job: SimJob, guilty: SimJob | null): void {
    if (job.over) return;
    if (!job.claimed) this.giveBack(job);
    else {
      this.started(job);
      this.#settle(job, job === guilty ? 'crashed' : 'aborted');
    }
  }

  /** A process in which nothing lives any more ends after a while. */
  #endIdle(realm: Realm): void {
    const isEmpty = (): boolean => realm !== '' && this.lanes(realm).every((lane) => lane.isolates === 0);
    if (!isEmpty()) return;
    this.later(IDLE_US, () => {
      if (!isEmpty()) return;
      for (const lane of this.lanes(realm)) this.#bury(lane);
      this.listener.lanesChanged();
    });
  }

  giveBack(job: SimJob): void {
    if (job.over) return;
    this.#say(() => `return ${job.key}`);
    this.#forgetJob(job);
    if (this.#options.sabotage !== 'lost-return') job.listener.returned();
  }

  #forgetJob(job: SimJob): void {
    job.over = true;
    this.jobs.delete(job.invocation.id);
    job.isolate.jobs.delete(job);
    job.isolate.lane.held -= 1;
    if (!job.started) job.isolate.lane.unclaimed -= 1;
  }

  #settle(job: SimJob, outcome: Outcome): void {
    if (job.over) return;
    if (this.#options.sabotage === 'lost-job' && job.key.endsWith('3')) return;
    this.#turns.claim(job);
    this.started(job);
    const { isolate } = job;
    this.#forgetJob(job);
    isolate.active = Math.max(0, isolate.active - 1);
    const settledNs = this.#options.clock.nowNs();
    this.#say(() => `settle ${job.key}: ${outcome}`);
    if (OUTCOMES[outcome].isolate === 'dropped' && !isolate.disposed) this.#bar(isolate);
    const settlement = {
      outcome,
      problem: null,
      usage: {
        ...{ startedNs: job.startedNs || settledNs, settledNs, cpuNs: 1000, cpuEstimated: false, hostCpuNs: 0 },
        ...{ memoryPeakBytes: 0, subrequests: 0, requestBytes: 0, responseBytes: 0 },
      },
    };
    job.listener.settled(settlement);
    if (this.#options.sabotage === 'double-settle') job.listener.settled(settlement);
  }

  #bar(isolate: SimIsolate): void {
    isolate.barred ??= 'retired';
    this.#say(() => `retired ${isolate.number}`);
    this.listener.retired(isolate.number);
  }

  /** Gone by itself; the pool hears of it. */
  #lose(isolate: SimIsolate, why: string): void {
    if (isolate.disposed) return;
    this.#dispose(isolate, why);
    this.#say(() => `gone ${isolate.number}: ${why}`);
    this.listener.gone(isolate.number);
  }

  #dispose(isolate: SimIsolate, why: string): void {
    isolate.disposed = true;
    isolate.barred = why;
    if (this.isolates.delete(isolate.number)) isolate.lane.isolates -= 1;
    this.#endIdle(isolate.lane.realm);
  }

  #fails = (step: Step, about: string): boolean => this.#options.oracle.fails(step, about);
  #say = (what: () => string): void => this.#options.oracle.say(what);
}
