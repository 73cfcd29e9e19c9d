/**
 * The port between pool/dispatch and whatever runs isolates: engine threads today, engine processes later, a fake in
 * tests. The pool never learns which. Numbers are handles chosen by the engine; nothing here holds guest values.
 */
import type { FunctionVersion } from './function.ts';
import type { Body, Invocation, ResponseHead } from './invocation.ts';
import type { LimitName } from './limits.ts';
import type { Outcome } from './outcome.ts';
import type { LogLevel } from './turn.ts';

/**
 * Whose guests share an operating-system process: `''` the host's own, any other text an engine process for that text
 * alone (a tenant's cordon, or one function).
 */
export type Realm = string;

/** How a function brought down what ran it: a turn that ignores its end, a process that died or outgrew its memory. */
export type Fall = 'wedged' | 'crashed' | 'outgrown';

/** A lane runs turns one after another; an isolate lives on one lane for life. */
export interface LaneView {
  readonly id: number;
  readonly realm: Realm;
  readonly isolates: number;
  /** Invocations handed over and not yet claimed. */
  readonly unclaimed: number;
  /** It takes nothing more until something it holds has settled. */
  readonly full?: boolean;
  /** Monotonic ns since which the present turn runs; 0 when none does. */
  readonly runningSinceNs: number;
  /** The isolate whose turn (or load) runs now; 0 when none does. */
  readonly running: number;
}

export interface LoadReport {
  readonly ok: boolean;
  /** Wall and thread CPU of creating and loading; 0 for what a spare had already paid. */
  readonly initNs: number;
  readonly cpuNs: number;
  readonly heapBytes: number;
  /** Set when `ok` is false: `init_error`, `memory_exceeded`; `aborted` was the host's fault and is not remembered. */
  readonly outcome: Outcome | null;
  /** The limit that loading ran into. */
  readonly reached?: LimitName;
  /** For logs and the admin plane, never for the client. */
  readonly problem: GuestProblem | null;
}

export interface GuestProblem {
  readonly name: string;
  readonly message: string;
  /** Mapped to the user's source where a source map is at hand. */
  readonly stack: string;
}

/** What one invocation used, as measured by its lane. */
export interface EngineUsage {
  readonly startedNs: number;
  /** Handler settled and body produced, or waitUntil settled. */
  readonly settledNs: number;
  readonly cpuNs: number;
  readonly cpuEstimated: boolean;
  readonly hostCpuNs: number;
  /** Sampled. */
  readonly memoryPeakBytes: number;
  readonly subrequests: number;
  /** Of a request body read as a stream, or of the messages of a socket. */
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** A limit that only the engine sees being used: 80 % of it, or (`reached`) more than all. */
export interface LimitNote {
  readonly limit: LimitName;
  readonly used: number;
  readonly reached: boolean;
}

export interface Settlement {
  readonly outcome: Outcome;
  readonly problem: GuestProblem | null;
  readonly usage: EngineUsage;
  /** The last note on a limit stands. */
  readonly notes?: readonly LimitNote[];
}

export interface LogLine {
  readonly level: LogLevel;
  readonly text: string;
  readonly epochMs: number;
}

/** One outgoing call, for the CLIENT span. */
export interface SubrequestFacts {
  readonly spanId: string;
  readonly method: string;
  readonly url: string;
  readonly service: string | null;
  readonly startedNs: number;
  readonly endedNs: number;
  /** 0 when no response arrived. */
  readonly status: number;
  readonly error: string | null;
}

/** What happens to one invocation that was handed over. Calls come in this order; `settled` or `returned` is last. */
export interface JobListener {
  /** Its first turn begins. */
  started(atNs: number): void;
  /** Response head. A stream body rejects when the invocation breaks off. */
  head(head: ResponseHead, body: Body): void;
  /** It has failed without a head, but waitUntil still runs; `settled` follows with the same outcome. */
  failed(outcome: Outcome): void;
  log(line: LogLine): void;
  subrequest(facts: SubrequestFacts): void;
  settled(settlement: Settlement): void;
  /** It did not start: the isolate was busy or gone, or it was taken back. Exactly nothing of it ran. */
  returned(): void;
}

export interface IsolateListener {
  loaded(isolate: number, report: LoadReport): void;
  /** The isolate takes no further invocation; it goes when the rest has settled. */
  retired(isolate: number): void;
  gone(isolate: number): void;
  /** `lane` has been in one turn for more than a few ms while work waits on it. Repeated while it lasts. */
  stuck(lane: number): void;
  /** A line or an error outside any invocation: while loading, or stray. */
  stray(version: FunctionVersion, line: LogLine): void;
  /** `version` brought its lane or engine process down; what ran there has been settled or returned. */
  felled(version: FunctionVersion, how: Fall): void;
  /** Lanes have come or gone, or are free again: who found none looks again. */
  lanesChanged(): void;
  /** A turn has ended; sampled size, bytes. Also of an isolate dropped meanwhile. */
  size(isolate: number, bytes: number): void;
}

export interface EnginePort {
  /** Healthy lanes of one realm; of all when none is named. */
  lanes(realm?: Realm): readonly LaneView[];
  /** Starts one more lane of a realm if the bound allows; true if one is on its way. */
  grow(realm: Realm): boolean;
  /** Creates an isolate and loads `version`; `IsolateListener.loaded` follows. */
  load(version: FunctionVersion, lane: number): number;
  /** Hands an invocation over. It may be handed over before the isolate has loaded; it then starts right after. */
  start(isolate: number, invocation: Invocation, listener: JobListener): void;
  /**
   * Takes an unclaimed invocation back. True: it is back, `returned` is not called. False: it has started or ended, or
   * its lane is in another process and was asked: then `returned` follows should it not have started.
   */
  takeBack(invocationId: string): boolean;
  /** Ends an invocation with `outcome`; a running turn is killed. `settled` follows. */
  abort(invocationId: string, outcome: 'wall_timeout' | 'aborted'): void;
  /** The client went away: the guest's `request.signal` aborts, the invocation goes on. */
  clientClosed(invocationId: string): void;
  /** Disposes an isolate that runs nothing. */
  drop(isolate: number): void;
  close(): Promise<void>;
}
