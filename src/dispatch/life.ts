/**
 * One invocation from admission to its record. Its states follow one another and never go back: queued, started,
 * answered, settled. Whatever happens, the reply is called once and, if it started, one record is written.
 */
import type { Clock } from '../contract/clock.ts';
import type {
  EngineUsage,
  GuestProblem,
  LoadReport,
  LogLine,
  Settlement,
  SubrequestFacts,
} from '../contract/engine-port.ts';
import { type Body, type Invocation, isStream, type ResponseHead, type Timing } from '../contract/invocation.ts';
import type { Limits } from '../contract/limits.ts';
import type { Observer } from '../contract/observer.ts';
import { OUTCOMES, type Outcome, type Shed } from '../contract/outcome.ts';
import type { Ledger } from '../contract/store.ts';
import { MIB, NS_PER_MS } from '../contract/units.ts';
import type { EndFacts, UsageRecord, UsageStart } from '../contract/usage.ts';
import type { Deadline, Deadlines } from './deadlines.ts';

/** Share of a limit from which on a warning is due. */
const WARN = 0.8;
/** Lines kept for the story of one invocation; logBytes bounds their size. */
const LOG_LINES = 10_000;

/** Most invocations log nothing and call nobody: they share this. Never written to. */
const NONE: never[] = [];

/** Where and how it was placed, as the pool tells it. */
export interface Placed {
  readonly isolate: number;
  readonly lane: number;
  readonly init: LoadReport | null;
}

export interface LifePorts {
  readonly engine: {
    abort(invocationId: string, outcome: 'wall_timeout' | 'aborted'): void;
    clientClosed(invocationId: string): void;
  };
  /** Builds the rows; billing's own arithmetic. */
  readonly book: {
    start(
      invocation: Invocation,
      placed: Placed,
      times: { readonly startedNs: number; readonly queueNs: number },
    ): UsageStart;
    end(start: UsageStart, facts: EndFacts): UsageRecord;
  };
  readonly ledger: Ledger;
  readonly observers: readonly Observer[];
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  withdraw(life: Life): boolean;
  /** It waits no more. */
  dequeued(): void;
  shed(life: Life, reason: Shed): void;
  /** `null`: it never started. */
  over(life: Life, outcome: Outcome | null): void;
}

export class Life {
  readonly invocation: Invocation;
  isolate: number | null = null;
  hasStarted = false;
  recalled = false;
  over = false;
  /** It tries a quarantined function. */
  readonly isProbe: boolean;
  readonly #ports: LifePorts;
  #deadline: Deadline | null = null;
  #start: UsageStart | null = null;
  #startedNs = 0;
  #init: LoadReport | null = null;
  #head: ResponseHead | null = null;
  #body: Body = null;
  #answered = false;
  #clientGone = false;
  /** Nobody waits for it any more, should it come back. */
  #givenUp = false;
  #afterwards = false;
  #logs: LogLine[] = NONE;
  #subrequests: SubrequestFacts[] = NONE;

  constructor(invocation: Invocation, ports: LifePorts, isProbe: boolean) {
    this.invocation = invocation;
    this.isProbe = isProbe;
    this.#ports = ports;
  }

  /** The pool and the engine talk to the life itself. */
  get listener(): this {
    return this;
  }

  enter(): void {
    const { queueMs } = this.#limits;
    this.#deadline = this.#ports.deadlines.after(queueMs, this);
  }

  started(atNs: number, placed: Placed): void {
    this.hasStarted = true;
    this.#startedNs = atNs;
    this.#init = placed.init;
    this.#deadline?.cancel();
    this.#deadline = this.#ports.deadlines.after(this.#limits.wallMs, this);
    const initNs = placed.init?.initNs ?? 0;
    const queueNs = Math.max(0, atNs - this.invocation.acceptedNs - initNs);
    this.#start = this.#ports.book.start(this.invocation, placed, { startedNs: atNs, queueNs });
    this.#ports.dequeued();
    this.#ports.ledger.start(this.#start);
    if (this.#clientGone) this.#ports.engine.clientClosed(this.invocation.id);
  }

  head(head: ResponseHead, body: Body): void {
    if (this.#head !== null || this.#answered) return;
    this.#head = head;
    this.#body = body;
    this.#answer(() => this.invocation.reply.respond(head, body));
  }

  failed(outcome: Outcome): void {
    this.#answer(() => this.invocation.reply.fail(outcome));
  }

  log(line: LogLine): void {
    if (this.#logs === NONE) this.#logs = [];
    if (this.#logs.length < LOG_LINES) this.#logs.push(line);
  }

  subrequest(facts: SubrequestFacts): void {
    if (this.#subrequests === NONE) this.#subrequests = [];
    this.#subrequests.push(facts);
  }

  settled(settlement: Settlement): void {
    this.#finish(settlement.outcome, settlement.usage, settlement.problem);
  }

  /** Only the invocation that ran the load has a record; the others are told what is remembered. */
  unloadable(report: LoadReport, first: boolean): void {
    const outcome = report.outcome ?? 'init_error';
    if (!first) {
      this.#deadline?.cancel();
      this.#ports.dequeued();
      this.invocation.reply.fail(outcome);
      this.#end(outcome);
      return;
    }
    this.started(this.#ports.clock.nowNs(), { isolate: 0, lane: 0, init: report });
    this.#finish(outcome, null, report.problem);
  }

  clientClosed(): void {
    this.#clientGone = true;
    if (this.hasStarted) this.#ports.engine.clientClosed(this.invocation.id);
    // Nobody waits for what has not started.
    else this.#giveUp();
  }

  /** It came back without having started; false: it is not wanted any more. */
  returned(): boolean {
    if (!this.#givenUp) return true;
    this.#shed('overloaded');
    return false;
  }

  /** The host is going: what has not started is turned away, what runs is ended. */
  abort(): void {
    if (!this.over && !this.hasStarted) this.#giveUp();
    if (!this.over) this.#ports.engine.abort(this.invocation.id, 'aborted');
  }

  /** Its deadline has come: to start, to finish, or to finish what it does after its response. */
  expired(): void {
    if (!this.hasStarted) {
      this.#giveUp();
      return;
    }
    const produced = this.#head !== null && !isStream(this.#body);
    if (produced && !this.#afterwards) {
      // The response was produced in time; waitUntil has a limit of its own, counted from here at the latest.
      this.#afterwards = true;
      this.#deadline = this.#ports.deadlines.after(this.#limits.waitUntilMs, this);
      return;
    }
    this.#ports.engine.abort(this.invocation.id, 'wall_timeout');
  }

  /** Out of the queue: at once, or when it comes back from where it was handed to. Should it have started, it runs. */
  #giveUp(): void {
    this.#givenUp = true;
    if (this.#ports.withdraw(this)) this.#shed('overloaded');
  }

  /** The one answer, when everything appended so far is durable. */
  #answer(send: () => void): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#ports.ledger.whenDurable(send, () => {
      if (isStream(this.#body)) this.#body.cancel();
      this.invocation.reply.fail('aborted');
    });
  }

  #finish(settled: Outcome, usage: EngineUsage | null, problem: GuestProblem | null): void {
    this.#deadline?.cancel();
    const outcome = settled === 'ok' && this.#clientGone ? 'client_closed' : settled;
    const start = this.#start!;
    const record = this.#ports.book.end(start, {
      outcome,
      status: this.#status(outcome),
      initNs: this.#init?.initNs ?? 0,
      usage,
      requestBytes: this.#requestBytes(),
      limits: this.#limits,
    });
    this.#ports.ledger.end(record);
    this.invocation.reply.timing = timing(record);
    this.#answer(() => this.#conclude(outcome));
    const endedNs = usage?.settledNs ?? this.#ports.clock.nowNs();
    const story = {
      invocation: this.invocation,
      record,
      problem,
      logs: this.#logs,
      subrequests: this.#subrequests,
      warnings: warnings(this.#limits, record, this.#logs),
      startedNs: this.#startedNs,
      endedNs,
    };
    for (const observer of this.#ports.observers) observer.settled(story);
    this.#end(outcome);
  }

  /** The answer of an invocation that ended without a head: a scheduled run that went well has none. */
  #conclude(outcome: Outcome): void {
    if (OUTCOMES[outcome].status === null) this.invocation.reply.respond({ status: 204, headers: [] }, null);
    else this.invocation.reply.fail(outcome);
  }

  #status(outcome: Outcome): number {
    if (outcome === 'client_closed') return 499;
    return this.#head?.status ?? OUTCOMES[outcome].status ?? 0;
  }

  #requestBytes(): number {
    const { event } = this.invocation;
    if (event.kind !== 'fetch' || event.body === null) return 0;
    return isStream(event.body) ? (event.body.length ?? 0) : event.body.byteLength;
  }

  #shed(reason: Shed): void {
    this.#deadline?.cancel();
    this.over = true;
    this.#ports.shed(this, reason);
  }

  #end(outcome: Outcome): void {
    this.over = true;
    this.#ports.over(this, outcome);
  }

  get #limits(): Limits {
    return this.invocation.version.spec.limits;
  }
}

function timing(record: UsageRecord): Timing {
  return {
    queueMs: record.queueNs / NS_PER_MS,
    initMs: record.initNs / NS_PER_MS,
    runMs: record.runNs / NS_PER_MS,
    cpuMs: record.cpuNs / NS_PER_MS,
  };
}

/** Names of the limits of which this invocation used at least 80 %. */
function warnings(limits: Limits, record: UsageRecord, logs: readonly LogLine[]): readonly string[] {
  let list: string[] = NONE;
  const warn = (name: string): void => {
    list = list === NONE ? [name] : [...list, name];
  };
  if (record.cpuNs >= limits.cpuMs * NS_PER_MS * WARN) warn('cpuMs');
  if (record.runNs >= limits.wallMs * NS_PER_MS * WARN) warn('wallMs');
  if (record.isolateMemoryPeakBytes >= limits.memoryMiB * MIB * WARN) warn('memoryMiB');
  if (record.subrequests > 0 && record.subrequests >= limits.subrequests * WARN) warn('subrequests');
  if (record.initNs >= limits.initMs * NS_PER_MS * WARN) warn('initMs');
  let logBytes = 0;
  for (const line of logs) logBytes += line.text.length + 1;
  if (logBytes > 0 && logBytes >= limits.logBytes * WARN) warn('logBytes');
  return list;
}
