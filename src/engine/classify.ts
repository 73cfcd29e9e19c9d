/**
 * How an isolate's sudden end is judged. By the host's own state and measurements only: error texts are the guest's to
 * forge. A limit kill counts against the guest only when its measured CPU reached the limit.
 */
import type { Outcome } from '../contract/outcome.ts';

export interface Ending {
  /** `cpu`: the lane ended it after a turn; `killed`: the reaper did, within one. */
  readonly why: 'killed' | 'cpu' | 'memory' | 'fault';
  /** Why the host ordered the kill; `null`: it ordered none (the reaper's own wall deadline). */
  /** Its turn it was; `null`: the turn was nobody's in particular. */
  readonly guilty: boolean | null;
  readonly ordered: 'cpu_exceeded' | 'wall_timeout' | 'aborted' | null;
  readonly cpuNs: number;
  readonly cpuLimitNs: number;
}

export function classify(ending: Ending): Outcome {
  // Ordered for its own sake, whoever's turn was killed for it.
  if (ending.why === 'killed' && ending.ordered === 'wall_timeout') return 'wall_timeout';
  if (ending.guilty === false) return 'aborted';
  switch (ending.why) {
    case 'memory':
      return 'memory_exceeded';
    case 'cpu':
      return ending.cpuNs >= ending.cpuLimitNs ? 'cpu_exceeded' : 'aborted';
    case 'fault':
      return 'aborted';
    case 'killed':
      if (ending.ordered === null) return 'wall_timeout';
      if (ending.ordered !== 'cpu_exceeded') return ending.ordered;
      return ending.cpuNs >= ending.cpuLimitNs ? 'cpu_exceeded' : 'aborted';
    default: {
      const never: never = ending.why;
      return never;
    }
  }
}
