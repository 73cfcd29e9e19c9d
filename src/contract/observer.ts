/**
 * Observers of the path: billing and telemetry watch the same few events. They return nothing, throw nothing into the
 * path and cannot slow it; the ledger's durability is a port of its own (`Ledger` in store.ts).
 */

import type { GuestProblem, LogLine, SubrequestFacts } from './engine-port.ts';
import type { FunctionVersion } from './function.ts';
import type { Invocation } from './invocation.ts';
import type { LimitName, LimitUse } from './limits.ts';
import type { Unstarted } from './outcome.ts';
import type { UsageRecord } from './usage.ts';

/** Everything known about an invocation when it has settled. */
export interface InvocationStory {
  readonly invocation: Invocation;
  readonly record: UsageRecord;
  readonly problem: GuestProblem | null;
  readonly logs: readonly LogLine[];
  readonly subrequests: readonly SubrequestFacts[];
  /** Limits of which at least 80 % were used. */
  readonly limits: readonly LimitUse[];
  /** Monotonic ns of the first turn; the end of queueing. */
  readonly startedNs: number;
  readonly endedNs: number;
}

export interface Observer {
  settled(story: InvocationStory): void;
  /** It did not start. `limit`: the one of the function that was reached, where it was one. */
  shed(version: FunctionVersion, reason: Unstarted, limit?: LimitName): void;
  /** A line written outside any invocation (while loading, or a stray error after settling). */
  stray(version: FunctionVersion, line: LogLine): void;
}
