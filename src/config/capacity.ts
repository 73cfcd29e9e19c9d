/**
 * Whether a host can keep what its functions are promised: isolates kept warm and room reserved, against the isolates
 * and the memory of the host and of each tenant. What cannot be kept is refused, naming who asks for how much.
 */
import { ISOLATE_BASE_BYTES, mostReserved } from '../contract/capacity.ts';
import type { ServerSpec, TenantSpec } from '../contract/config.ts';
import type { FunctionSpec } from '../contract/function.ts';
import { MIB } from '../contract/units.ts';
import type { Problems } from './problems.ts';

/** Functions named in one sentence. */
const NAMED = 3;

export interface CapacityContext {
  readonly server: Pick<ServerSpec, 'maxIsolates' | 'memoryMiB'>;
  readonly tenants: readonly TenantSpec[];
}

export function checkCapacity(functions: readonly FunctionSpec[], context: CapacityContext, problems: Problems): void {
  const { server, tenants } = context;
  const keepers = functions.filter((spec) => kept(spec) > 0);
  const most = mostReserved(server.maxIsolates);
  if (sum(keepers) > most) {
    problems.refuse(
      `${phrase(keepers)}, but of server.maxIsolates, which is ${server.maxIsolates}, at most ${most} can be promised; lower them or raise it.`,
    );
  }
  checkMemory(keepers, server.memoryMiB, 'server.memoryMiB', problems);
  for (const { name, instances, memoryMiB } of tenants) {
    const own = keepers.filter(({ tenant }) => tenant === name);
    if (instances !== null && sum(own) > instances) {
      problems.refuse(`${phrase(own)}, but tenants.${name}.instances is ${instances}; lower them or raise it.`);
    }
    if (memoryMiB !== null) checkMemory(own, memoryMiB, `tenants.${name}.memoryMiB`, problems);
  }
}

/** What code and data of a function take comes on top and is not known yet: this much is certain. */
function checkMemory(functions: readonly FunctionSpec[], memoryMiB: number, key: string, problems: Problems): void {
  const warm = functions.filter((spec) => spec.warm > 0);
  const leastMiB = Math.ceil((warm.reduce((total, spec) => total + spec.warm, 0) * ISOLATE_BASE_BYTES) / MIB);
  if (leastMiB <= memoryMiB) return;
  problems.refuse(
    `${phrase(warm)}: without any code they take ${leastMiB} MiB, but ${key} is ${memoryMiB}; lower "warm" or raise it.`,
  );
}

function kept({ warm, reserved }: FunctionSpec): number {
  return Math.max(warm, reserved);
}

function sum(functions: readonly FunctionSpec[]): number {
  return functions.reduce((total, spec) => total + kept(spec), 0);
}

/** `functions.a (60), functions.b (50) and 3 others keep 140 isolates to themselves (warm, reserved)`. */
function phrase(functions: readonly FunctionSpec[]): string {
  const most = [...functions].sort((a, b) => kept(b) - kept(a));
  const named = most.slice(0, NAMED).map((spec) => `functions.${spec.name} (${kept(spec)})`);
  const others = most.length - named.length;
  const last = others > 0 ? `${others} ${others === 1 ? 'other' : 'others'}` : named.pop();
  const who = named.length === 0 ? last : `${named.join(', ')} and ${last}`;
  return `${who} ${most.length === 1 ? 'keeps' : 'keep'} ${sum(functions)} isolates (warm, reserved)`;
}
