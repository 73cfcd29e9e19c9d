/** Between schedules and the rest of the host: a tick becomes an invocation. */
import type { CronEntry } from '../contract/function.ts';
import type { Parts } from './parts.ts';
import { retryAfterMs } from './webhook-door.ts';

/** Runs one tick. Resolves with the ms after which it is to be tried again; `null`: it has had its run. */
export async function runTick(
  parts: Parts,
  name: string,
  { schedule }: CronEntry,
  scheduledEpochMs: number,
): Promise<number | null> {
  const event = { kind: 'scheduled', cron: schedule, scheduledEpochMs } as const;
  const trace = parts.telemetry.seed({ traceparent: null, trusted: false });
  const answer = await parts.callers.call(name, { event, trigger: 'cron', source: schedule, trace })?.answer;
  return answer?.outcome === 'quarantined' ? retryAfterMs(answer.headers) : null;
}
