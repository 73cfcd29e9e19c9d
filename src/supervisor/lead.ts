/** Which host runs the schedules: one at most. Whoever follows goes on where the one before him stopped. */
import type { Member } from './member.ts';

export class Lead {
  #member: Member | null = null;
  /** While nobody leads: since when. */
  #sinceEpochMs: number;

  constructor(epochMs: number) {
    this.#sinceEpochMs = epochMs;
  }

  get member(): Member | null {
    return this.#member;
  }

  appoint(member: Member | null): void {
    if (this.#member !== null || member === null) return;
    this.#member = member;
    member.handle.order({ k: 'lead', sinceEpochMs: this.#sinceEpochMs });
  }

  /** It led until `epochMs`, should it have led at all. */
  leaves(member: Member, epochMs: number): void {
    if (this.#member !== member) return;
    this.#member = null;
    this.#sinceEpochMs = epochMs;
  }
}
