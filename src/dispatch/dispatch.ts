/**
 * The life of an invocation, on one screen: admit, wait for an isolate, hand over, answer, settle. It sequences; pool,
 * engine, ledger and observers do the rest through their ports. One record per started invocation, and no byte leaves
 * before its row is durable.
 */
import type { Clock } from '../contract/clock.ts';
import type { FunctionVersion } from '../contract/function.ts';
import type { Invocation } from '../contract/invocation.ts';
import type { LimitName } from '../contract/limits.ts';
import type { Observer } from '../contract/observer.ts';
import type { Outcome, Shed } from '../contract/outcome.ts';
import type { Admission } from '../contract/quarantine.ts';
import { Registry } from '../contract/registry.ts';
import type { Ledger } from '../contract/store.ts';
import { Deadlines } from './deadlines.ts';
import { Life, type LifePorts } from './life.ts';
import { Queue } from './queue.ts';
import { TokenBucket } from './rate.ts';

/** What dispatch needs of the pool. */
export interface PoolPort {
  enter(ticket: Life): void;
  withdraw(ticket: Life): boolean;
}

/** Who keeps out functions that bring their engine down. */
export interface Gate {
  admit(version: FunctionVersion): Admission;
  /** Seconds until a probe may be let in; `null`: it is open. */
  closedSeconds(version: FunctionVersion): number | null;
  /** A probe has ended; `null`: nothing of it ran. */
  probed(version: FunctionVersion, outcome: Outcome | null): void;
}

export interface DispatchOptions {
  readonly pool: PoolPort;
  readonly gate: Gate;
  readonly engine: LifePorts['engine'];
  readonly book: LifePorts['book'];
  readonly ledger: Ledger;
  readonly observers: readonly Observer[];
  readonly clock: Clock;
  /** Invocations admitted and not started, in the whole host. */
  readonly queueDepth: number;
  /** Tenants deployed. */
  tenants(): number;
}

export class Dispatch {
  readonly #options: DispatchOptions;
  readonly #lives: Registry<string, Life> = new Registry();
  readonly #buckets: Map<string, TokenBucket> = new Map();
  readonly #deadlines: Deadlines;
  readonly #ports: LifePorts;
  readonly #queue: Queue;
  #draining = false;
  #idle: (() => void)[] = [];

  constructor(options: DispatchOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock);
    this.#queue = new Queue({ depth: options.queueDepth, tenants: () => options.tenants() });
    this.#ports = {
      engine: options.engine,
      book: options.book,
      ledger: options.ledger,
      observers: options.observers,
      clock: options.clock,
      deadlines: this.#deadlines,
      withdraw: (life) => options.pool.withdraw(life),
      dequeued: (life) => this.#queue.leave(life.place),
      shed: (life, reason, limit) => this.#shedQueued(life, reason, limit),
      over: (life, outcome) => this.#over(life, outcome),
    };
  }

  /** Takes an invocation in. Its reply gets exactly one answer, now or later. */
  invoke(invocation: Invocation): void {
    const refusal = this.#refusal(invocation);
    if (refusal !== null) {
      this.#shed(invocation, refusal);
      return;
    }
    const place = this.#queue.enter(invocation.version.spec.tenant);
    if (place === null) {
      this.#shed(invocation, 'overloaded');
      return;
    }
    const admission = this.#options.gate.admit(invocation.version);
    if (admission.kind === 'closed') {
      this.#queue.leave(place);
      this.#shed(invocation, 'quarantined', { retryAfterSeconds: admission.retryAfterSeconds });
      return;
    }
    const life = new Life(invocation, this.#ports, place, admission.kind === 'probe');
    this.#lives.set(invocation.id, life);
    life.enter();
    this.#options.pool.enter(life);
  }

  /** The gate has changed: what waits for a function that is closed now is turned away, as if it came now. */
  expel(): void {
    for (const life of [...this.#lives.values()]) {
      const waits = !life.hasStarted && !life.isProbe;
      if (waits && this.#options.gate.closedSeconds(life.invocation.version) !== null) life.expel();
    }
  }

  /** The client of an HTTP invocation went away. It runs on within its limits. */
  clientClosed(invocationId: string): void {
    this.#lives.get(invocationId)?.clientClosed();
  }

  get running(): number {
    return this.#lives.size - this.#queue.held;
  }

  get queued(): number {
    return this.#queue.held;
  }

  /** Admits nothing more; resolves when all have settled, or `graceMs` is over and the rest was aborted. */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    if (this.#lives.size > 0) {
      const idle = new Promise<void>((resolve) => this.#idle.push(resolve));
      const timer = this.#options.clock.after(graceMs, () => {
        for (const life of this.#lives.values()) life.abort();
      });
      await idle;
      timer.cancel();
    }
    this.#deadlines.close();
  }

  #refusal({ version, depth }: Invocation): Shed | null {
    // What runs is allowed to finish, and so to call what it needs.
    if (this.#draining && depth === 0) return 'overloaded';
    const { rate, name, tenant } = version.spec;
    if (rate === null) return null;
    const now = this.#options.clock.nowNs();
    const key = `${tenant}/${name}/${rate.perSecond}/${rate.burst}`;
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = new TokenBucket(rate, now);
      this.#buckets.set(key, bucket);
    }
    return bucket.take(now) ? null : 'throttled';
  }

  #shedQueued(life: Life, reason: Shed, limit?: LimitName): void {
    this.#queue.leave(life.place);
    const closed = reason === 'quarantined' ? this.#options.gate.closedSeconds(life.invocation.version) : null;
    this.#shed(life.invocation, reason, { limit, ...(closed === null ? {} : { retryAfterSeconds: closed }) });
    this.#over(life, null);
  }

  #shed(
    invocation: Invocation,
    reason: Shed,
    about: { retryAfterSeconds?: number; limit?: LimitName | undefined } = {},
  ): void {
    invocation.reply.shed(reason, about.retryAfterSeconds);
    for (const observer of this.#options.observers) observer.shed(invocation.version, reason, about.limit);
  }

  #over(life: Life, outcome: Outcome | null): void {
    this.#lives.delete(life.invocation.id);
    if (life.isProbe) this.#options.gate.probed(life.invocation.version, outcome);
    if (this.#lives.size > 0) return;
    for (const idle of this.#idle.splice(0)) idle();
  }
}
