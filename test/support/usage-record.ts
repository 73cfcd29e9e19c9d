/** A billing record for tests that care about a field or two. */
import { newInvocationId } from '../../src/contract/ids.ts';
import type { UsageRecord } from '../../src/contract/usage.ts';

export const usageRecord = (over: Partial<UsageRecord> = {}): UsageRecord => ({
  ...{ invocationId: newInvocationId(0), attempt: 1, requestId: 'r', traceId: '0'.repeat(32), tenant: 'default' },
  ...{ function: 'f', version: 1, trigger: 'http', source: '/', cold: false, startedAt: '2026-11-30T12:00:00.000Z' },
  ...{ queueNs: 1, memoryLimitMiB: 128, isolateId: 'i', engineId: 'e', hostId: 'h', outcome: 'ok', status: 200 },
  ...{ initNs: 0, runNs: 1, billedMs: 1, cpuNs: 5, cpuEstimated: false, hostCpuNs: 0, isolateMemoryPeakBytes: 0 },
  ...{ mibMs: 128, sharedMibMs: 128, requestBytes: 0, responseBytes: 0, subrequests: 0, closedBy: 'normal' },
  ...over,
});
