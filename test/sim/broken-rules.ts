/** Rules of the pool and the queue that are not told to them, so that they cannot keep to them: the oracle has to notice. */
import type { FunctionVersion } from '../../src/contract/function.ts';

const BROKEN_RULES = ['no-reserve', 'no-warm', 'no-tenant-limits', 'no-tenants', 'one-queue'] as const;
export type BrokenRule = (typeof BROKEN_RULES)[number];

export function isBrokenRule(sabotage: string | null): sabotage is BrokenRule {
  return BROKEN_RULES.some((rule) => rule === sabotage);
}

/** A version as the pool is told of it. */
export function toldOf(version: FunctionVersion, broken: BrokenRule | null): FunctionVersion {
  const { spec } = version;
  switch (broken) {
    case 'no-reserve':
      return { ...version, spec: { ...spec, reserved: 0 } };
    case 'no-warm':
      return { ...version, spec: { ...spec, warm: 0 } };
    case 'no-tenants':
      return { ...version, spec: { ...spec, tenant: 'all' } };
    default:
      return version;
  }
}
