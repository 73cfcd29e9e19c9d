/**
 * What the data plane's doors need from the rest of the host, and what the operator may set. Everything the edge knows
 * of dispatch, webhooks, tokens and traces comes through here, so tests put stubs in their place.
 */
import type { Clock } from '../contract/clock.ts';
import type { FunctionVersion } from '../contract/function.ts';
import type { HeaderList, Invocation, TraceSeed } from '../contract/invocation.ts';
import type { Shed } from '../contract/outcome.ts';
import type { SocketDoor } from './upgrade.ts';

export interface WebhookFacts {
  readonly method: string;
  /** Path and query as received. */
  readonly target: string;
  readonly headers: HeaderList;
  /** The sender's exact bytes. */
  readonly body: Uint8Array;
  /** Of the receipt itself: what every attempt links to. */
  readonly traceparent: string;
  readonly clientAddress: string;
}

export interface WebhookAnswer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Uint8Array | string;
}

export interface EdgePorts {
  readonly dispatch: {
    invoke(invocation: Invocation): void;
    /** At most once an invocation; it may have settled already. */
    clientClosed(invocationId: string): void;
  };
  readonly webhook: {
    receive(endpoint: string, facts: WebhookFacts): Promise<WebhookAnswer>;
    /** `null`: no such endpoint. */
    maxBodyBytes(endpoint: string): number | null;
  };
  readonly sockets: SocketDoor;
  readonly clock: Clock;
  seed(traceparent: string | null, clientAddress: string): TraceSeed;
  /** UUIDv7. */
  newId(): string;
  /** Compares in constant time. */
  verifyToken(token: string, scope: 'invoke' | 'debug'): boolean;
  /** A request was turned away at the door (401, 413): counted, never recorded. */
  shed?(version: FunctionVersion, reason: Shed): void;
  /** A fault of the edge itself; the client got a 500. */
  fault?(error: unknown): void;
}

export interface EdgeOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Its origin replaces `http://<Host>` in the URLs functions see, except where a route names the host. */
  readonly publicUrl: string | null;
  /** Addresses or CIDR ranges whose `x-forwarded-*` count. */
  readonly trustedProxies: readonly string[];
  readonly maxConnections: number;
  /** `dev`: debug headers need no token. */
  readonly dev: boolean;
  readonly timeouts?: EdgeTimeouts;
}

export interface EdgeTimeouts {
  /** From connecting, or the first byte of a further request, to the end of its headers. */
  readonly headersMs: number;
  /** A body that is read whole (small ones, webhooks), from its headers to its end. */
  readonly bodyMs: number;
  /**
   * No byte moved in a direction somebody waits for: a slow upload being read, a stalled reader, the next request of a
   * connection. Above the 60 s of common load balancers, so that they close first.
   */
  readonly idleMs: number;
  /** How long the unread rest of a request may go on arriving after the response. */
  readonly lingerMs: number;
  /** How long a reader may take for a whole body that waits for it in memory, beside what its size allows. */
  readonly drainMs: number;
}

export const EDGE_TIMEOUTS: EdgeTimeouts = {
  headersMs: 15_000,
  bodyMs: 60_000,
  idleMs: 65_000,
  lingerMs: 1_000,
  drainMs: 60_000,
};

/** Connections the kernel holds while nobody accepts them, as while one host takes over from another. */
export const BACKLOG = 4096;
/** Request line and headers together, bytes. */
export const MAX_HEADER_BYTES: number = 16 * 1024;
/** Bodies up to this are read whole before the function starts. */
export const WHOLE_BODY_BYTES: number = 64 * 1024;
/** Bodies being read whole at one time, over all connections: connections are many, memory is not. */
export const WHOLE_BODIES_BYTES: number = 256 * 1024 * 1024;
/** Unread request bytes worth swallowing to keep a connection. */
export const LEFTOVER_BYTES: number = 64 * 1024;
/** Of a body that waits in memory for its reader: the slowest pace that is put up with, bytes a second. */
export const DRAIN_BYTES_PER_SECOND: number = 16 * 1024;
/** Requests sent ahead on one connection. */
export const MAX_PIPELINED = 256;
/** Then the connection is renewed. */
export const MAX_REQUESTS_PER_SOCKET = 100_000;
/** Header block of one function response. */
export const MAX_RESPONSE_HEADER_BYTES: number = 64 * 1024;
export const MAX_RESPONSE_HEADERS: number = 512;
