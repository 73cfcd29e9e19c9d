/**
 * Isolates that functions keep ready (`warm`): filled at the start, and again when one has gone. One load a lane at a
 * time, in turn between functions, so that a host that starts with thousands of them answers meanwhile.
 */
import type { Group } from './group.ts';

export interface ProvisionPorts {
  /** Loads that may be under way at once. */
  most(): number;
  /** The function may be tried now. */
  mayLoad(group: Group): boolean;
  /** Loads one; false: no room, or no lane. */
  load(group: Group): boolean;
}

export class Provision {
  readonly #ports: ProvisionPorts;
  /** Groups that may have too few, the next one first. */
  readonly #short: Set<Group> = new Set();
  /** Their load did not come to an end: tried again at the next look. */
  readonly #later: Set<Group> = new Set();
  #loading = 0;

  constructor(ports: ProvisionPorts) {
    this.#ports = ports;
  }

  /** It may have too few. */
  ask(group: Group): void {
    if (group.missingWarm > 0) this.#short.add(group);
  }

  /** One of its loads is over; `well`: it was loaded. */
  over(group: Group, well: boolean): void {
    this.#loading -= 1;
    if (!well) this.#later.add(group);
    this.fill();
  }

  /** Some time has passed. */
  again(): void {
    for (const group of this.#later) this.ask(group);
    this.#later.clear();
    this.fill();
  }

  fill(): void {
    // Whoever asks again meanwhile is last.
    for (const group of this.#short) {
      if (this.#loading >= this.#ports.most()) return;
      this.#short.delete(group);
      if (group.missingWarm === 0 || this.#later.has(group)) continue;
      this.#loading += 1;
      if (this.#ports.mayLoad(group) && this.#ports.load(group)) this.ask(group);
      else {
        this.#loading -= 1;
        this.#later.add(group);
      }
    }
  }
}
