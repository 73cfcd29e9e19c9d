/**
 * How an isolate's sudden end is judged. By the host's own state and measurements only: error texts are the guest's to
 * forge. A limit kill counts against the guest only when its measured CPU reached the limit.
 */
import type { Outcome } from '../contract/outcome.ts';

export interface Ending {
  /** `cpu`: the lane ended it after a turn; `burned`: the watch had it ended within one; `killed`: the reaper did otherwise. */
  readonly why: 'burned' | 'killed' | 'cpu' | 'memory' | 'fault';
  /** Why the host ordered the kill; `null`: it ordered none (the reaper's own wall deadline). */
  readonly ordered: 'wall_timeout' | 'aborted' | null;
  /** Its turn it was; `null`: the turn was nobody's in particular. */
  readonly guilty: boolean | null;
  /** A neighbour's end was ordered, and this turn stood in its way. */
  readonly forAnother: boolean;
  readonly cpuNs: number;
  readonly cpuLimitNs: number;
}

export function classify(ending: Ending): Outcome {
  // Ordered for its own sake, whosever turn was killed for it.
  if (ending.why === 'killed' && ending.ordered !== null) return ending.ordered;
  if (ending.guilty === false) return 'aborted';
  switch (ending.why) {
    case 'memory':
      return 'memory_exceeded';
    case 'cpu':
      return ending.cpuNs >= ending.cpuLimitNs ? 'cpu_exceeded' : 'aborted';
    case 'fault':
      return 'aborted';
    case 'burned':
      if (ending.ordered !== null) return ending.ordered;
      return ending.cpuNs >= ending.cpuLimitNs ? 'cpu_exceeded' : 'aborted';
    case 'killed':
      return ending.forAnother ? 'aborted' : 'wall_timeout';
    default: {
      const never: never = ending.why;
      return never;
    }
  }
}
