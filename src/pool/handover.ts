/** The engine's listener for one invocation handed to one isolate. */
import type { JobListener, LogLine, Settlement, SubrequestFacts } from '../contract/engine-port.ts';
import type { Body, ResponseHead } from '../contract/invocation.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { PooledIsolate } from './group.ts';
import type { Pool } from './pool.ts';
import type { Ticket } from './ticket.ts';

/** One invocation handed to one isolate: keeps the pool's books and passes the engine's word on. */
export class Handover implements JobListener {
  readonly #pool: Pool;
  readonly #isolate: PooledIsolate;
  readonly #ticket: Ticket;

  constructor(pool: Pool, isolate: PooledIsolate, ticket: Ticket) {
    this.#pool = pool;
    this.#isolate = isolate;
    this.#ticket = ticket;
  }

  started(atNs: number): void {
    const { number, lane, init } = this.#isolate;
    this.#isolate.init = null;
    this.#ticket.hasStarted = true;
    this.#ticket.listener.started(atNs, { isolate: number, lane, init });
  }

  head(head: ResponseHead, body: Body): void {
    this.#ticket.listener.head(head, body);
  }

  failed(outcome: Outcome): void {
    this.#ticket.listener.failed(outcome);
  }

  log(line: LogLine): void {
    this.#ticket.listener.log(line);
  }

  subrequest(facts: SubrequestFacts): void {
    this.#ticket.listener.subrequest(facts);
  }

  settled(settlement: Settlement): void {
    this.#pool.settled(this.#isolate, this.#ticket, settlement);
  }

  returned(): void {
    this.#pool.returned(this.#isolate, this.#ticket);
  }
}
