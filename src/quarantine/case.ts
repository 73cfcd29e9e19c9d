/**
 * The life of one case, as pure steps from one record to the next: a version falls, is confined, is quarantined, is
 * probed, is lifted. No clock: every step is given the wall clock, which may be set in between, also backwards.
 */
import type { Fall } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import { OUTCOMES, type Outcome } from '../contract/outcome.ts';
import type { QuarantineCase } from '../contract/quarantine.ts';

/** Falls that quarantine. */
export const STRIKES = 3;
export const FIRST_WAIT_MS = 60_000;
export const MOST_WAIT_MS = 3_600_000;
/** Without a fall for so long, the strikes so far count no more. */
export const QUIET_MS = 86_400_000;

/** One more fall. */
export function fallen(
  before: QuarantineCase | undefined,
  version: FunctionVersion,
  how: Fall,
  nowMs: number,
): QuarantineCase {
  const counts = before !== undefined && before.state !== 'lifted' && nowMs - before.fellMs <= QUIET_MS;
  const strikes = (counts ? before.strikes : 0) + 1;
  const waitMs = counts ? before.waitMs : FIRST_WAIT_MS;
  // Whoever is quarantined stays so until a probe has gone well, however long ago the last fall was.
  const state = strikes >= STRIKES || before?.state === 'quarantined' ? 'quarantined' : 'confined';
  return {
    key: version.key,
    name: version.spec.name,
    state,
    strikes,
    how,
    sinceMs: before?.state === state ? before.sinceMs : nowMs,
    fellMs: nowMs,
    probeAtMs: nowMs + waitMs,
    waitMs,
    changedMs: changed(before, nowMs),
  };
}

/** Ms until a probe may begin. A clock that was set back makes nobody wait longer than the wait itself. */
export function leftMs(one: QuarantineCase, nowMs: number): number {
  return Math.min(Math.max(0, one.probeAtMs - nowMs), one.waitMs);
}

/** A probe begins. The next one is planned as if it failed: so a host that dies of it leaves the right plan behind. */
export function probing(before: QuarantineCase, nowMs: number): QuarantineCase {
  const waitMs = Math.min(2 * before.waitMs, MOST_WAIT_MS);
  return { ...before, waitMs, probeAtMs: nowMs + waitMs, changedMs: changed(before, nowMs) };
}

/** A probe has ended. `null`: nothing of it ran, so it was none. */
export function probed(before: QuarantineCase, outcome: Outcome | null, nowMs: number): QuarantineCase {
  if (outcome === null)
    return { ...before, probeAtMs: nowMs, waitMs: halved(before.waitMs), changedMs: changed(before, nowMs) };
  // Only an isolate that came out of it whole proves anything; a fall is told by itself.
  if (OUTCOMES[outcome].isolate !== 'kept') return before;
  return { ...before, state: 'confined', sinceMs: nowMs, changedMs: changed(before, nowMs) };
}

export function lifted(before: QuarantineCase, nowMs: number): QuarantineCase {
  return {
    ...before,
    state: 'lifted',
    strikes: 0,
    waitMs: FIRST_WAIT_MS,
    sinceMs: nowMs,
    changedMs: changed(before, nowMs),
  };
}

/** Of two hosts' words on one case, the later one. */
export function later(ours: QuarantineCase | undefined, theirs: QuarantineCase): QuarantineCase {
  return ours !== undefined && ours.changedMs >= theirs.changedMs ? ours : theirs;
}

/** Strikes that count at `nowMs`. */
export function strikesAt(one: QuarantineCase, nowMs: number): number {
  return one.state === 'confined' && nowMs - one.fellMs > QUIET_MS ? 0 : one.strikes;
}

function halved(waitMs: number): number {
  return Math.max(FIRST_WAIT_MS, waitMs / 2);
}

/** Grows with every change, whatever the clock does. */
function changed(before: QuarantineCase | undefined, nowMs: number): number {
  return Math.max(nowMs, (before?.changedMs ?? 0) + 1);
}
