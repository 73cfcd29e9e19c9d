/** What a guest says it failed of. All of it is guest text: it decides nothing unless the host's own figures bear it out. */
import type { GuestProblem, LogLine } from '../../contract/engine-port.ts';
import { MIB } from '../../contract/units.ts';
import type { Job } from '../job.ts';

/** As it crossed, with nothing beside. */
export function problemOf({ name, message, stack }: GuestProblem): GuestProblem {
  return { name, message, stack };
}

/** A stray error as a log line. */
export function strayLine(problem: GuestProblem, epochMs: number): LogLine {
  const text = problem.stack === '' ? `${problem.name}: ${problem.message}` : problem.stack;
  return { level: 'error', text: `Unhandled: ${text}`, epochMs };
}

/**
 * Array buffers over the limit fail with V8's RangeError instead of ending the isolate. The text is the guest's to
 * forge, so the heap has to bear it out.
 */
export function isOutOfMemory({ name, message }: GuestProblem, job: Job): boolean {
  if (name !== 'RangeError' || message !== 'Array buffer allocation failed') return false;
  return job.usage().memoryPeakBytes >= (job.invocation.version.spec.limits.memoryMiB * MIB) / 4;
}
