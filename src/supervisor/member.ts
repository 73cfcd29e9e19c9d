/** A host among the others: what the crew remembers of it, and the times it is given. */
import type { Timer } from '../contract/clock.ts';
import { HostError } from '../contract/errors.ts';
import type { Problem } from '../contract/host-wire.ts';
import type { BackoffRules } from './backoff.ts';
import type { HostHandle } from './host-process.ts';
import { PULSE_RULES, type Pulse, type PulseRules } from './pulse.ts';

export interface CrewRules {
  readonly pulse: PulseRules;
  readonly backoff: BackoffRules;
  /** Between a takeover and the boot of the next spare: the new host has its first requests then. */
  readonly spareDelayMs: number;
  /** A host that has not booted by then is given up. */
  readonly bootMs: number;
  /** What a sick host may still finish. */
  readonly retireMs: number;
  /** Deaths before the first host was ever ready, after which the start fails. */
  readonly attempts: number;
}

export const CREW_RULES: Omit<CrewRules, 'backoff'> = {
  pulse: PULSE_RULES,
  spareDelayMs: 1000,
  bootMs: 60_000,
  retireMs: 5000,
  attempts: 3,
};

export type State = 'booting' | 'spare' | 'entering' | 'active' | 'retiring' | 'dead';

export interface Member {
  readonly handle: HostHandle;
  readonly pulse: Pulse;
  readonly bornMs: number;
  state: State;
  /** Its place among the workers. */
  post: number | null;
  /** Its place is to be taken by another while it serves on. */
  sick: 'sick' | 'memory' | null;
  /** Whom it replaces once it listens. */
  relieves: Member | null;
  orderedMs: number;
  adminTokenFile: string;
  timer: Timer | null;
  /** It closed its channel; how it ended is still to be told. */
  unexplained: boolean;
}

export function newMember(handle: HostHandle, pulse: Pulse, bornMs: number): Member {
  return {
    handle,
    pulse,
    bornMs,
    state: 'booting',
    post: null,
    sick: null,
    relieves: null,
    orderedMs: 0,
    adminTokenFile: '',
    timer: null,
    unexplained: false,
  };
}

export function asError({ code, message }: Problem): Error {
  return code === null ? new Error(message) : new HostError(code, message);
}
