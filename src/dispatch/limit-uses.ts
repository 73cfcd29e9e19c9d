/**
 * Which limits an invocation came near or ran into, from what was measured: the host's own figures and the engine's
 * notes, never the guest's words. A limit that ended it is used whole, whatever a sample says.
 */
import type { LimitNote } from '../contract/engine-port.ts';
import { type LimitName, type Limits, type LimitUse, WARN_SHARE } from '../contract/limits.ts';
import type { Outcome } from '../contract/outcome.ts';
import { MIB, NS_PER_MS } from '../contract/units.ts';
import type { UsageRecord } from '../contract/usage.ts';

export interface UseFacts {
  readonly limits: Limits;
  readonly record: UsageRecord;
  /** As the engine settled it. */
  readonly outcome: Outcome;
  readonly notes: readonly LimitNote[];
  /** The response body was a stream. */
  readonly streamed: boolean;
  /** Monotonic ns: first turn, response produced whole (`null`: it was not), end. */
  readonly startedNs: number;
  readonly producedNs: number | null;
  readonly endedNs: number;
  /** Its wall limit passed after it had produced its response. */
  readonly afterwards: boolean;
  /** The limit that loading ran into. */
  readonly loading: LimitName | undefined;
}

export interface Uses {
  readonly uses: readonly LimitUse[];
  /** The one that decided the outcome. */
  readonly ended: LimitUse | null;
}

const NONE: readonly LimitUse[] = [];
const NOTHING: Uses = { uses: NONE, ended: null };

export function limitUses(facts: UseFacts): Uses {
  return isFarFromAll(facts) ? NOTHING : usesOf(facts);
}

/** As nearly all are: nothing is looked at one by one then. */
function isFarFromAll({ limits, record, outcome, notes, startedNs, producedNs, endedNs }: UseFacts): boolean {
  const lastNs = producedNs === null ? endedNs : Math.max(producedNs, endedNs);
  return (
    outcome === 'ok' &&
    notes.length === 0 &&
    isFar(record.cpuNs / NS_PER_MS, limits.cpuMs) &&
    // The whole run: neither what led to the response nor what followed it is longer.
    isFar((lastNs - startedNs) / NS_PER_MS, Math.min(limits.wallMs, limits.waitUntilMs)) &&
    isFar(record.isolateMemoryPeakBytes / MIB, limits.memoryMiB) &&
    isFar(record.initNs / NS_PER_MS, limits.initMs) &&
    isFar(record.queueNs / NS_PER_MS, limits.queueMs) &&
    isFar(record.subrequests, limits.subrequests) &&
    isFar(record.requestBytes, limits.requestBytes) &&
    isFar(record.responseBytes, Math.min(limits.responseBytes, limits.streamedResponseBytes))
  );
}

function isFar(used: number, allowed: number): boolean {
  return used <= 0 || used < allowed * WARN_SHARE;
}

function usesOf(facts: UseFacts): Uses {
  const { limits, record } = facts;
  const ended = endedBy(facts);
  let uses = NONE;
  const add = (limit: LimitName, used: number, reached = limit === ended): void => {
    const allowed = limits[limit];
    if (!reached && (used <= 0 || used < allowed * WARN_SHARE)) return;
    // A reached limit was used whole: memory is only sampled, and a length announced is not a byte sent.
    const use = { limit, used: reached ? Math.max(used, allowed) : used, allowed, reached };
    uses = [...uses.filter((one) => one.limit !== limit), use];
  };
  // A socket's CPU is one budget a message, its life has a limit of its own, and what it sends none but for each message.
  const socket = record.trigger === 'websocket' && record.status === 101;
  const addWhole = socket ? (limit: LimitName): void => add(limit, 0) : add;
  addWhole('cpuMs', record.cpuNs / NS_PER_MS);
  const answerMs = ((facts.producedNs ?? facts.endedNs) - facts.startedNs) / NS_PER_MS;
  addWhole('wallMs', answerMs);
  // What is done after the response first uses up what is left of the wall limit.
  const afterMs = (facts.endedNs - facts.startedNs) / NS_PER_MS - Math.max(answerMs, limits.wallMs);
  if (facts.producedNs !== null) add('waitUntilMs', afterMs);
  add('memoryMiB', record.isolateMemoryPeakBytes / MIB);
  add('initMs', record.initNs / NS_PER_MS);
  add('queueMs', record.queueNs / NS_PER_MS);
  add('subrequests', record.subrequests);
  addWhole('requestBytes', record.requestBytes);
  addWhole(facts.streamed ? 'streamedResponseBytes' : 'responseBytes', record.responseBytes);
  for (const { limit, used, reached } of facts.notes) add(limit, used, reached || limit === ended);
  return { uses, ended: uses.find((use) => use.limit === ended) ?? null };
}

function endedBy({ outcome, afterwards, streamed, loading }: UseFacts): LimitName | null {
  switch (outcome) {
    case 'cpu_exceeded':
      return 'cpuMs';
    case 'memory_exceeded':
      return 'memoryMiB';
    case 'wall_timeout':
      return afterwards ? 'waitUntilMs' : 'wallMs';
    case 'subrequests_exceeded':
      return 'subrequests';
    case 'payload_too_large':
      return 'requestBytes';
    case 'response_too_large':
      return streamed ? 'streamedResponseBytes' : 'responseBytes';
    case 'init_error':
      return loading ?? null;
    case 'ok':
    case 'function_error':
    case 'crashed':
    case 'aborted':
    case 'client_closed':
      return null;
    default: {
      const never: never = outcome;
      return never;
    }
  }
}
