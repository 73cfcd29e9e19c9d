/** What every host is told of the whole: how many serve, and how often one had to be replaced and why. */
import { type HostRole, RESTART_CAUSES, type RestartCause, type Standing } from '../contract/host-wire.ts';

export class Tally {
  readonly #workers: number;
  readonly #restarts: Record<RestartCause, number>;

  constructor(workers: number) {
    this.#workers = workers;
    this.#restarts = Object.fromEntries(RESTART_CAUSES.map((cause) => [cause, 0])) as Record<RestartCause, number>;
  }

  count(cause: RestartCause): void {
    this.#restarts[cause] += 1;
  }

  standing(role: HostRole, worker: number | null, spares: number): Standing {
    return { role, worker, workers: this.#workers, spares, restarts: { ...this.#restarts } };
  }
}
