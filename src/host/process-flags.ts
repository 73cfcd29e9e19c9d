/** Whether this process may run isolates: V8 takes most of its flags only at the start, so here they are only looked at. */
import { HostError } from '../contract/errors.ts';
import { NODE_FLAGS } from '../engine/flags.ts';

/** Which of the flags the process was started without. */
export function missingFlags({ execArgv, env }: Pick<NodeJS.Process, 'execArgv' | 'env'>): readonly string[] {
  const given = new Set(
    [...execArgv, ...(env['NODE_OPTIONS'] ?? '').split(/\s+/)].map((word) => word.replaceAll('_', '-')),
  );
  return NODE_FLAGS.filter((flag) => !given.has(flag));
}

/** Throws `ENGINE_UNSUPPORTED`: without the flags a loop may never end, isolates may bring the process down, and requests outlive their answers. */
export function requireFlags(running: Pick<NodeJS.Process, 'execArgv' | 'env'>): void {
  const missing = missingFlags(running);
  if (missing.length === 0) return;
  throw new HostError(
    'ENGINE_UNSUPPORTED',
    `This process runs without ${missing.join(' ')}, so limits or latency would not hold; start it with "node ${NODE_FLAGS.join(' ')} …".`,
  );
}
