/** One event on its way through the host, as plain data, and the port its answer goes back through. */
import type { FunctionVersion } from './function.ts';
import type { Outcome, Shed } from './outcome.ts';
import type { AnswerSocket } from './socket.ts';
import type { Trigger } from './usage.ts';

/** Header names (lower case) and values, alternating: `['content-type', 'text/plain', …]`. Repeats stay repeats. */
export type HeaderList = readonly string[];

/** Bytes that arrive bit by bit; whoever holds it pulls, so backpressure needs no second mechanism. */
export interface ByteStream {
  /** Known length in bytes, else `null`. */
  readonly length: number | null;
  /**
   * The next chunk (never empty), the reader's alone from then on; `null` at the end; rejects when the source broke. One
   * read at a time.
   */
  read(): Promise<Uint8Array | null>;
  /** Nobody will read on. Idempotent. */
  cancel(): void;
}

/** Whole bytes, too, are the receiver's alone from then on: it may give their memory back (`release`). */
export type Body = null | Uint8Array | ByteStream;

/** Whether a body arrives bit by bit. */
export function isStream(body: Body): body is ByteStream {
  return body !== null && !(body instanceof Uint8Array);
}

/** Giving back less costs more than it saves. */
const WORTH_BYTES = 1024;

/**
 * Gives the memory of bytes that nobody needs any more back at once. Left to the garbage collector, the bytes of bodies
 * bring on a full collection every 30 MiB, which costs more than all the rest of passing them on.
 */
export function release({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= WORTH_BYTES && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer)
    buffer.transfer(0);
}

/** What the guest is handed. `url` is absolute and already what the guest shall see. */
export type GuestEvent =
  | {
      readonly kind: 'fetch';
      readonly method: string;
      readonly url: string;
      readonly headers: HeaderList;
      readonly body: Body;
    }
  /** An event of the caller's own, as JSON; only Lambda handlers take one. */
  | { readonly kind: 'invoke'; readonly body: Uint8Array }
  | { readonly kind: 'scheduled'; readonly cron: string; readonly scheduledEpochMs: number };

export interface WebhookContext {
  readonly endpoint: string;
  readonly provider: string;
  readonly deliveryId: string;
  readonly dedupKey: string;
  readonly attempt: number;
  /** ISO 8601 UTC. */
  readonly receivedAt: string;
  readonly keyId: string;
}

/** W3C trace context. `parent`: continue it. `link`: a remote context that is not trusted as parent. */
export interface TraceSeed {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** Span id (16 hex digits) of this invocation's own span. */
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly sampled: boolean;
  readonly link: { readonly traceId: string; readonly spanId: string } | null;
}

export interface ResponseHead {
  /** 200–599; 101 exactly where a socket is the answer. */
  readonly status: number;
  readonly headers: HeaderList;
  readonly socket?: AnswerSocket;
}

/** Milliseconds of one invocation. */
export interface Timing {
  readonly queueMs: number;
  readonly initMs: number;
  readonly runMs: number;
  readonly cpuMs: number;
}

/**
 * Where the answer goes: exactly one of the three is called, once. A body stream that rejects after `respond` means
 * the connection has to be cut.
 */
export interface Reply {
  /** Somebody will look at `timing`. */
  readonly timed?: boolean;
  /** Set before the answer where it is known by then; for `server-timing`. */
  timing?: Timing | null;
  respond(head: ResponseHead, body: Body): void;
  /**
   * The invocation started and ended without a head. `as`: it did not, and this is the end of that other invocation, told
   * again; `null`: of none that has an id.
   */
  fail(outcome: Outcome, as?: string | null): void;
  /** The invocation never started. `retryAfterSeconds`: instead of the reason's own. */
  shed(reason: Shed, retryAfterSeconds?: number): void;
}

/** Facts an HTTP door knows, for the SERVER span. */
export interface HttpFacts {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly userAgent: string;
}

export interface Invocation {
  /** UUIDv7. */
  readonly id: string;
  readonly requestId: string;
  /** From 1. */
  readonly attempt: number;
  readonly trigger: Trigger;
  readonly source: string;
  readonly version: FunctionVersion;
  readonly event: GuestEvent;
  readonly params: Readonly<Record<string, string>>;
  readonly clientAddress: string;
  readonly webhook: WebhookContext | null;
  readonly trace: TraceSeed;
  readonly http: HttpFacts | null;
  /** When the door accepted it (monotonic ns). */
  readonly acceptedNs: number;
  /** Benchmark control; `null`: whatever is quickest. */
  readonly start: 'cold' | 'warm' | null;
  /** Calls from function to function that lead to it: over service bindings, or by `fetch` of a door (`contract/loop.ts`). */
  readonly depth: number;
  readonly reply: Reply;
}
