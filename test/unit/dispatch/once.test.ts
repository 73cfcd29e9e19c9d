/**
 * Whatever engines, callers and clocks do: every invocation is answered once, what started has one record, nothing is
 * run twice or forgotten, and a function that fell is never handed to a lane it no longer belongs to.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settle } from '../../support/fake-clock.ts';
import { FAILED } from '../../support/fake-engine.ts';
import { GuardedHost, type Sent } from '../../support/guarded-host.ts';
import { version } from '../../support/versions.ts';

const FUNCTIONS = ['a', 'b', 'c'].map((name, i) =>
  version(name, { queueMs: 5000, instances: 3 }, i === 2 ? { isolation: 'tenant' } : {}),
);

const step = fc.record({
  what: fc.constantFrom(
    ...['invoke', 'invoke', 'invoke', 'load', 'load', 'begin', 'settle', 'settle', 'return', 'fell', 'stuck'],
    ...['left', 'wait', 'lift', 'fail', 'strike', 'lanes'],
  ),
  which: fc.nat({ max: 1000 }),
});

class Run {
  readonly host = new GuardedHost();
  readonly sent: Sent[] = [];

  constructor(isRemote: boolean, maxLanes: number) {
    this.host.engine.isRemote = isRemote;
    this.host.engine.maxLanes = maxLanes;
    const { engine } = this.host;
    const start = engine.start.bind(engine);
    engine.start = (isolate, invocation, listener) => {
      expect(this.host.realmOf(isolate)).toBe(this.host.quarantine.realmOf(invocation.version));
      start(isolate, invocation, listener);
    };
  }

  async take(what: string, which: number): Promise<void> {
    const { engine, dispatch, pool, quarantine, clock } = this.host;
    const of = FUNCTIONS[which % FUNCTIONS.length]!;
    const jobs = [...engine.jobs.entries()].filter(([, { isolate }]) => engine.isolates.get(isolate)?.loaded === true);
    const [id, job] = jobs[which % Math.max(1, jobs.length)] ?? [];
    const loading = engine.loading[which % Math.max(1, engine.loading.length)];
    switch (what) {
      case 'invoke':
        this.sent.push(this.host.invoke(of));
        break;
      case 'load':
      case 'fail':
        if (loading !== undefined) engine.finishLoad(loading, what === 'fail' ? FAILED : undefined);
        break;
      case 'begin':
        if (id !== undefined && !job!.started) engine.begin(id);
        break;
      case 'settle':
        if (id !== undefined) engine.settle(id, 'ok', (which % 10) * 1_000_000);
        break;
      case 'return':
        if (id !== undefined && !job!.started) engine.giveBack(id);
        break;
      case 'fell':
        if (id !== undefined) this.host.fell({ id } as Sent);
        break;
      case 'stuck':
        pool.stuck(engine.laneList[which % engine.laneList.length]!.id);
        break;
      case 'left':
        if (this.sent.length > 0) dispatch.clientClosed(this.sent[which % this.sent.length]!.id);
        break;
      case 'wait':
        await clock.advance((which * which) / 10);
        break;
      case 'lift':
        quarantine.lift(of);
        break;
      case 'strike':
        quarantine.strike(of, 'crashed');
        break;
      default:
        pool.lanesChanged();
    }
    await settle();
  }

  /** Everything that is under way comes to its end. */
  async finish(): Promise<void> {
    const { engine, clock } = this.host;
    const busy = (): boolean => engine.jobs.size + engine.loading.length + this.host.dispatch.queued > 0;
    for (let round = 0; round < 200 && busy(); round++) {
      for (const isolate of engine.loading) engine.finishLoad(isolate);
      for (const id of [...engine.jobs.keys()]) if (engine.jobs.has(id)) engine.settle(id);
      await clock.advance(1000);
    }
  }
}

describe('an invocation', () => {
  it('has one end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 120 }),
        fc.boolean(),
        fc.constantFrom(2, 3, 20),
        async (steps, isRemote, maxLanes) => {
          const run = new Run(isRemote, maxLanes);
          for (const { what, which } of steps) await run.take(what, which);
          await run.finish();
          const { host } = run;
          expect(run.sent.map(({ calls }) => calls.length)).toEqual(run.sent.map(() => 1));
          for (const { id, calls } of run.sent) {
            const rows = host.rows.filter((row) => row.includes(` ${id}`) && `${row} `.includes(` ${id} `));
            const [answer = ''] = calls;
            // Nothing of what was shed ran; whoever waited for a load that failed has no record but one.
            if (answer.startsWith('shed')) expect(rows).toEqual([]);
            else if (answer !== 'fail init_error')
              expect(rows.map((row) => row.split(' ')[0])).toEqual(['start', 'end']);
          }
          expect([host.dispatch.queued, host.dispatch.running, host.engine.jobs.size]).toEqual([0, 0, 0]);
          expect(host.pool.stats()).toMatchObject({ waiting: 0, loading: 0 });
          expect(host.pool.stats().isolates).toBe(host.engine.isolates.size);
        },
      ),
      { numRuns: 400 },
    );
  });
});
