/** What follows from one webhook attempt: done, dead, or when to try again. Pure; chance comes in as a number. */
import { OUTCOMES } from '../contract/outcome.ts';
import type { AttemptResult } from '../contract/store.ts';

/** What an attempt came to: an outcome, or the reason why it never started. */
export interface AttemptAnswer {
  readonly outcome: string;
  /** HTTP status as the function (or the host for it) answered. */
  readonly status: number;
  /** The function's own wish (`retry-after`), ms. */
  readonly retryAfterMs: number | null;
}

/** Mean wait before attempt n + 2, ms: 5 s, 30 s, 2 m, 10 m, 30 m, 2 h, 6 h, then 6 h each. */
const BACKOFF_MS: readonly number[] = [5_000, 30_000, 120_000, 600_000, 1_800_000, 7_200_000, 21_600_000];
const MAX_RETRY_AFTER_MS = 86_400_000;
const MIN_RETRY_MS = 1_000;
/** Events of a quarantined function wait so long before they are dead letters, and do not all come back at once. */
const MAX_HELD_MS = 3 * 86_400_000;
const MAX_HELD_SPREAD_MS = 10_000;

/** Statuses by which a function says that it never wants this event again. */
const STOP: ReadonlySet<number> = new Set([406, 410]);

export interface AttemptFacts {
  /** This attempt's number, from 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly nowMs: number;
  /** 0 ≤ chance < 1. */
  readonly chance: number;
  /** Since the event was received, ms. */
  readonly ageMs: number;
}

export function afterAttempt(answer: AttemptAnswer, facts: AttemptFacts): AttemptResult {
  const { outcome, status } = answer;
  const { attempt, maxAttempts, nowMs } = facts;
  if ((status >= 100 && status < 400) || STOP.has(status))
    return { state: 'succeeded', retryAtMs: null, outcome, status };
  if (outcome === 'quarantined') return held(answer, facts);
  // What the host could not run is not the function's failure; it gets twice the attempts before it is given up.
  const allowed = blamesHost(outcome) ? 2 * maxAttempts : maxAttempts;
  if (attempt >= allowed) return { state: 'dead', retryAtMs: null, outcome, status };
  const wait =
    answer.retryAfterMs === null
      ? backoffMs(attempt, facts.chance)
      : Math.min(Math.max(answer.retryAfterMs, 0), MAX_RETRY_AFTER_MS);
  return { state: 'ready', retryAtMs: nowMs + wait, outcome, status };
}

/** The host lets nobody in at present: the event waits, however often it is asked for, and has used up no attempt. */
function held({ outcome, status, retryAfterMs }: AttemptAnswer, { nowMs, chance, ageMs }: AttemptFacts): AttemptResult {
  if (ageMs > MAX_HELD_MS) return { state: 'dead', retryAtMs: null, outcome, status };
  const wait = Math.min(retryAfterMs ?? MAX_HELD_SPREAD_MS, MAX_RETRY_AFTER_MS) + chance * MAX_HELD_SPREAD_MS;
  return { state: 'ready', retryAtMs: nowMs + Math.round(wait), outcome, status, uncounted: true };
}

/** Full jitter: anywhere from (almost) nothing to twice the mean, so that retries of one outage do not march together. */
export function backoffMs(attempt: number, chance: number): number {
  const mean = BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length) - 1] ?? BACKOFF_MS[0]!;
  return Math.max(MIN_RETRY_MS, Math.round(2 * mean * chance));
}

/** Sheds and `aborted`: the function did not get its chance. */
function blamesHost(outcome: string): boolean {
  return outcome === 'aborted' || !Object.hasOwn(OUTCOMES, outcome);
}
