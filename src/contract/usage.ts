/** The billing record of one invocation (CONTRACT §8). Integers only; nanoseconds, bytes, milliseconds. */
import type { EngineUsage } from './engine-port.ts';
import type { Limits } from './limits.ts';
import type { Outcome } from './outcome.ts';

export type Trigger = 'http' | 'webhook' | 'cron' | 'async' | 'file' | 'api' | 'websocket' | 'bench';

export const TRIGGERS: readonly Trigger[] = ['http', 'webhook', 'cron', 'async', 'file', 'api', 'websocket', 'bench'];

/** Known when an invocation starts: the START row. */
export interface UsageStart {
  readonly invocationId: string;
  readonly attempt: number;
  /** Links the attempts of one event. */
  readonly requestId: string;
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  readonly tenant: string;
  readonly function: string;
  readonly version: number;
  readonly trigger: Trigger;
  /** Route, endpoint, schedule or run id. */
  readonly source: string;
  readonly cold: boolean;
  /** ISO 8601 UTC with milliseconds. */
  readonly startedAt: string;
  readonly queueNs: number;
  readonly memoryLimitMiB: number;
  readonly isolateId: string;
  readonly engineId: string;
  readonly hostId: string;
}

/** Known when it settles: the END row, whole. */
export interface UsageRecord extends UsageStart {
  readonly outcome: Outcome;
  /** HTTP status as sent; 0 where the trigger has none. */
  readonly status: number;
  readonly initNs: number;
  /** First turn to handler settled and body produced, or waitUntil settled. */
  readonly runNs: number;
  /** ceil((initNs + runNs) / 1e6), at least 1; 0 when the outcome is not billed. */
  readonly billedMs: number;
  readonly cpuNs: number;
  readonly cpuEstimated: boolean;
  readonly hostCpuNs: number;
  readonly isolateMemoryPeakBytes: number;
  readonly mibMs: number;
  readonly sharedMibMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly subrequests: number;
  readonly closedBy: 'normal' | 'recovery';
}

/** What dispatch knows when an invocation ends; billing makes the record of it. */
export interface EndFacts {
  readonly outcome: Outcome;
  /** As sent; 0 where the trigger has none. */
  readonly status: number;
  /** Loading paid by this invocation; 0 when warm. */
  readonly initNs: number;
  /** `null`: nothing was measured, the engine is gone. */
  readonly usage: EngineUsage | null;
  readonly requestBytes: number;
  readonly limits: Limits;
}
