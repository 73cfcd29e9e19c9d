/**
 * What the host remembers of functions that brought their engine down (CONTRACT §7), as plain data: for the operator,
 * for dispatch, and for the host that comes after this one. Times are wall-clock: they outlive the process.
 */
import type { Fall } from './engine-port.ts';

/**
 * `confined`: it fell, and runs in an engine process of its own. `quarantined`: it fell too often, and nobody gets in.
 * `probing`: quarantined, and one invocation was let in to try it.
 */
export type QuarantineState = 'ordinary' | 'confined' | 'quarantined' | 'probing';

export interface QuarantineView {
  readonly state: QuarantineState;
  /** Falls that count: those of long ago do not. */
  readonly strikes: number;
  /** ISO 8601 UTC; since when the state holds, and when the next probe may begin. */
  readonly since: string | null;
  readonly nextProbe: string | null;
  /** One sentence for the operator. */
  readonly reason: string | null;
}

/** One version that fell. `lifted`: kept for a while so that no other host brings the case back. */
export interface QuarantineCase {
  /** `FunctionVersion.key`. */
  readonly key: string;
  readonly name: string;
  readonly state: 'lifted' | 'confined' | 'quarantined';
  readonly strikes: number;
  readonly how: Fall;
  /** Epoch ms: of this state, of the last fall, of the next probe, of the last change. */
  readonly sinceMs: number;
  readonly fellMs: number;
  readonly probeAtMs: number;
  readonly changedMs: number;
  /** Between one probe and the next. */
  readonly waitMs: number;
}

export interface QuarantineSnapshot {
  readonly cases: readonly QuarantineCase[];
}

/** Whether an invocation may enter. `probe`: it is the one that tries a quarantined function; its end has to be told. */
export type Admission =
  | { readonly kind: 'open' }
  | { readonly kind: 'probe' }
  | { readonly kind: 'closed'; readonly retryAfterSeconds: number };
