/** What the admin plane needs from the rest of the host, as plain functions; tests put fakes in their place. */
import type { GuestProblem, LogLine, Realm } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import type { Standing } from '../contract/host-wire.ts';
import type { HeaderList } from '../contract/invocation.ts';
import type { Outcome, Shed } from '../contract/outcome.ts';
import type { QuarantineView } from '../contract/quarantine.ts';
import type { Inbox, Ledger } from '../contract/store.ts';
import type { Scope } from './scope.ts';

export interface FunctionView {
  /** The live version. */
  readonly version: FunctionVersion;
  /** Isolates in the pool, busy or not. */
  readonly isolates: number;
  /** Invocations that have started and not settled. */
  readonly running: number;
  readonly realm: Realm;
  readonly quarantine: QuarantineView;
}

export interface InvokeAnswer {
  /** `null` when it was shed. */
  readonly invocationId: string | null;
  readonly outcome: Outcome | Shed;
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
  /** Why it failed, as far as that is known by now. */
  readonly problem: GuestProblem | null;
}

export interface Health {
  /** The process does its work; false asks for a restart. */
  readonly live: boolean;
  /** New requests are welcome. */
  readonly ready: boolean;
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
}

export interface RecentView {
  readonly traceId: string;
  readonly spans: readonly object[];
  readonly logs: readonly LogLine[];
  readonly problem: GuestProblem | null;
  readonly warnings: readonly string[];
}

/** A line of a function's log; `null`: outside any invocation. */
export interface LogItem extends LogLine {
  readonly function: string;
  readonly invocationId: string | null;
}

/** The telemetry's own store. */
export interface RecentPort {
  invocation(id: string): RecentView | null;
  traces(query: { readonly function: string | null; readonly limit: number; readonly cursor: string | null }): {
    readonly items: readonly object[];
    readonly nextCursor: string | null;
  };
  /** OTLP/JSON. */
  trace(traceId: string): object | null;
  /** Lines a function wrote outside any invocation. */
  strays(name: string): readonly LogLine[];
  /** Newest first. */
  logs(query: { readonly function: string | null; readonly limit: number }): {
    readonly items: readonly LogItem[];
    readonly nextCursor: string | null;
  };
  /** Every line from now on, until the returned function is called. */
  follow(tell: (item: LogItem) => void): () => void;
}

export interface AdminPorts {
  /** Where the admin plane listens, for the Host check. */
  readonly adminHost: string;
  functions(): readonly FunctionView[];
  /** Lets a function that fell start anew; nothing to do for others. */
  lift(version: FunctionVersion): void;
  /** A POST to the function with trigger `api`; a Lambda handler gets `body` as its event. Rejects with a `HostError` when it cannot be tried at all. */
  invoke(name: string, body: Uint8Array, headers: HeaderList): Promise<InvokeAnswer>;
  readonly ledger: Pick<Ledger, 'query' | 'records' | 'record'>;
  readonly inbox: Pick<Inbox, 'list' | 'get'>;
  readonly recent: RecentPort;
  stats(): object;
  /** Prometheus text. */
  metricsText(): Promise<string>;
  health(): Health;
  /** What this host is among those of its supervisor. */
  standing(): Standing;
  verifyToken(token: string): readonly Scope[] | null;
  /** A fault of the admin plane itself; the client got a 500. */
  fault?(error: unknown): void;
}
