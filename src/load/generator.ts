/**
 * The load of one generator process. Closed loop: every connection sends its next request when the last is answered. Open
 * loop: requests fall due at a fixed rate whatever the server does; one that finds no free connection waits, and the wait
 * counts from when it fell due, so a stall is seen by all it held up (no coordinated omission). Whoever has no answer when
 * the time is over is waited for, and then counted. What the generator itself was late is told apart.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from './connection.ts';
import { Meter } from './meter.ts';
import { type GeneratorPlan, type GeneratorResult, SERIAL } from './plan.ts';

const DRAIN_MS = 10_000;
/** After a failure a closed loop waits: a server that is gone would be asked in a tight loop. */
const RETRY_MS = 20;
/** Connections opened at once. */
const OPENING = 32;
const READ_BYTES = 64 * 1024;

interface Phase {
  readonly startedAt: number;
  /** Requests due, or answers received, from here on count. */
  readonly from: number;
  readonly to: number;
}

export class Generator {
  readonly #plan: GeneratorPlan;
  readonly #drainMs: number;
  readonly #requests: readonly Buffer[];
  readonly #expectBody: Buffer | null;
  readonly #connections: readonly Connection[];
  readonly #meter: Meter;
  #next = 0;
  /** Where in each request its serial belongs; -1: it has none. */
  readonly #serialAt: readonly number[];
  readonly #series: string = randomBytes(3).toString('hex');
  #serial = 0;

  /** `drainMs`: how long it waits for answers still under way when the time is over. */
  constructor(plan: GeneratorPlan, drainMs: number = DRAIN_MS) {
    this.#plan = plan;
    this.#drainMs = drainMs;
    this.#requests = plan.requests.map((text) => Buffer.from(text, 'base64'));
    this.#serialAt = this.#requests.map((bytes) => bytes.indexOf(SERIAL));
    this.#expectBody = plan.expect.body === null ? null : Buffer.from(plan.expect.body);
    this.#meter = new Meter(plan.expect);
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const options = { expectBody: this.#expectBody, bodiless: plan.bodiless, readsHeads: plan.serverTiming, buffer };
    this.#connections = Array.from({ length: plan.connections }, () => new Connection(plan.origin, options));
  }

  /** Opens every connection with one request, and sees that each request is answered as expected. Throws if not. */
  async check(): Promise<void> {
    const asks = Array.from({ length: Math.max(this.#connections.length, this.#requests.length) }, (_, n) => n);
    for (let at = 0; at < asks.length; at += OPENING) {
      const some = asks.slice(at, at + Math.min(OPENING, this.#connections.length));
      await Promise.all(some.map((n) => this.#ask(n)));
    }
  }

  async run(): Promise<GeneratorResult> {
    const { warmupMs, durationMs, ratePerSecond } = this.#plan;
    const startedAt = performance.now();
    const from = startedAt + warmupMs;
    const phase = { startedAt, from, to: from + durationMs };
    let cpu = process.cpuUsage();
    const begin = setTimeout(() => {
      cpu = process.cpuUsage();
    }, warmupMs);
    const over = sleep(warmupMs + durationMs).then(() => {
      const { user, system } = process.cpuUsage(cpu);
      return user + system;
    });
    let tookMs = durationMs;
    if (ratePerSecond === null) await Promise.all(this.#connections.map((each) => this.#closedLoop(each, phase)));
    else tookMs = Math.max(tookMs, await this.#openLoop(ratePerSecond, phase));
    const cpuUs = await over;
    clearTimeout(begin);
    return this.#meter.result(tookMs, cpuUs);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  async #ask(n: number): Promise<void> {
    const bytes = this.#stamped(n % this.#requests.length);
    const { status, body } = await this.#connections[n % this.#connections.length]!.ask(bytes);
    const { expect } = this.#plan;
    const right = expect.status === null ? status >= 200 && status < 300 : status === expect.status;
    if (right && (expect.body === null || body === expect.body)) return;
    const asked = bytes.toString('latin1', 0, bytes.indexOf('\r\n')).replace(/ HTTP\/1\.1$/, '');
    const wanted = `${expect.status ?? '2xx'}${expect.body === null ? '' : ` ${shown(expect.body)}`}`;
    throw new Error(`${asked}: expected ${wanted}, got ${status} ${shown(body)}`);
  }

  #request(): Buffer {
    const bytes = this.#stamped(this.#next);
    this.#next = this.#next + 1 === this.#requests.length ? 0 : this.#next + 1;
    return bytes;
  }

  #answered(connection: Connection, status: number, bodyIsRight: boolean, ms: number): void {
    this.#meter.answered(status, bodyIsRight, ms);
    if (this.#plan.serverTiming) this.#meter.timing(connection.head);
  }

  #stamped(n: number): Buffer {
    const bytes = this.#requests[n]!;
    const at = this.#serialAt[n]!;
    if (at < 0) return bytes;
    const own = Buffer.from(bytes);
    const serial = String(this.#serial++).padStart(SERIAL.length - this.#series.length, '0');
    own.write(this.#series + serial, at, 'latin1');
    return own;
  }

  #closedLoop(connection: Connection, { from, to }: Phase): Promise<void> {
    return new Promise((resolve) => {
      let sentAt = 0;
      const next = (now: number): void => {
        if (now < to) {
          sentAt = now;
          connection.send(this.#request(), done, failed);
        } else {
          clearTimeout(patience);
          resolve();
        }
      };
      const done = (status: number, bodyIsRight: boolean): void => {
        const now = performance.now();
        if (now >= from && now < to) this.#answered(connection, status, bodyIsRight, now - sentAt);
        next(now);
      };
      const failed = (error: Error): void => {
        const now = performance.now();
        if (now >= from && now < to) this.#meter.failed(error.message, now - sentAt);
        setTimeout(() => next(performance.now()), RETRY_MS);
      };
      const giveUp = (): void => {
        this.#meter.failed('no answer', performance.now() - sentAt);
        connection.close();
        resolve();
      };
      const patience = setTimeout(giveUp, to + this.#drainMs - performance.now());
      next(performance.now());
    });
  }

  /** Resolves with the time from the beginning of the measured phase to its last answer, ms. */
  async #openLoop(ratePerSecond: number, { startedAt, from, to }: Phase): Promise<number> {
    const free = [...this.#connections];
    /** When those without a connection fell due. */
    const waiting: number[] = [];
    let head = 0;
    let underWay = 0;
    let due = 0;
    let lastAt = to;
    const everyMs = 1000 / ratePerSecond;
    const counts = (dueAt: number): boolean => dueAt >= from && dueAt < to;

    /** When the request that a connection carries, or carried last, fell due. */
    const latest = new Map<Connection, number>();

    const send = (connection: Connection, dueAt: number, since: number): void => {
      underWay += 1;
      latest.set(connection, dueAt);
      connection.send(
        this.#request(),
        (status, bodyIsRight) => {
          const now = performance.now();
          if (counts(dueAt)) {
            this.#answered(connection, status, bodyIsRight, now - since);
            this.#meter.sinceDue(now - dueAt);
            lastAt = now;
          }
          released(connection, now);
        },
        (error) => {
          const now = performance.now();
          if (counts(dueAt)) {
            this.#meter.failed(error.message, now - since);
            this.#meter.sinceDue(now - dueAt);
          }
          released(connection, now);
        },
      );
    };
    const released = (connection: Connection, now: number): void => {
      underWay -= 1;
      const next = waiting[head];
      if (next === undefined) free.push(connection);
      else {
        head += 1;
        send(connection, next, next);
      }
      // A busy generator learns of what is due by its answers, sooner than by its timer.
      release(now);
    };
    const release = (now: number): void => {
      for (;;) {
        const dueAt = startedAt + due * everyMs;
        if (dueAt > now || dueAt >= to) return;
        due += 1;
        if (counts(dueAt)) this.#meter.due(now - dueAt);
        const connection = free.pop();
        if (connection) send(connection, dueAt, now);
        else waiting.push(dueAt);
      }
    };

    for (let now = startedAt; now < to; now = performance.now()) {
      release(now);
      await sleep(1);
    }
    release(to);
    const until = performance.now() + this.#drainMs;
    while ((underWay > 0 || head < waiting.length) && performance.now() < until) await sleep(1);
    // Whoever still waits has waited at least this long: it counts, it is not forgotten.
    const now = performance.now();
    for (const dueAt of waiting.slice(head))
      if (counts(dueAt)) this.#meter.failed('no connection was free', now - dueAt);
    const idle = new Set(free);
    for (const [connection, dueAt] of latest) {
      if (idle.has(connection)) continue;
      if (counts(dueAt)) this.#meter.failed('no answer', now - dueAt);
      // An answer that comes yet must not be taken for that of the next request.
      connection.close();
    }
    return lastAt - from;
  }
}

function shown(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
