/**
 * The places of what is admitted and has not started. Where several tenants are deployed none may hold more places than
 * are left free for others: alone it has half of them, and whoever comes finds one.
 */
export interface QueueOptions {
  readonly depth: number;
  /** Tenants deployed. */
  tenants(): number;
}

/** The places of one tenant. */
export interface Share {
  held: number;
}

export class Queue {
  readonly #options: QueueOptions;
  readonly #shares: Map<string, Share> = new Map();
  held = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** `null`: there is no place for this tenant. Otherwise it has taken one. */
  enter(tenant: string): Share | null {
    const free = this.#options.depth - this.held;
    if (free <= 0) return null;
    let share = this.#shares.get(tenant);
    if (share === undefined) this.#shares.set(tenant, (share = { held: 0 }));
    if (share.held >= free && this.#options.tenants() > 1) return null;
    share.held += 1;
    this.held += 1;
    return share;
  }

  leave(share: Share): void {
    share.held -= 1;
    this.held -= 1;
  }
}
