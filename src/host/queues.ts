/**
 * The accept queues of the data plane as a supervised host inherits them: one for all hosts, or one for each worker. A host
 * accepts from its own, and from those of places that have no host while its supervisor says so. The supervisor keeps all
 * of them open, so what waits in a queue outlives whoever accepted from it.
 */
import { closeSync } from 'node:fs';
import { copiesOf, queueFd } from '../contract/host-wire.ts';

/** What accepts. */
export interface QueueDoor {
  listen(fd: number): Promise<{ readonly url: string }>;
  /** Until what it returns is called. */
  listenBeside(fd: number): () => void;
}

export class Queues {
  readonly #count: number;
  /** Of each queue: its descriptors that no server has had. */
  readonly #unused: number[][];
  readonly #covered: Map<number, () => void> = new Map();
  #door: QueueDoor | null = null;

  constructor(count: number) {
    this.#count = count;
    const copies = Array.from({ length: copiesOf(count) }, (_, copy) => copy);
    this.#unused = Array.from({ length: count }, (_, queue) => copies.map((copy) => queueFd(queue, copy, count)));
  }

  /** Has `door` accept from the queue of this place. */
  open(door: QueueDoor, worker: number): Promise<{ readonly url: string }> {
    this.#door = door;
    return door.listen(this.#unused[worker % this.#count]!.shift()!);
  }

  /** From these as well, and from no others but its own; one whose last descriptor is in use is not given back. */
  cover(queues: readonly number[]): void {
    for (const [queue, leave] of this.#covered) {
      if (queues.includes(queue) || this.#unused[queue]!.length === 0) continue;
      this.#covered.delete(queue);
      leave();
    }
    for (const queue of queues) {
      if (this.#covered.has(queue)) continue;
      const fd = this.#unused[queue]?.shift();
      if (fd !== undefined && this.#door !== null) this.#covered.set(queue, this.#door.listenBeside(fd));
    }
  }

  /** While anybody has a descriptor of a queue, who comes waits in it: once nobody is to accept, he must be refused. */
  close(): void {
    for (const fd of this.#unused.splice(0).flat()) closeSync(fd);
  }
}
