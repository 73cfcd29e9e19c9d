/**
 * One invocation from admission to its record. Its states follow one another and never go back: queued, started,
 * answered, settled. Whatever happens, the reply is called once and, if it started, one record is written.
 */
import type { Clock } from '../contract/clock.ts';
import type {
  EngineUsage,
  GuestProblem,
  LimitNote,
  LoadReport,
  LogLine,
  Settlement,
  SubrequestFacts,
} from '../contract/engine-port.ts';
import { type Body, type Invocation, isStream, type ResponseHead, type Timing } from '../contract/invocation.ts';
import { type LimitName, type Limits, type LimitUse, limitSentence } from '../contract/limits.ts';
import type { Observer } from '../contract/observer.ts';
import { OUTCOMES, type Outcome, type Shed } from '../contract/outcome.ts';
import { type AnswerSocket, SOCKET_CLOSE_MS, SOCKET_MS } from '../contract/socket.ts';
import type { Ledger } from '../contract/store.ts';
import { NS_PER_MS } from '../contract/units.ts';
import type { EndFacts, UsageRecord, UsageStart } from '../contract/usage.ts';
import type { Deadline, Deadlines } from './deadlines.ts';
import { limitUses, type Uses } from './limit-uses.ts';
import type { Share } from './queue.ts';

/** How long a host that goes waits for what it asked back. */
const RECALL_MS = 250;
/** The limit of waitUntil ends at most this late. */
const STEP_MS = 100;

/** Most invocations log nothing and call nobody: they share this. Never written to. */
const NONE: never[] = [];

/** Where and how it was placed, as the pool tells it. */
export interface Placed {
  readonly isolate: number;
  readonly lane: number;
  readonly init: LoadReport | null;
}

/** What is known at the end: a settlement, or a load that failed. */
interface Ended {
  readonly outcome: Outcome;
  readonly problem: GuestProblem | null;
  readonly usage: EngineUsage | null;
  readonly notes?: readonly LimitNote[];
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
  dequeued(life: Life): void;
  shed(life: Life, reason: Shed, limit?: LimitName): void;
  /** `null`: it never started. */
  over(life: Life, outcome: Outcome | null): void;
}

export class Life {
  readonly invocation: Invocation;
  isolate: number | null = null;
  hasStarted = false;
  recalled = false;
  over = false;
  /** In the queue, until it starts. */
  readonly place: Share;
  /** It tries a quarantined function. */
  readonly isProbe: boolean;
  readonly #ports: LifePorts;
  #deadline: Deadline | null = null;
  #start: UsageStart | null = null;
  /** The ledger's, of that row. */
  #mark = -1;
  #startedNs = 0;
  #init: LoadReport | null = null;
  #head: ResponseHead | null = null;
  #body: Body = null;
  #answered = false;
  #clientGone = false;
  /** Nobody waits for it any more, should it come back: what its caller is told then. */
  #givenUp: { readonly reason: Shed; readonly limit: LimitName | undefined } | null = null;
  /** The host is going. */
  #ending = false;
  #afterwards = false;
  /** Monotonic ns at which the response was there whole. */
  #producedNs: number | null = null;
  #logs: LogLine[] = NONE;
  #subrequests: SubrequestFacts[] = NONE;

  constructor(invocation: Invocation, ports: LifePorts, place: Share, isProbe: boolean) {
    this.invocation = invocation;
    this.place = place;
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
    this.#deadline = this.#ports.deadlines.after(this.#ending ? 0 : this.#limits.wallMs, this, atNs);
    const initNs = placed.init?.initNs ?? 0;
    const queueNs = Math.max(0, atNs - this.invocation.acceptedNs - initNs);
    this.#start = this.#ports.book.start(this.invocation, placed, { startedNs: atNs, queueNs });
    this.#ports.dequeued(this);
    this.#mark = this.#ports.ledger.start(this.#start);
    if (this.#clientGone) this.#ports.engine.clientClosed(this.invocation.id);
  }

  head(head: ResponseHead, body: Body): void {
    if (this.#head !== null || this.#answered) return;
    this.#head = head;
    this.#body = body;
    if (head.socket !== undefined) this.#upgraded(head.socket);
    else if (!isStream(body)) this.#produced();
    this.#answer(() => this.invocation.reply.respond(head, body));
  }

  /** The response was produced in time; from here on waitUntil has a limit of its own. */
  #produced(): void {
    this.#producedNs = this.#ports.clock.nowNs();
    const { wallMs, waitUntilMs } = this.#limits;
    // Mostly it settles at once: the longer limit begins only when the deadline that is already set has come.
    if (waitUntilMs >= wallMs) return;
    this.#deadline?.cancel();
    this.#afterwardsFor(waitUntilMs);
  }

  /** The wall limit was the handler's; a socket has its own, and what is done after it is as after any response. */
  #upgraded(socket: AnswerSocket): void {
    const { waitUntilMs } = this.#limits;
    this.#deadline?.cancel();
    this.#afterwardsFor(SOCKET_MS + SOCKET_CLOSE_MS + waitUntilMs);
    void socket.over.then(() => {
      if (this.over || this.#ending) return;
      this.#producedNs = this.#ports.clock.nowNs();
      this.#deadline?.cancel();
      this.#afterwardsFor(waitUntilMs);
    });
  }

  #afterwardsFor(ms: number): void {
    this.#afterwards = true;
    this.#deadline = this.#ports.deadlines.after(ms, this);
  }

  failed(outcome: Outcome): void {
    this.#answer(() => this.invocation.reply.fail(outcome));
  }

  log(line: LogLine): void {
    if (this.#logs === NONE) this.#logs = [];
    this.#logs.push(line);
  }

  subrequest(facts: SubrequestFacts): void {
    if (this.#subrequests === NONE) this.#subrequests = [];
    this.#subrequests.push(facts);
  }

  settled(settlement: Settlement): void {
    this.#finish(settlement);
  }

  /** Only the invocation that ran the load has a record; the others are told of that one, and counted. */
  unloadable(report: LoadReport, ranAs: string | null): void {
    const outcome = report.outcome ?? 'init_error';
    if (ranAs !== this.invocation.id) {
      this.#deadline?.cancel();
      this.#ports.dequeued(this);
      this.#answer(() => this.invocation.reply.fail(outcome, ranAs));
      for (const observer of this.#ports.observers) observer.shed(this.invocation.version, 'unloadable');
      this.#end(outcome);
      return;
    }
    this.started(this.#ports.clock.nowNs(), { isolate: 0, lane: 0, init: report });
    this.#finish({ outcome, problem: report.problem, usage: null });
  }

  clientClosed(): void {
    this.#clientGone = true;
    if (this.hasStarted) this.#ports.engine.clientClosed(this.invocation.id);
    // Nobody waits for what has not started.
    else this.#giveUp('overloaded');
  }

  /** It came back without having started; false: it is not wanted any more. */
  returned(): boolean {
    if (this.#givenUp === null) return true;
    this.#shed(this.#givenUp.reason, this.#givenUp.limit);
    return false;
  }

  /** Its function is quarantined: it will not start any more. */
  expel(): void {
    this.#giveUp('quarantined');
  }

  /** The host is going: what has not started is turned away, what runs is ended. */
  abort(): void {
    if (this.over) return;
    this.#ending = true;
    if (this.hasStarted) this.#ports.engine.abort(this.invocation.id, 'aborted');
    else this.#giveUp('overloaded');
  }

  /** Its deadline has come: to start, to finish, or to finish what it does after its response. */
  expired(): void {
    if (!this.hasStarted && this.#givenUp === null) {
      this.#giveUp('overloaded', 'queueMs');
      return;
    }
    // The host goes; or it has neither come back nor begun.
    if (this.#ending || !this.hasStarted) {
      this.#ports.engine.abort(this.invocation.id, 'aborted');
      return;
    }
    if (this.#producedNs !== null && !this.#afterwards) {
      const goneMs = (this.#ports.clock.nowNs() - this.#producedNs) / NS_PER_MS;
      // In steps: each length of time is a list of its own.
      this.#afterwardsFor(Math.max(1, Math.ceil((this.#limits.waitUntilMs - goneMs) / STEP_MS)) * STEP_MS);
      return;
    }
    this.#ports.engine.abort(this.invocation.id, 'wall_timeout');
  }

  /** Out of the queue: at once, or when it comes back from where it was handed to. Should it have started, it runs. */
  #giveUp(reason: Shed, limit?: LimitName): void {
    this.#givenUp ??= { reason, limit };
    if (this.#ports.withdraw(this)) {
      this.#shed(this.#givenUp.reason, this.#givenUp.limit);
      return;
    }
    this.#deadline?.cancel();
    this.#deadline = this.#ports.deadlines.after(this.#ending ? RECALL_MS : this.#limits.wallMs, this);
  }

  /** The one answer, when everything appended so far is durable. */
  #answer(send: () => void): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#ports.ledger.whenDurable(send, () => {
      if (isStream(this.#body)) this.#body.cancel();
      this.#head?.socket?.ended({ code: 1006, reason: '', clean: false, error: 'The ledger failed' });
      this.invocation.reply.fail('aborted', this.hasStarted ? undefined : null);
    });
  }

  #finish(settled: Ended): void {
    this.#deadline?.cancel();
    const { usage } = settled;
    const outcome = settled.outcome === 'ok' && this.#clientGone ? 'client_closed' : settled.outcome;
    const start = this.#start!;
    const record = this.#ports.book.end(start, {
      outcome,
      status: this.#status(outcome),
      initNs: this.#init?.initNs ?? 0,
      usage,
      requestBytes: this.#requestBytes(usage?.requestBytes ?? 0),
      limits: this.#limits,
    });
    this.#ports.ledger.end(record, this.#mark);
    const { reply } = this.invocation;
    if (reply.timed === true) reply.timing = timing(record);
    this.#answer(() => this.#conclude(outcome));
    const endedNs = usage?.settledNs ?? this.#ports.clock.nowNs();
    const { uses, ended } = this.#uses(settled, record, endedNs);
    const story = {
      invocation: this.invocation,
      record,
      problem: problemOf(record.function, settled.problem, ended),
      logs: this.#logs,
      subrequests: this.#subrequests,
      limits: uses,
      startedNs: this.#startedNs,
      endedNs,
    };
    for (const observer of this.#ports.observers) observer.settled(story);
    this.#end(outcome);
  }

  #uses({ outcome, notes = NONE }: Ended, record: UsageRecord, endedNs: number): Uses {
    return limitUses({
      limits: this.#limits,
      record,
      outcome,
      notes,
      streamed: isStream(this.#body),
      startedNs: this.#startedNs,
      producedNs: this.#producedNs,
      endedNs,
      afterwards: this.#afterwards,
      loading: this.#init?.reached,
    });
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

  #requestBytes(readBytes: number): number {
    const { event } = this.invocation;
    if (event.kind === 'scheduled' || event.body === null) return readBytes;
    return isStream(event.body) ? (event.body.length ?? readBytes) : event.body.byteLength;
  }

  #shed(reason: Shed, limit?: LimitName): void {
    this.#deadline?.cancel();
    this.over = true;
    this.#ports.shed(this, reason, limit);
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

/** A limit that ended an invocation is its problem; the guest's own error keeps its name and place. */
function problemOf(name: string, problem: GuestProblem | null, ended: LimitUse | null): GuestProblem | null {
  if (ended === null) return problem;
  return { name: 'LimitError', stack: '', ...problem, message: limitSentence(name, ended) };
}
