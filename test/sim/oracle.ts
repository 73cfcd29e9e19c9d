/**
 * Watches a world and knows what must hold: who was admitted, ran, was answered, has rows. It only listens; whatever
 * it finds wrong is a violation with a name, so that shrinking can keep to the same one.
 */
import type { Invocation, Reply } from '../../src/contract/invocation.ts';
import type { Unstarted } from '../../src/contract/outcome.ts';
import { Chance } from './chance.ts';
import type { SimClock } from './sim-clock.ts';
import type { Step, WorldSpec } from './world.ts';

export interface Violation {
  readonly name: string;
  readonly text: string;
}

/** One invocation as seen from outside. */
export interface Seen {
  readonly invocation: Invocation;
  readonly key: string;
  readonly admittedUs: number;
  /** `respond 200`, `fail aborted`, `shed overloaded`. */
  readonly answers: string[];
  /** Its answer was the end of the one that ran the load. */
  isToldOfAnother: boolean;
  claims: number;
  starts: number;
  /** Outcomes of END rows. */
  readonly ends: string[];
  stories: number;
  isStartDurable: boolean;
  isEndDurable: boolean;
}

/** Beyond it something goes round in circles without time moving on. */
const MOST_STEPS = 100_000;
const KEPT_LINES = 4000;
/** Rounding of deadlines that share a timer, and the way to lanes in another process and back. */
const SLACK_US = 3_000;

export class Oracle {
  readonly violations: Violation[] = [];
  readonly seen: Map<string, Seen> = new Map();
  /** Admitted, neither run nor answered. */
  readonly unanswered: Map<string, Seen> = new Map();
  readonly hits: Map<Step, number> = new Map();
  readonly trace: string[] = [];
  readonly waitsUs: Map<string, number> = new Map();
  /** The ledger says that it cannot write: what is answered now is a 503 without a durable row. */
  refusing = false;
  /** The host lets nobody in any more. */
  closing = false;
  /** Told to observers. */
  sheds = 0;
  readonly #clock: SimClock;
  readonly #spec: WorldSpec;
  readonly #tracing: boolean;

  constructor(clock: SimClock, spec: WorldSpec, tracing: boolean) {
    this.#clock = clock;
    this.#spec = spec;
    this.#tracing = tracing;
  }

  say(what: () => string): void {
    if (!this.#tracing || this.trace.length >= KEPT_LINES) return;
    this.trace.push(`${String(this.#clock.nowUs).padStart(9)} ${what()}`);
  }

  violate(name: string, text: string): void {
    this.say(() => `!! ${name}: ${text}`);
    if (this.violations.length < 20) this.violations.push({ name, text });
  }

  /** A step is being made: whether it fails. */
  fails(step: Step, about: string): boolean {
    const nth = (this.hits.get(step) ?? 0) + 1;
    this.hits.set(step, nth);
    if (nth > MOST_STEPS) throw new Error(`${step} for ever`);
    const { seed, chances, fails } = this.#spec;
    const chosen = fails.some((one) => one.step === step && one.nth === nth);
    const failing = chosen || new Chance(seed, 'fault', step, about).is(chances[step] ?? 0);
    if (failing) this.say(() => `fault: ${step} no. ${nth} (${about})`);
    return failing;
  }

  /** The invocation as dispatch shall get it: its reply passes through here. */
  admit(invocation: Invocation, key: string): Invocation {
    const seen: Seen = {
      invocation,
      key,
      admittedUs: this.#clock.nowUs,
      answers: [],
      ends: [],
      isToldOfAnother: false,
      ...{ claims: 0, starts: 0, stories: 0, isStartDurable: false, isEndDurable: false },
    };
    this.seen.set(invocation.id, seen);
    this.unanswered.set(invocation.id, seen);
    this.say(() => `admit ${key} → ${invocation.version.key}`);
    const { reply } = invocation;
    const spy: Reply = {
      timing: null,
      respond: (head, body) => {
        this.#answered(seen, `respond ${head.status}`);
        reply.respond(head, body);
      },
      fail: (outcome, as) => {
        seen.isToldOfAnother = as !== undefined;
        this.#answered(seen, `fail ${outcome}`);
        reply.fail(outcome, as);
      },
      shed: (reason) => {
        this.#answered(seen, `shed ${reason}`);
        reply.shed(reason);
      },
    };
    return { ...invocation, reply: spy };
  }

  of(id: string): Seen {
    const seen = this.seen.get(id);
    if (seen === undefined) throw new Error(`nobody admitted ${id}`);
    return seen;
  }

  shed(version: string, reason: Unstarted): void {
    this.sheds += 1;
    if (reason !== 'unloadable') return;
    // Their answers wait for the ledger, and for nothing else any more.
    for (const [id, { invocation }] of this.unanswered) {
      if (invocation.version.key === version) this.unanswered.delete(id);
    }
  }

  claimed(id: string): void {
    const seen = this.of(id);
    seen.claims += 1;
    this.unanswered.delete(id);
    this.say(() => `claim ${seen.key}`);
    const { name } = seen.invocation.version.spec;
    this.waitsUs.set(name, Math.max(this.waitsUs.get(name) ?? 0, this.#clock.nowUs - seen.admittedUs));
    if (seen.claims > 1) this.violate('runs twice', seen.key);
    if (seen.answers.length > 0) this.violate('runs after its answer', `${seen.key}: ${seen.answers}`);
    this.#onTime(seen, 'started');
  }

  #onTime(seen: Seen, what: string): void {
    const { queueMs } = seen.invocation.version.spec.limits;
    const lateUs = this.#clock.nowUs - seen.admittedUs - queueMs * 1000 - SLACK_US;
    if (lateUs > 0) this.violate('queue deadline', `${seen.key} ${what} ${lateUs} µs after its queueMs of ${queueMs}`);
  }

  #answered(seen: Seen, answer: string): void {
    this.say(() => `answer ${seen.key}: ${answer}`);
    seen.answers.push(answer);
    this.unanswered.delete(seen.invocation.id);
    if (seen.answers.length > 1) this.violate('answered twice', `${seen.key}: ${seen.answers}`);
    if (answer === 'shed overloaded' && this.#clock.nowUs === seen.admittedUs) this.#findsPlace(seen);
    if (seen.claims === 0 && seen.starts === 0) this.#onTime(seen, `answered "${answer}"`);
    if (answer.startsWith('shed') && seen.claims > 0) this.violate('shed after it ran', seen.key);
    if (this.refusing && answer !== 'fail aborted') this.violate('answer without a row', `${seen.key}: ${answer}`);
    if (seen.starts === 0 || this.refusing) return;
    if (!seen.isStartDurable) this.violate('answer before its row', `${seen.key}: ${answer}`);
    // Without a head the answer is the end, and the end is a row.
    if (answer.startsWith('fail') && seen.ends.length > 0 && !seen.isEndDurable)
      this.violate('answer before its END row', `${seen.key}: ${answer}`);
  }

  /** Of two tenants, one that has nobody in the queue finds a place in it, however many the other has. */
  #findsPlace(refused: Seen): void {
    const tenants = new Set(this.#spec.functions.map((one) => one.tenant));
    if (this.closing || tenants.size !== 2) return;
    const { tenant } = refused.invocation.version.spec;
    for (const { invocation, starts, answers } of this.seen.values())
      if (invocation.version.spec.tenant === tenant && starts === 0 && answers.length === 0) return;
    this.violate('turned away by its neighbours', `${refused.key} of ${tenant}`);
  }

  /** When nothing is left to happen. */
  conclude(): void {
    let sheds = 0;
    for (const seen of this.seen.values()) {
      const { key, answers, claims, starts, ends, stories, isToldOfAnother } = seen;
      const facts = `${key}: ${JSON.stringify({ answers, claims, starts, ends, stories })}`;
      if (answers.length === 0) this.violate('no answer', facts);
      const isShed = answers[0]?.startsWith('shed') === true || isToldOfAnother;
      const ran = claims > 0;
      const isLoadError = !ran && starts === 1;
      if (starts > 1 || ends.length !== starts || stories !== starts) this.violate('not one record', facts);
      if (ran && starts !== 1) this.violate('ran without a record', facts);
      if (isShed && starts > 0) this.violate('a shed one has a record', facts);
      if (isShed) sheds += 1;
      if (isLoadError && !LOAD_ENDS.has(ends[0] ?? '')) this.violate('a record without a run', facts);
    }
    if (sheds !== this.sheds) this.violate('sheds are miscounted', `${sheds} answers, ${this.sheds} counted`);
  }
}

/** A record is due without a run where a load failed for this invocation, or the host ended it in the last moment. */
const LOAD_ENDS: ReadonlySet<string> = new Set(['init_error', 'memory_exceeded', 'cpu_exceeded', 'aborted']);
