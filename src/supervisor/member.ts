/** A host among the others: what the crew remembers of it. */
import type { Timer } from '../contract/clock.ts';
import { HostError } from '../contract/errors.ts';
import type { Problem } from '../contract/host-wire.ts';
import type { HostHandle } from './host-process.ts';
import type { Pulse } from './pulse.ts';

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
  /** Of a host that has booted. */
  hostId: string;
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
    hostId: '',
    adminTokenFile: '',
    timer: null,
    unexplained: false,
  };
}

/** Whether a place needs a host: nobody has it, or who has it is sick and nobody comes to relieve him. */
export function isOpen(holder: Member | null, members: ReadonlySet<Member>): boolean {
  if (holder === null) return true;
  return holder.sick !== null && ![...members].some(({ relieves }) => relieves === holder);
}

export function asError({ code, message }: Problem): Error {
  return code === null ? new Error(message) : new HostError(code, message);
}
