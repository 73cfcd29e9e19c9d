/** Function versions and invocations for tests that need one and care about little of it. */
import type { FunctionSpec, FunctionVersion } from '../../src/contract/function.ts';
import type { Invocation, Reply } from '../../src/contract/invocation.ts';
import { LIMIT_RULES, type Limits } from '../../src/contract/limits.ts';

export const LIMITS: Limits = Object.fromEntries(
  Object.entries(LIMIT_RULES).map(([name, rule]) => [name, rule.default]),
) as unknown as Limits;

export function version(name: string, limits: Partial<Limits> = {}, spec: Partial<FunctionSpec> = {}): FunctionVersion {
  return {
    spec: {
      name,
      tenant: 'default',
      entry: `/functions/${name}.ts`,
      handler: { kind: 'fetch' },
      routes: [],
      url: true,
      auth: 'none',
      env: {},
      services: {},
      limits: { ...LIMITS, ...limits },
      rate: null,
      egressAllow: null,
      privateHosts: [],
      idempotencyTtlHours: null,
      warm: 0,
      reserved: 0,
      cron: [],
      isolation: 'shared',
      wasm: false,
      ...spec,
    },
    version: 1,
    hash: `hash-${name}`,
    bundlePath: `/bundles/${name}.mjs`,
    bundleBytes: 100,
    key: `key-${name}`,
  };
}

let count = 0;

export function invocation(of: FunctionVersion, reply: Reply, more: Partial<Invocation> = {}): Invocation {
  count += 1;
  return {
    id: `invocation-${count}`,
    requestId: `invocation-${count}`,
    attempt: 1,
    trigger: 'http',
    source: `/fn/${of.spec.name}`,
    version: of,
    event: { kind: 'fetch', method: 'GET', url: 'http://localhost/', headers: [], body: null },
    params: {},
    clientAddress: '127.0.0.1',
    webhook: null,
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentSpanId: null, sampled: false, link: null },
    http: null,
    acceptedNs: 0,
    start: null,
    depth: 0,
    reply,
    ...more,
  };
}
