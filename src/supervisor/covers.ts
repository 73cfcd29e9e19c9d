/**
 * Who accepts for a place that has no host. Where each worker has a queue of its own, who comes to one that nobody accepts
 * from waits, so until a new host serves there another takes its connections as well.
 */
import type { Member } from './member.ts';

export class Covers {
  /** Of each queue: who stands in. */
  readonly #covers: (Member | null)[];
  /** Queues that have been accepted from: before that nobody is sent there. */
  readonly #opened: Set<number> = new Set();

  /** `queues`: one for all hosts, or one for each place. */
  constructor(queues: number) {
    this.#covers = Array.from({ length: queues === 1 ? 0 : queues }, () => null);
  }

  /** To be called whenever who has which place has changed. */
  settle(posts: readonly (Member | null)[]): void {
    const active = posts.filter((holder) => holder !== null).filter(({ state }) => state === 'active');
    const changed = new Set<Member | null>();
    for (const [queue, last] of this.#covers.entries()) {
      const holder = posts[queue] ?? null;
      if (holder?.state === 'active') this.#opened.add(queue);
      const next = this.#next(queue, { holder, last, active });
      if (next === last) continue;
      this.#covers[queue] = next;
      changed.add(last).add(next);
    }
    for (const member of changed) {
      if (member?.state === 'active') member.handle.order({ k: 'cover', queues: this.#queuesOf(member) });
    }
  }

  #next(
    queue: number,
    {
      holder,
      last,
      active,
    }: { readonly holder: Member | null; readonly last: Member | null; readonly active: readonly Member[] },
  ): Member | null {
    if (holder?.state === 'active' || !this.#opened.has(queue)) return null;
    if (last?.state === 'active') return last;
    // Whoever is about to listen there needs nobody.
    return holder === null ? this.#leastOf(active) : null;
  }

  #queuesOf(member: Member): readonly number[] {
    return [...this.#covers.keys()].filter((queue) => this.#covers[queue] === member);
  }

  /** Who stands in for fewest. */
  #leastOf(members: readonly Member[]): Member | null {
    return members.toSorted((a, b) => this.#queuesOf(a).length - this.#queuesOf(b).length)[0] ?? null;
  }
}
