/** Groups whose work waits for something other than an isolate of their own, and who wakes them when it comes. */
import type { Group } from './group.ts';

export class Waits {
  /** Their isolates are idle, on lanes that are stuck. */
  readonly stranded: Set<Group> = new Set();
  /** The pool is full of busy isolates. */
  readonly starved: Set<Group> = new Set();
  /** Their realm has no lane. */
  readonly laneless: Set<Group> = new Set();
  /** Hands a group's waiting work on; it may come to wait for the same again. */
  readonly #pump: (group: Group) => void;

  constructor(pump: (group: Group) => void) {
    this.#pump = pump;
  }

  /** A lane has ended a turn. */
  turnEnded(): void {
    for (const group of this.stranded) this.#pump(group);
  }

  lanesChanged(): void {
    for (const group of [...this.laneless]) this.#pump(group);
  }

  /** There is room, or an idle isolate to make it of. `except` is pumped by whoever calls. */
  roomMade(except: Group | null): void {
    for (const group of [...this.starved]) {
      if (group === except && group.waiting.length > 0) continue;
      this.starved.delete(group);
      if (group.waiting.length === 0) continue;
      this.#pump(group);
      if (this.starved.has(group)) return;
    }
  }
}
