/** What the crew is given, the times it keeps, and what it answers when it serves. */
import type { Clock } from '../contract/clock.ts';
import type { Config } from '../contract/config.ts';
import type { BackoffRules } from './backoff.ts';
import type { HostEvents, HostHandle } from './host-process.ts';
import { PULSE_RULES, type PulseRules } from './pulse.ts';
import type { Vitals } from './vitals.ts';

export interface CrewOptions {
  readonly config: Config;
  readonly workers: number;
  /** Accept queues: one for all hosts, or one for each worker. */
  readonly queues: number;
  /** Resident memory above which a host is replaced, MiB. */
  readonly maxRssMiB: number;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  readonly start: (events: HostEvents) => HostHandle;
  readonly vitals: (pid: number) => Vitals | null;
  readonly rules?: Partial<CrewRules>;
}

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

export interface CrewAddress {
  readonly url: string;
  readonly adminUrl: string;
  readonly adminTokenFile: string;
}
