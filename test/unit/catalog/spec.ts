/** A complete FunctionSpec for tests of the catalog. */

import type { FunctionSpec } from '../../../src/contract/function.ts';
import { LIMIT_RULES, type Limits } from '../../../src/contract/limits.ts';

export function spec(
  name: string,
  entry: string,
  more: Partial<FunctionSpec> = {},
  limits: Partial<Limits> = {},
): FunctionSpec {
  const defaults = Object.fromEntries(Object.entries(LIMIT_RULES).map(([key, rule]) => [key, rule.default]));
  return {
    name,
    tenant: 'default',
    entry,
    handler: { kind: 'fetch' },
    routes: [],
    url: false,
    auth: 'none',
    env: {},
    services: {},
    limits: { ...(defaults as unknown as Limits), ...limits },
    rate: null,
    egressAllow: null,
    privateHosts: [],
    idempotencyTtlHours: null,
    warm: 0,
    reserved: 0,
    cron: [],
    isolation: 'shared',
    wasm: false,
    ...more,
  };
}
