/**
 * How an isolate's sudden end is judged. By the host's own state and measurements only: error texts are the guest's to
 * forge. A limit kill counts against the guest only when its measured CPU reached the limit.
 */
import type { Outcome } from '../contract/outcome.ts';

export interface Ending {
  /** `cpu`: the lane ended it after a turn; `killed`: the reaper did, within one. */
  readonly why: 'killed' | 'cpu' | 'memory' | 'fault';
  /** Why the host ordered the kill; `null`: it ordered none (the reaper's own wall deadline). */
  readonly ordered: 'cpu_exceeded' | 'wall_timeout' | 'aborted' | null;
  readonly cpuNs: number;
  readonly cpuLimitNs: number;
}

export function classify(ending: Ending): Outcome {
  switch (ending.why) {
    case 'memory':
      return 'memory_exceeded';
    case 'cpu':
      return 'cpu_exceeded';
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
