/**
 * Functions that brought their engine down, and what they may still do: the first fall moves a function to an engine
 * process of its own, the third closes it, then one probe at a time may open it again. A new version is another case.
 * No clock and no disk of its own: it is asked, told, and says when its snapshot has changed.
 */
import type { Fall, Realm } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { Admission, QuarantineCase, QuarantineSnapshot, QuarantineView } from '../contract/quarantine.ts';
import { fallen, later, leftMs, lifted, probed, probing, STRIKES, strikesAt } from './case.ts';
import { realmOf } from './realm.ts';

export interface QuarantineOptions {
  epochMs(): number;
  /** Realms or the snapshot have changed. */
  changed(): void;
  /** One sentence for the operator. */
  say(version: FunctionVersion, sentence: string): void;
  readonly initial?: QuarantineSnapshot;
}

const OPEN: Admission = { kind: 'open' };
const PROBE: Admission = { kind: 'probe' };

const HOW: Readonly<Record<Fall, string>> = {
  wedged: 'a turn ignored its end',
  crashed: 'its process died',
  outgrown: 'its process outgrew its memory',
};

export class Quarantine {
  readonly #options: QuarantineOptions;
  /** By `FunctionVersion.key`. */
  readonly #cases: Map<string, QuarantineCase> = new Map();
  /** Cases whose probe is under way. */
  readonly #probes: Set<string> = new Set();
  #live: ReadonlyMap<string, FunctionVersion> | null = null;

  constructor(options: QuarantineOptions) {
    this.#options = options;
    for (const one of options.initial?.cases ?? []) this.#cases.set(one.key, one);
  }

  /** The versions that are live now: cases of others are closed, a new version begins without one. */
  retain(versions: readonly FunctionVersion[]): void {
    this.#live = new Map(versions.map((version) => [version.key, version]));
    const gone = [...this.#cases.keys()].filter((key) => !this.#live!.has(key));
    for (const key of gone) this.#forget(key);
    if (gone.length > 0) this.#options.changed();
  }

  realmOf(version: FunctionVersion): Realm {
    const state = this.#cases.get(version.key)?.state ?? 'lifted';
    return realmOf(version.spec, state !== 'lifted');
  }

  admit(version: FunctionVersion): Admission {
    const one = this.#cases.get(version.key);
    if (one === undefined || one.state !== 'quarantined') return OPEN;
    const nowMs = this.#options.epochMs();
    const waitMs = leftMs(one, nowMs);
    if (waitMs > 0 || this.#probes.has(one.key)) {
      // A plan from before the clock was set back is made anew, or it would be waited for again and again.
      if (one.probeAtMs - nowMs > waitMs) this.#cases.set(one.key, { ...one, probeAtMs: nowMs + waitMs });
      return { kind: 'closed', retryAfterSeconds: seconds(waitMs) };
    }
    this.#probes.add(one.key);
    this.#set(probing(one, nowMs));
    return PROBE;
  }

  closedSeconds(version: FunctionVersion): number | null {
    const one = this.#cases.get(version.key);
    if (one?.state !== 'quarantined') return null;
    return seconds(leftMs(one, this.#options.epochMs()));
  }

  /** The end of an invocation that `admit` let in as a probe. `null`: nothing of it ran. */
  probed(version: FunctionVersion, outcome: Outcome | null): void {
    const one = this.#cases.get(version.key);
    if (!this.#probes.delete(version.key) || one?.state !== 'quarantined') return;
    const after = probed(one, outcome, this.#options.epochMs());
    if (after === one) return;
    this.#set(after);
    if (after.state !== 'confined') return;
    const { name } = version.spec;
    this.#options.say(
      version,
      `function \`${name}\` is let in again: a probe went well. It stays in an engine process of its own, and its next fall closes it for longer.`,
    );
  }

  /** `version` brought its engine down, as an engine here or a supervisor saw it. */
  strike(version: FunctionVersion, how: Fall): void {
    // What a version does that is not live any more says nothing about the one that is.
    if (this.#live !== null && !this.#live.has(version.key)) return;
    const after = fallen(this.#cases.get(version.key), version, how, this.#options.epochMs());
    this.#set(after);
    this.#options.say(version, reasonOf(after, after.strikes));
  }

  /** The operator's word. Idempotent; true if there was something to lift. */
  lift(version: FunctionVersion): boolean {
    const one = this.#cases.get(version.key);
    if (one === undefined || one.state === 'lifted') return false;
    this.#probes.delete(one.key);
    this.#set(lifted(one, this.#options.epochMs()));
    this.#options.say(
      version,
      `function \`${version.spec.name}\` has been lifted from its quarantine by the operator.`,
    );
    return true;
  }

  view(version: FunctionVersion): QuarantineView {
    const one = this.#cases.get(version.key);
    if (one === undefined || one.state === 'lifted')
      return { state: 'ordinary', strikes: 0, since: null, nextProbe: null, reason: null };
    const nowMs = this.#options.epochMs();
    const strikes = strikesAt(one, nowMs);
    const closed = one.state === 'quarantined';
    return {
      state: closed && this.#probes.has(one.key) ? 'probing' : one.state,
      strikes,
      since: iso(one.sinceMs),
      nextProbe: closed ? iso(nowMs + leftMs(one, nowMs)) : null,
      reason: reasonOf(one, strikes),
    };
  }

  /** Live functions that let nobody in but probes. */
  get closed(): number {
    let count = 0;
    for (const one of this.#cases.values()) if (one.state === 'quarantined') count += 1;
    return count;
  }

  /** Plain JSON, for a host to come. */
  snapshot(): QuarantineSnapshot {
    return { cases: [...this.#cases.values()] };
  }

  /** Takes over what another host has learnt since. */
  absorb(snapshot: QuarantineSnapshot): void {
    let news = false;
    for (const theirs of snapshot.cases) {
      const ours = this.#cases.get(theirs.key);
      if (later(ours, theirs) === ours || (this.#live !== null && !this.#live.has(theirs.key))) continue;
      this.#cases.set(theirs.key, theirs);
      news = true;
    }
    if (news) this.#options.changed();
  }

  #set(one: QuarantineCase): void {
    this.#cases.set(one.key, one);
    this.#options.changed();
  }

  #forget(key: string): void {
    this.#cases.delete(key);
    this.#probes.delete(key);
  }
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

function reasonOf({ name, how, state, probeAtMs }: QuarantineCase, strikes: number): string {
  const times = strikes <= 1 ? '' : ` ${strikes} times, most recently`;
  const fell = `function \`${name}\` brought its engine down${times} (${HOW[how]})`;
  if (state === 'quarantined')
    return `${fell} and is quarantined: its callers get 503, the next probe is let in from ${iso(probeAtMs)} on; a new version or the operator lifts it.`;
  return `${fell}: it runs in an engine process of its own, and is quarantined after ${STRIKES} falls.`;
}

/** Times come from a file, too: one that is no time is shown as none rather than thrown over. */
function iso(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}
