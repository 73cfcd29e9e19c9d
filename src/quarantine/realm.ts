/** Which realm a version's guests share a process with: nobody else's choice, and decided from nothing but this. */
import type { Realm } from '../contract/engine-port.ts';
import type { FunctionSpec } from '../contract/function.ts';

/** `confined`: it has brought an engine down before. */
export function realmOf(spec: Pick<FunctionSpec, 'isolation' | 'name' | 'tenant'>, confined: boolean): Realm {
  const own = `function:${spec.tenant}/${spec.name}`;
  switch (spec.isolation) {
    case 'process':
      return own;
    case 'tenant':
      return confined ? own : `tenant:${spec.tenant}`;
    case 'shared':
      return confined ? own : '';
    default:
      return spec.isolation satisfies never;
  }
}
