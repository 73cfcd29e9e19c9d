/**
 * One world from its first arrival to rest: the real dispatch, pool, callers, webhooks and schedules over a simulated
 * engine, ledger and inbox, in virtual time. Returns what was wrong.
 */
import { createHmac } from 'node:crypto';
import { endRecord, startRow } from '../../src/billing/record.ts';
import { ISOLATE_BASE_BYTES } from '../../src/contract/capacity.ts';
import type { WebhookSpec } from '../../src/contract/config.ts';
import type { FunctionVersion } from '../../src/contract/function.ts';
import type { Invocation } from '../../src/contract/invocation.ts';
import type { Ledger } from '../../src/contract/store.ts';
import { MIB } from '../../src/contract/units.ts';
import { Callers } from '../../src/dispatch/callers.ts';
import { Dispatch } from '../../src/dispatch/dispatch.ts';
import { Cron, Webhooks } from '../../src/events/events.ts';
import type { Parts } from '../../src/host/parts.ts';
import { runAttempt } from '../../src/host/webhook-door.ts';
import { Pool } from '../../src/pool/pool.ts';
import { Quarantine } from '../../src/quarantine/quarantine.ts';
import { invocation } from '../support/versions.ts';
import { type BrokenRule, isBrokenRule, toldOf } from './broken-rules.ts';
import { Chance } from './chance.ts';
import { type Accepted, checkDeliveries } from './deliveries.ts';
import { Oracle, type Violation } from './oracle.ts';
import { SimClock } from './sim-clock.ts';
import { SimEngine } from './sim-engine.ts';
import { SimInbox, SimLedger, type StoreSabotage } from './sim-stores.ts';
import type { EngineSabotage } from './sim-turns.ts';
import { type Arrival, type Step, versionOf, type WorldSpec } from './world.ts';

export interface SimulationOptions {
  readonly tracing?: boolean;
  readonly sabotage?: EngineSabotage | StoreSabotage | BrokenRule;
}

export interface SimulationResult {
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  /** How often each step was made. */
  readonly hits: ReadonlyMap<Step, number>;
  readonly invocations: number;
  /** The longest that an invocation of each function waited for its start, µs. */
  readonly waitsUs: ReadonlyMap<string, number>;
}

/** More than any world needs: beyond it something goes round in circles. */
const MOST_EVENTS = 300_000;
const HOUR_US = 3_600_000_000;
/** An event of a quarantined function is held for three days. */
const END_US = 24 * 5 * HOUR_US;
const CRON_STOPS_US = 3_500_000;
const SECRET = 'secret';
const ATTEMPTS = 3;

export async function simulate(spec: WorldSpec, options: SimulationOptions = {}): Promise<SimulationResult> {
  const simulation = new Simulation(spec, options);
  await simulation.run();
  const { violations, trace, hits, seen, waitsUs } = simulation.oracle;
  return { violations, trace, hits, invocations: seen.size, waitsUs };
}

class Simulation {
  readonly clock = new SimClock();
  readonly oracle: Oracle;
  readonly #spec: WorldSpec;
  readonly #engine: SimEngine;
  readonly #inbox: SimInbox;
  readonly #pool: Pool;
  readonly #quarantine: Quarantine;
  readonly #dispatch: Dispatch;
  readonly #callers: Callers;
  readonly #webhooks: Webhooks;
  readonly #cron: Cron;
  readonly #accepted: Accepted = { ids: new Map(), attempts: new Map() };
  readonly #ticks: Set<string> = new Set();
  #live: Map<string, FunctionVersion> = new Map();
  #drainedUs: number | null = null;
  #stopped = false;
  readonly #endUs: number;
  readonly #broken: BrokenRule | null;

  constructor(
    spec: WorldSpec,
    { tracing = false, sabotage = null }: { tracing?: boolean; sabotage?: SimulationOptions['sabotage'] | null },
  ) {
    this.#spec = spec;
    this.#endUs = sabotage === null ? END_US : HOUR_US;
    const { clock } = this;
    const oracle = new Oracle(clock, spec, tracing);
    this.oracle = oracle;
    const broken = isBrokenRule(sabotage) ? sabotage : null;
    this.#broken = broken;
    const engineSabotage =
      sabotage === 'answer-early' || sabotage === 'forgets' || isBrokenRule(sabotage) ? null : sabotage;
    const storeSabotage = sabotage === 'answer-early' || sabotage === 'forgets' ? sabotage : null;
    this.#engine = new SimEngine({ clock, oracle, spec, sabotage: engineSabotage });
    const stores = { clock, oracle, seed: spec.seed, sabotage: storeSabotage };
    this.#inbox = new SimInbox(stores);
    this.#pool = new Pool({
      engine: this.#engine,
      maxIsolates: spec.maxIsolates,
      memoryBytes: 500 * MIB,
      nowNs: () => clock.nowNs(),
      realmOf: (version) => this.#quarantine.realmOf(version),
      stray: () => undefined,
      felled: (version, how) => this.#quarantine.strike(version, how),
      tenantLimits: (name) => ({
        instances: broken === 'no-tenant-limits' ? 1000 : (spec.tenantInstances[name] ?? Number.POSITIVE_INFINITY),
        memoryBytes: Number.POSITIVE_INFINITY,
      }),
    });
    this.#quarantine = new Quarantine({
      epochMs: () => clock.epochMs(),
      changed: () => this.#pool.rehome(),
      say: (_, sentence) => oracle.say(() => sentence),
    });
    this.#engine.open(this.#pool);
    this.#dispatch = new Dispatch({
      pool: this.#pool,
      gate: this.#quarantine,
      engine: this.#engine,
      book: {
        start: (of, placed, { queueNs }) =>
          startRow(of, {
            cold: placed.init !== null,
            startedAt: new Date(clock.epochMs()).toISOString(),
            queueNs,
            isolateId: String(placed.isolate),
            engineId: String(placed.lane),
            hostId: 'sim',
          }),
        end: endRecord,
      },
      ledger: new SimLedger(stores) as unknown as Ledger,
      observers: [
        {
          settled: (story) => void (oracle.of(story.invocation.id).stories += 1),
          shed: (version, reason) => oracle.shed(version.key, reason),
          stray: () => undefined,
        },
      ],
      clock,
      queueDepth: spec.queueDepth,
      tenants: () => (broken === 'one-queue' ? 1 : new Set(spec.functions.map((one) => one.tenant)).size),
    });
    this.#callers = new Callers({
      find: (name) => this.#live.get(name),
      invoke: (made) => this.#invoke(made, keyOf(made)),
      clientClosed: (id) => this.#dispatch.clientClosed(id),
      clock,
    });
    const chance = new Chance(spec.seed, 'jitter');
    this.#webhooks = new Webhooks({
      inbox: this.#inbox,
      clock,
      specs: () => this.#endpoints(),
      random: () => chance.next(),
      concurrency: spec.webhookSlots,
      invoke: async (attempt) => {
        const { id } = attempt.delivery;
        if (oracle.fails('delivery', `${bodyKey(attempt.delivery.body)}.${attempt.context.attempt}`)) {
          this.#accepted.attempts.set(id, [
            ...(this.#accepted.attempts.get(id) ?? []),
            { attempt: attempt.context.attempt, status: 0, outcome: 'aborted' },
          ]);
          throw new Error('no');
        }
        const answer = await runAttempt(this.#parts(), attempt);
        const { status, outcome } = answer;
        this.#accepted.attempts.set(id, [
          ...(this.#accepted.attempts.get(id) ?? []),
          { attempt: attempt.context.attempt, status, outcome },
        ]);
        return answer;
      },
    });
    this.#cron = new Cron({
      clock,
      invoke: (name, { schedule }, scheduledEpochMs) => {
        const tick = `${name}@${scheduledEpochMs}`;
        // A clock that was wrong by hours is believed anew: only then may a tick come twice.
        if (this.#ticks.has(tick) && spec.clockSteps.every((step) => step.ms > -3_600_000))
          oracle.violate('tick twice', tick);
        this.#ticks.add(tick);
        const event = { kind: 'scheduled', cron: schedule, scheduledEpochMs } as const;
        this.#callers.call(name, { event, trigger: 'cron', source: schedule, trace: TRACE });
      },
    });
  }

  async run(): Promise<void> {
    const { clock, oracle } = this;
    const { arrivals, redeployAtUs, drainAtUs, clockSteps, looks } = this.#spec;
    this.#deploy(1);
    this.#webhooks.start();
    this.#cron.start();
    for (const arrival of arrivals) clock.afterUs(arrival.atUs, () => this.#arrive(arrival));
    if (redeployAtUs !== null) clock.afterUs(redeployAtUs, () => this.#deploy(2));
    for (const { atUs, mib } of looks) clock.afterUs(atUs, () => void this.#pool.look(mib * MIB));
    if (drainAtUs !== null) clock.afterUs(drainAtUs, () => void this.#close());
    for (const { atUs, ms } of clockSteps) clock.afterUs(atUs, () => clock.step(ms));
    clock.afterUs(CRON_STOPS_US, () => this.#cron.stop());
    await this.#rest();
    // What is in the inbox for another day has had its time: the clock goes there by itself.
    if (!this.#stopped) void this.#close();
    await this.#rest();
    // What is kept ready and found no room is tried again from time to time.
    for (let i = 0; i < 3; i++) {
      this.#pool.look(0);
      await this.#rest();
    }
    if (this.#drainedUs === null)
      oracle.violate('drain does not end', `${this.#dispatch.running} run, ${this.#dispatch.queued} wait`);
    this.#conclude();
    await this.#rest();
    if (clock.pending !== 0) oracle.violate('timers leak', `${clock.pending}`);
    oracle.conclude();
    await checkDeliveries(oracle, this.#inbox, this.#accepted, { attempts: ATTEMPTS, drained: drainAtUs !== null });
  }

  /** Until nothing is left to happen. */
  async #rest(): Promise<void> {
    const { clock, oracle } = this;
    await drained();
    for (let i = 0; clock.advance(); i++) {
      await drained();
      this.#watchWaiting();
      if (i > MOST_EVENTS || clock.nowUs > this.#endUs) {
        oracle.violate('goes on for ever', `${clock.pending} timers, ${this.#dispatch.running} run`);
        return;
      }
      if (oracle.violations.length > 10 || this.#isQuiet()) return;
    }
  }

  /** Only the inbox is still looked into, once a minute. */
  #isQuiet(): boolean {
    const { clock } = this;
    if (this.#stopped || clock.nowUs <= CRON_STOPS_US || this.oracle.unanswered.size > 0) return false;
    const isIdle = this.#dispatch.running === 0 && this.#engine.busy === 0 && this.#engine.jobs.size === 0;
    return isIdle && this.#inbox.busy === 0 && this.#inbox.open.size === 0;
  }

  /** Nobody waits while nothing is under way that could end the wait, or while there is room for an isolate of its own. */
  #watchWaiting(): void {
    const { waiting, evictable } = this.#pool.stats();
    const { oracle } = this;
    const engine = this.#engine;
    if (waiting === 0) return;
    const isResting = engine.busy === 0 && engine.jobs.size === 0;
    for (const [id, { key, invocation: of }] of oracle.unanswered) {
      // Its engine process may not be started, and no lane of it is left.
      if (engine.jobs.has(id) || !engine.mayServe(this.#quarantine.realmOf(of.version))) continue;
      if (isResting) oracle.violate('waits for nothing', `${key} waits, the engine rests`);
      else if (engine.census.of(of.version.key) === 0 && engine.census.hasRoom(of.version, evictable))
        oracle.violate('starves', `${key}: no isolate of ${of.version.key}, and there is room`);
    }
  }

  #conclude(): void {
    const { oracle } = this;
    const engine = this.#engine;
    const { running, queued } = this.#dispatch;
    if (running !== 0 || queued !== 0) oracle.violate('dispatch is not empty', `${running} run, ${queued} wait`);
    const stats = this.#pool.stats();
    const isCalm = Object.keys(this.#spec.chances).length + this.#spec.fails.length === 0;
    // There may be too few engine processes for all that want one.
    for (const { key, spec } of isCalm && stats.allowedBytes > 400 * MIB ? this.#live.values() : [])
      if (spec.isolation === 'shared' && engine.census.of(key) < spec.warm)
        oracle.violate('too few are kept warm', `${key}: ${engine.census.of(key)} of ${spec.warm}`);
    if (stats.waiting !== 0 || stats.loading !== 0) oracle.violate('the pool is not at rest', JSON.stringify(stats));
    if (stats.isolates !== engine.isolates.size)
      oracle.violate('isolates leak', `the pool knows ${stats.isolates}, the engine has ${engine.isolates.size}`);
    if (stats.isolates > 0 && stats.bytes < stats.isolates * ISOLATE_BASE_BYTES)
      oracle.violate('bytes are wrong', JSON.stringify(stats));
    for (const lane of engine.lanes())
      if (lane.unclaimed !== 0 || lane.held !== 0)
        oracle.violate('a lane holds work', `${lane.unclaimed}, ${lane.held}`);
    this.#pool.retain([]);
    const last = this.#pool.stats();
    if (last.isolates !== 0 || last.idle !== 0 || Math.abs(last.bytes) > 1 || engine.isolates.size !== 0)
      oracle.violate(
        'isolates outlive their version',
        `${JSON.stringify(last)}, the engine has ${engine.isolates.size}`,
      );
  }

  #deploy(generation: number): void {
    if (this.#stopped) return;
    this.oracle.say(() => `deploy ${generation}`);
    const versions = this.#spec.functions.map((plan) => versionOf(plan, generation));
    // Of tenants the pool hears with every invocation.
    const live = this.#broken === 'no-tenants' ? versions.map((one) => toldOf(one, this.#broken)) : versions;
    this.#live = new Map(live.map((one) => [one.spec.name, one]));
    this.#quarantine.retain(versions);
    this.#engine.census.live = versions;
    this.#pool.retain(versions.map((one) => toldOf(one, this.#broken)));
    this.#cron.set(versions.map((one) => one.spec));
  }

  /** As the host does it. */
  async #close(): Promise<void> {
    this.#stopped = true;
    this.oracle.say(() => 'close');
    this.oracle.closing = true;
    this.#cron.stop();
    const { graceMs } = this.#spec;
    await Promise.all([this.#webhooks.stop(), this.#dispatch.drain(graceMs)]);
    this.#drainedUs = this.clock.nowUs;
    this.oracle.say(() => 'closed');
  }

  #arrive(arrival: Arrival): void {
    const { key, kind } = arrival;
    const of = this.#live.get(this.#spec.functions[arrival.function]!.name)!;
    if (kind === 'webhook' || kind === 'sync-webhook') {
      void this.#receive(arrival, of);
      return;
    }
    const id = `i-${this.#spec.seed}-${key}`;
    const reply = { timing: null, respond: () => undefined, fail: () => undefined, shed: () => undefined };
    const start = kind === 'cold' ? 'cold' : null;
    this.#invoke(invocation(of, reply, { id, start, acceptedNs: this.clock.nowNs() }), `a${key}`);
  }

  #invoke(made: Invocation, key: string): void {
    const { clock, oracle } = this;
    if (oracle.fails('client', key)) {
      const us = new Chance(this.#spec.seed, 'client', key).scale(10, 100_000);
      clock.afterUs(us, () => this.#dispatch.clientClosed(made.id));
    }
    this.#dispatch.invoke(oracle.admit(made, key));
  }

  async #receive({ key, kind, repeats }: Arrival, of: FunctionVersion): Promise<void> {
    const about = repeats ?? key;
    const body = Buffer.from(`{"w":${about}}`);
    const signature = createHmac('sha256', SECRET).update(body).digest('hex');
    const headers = ['x-hub-signature-256', `sha256=${signature}`, 'x-github-delivery', `d-${about}`];
    const endpoint = `${of.spec.name}-${kind === 'webhook' ? 'async' : 'sync'}`;
    const answer = await this.#webhooks.receive(endpoint, {
      method: 'POST',
      target: `/hooks/${endpoint}`,
      headers,
      body,
      traceparent: '',
    });
    this.oracle.say(() => `webhook ${about}: ${answer.status}`);
    if (answer.status === 202) {
      const { id } = JSON.parse(Buffer.from(answer.body).toString()) as { id: string };
      this.#accepted.ids.set(id, body);
    }
  }

  #endpoints(): WebhookSpec[] {
    return this.#spec.functions.flatMap(({ name }) =>
      (['async', 'sync'] as const).map((mode) => ({
        name: `${name}-${mode}`,
        provider: 'github' as const,
        secrets: [{ id: 'k', value: SECRET }],
        function: name,
        mode,
        dedupHours: 72,
        attempts: ATTEMPTS,
        maxBodyBytes: 1000,
      })),
    );
  }

  #parts(): Parts {
    const telemetry = { seed: () => TRACE };
    return { callers: this.#callers, live: this.#live, baseUrl: 'http://sim', telemetry } as unknown as Parts;
  }
}

const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentSpanId: null, sampled: false, link: null };

/** Named by what it is for, so that the same event draws the same lot in every run. */
function keyOf({ event, webhook, attempt, version }: Invocation): string {
  if (event.kind === 'scheduled') return `c${version.spec.name}@${event.scheduledEpochMs}`;
  return `w${bodyKey(event.body as Uint8Array)}.${attempt}${webhook?.endpoint.endsWith('-sync') === true ? 's' : ''}`;
}

function bodyKey(body: Uint8Array): string {
  return Buffer.from(body).toString().replace(/\D/g, '');
}

/** All microtasks, however long their chains. */
function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
