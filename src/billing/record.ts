/**
 * Builds the two ledger rows of an invocation from what dispatch knows when it starts and when it settles. Pure: no
 * clock, no store. Whatever was measured becomes whole, non-negative numbers here, so the ledger never sees a fraction.
 */
import type { Invocation } from '../contract/invocation.ts';
import { OUTCOMES } from '../contract/outcome.ts';
import { SOCKET_MS } from '../contract/socket.ts';
import { NS_PER_MS } from '../contract/units.ts';
import type { EndFacts, UsageRecord, UsageStart } from '../contract/usage.ts';
import { billedMs } from './round.ts';

/** Where and how an invocation started. */
export interface StartFacts {
  readonly cold: boolean;
  /** Wall clock of the first turn, ISO 8601 UTC. */
  readonly startedAt: string;
  /** From acceptance to the first turn, without initialisation. */
  readonly queueNs: number;
  readonly isolateId: string;
  readonly engineId: string;
  readonly hostId: string;
}

export function startRow(invocation: Invocation, facts: StartFacts): UsageStart {
  const { spec, version } = invocation.version;
  return {
    invocationId: invocation.id,
    attempt: invocation.attempt,
    requestId: invocation.requestId,
    traceId: invocation.trace.traceId,
    tenant: spec.tenant,
    function: spec.name,
    version,
    trigger: invocation.trigger,
    source: invocation.source,
    cold: facts.cold,
    startedAt: facts.startedAt,
    queueNs: whole(facts.queueNs),
    memoryLimitMiB: spec.limits.memoryMiB,
    isolateId: facts.isolateId,
    engineId: facts.engineId,
    hostId: facts.hostId,
  };
}

export function endRecord(start: UsageStart, facts: EndFacts): UsageRecord {
  const { usage, outcome } = facts;
  const initNs = whole(facts.initNs);
  const runNs = usage === null ? 0 : whole(usage.settledNs - usage.startedNs);
  // A kill comes a little after its limit; that little is the host's, so it is recorded but not billed.
  const limitMs = facts.status === 101 ? SOCKET_MS : facts.limits.wallMs;
  const billableNs = OUTCOMES[outcome].billed === 'limit' ? Math.min(runNs, limitMs * NS_PER_MS) : runNs;
  const billed = billedMs(outcome, initNs, billableNs);
  const mibMs = start.memoryLimitMiB * billed;
  return {
    ...start,
    outcome,
    status: facts.status,
    initNs,
    runNs,
    billedMs: billed,
    cpuNs: usage === null ? 0 : whole(usage.cpuNs),
    cpuEstimated: usage?.cpuEstimated ?? false,
    hostCpuNs: usage === null ? 0 : whole(usage.hostCpuNs),
    isolateMemoryPeakBytes: usage === null ? 0 : whole(usage.memoryPeakBytes),
    mibMs,
    // One invocation at a time owns its isolate's memory; the union share above concurrency 1 is not computed yet.
    sharedMibMs: mibMs,
    requestBytes: whole(facts.requestBytes),
    responseBytes: usage === null ? 0 : whole(usage.responseBytes),
    subrequests: usage === null ? 0 : whole(usage.subrequests),
    closedBy: 'normal',
  };
}

function whole(value: number): number {
  return Math.max(0, Math.round(value));
}
