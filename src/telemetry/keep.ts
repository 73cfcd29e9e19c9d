/**
 * Which invocations leave a trace. The head decision is the seed's; errors, cold starts, limit hits and slow calls are
 * kept whatever it said, decided here at the end, when the whole local story is known. A client that goes away is
 * neither an error of ours nor a reason: strangers could fill the store with it.
 */
import type { InvocationStory } from '../contract/observer.ts';
import type { UsageRecord } from '../contract/usage.ts';

/** Accepted to settled, ns. */
export const SLOW_NS = 1_000_000_000;

export function isKept(story: InvocationStory): boolean {
  const { record, invocation } = story;
  return (
    invocation.trace.sampled ||
    record.cold ||
    errorType(record) !== null ||
    story.limits.length > 0 ||
    story.endedNs - invocation.acceptedNs > SLOW_NS
  );
}

/** `error.type`: the outcome, or the status where the function itself answered with an error; `null`: no error. */
export function errorType(record: UsageRecord): string | null {
  if (record.outcome !== 'ok') return record.outcome === 'client_closed' ? null : record.outcome;
  if (record.status >= 500) return String(record.status);
  // A webhook attempt fails on 400 and above; 410 and 406 ask for no further one.
  const failsAttempt = record.trigger === 'webhook' && record.status >= 400;
  return failsAttempt && record.status !== 406 && record.status !== 410 ? String(record.status) : null;
}
