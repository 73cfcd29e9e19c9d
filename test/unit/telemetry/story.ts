/** Stories for tests of telemetry and the admin plane: a warm, successful, unsampled HTTP invocation unless told. */
import type { FunctionVersion } from '../../../src/contract/function.ts';
import type { Invocation, TraceSeed } from '../../../src/contract/invocation.ts';
import { LIMIT_RULES, type Limits } from '../../../src/contract/limits.ts';
import type { InvocationStory } from '../../../src/contract/observer.ts';
import type { UsageRecord } from '../../../src/contract/usage.ts';

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
export const SPAN_ID = 'b7ad6b7169203331';
/** Monotonic ns of the first turn, and the epoch it stands for. */
export const STARTED_NS = 5_000_000_000;
export const STARTED_AT = '2026-11-20T10:00:00.250Z';

export function aVersion(name = 'hello', version = 1): FunctionVersion {
  const limits = Object.fromEntries(Object.entries(LIMIT_RULES).map(([key, rule]) => [key, rule.default]));
  return {
    spec: {
      name,
      tenant: 'default',
      entry: `/functions/${name}.ts`,
      handler: { kind: 'fetch' },
      routes: [{ method: 'GET', host: null, path: `/${name}/:who`, text: `GET /${name}/:who` }],
      url: true,
      auth: 'none',
      env: { SECRET_TOKEN: 'env-value-never-shown' },
      services: {},
      limits: limits as unknown as Limits,
      rate: null,
      egressAllow: null,
      privateHosts: [],
      idempotencyTtlHours: null,
      warm: 0,
      reserved: 0,
      cron: [],
      isolation: 'shared',
      wasm: false,
    },
    version,
    hash: 'ab'.repeat(32),
    bundlePath: `/bundles/${name}.js`,
    bundleBytes: 1234,
    key: `${name}@${version}`,
  };
}

export function aRecord(changes: Partial<UsageRecord> = {}): UsageRecord {
  return {
    invocationId: '019aa000-0000-7000-8000-000000000001',
    attempt: 1,
    requestId: '019aa000-0000-7000-8000-000000000001',
    traceId: TRACE_ID,
    tenant: 'default',
    function: 'hello',
    version: 1,
    trigger: 'http',
    source: 'GET /hello/:who',
    cold: false,
    startedAt: STARTED_AT,
    queueNs: 100_000,
    memoryLimitMiB: 128,
    isolateId: 'i-7',
    engineId: 'e-1',
    hostId: 'h-1',
    outcome: 'ok',
    status: 200,
    initNs: 0,
    runNs: 400_000,
    billedMs: 1,
    cpuNs: 300_000,
    cpuEstimated: false,
    hostCpuNs: 10_000,
    isolateMemoryPeakBytes: 1_000_000,
    mibMs: 128,
    sharedMibMs: 0,
    requestBytes: 0,
    responseBytes: 12,
    subrequests: 0,
    closedBy: 'normal',
    ...changes,
  };
}

export interface StoryChanges {
  readonly record?: Partial<UsageRecord>;
  readonly invocation?: Partial<Invocation>;
  readonly trace?: Partial<TraceSeed>;
  readonly story?: Partial<Omit<InvocationStory, 'invocation' | 'record'>>;
}

export function aStory(changes: StoryChanges = {}): InvocationStory {
  const record = aRecord(changes.record);
  const invocation: Invocation = {
    id: record.invocationId,
    requestId: record.requestId,
    attempt: record.attempt,
    trigger: record.trigger,
    source: record.source,
    version: aVersion(record.function, record.version),
    event: { kind: 'fetch', method: 'GET', url: 'http://localhost:8787/hello/you', headers: [], body: null },
    params: { who: 'you' },
    clientAddress: '203.0.113.9',
    webhook: null,
    trace: {
      traceId: record.traceId,
      spanId: SPAN_ID,
      parentSpanId: null,
      sampled: false,
      link: null,
      ...changes.trace,
    },
    http: {
      method: 'GET',
      path: '/hello/you',
      query: 'lang=en&sig=abcdef',
      scheme: 'http',
      host: 'localhost:8787',
      userAgent: 'curl/8',
    },
    acceptedNs: STARTED_NS - 100_000,
    start: null,
    depth: 0,
    reply: { respond: () => {}, fail: () => {}, shed: () => {} },
    ...changes.invocation,
  };
  return {
    invocation,
    record,
    problem: null,
    logs: [],
    subrequests: [],
    limits: [],
    startedNs: STARTED_NS,
    endedNs: STARTED_NS + 500_000,
    ...changes.story,
  };
}
