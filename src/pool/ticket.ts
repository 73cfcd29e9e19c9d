/** An invocation on its way to an isolate, and how dispatch hears of it. */
import type { JobListener, LoadReport } from '../contract/engine-port.ts';
import type { Invocation } from '../contract/invocation.ts';

/** What is known about the isolate an invocation was given. */
export interface Placement {
  readonly isolate: number;
  readonly lane: number;
  /** Set when this invocation waited for the isolate to load: the bill of the cold start is its own. */
  readonly init: LoadReport | null;
}

export interface TicketListener extends Omit<JobListener, 'returned' | 'started'> {
  started(atNs: number, placement: Placement): void;
  /** The function failed to load. `ranAs`: the invocation that ran the load and has the record, `null`: none did. */
  unloadable(report: LoadReport, ranAs: string | null): void;
  /** It came back without having started. False: nobody waits for it any more, and it has been told so. */
  returned(): boolean;
}

export interface Ticket {
  readonly invocation: Invocation;
  readonly listener: TicketListener;
  /** Where it is at present; `null`: it waits. */
  isolate: number | null;
  hasStarted: boolean;
  /** It was asked back from where it is; asking again changes nothing. */
  recalled: boolean;
  /** It has been told its end: nothing may be done for it any more. */
  over: boolean;
}
