/** Dispatch, pool and quarantine as the host joins them, over a fake engine, a fake clock and a ledger that never waits. */
import { endRecord, startRow } from '../../src/billing/record.ts';
import type { Fall } from '../../src/contract/engine-port.ts';
import type { FunctionVersion } from '../../src/contract/function.ts';
import type { Invocation, Reply } from '../../src/contract/invocation.ts';
import type { Ledger } from '../../src/contract/store.ts';
import { MIB } from '../../src/contract/units.ts';
import { Dispatch } from '../../src/dispatch/dispatch.ts';
import { Pool } from '../../src/pool/pool.ts';
import { Quarantine } from '../../src/quarantine/quarantine.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeEngine } from './fake-engine.ts';
import { invocation, version } from './versions.ts';

/** What became of one invocation: its answer, in words. */
export interface Sent extends Reply {
  readonly id: string;
  readonly calls: string[];
}

export class GuardedHost {
  readonly engine = new FakeEngine();
  readonly clock = new FakeClock();
  readonly lines: string[] = [];
  /** `start …` and `end … outcome`, as the ledger got them. */
  readonly rows: string[] = [];
  readonly pool: Pool;
  readonly dispatch: Dispatch;
  readonly quarantine: Quarantine;

  constructor() {
    this.engine.maxLanes = 20;
    this.quarantine = new Quarantine({
      epochMs: () => this.clock.epochMs(),
      changed: () => {
        this.dispatch.expel();
        this.pool.rehome();
      },
      say: (_, line) => this.lines.push(line),
    });
    this.pool = new Pool({
      engine: this.engine,
      maxIsolates: 100,
      memoryBytes: 1000 * MIB,
      nowNs: () => this.clock.nowNs(),
      realmOf: (of) => this.quarantine.realmOf(of),
      stray: () => undefined,
      felled: (of, how) => this.quarantine.strike(of, how),
    });
    this.engine.listener = this.pool;
    const ledger: Pick<Ledger, 'start' | 'end' | 'whenDurable'> = {
      start: ({ invocationId }) => this.rows.push(`start ${invocationId}`),
      end: ({ invocationId, outcome }) => void this.rows.push(`end ${invocationId} ${outcome}`),
      whenDurable: (then) => then(),
    };
    this.dispatch = new Dispatch({
      pool: this.pool,
      gate: this.quarantine,
      engine: this.engine,
      book: {
        start: (of, placed, { queueNs }) =>
          startRow(of, {
            cold: placed.init !== null,
            startedAt: new Date(this.clock.epochMs()).toISOString(),
            queueNs,
            isolateId: 'i',
            engineId: 'e',
            hostId: 'h',
          }),
        end: endRecord,
      },
      ledger: ledger as Ledger,
      observers: [],
      clock: this.clock,
      queueDepth: 1000,
      tenants: () => 1,
    });
  }

  invoke(of: FunctionVersion = version('hello'), more: Partial<Invocation> = {}): Sent {
    const calls: string[] = [];
    const reply: Reply = {
      respond: ({ status }) => void calls.push(`respond ${status}`),
      fail: (outcome) => void calls.push(`fail ${outcome}`),
      shed: (reason, seconds) =>
        void calls.push(seconds === undefined ? `shed ${reason}` : `shed ${reason} ${seconds}`),
    };
    const made = invocation(of, reply, { acceptedNs: this.clock.nowNs(), ...more });
    this.dispatch.invoke(made);
    return { ...reply, id: made.id, calls };
  }

  /** Loads that are under way end well. */
  load(): void {
    for (const isolate of this.engine.loading) this.engine.finishLoad(isolate);
  }

  realmOf(isolate: number): string | undefined {
    const lane = this.engine.isolates.get(isolate)?.lane;
    return this.engine.laneList.find(({ id }) => id === lane)?.realm;
  }

  /** `sent` brings its isolate down with it, and whoever else runs there. */
  fell(sent: Sent, how: Fall = 'wedged'): void {
    const { isolate, invocation: of } = this.engine.jobs.get(sent.id)!;
    if (!this.engine.jobs.get(sent.id)!.started) this.engine.begin(sent.id);
    this.engine.isolates.delete(isolate);
    this.pool.gone(isolate);
    for (const [id, job] of [...this.engine.jobs]) {
      if (job.isolate !== isolate) continue;
      if (job.started) this.engine.settle(id, id === sent.id ? 'crashed' : 'aborted');
      else this.engine.giveBack(id);
    }
    this.pool.felled(of.version, how);
  }
}
