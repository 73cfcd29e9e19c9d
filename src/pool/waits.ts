/**
 * Groups whose work waits for something other than an isolate of their own, and who comes first when it is there. Room
 * is given in turn: to the tenant that holds least, among equals to the one that was given none the longest; within a
 * tenant to functions without any isolate, then to whoever has waited longest.
 */
import type { Group } from './group.ts';
import type { Tenant } from './tenant.ts';

export class Waits {
  /** Their isolates are idle, on lanes that are stuck. */
  readonly stranded: Set<Group> = new Set();
  /** Their realm has no lane. */
  readonly laneless: Set<Group> = new Set();
  /** Tenants with groups that wait for room. */
  readonly #hungry: Set<Tenant> = new Set();
  /** Hands a group's waiting work on; it may come to wait for the same again. */
  readonly #pump: (group: Group) => void;
  /** Groups that wait for room. */
  starving = 0;
  #turn = 0;

  constructor(pump: (group: Group) => void) {
    this.#pump = pump;
  }

  /** A lane has ended a turn. */
  turnEnded(): void {
    for (const group of this.stranded) this.#pump(group);
  }

  lanesChanged(): void {
    for (const group of [...this.laneless]) this.#pump(group);
    this.turnEnded();
  }

  /** It waits for room. */
  starve(group: Group): void {
    const { starved } = group.tenant;
    if (starved.has(group)) return;
    starved.add(group);
    this.starving += 1;
    this.#hungry.add(group.tenant);
  }

  /** It waits for room no more. */
  feed(group: Group): void {
    const { tenant } = group;
    if (!tenant.starved.delete(group)) return;
    this.starving -= 1;
    if (tenant.starved.size === 0) this.#hungry.delete(tenant);
  }

  /** It is given room: the next time others of its tenant's rank come first. */
  serve(group: Group): void {
    this.#turn += 1;
    group.tenant.turn = this.#turn;
  }

  /** Whose turn it is, of those for whom there is room. */
  next(fits: (group: Group) => boolean): Group | null {
    let best: Group | null = null;
    for (const tenant of this.#hungry) {
      if (best !== null && tenant !== best.tenant && !holdsLess(tenant, best.tenant)) continue;
      for (const group of tenant.starved) {
        if ((best === null || comesBefore(group, best)) && fits(group)) best = group;
      }
    }
    return best;
  }

  /** Somebody waits for room that `holder` should give: it has more than its share. */
  isOwedBy(holder: Group): boolean {
    if (!holder.mayShrink) return false;
    for (const tenant of this.#hungry)
      for (const group of tenant.starved) if (group !== holder && owes(holder, group)) return true;
    return false;
  }
}

function holdsLess(a: Tenant, b: Tenant): boolean {
  return (a.isolates - b.isolates || a.turn - b.turn) < 0;
}

function comesBefore(a: Group, b: Group): boolean {
  if (a.tenant !== b.tenant) return holdsLess(a.tenant, b.tenant);
  const has = (group: Group): number => (group.isolates.size === 0 ? 0 : 1);
  return (has(a) - has(b) || a.waitsSinceNs - b.waitsSinceNs) < 0;
}

/** One isolate more there and one less here would be fairer, not the same the other way round; and who has none gets one. */
function owes(holder: Group, waiting: Group): boolean {
  // Room within the limits of its tenant is its tenant's to give.
  if (waiting.tenant !== holder.tenant && waiting.tenant.isFull) return false;
  const [held, wanted] =
    waiting.tenant === holder.tenant
      ? [holder.isolates.size, waiting.isolates.size]
      : [holder.tenant.isolates, waiting.tenant.isolates];
  return wanted === 0 || wanted + 2 <= held || waiting.owed > 0;
}
