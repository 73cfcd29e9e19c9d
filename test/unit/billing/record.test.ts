import { describe, expect, it } from 'vitest';
import { endRecord, startRow } from '../../../src/billing/record.ts';
import type { EngineUsage } from '../../../src/contract/engine-port.ts';
import type { Invocation } from '../../../src/contract/invocation.ts';
import { LIMIT_RULES, type Limits } from '../../../src/contract/limits.ts';
import type { EndFacts, UsageStart } from '../../../src/contract/usage.ts';

const limits = Object.fromEntries(
  Object.entries(LIMIT_RULES).map(([name, rule]) => [name, rule.default]),
) as unknown as Limits;

const invocation = {
  id: '0192f0c1-2345-7abc-8def-0123456789ab',
  requestId: 'request-1',
  attempt: 2,
  trigger: 'webhook',
  source: 'github',
  version: { version: 7, spec: { name: 'on-push', tenant: 'acme', limits } },
  trace: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736' },
} as unknown as Invocation;

const start: UsageStart = startRow(invocation, {
  cold: true,
  startedAt: new Date(Date.parse('2026-11-30T12:00:00.123Z')).toISOString(),
  queueNs: 12.6,
  isolateId: 'isolate-1',
  engineId: 'engine-1',
  hostId: 'host-1',
});

const usage: EngineUsage = {
  startedNs: 1_000_000,
  settledNs: 3_500_000.4,
  cpuNs: 1_200_000.7,
  cpuEstimated: false,
  hostCpuNs: 10,
  memoryPeakBytes: 4_000_000,
  subrequests: 3,
  requestBytes: 0,
  responseBytes: 17,
};

const end = (facts: Partial<EndFacts>) =>
  endRecord(start, { outcome: 'ok', status: 200, initNs: 0, usage, requestBytes: 5, limits, ...facts });

describe('startRow', () => {
  it('takes its facts from the invocation and its version', () => {
    expect(start).toEqual({
      invocationId: '0192f0c1-2345-7abc-8def-0123456789ab',
      attempt: 2,
      requestId: 'request-1',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      tenant: 'acme',
      function: 'on-push',
      version: 7,
      trigger: 'webhook',
      source: 'github',
      cold: true,
      startedAt: '2026-11-30T12:00:00.123Z',
      queueNs: 13,
      memoryLimitMiB: 128,
      isolateId: 'isolate-1',
      engineId: 'engine-1',
      hostId: 'host-1',
    });
  });
});

describe('endRecord', () => {
  it('measures from the first turn to settled and bills it with the initialisation', () => {
    const record = end({ initNs: 2_400_000 });
    expect(record).toMatchObject({ ...start, outcome: 'ok', status: 200, closedBy: 'normal' });
    expect(record).toMatchObject({ initNs: 2_400_000, runNs: 2_500_000, billedMs: 5, mibMs: 640, sharedMibMs: 640 });
    expect(record).toMatchObject({
      requestBytes: 5,
      responseBytes: 17,
      subrequests: 3,
      isolateMemoryPeakBytes: 4_000_000,
    });
  });

  it('holds whole numbers only', () => {
    for (const value of Object.values(end({ initNs: 0.5, requestBytes: 1.5 }))) {
      if (typeof value === 'number') expect(value).toSatisfy(Number.isSafeInteger);
    }
  });

  it('bills a wall timeout to the limit and records what it took', () => {
    const slow = { ...usage, settledNs: usage.startedNs + 30_012_000_000 };
    expect(end({ outcome: 'wall_timeout', initNs: 1_500_000, usage: slow })).toMatchObject({
      runNs: 30_012_000_000,
      billedMs: 30_002,
    });
    expect(end({ outcome: 'cpu_exceeded', usage: slow }).billedMs).toBe(30_012);
  });

  it('bills nothing when the host is to blame, and nothing that was not measured', () => {
    expect(end({ outcome: 'aborted' })).toMatchObject({ runNs: 2_500_000, billedMs: 0, mibMs: 0, cpuNs: 1_200_001 });
    expect(end({ outcome: 'crashed', usage: null })).toMatchObject({ runNs: 0, billedMs: 0, cpuNs: 0, subrequests: 0 });
  });

  it('bills a failed load its initialisation', () => {
    expect(end({ outcome: 'init_error', status: 500, initNs: 7_000_001, usage: null }).billedMs).toBe(8);
  });

  it('never records negative time', () => {
    expect(end({ usage: { ...usage, settledNs: 0 } })).toMatchObject({ runNs: 0, billedMs: 1 });
  });
});
