/**
 * The wire between host and guest (DESIGN §3): what a turn delivers into an isolate and what it brings back. This is
 * the only file `sandbox` may import from, and only its types.
 *
 * A turn is one call `turn(nowEpochMs, eventsJson, ...chunks)` in the isolate. `eventsJson` is a JSON array of
 * `TurnEvent`; binary data travels beside it as `Uint8Array` arguments and is referred to by index (`chunk`). It
 * returns the prelude's box, a null-prototype object of primitives that the turn's microtasks go on filling before it
 * is copied out. Everything in a box is guest-influenced: the host validates each command before it acts on it.
 *
 * Called with `"peek"` instead of JSON it begins no new turn: it returns the present box again, with what was added
 * since (isolated-vm replaces a turn's result when it notices a rejection nobody handled).
 *
 * Header lists cross as one string, names and values alternating, joined by "\n" (neither may contain one).
 * Numbers named `inv`, `sid`, `id` are chosen by whoever creates the thing: `inv` by the host, host→guest stream ids
 * (`sid` in start/response) by the host (even), guest→host stream ids by the guest (odd), `id`s of fetches and sockets by the guest.
 */

/**
 * How a body crosses. `chunk`: whole, the given binary argument. `sid`: a stream. `text`: whole, as a string. `pipe`,
 * guest→host only: an unread host→guest stream of the same invocation, handed on without entering the isolate.
 */
export type WireBody =
  | null
  | { readonly chunk: number }
  | { readonly text: string }
  | { readonly pipe: number }
  | { readonly sid: number; readonly length: number | null };

/** Context of one invocation, the guest's `ctx`. */
export interface WireContext {
  readonly invocationId: string;
  readonly params: Readonly<Record<string, string>>;
  readonly clientAddress: string;
  /** Epoch ms at which the wall limit ends it. */
  readonly deadlineMs: number;
  readonly webhook?: unknown;
}

/** A request, which is most events: a list, as names would be written and read each time. The context's parts come last. */
export type FetchStart = readonly [
  e: 'fetch',
  inv: number,
  method: string,
  url: string,
  headers: string,
  body: WireBody,
  invocationId: string,
  clientAddress: string,
  deadlineMs: number,
  /** Names and values, alternating: an object here costs more to write than all the rest. */
  params: readonly string[],
  webhook: unknown,
];

export type TurnEvent =
  | FetchStart
  | {
      readonly e: 'scheduled';
      readonly inv: number;
      readonly cron: string;
      readonly scheduledTime: number;
      readonly ctx: WireContext;
    }
  /** An event of the caller's own for a Lambda handler: JSON, or `null` for none. */
  | { readonly e: 'invoke'; readonly inv: number; readonly body: WireBody; readonly ctx: WireContext }
  /** A guest `fetch` got its response head. */
  | {
      readonly e: 'response';
      readonly id: number;
      readonly status: number;
      readonly statusText: string;
      readonly headers: string;
      readonly url: string;
      readonly redirected: boolean;
      readonly body: WireBody;
    }
  /** A guest `fetch` failed. `limit`: limits.subrequests was reached. `code`: the system's, such as `ECONNREFUSED`. */
  | {
      readonly e: 'response-error';
      readonly id: number;
      readonly message: string;
      readonly limit?: true;
      readonly code?: string;
    }
  /** What a `cache` command found or did. */
  | { readonly e: 'cache'; readonly id: number; readonly done: boolean; readonly items: readonly CacheItem[] }
  /** A `cache` command was refused. `limit`: limits.subrequests was reached. */
  | { readonly e: 'cache-error'; readonly id: number; readonly message: string; readonly limit?: true }
  /** In answer to `read`: the turn's binary arguments are the next chunks of a host→guest stream. `end`: the last ones. */
  | { readonly e: 'data'; readonly sid: number; readonly end: boolean }
  | { readonly e: 'broken'; readonly sid: number; readonly message: string }
  /** The guest may send chunks of this guest→host stream while it has sent less than `until` bytes of it in all. */
  | { readonly e: 'pull'; readonly sid: number; readonly until: number }
  /** The reader of a guest→host stream has gone. */
  | { readonly e: 'stop'; readonly sid: number }
  /** The client of `inv` went away: abort `request.signal`. */
  | { readonly e: 'abort'; readonly inv: number }
  | SocketEvent
  /** `inv` is over for the host: forget its timers, fetches, streams. */
  | { readonly e: 'forget'; readonly inv: number }
  /** A `crypto.subtle` operation is done. Chunks in `value` count from `first`. */
  | { readonly e: 'subtle'; readonly id: number; readonly first: number; readonly value: unknown }
  | { readonly e: 'subtle-error'; readonly id: number; readonly name: string; readonly message: string }
  /** Timers may be due. */
  | { readonly e: 'tick' };

/** Of the WebSocket the guest knows as `id`. */
export type SocketEvent =
  | {
      readonly e: 'socket';
      readonly on: 'open';
      readonly id: number;
      readonly protocol: string;
      readonly headers: string;
    }
  /** The guest answers with `taken`. */
  | { readonly e: 'socket'; readonly on: 'text'; readonly id: number; readonly text: string }
  | { readonly e: 'socket'; readonly on: 'bytes'; readonly id: number; readonly chunk: number }
  /** So many bytes of what it sent wait for a slow reader. */
  | { readonly e: 'socket'; readonly on: 'held'; readonly id: number; readonly bytes: number }
  /** Nothing of it follows. `error`: why it broke off or never began. */
  | {
      readonly e: 'socket';
      readonly on: 'end';
      readonly id: number;
      readonly code: number;
      readonly reason: string;
      readonly clean: boolean;
      readonly error: string | null;
    };

/** WebSockets: `id` is the guest's choice. One that answers a request begins with its `head`. */
export type SocketCommand =
  | {
      readonly c: 'socket';
      readonly do: 'open';
      readonly id: number;
      readonly inv: number;
      readonly url: string;
      /** Joined by ",". */
      readonly protocols: string;
      readonly headers: string;
    }
  | { readonly c: 'socket'; readonly do: 'text'; readonly id: number; readonly text: string }
  | { readonly c: 'socket'; readonly do: 'bytes'; readonly id: number; readonly chunk: number }
  /** `code` 0: none is given. */
  | { readonly c: 'socket'; readonly do: 'close'; readonly id: number; readonly code: number; readonly reason: string }
  /** It has dealt with a message. */
  | { readonly c: 'socket'; readonly do: 'taken'; readonly id: number };
/** A cached response, the request that one answers (`keys`), or the name of a cache (`names`, as `url`). */
export interface CacheItem {
  readonly url: string;
  readonly headers: string;
  readonly status: number;
  readonly statusText: string;
  readonly body: WireBody;
}

export type CacheOp = 'match' | 'all' | 'keys' | 'put' | 'delete' | 'has' | 'drop' | 'names';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type TurnCommand =
  /** The bundle has been evaluated. `handlers`: which of fetch, scheduled, lambda it has. `name`: the kind of problem. */
  | { readonly c: 'ready'; readonly handlers: readonly string[]; readonly name?: string; readonly problem?: string }
  /** Response head; with `done` the invocation has settled too (handler, body and waitUntil). */
  | {
      readonly c: 'head';
      readonly inv: number;
      readonly status: number;
      readonly headers: string;
      readonly body: WireBody;
      /** The WebSocket that is the answer; its status is 101. */
      readonly socket?: number;
      readonly done?: true;
    }
  | SocketCommand
  /** A chunk of a guest→host stream: bytes (`chunk`) or text to be encoded as UTF-8. */
  | { readonly c: 'data'; readonly sid: number; readonly chunk?: number; readonly text?: string }
  | { readonly c: 'eof'; readonly sid: number }
  | {
      readonly c: 'broken';
      readonly sid: number;
      readonly name: string;
      readonly message: string;
      readonly stack: string;
    }
  /** Handler and waitUntil have settled and the body was produced. */
  | { readonly c: 'done'; readonly inv: number }
  /** The handler threw, rejected or returned no Response; the invocation is settled unless waitUntil still runs. */
  | {
      readonly c: 'failed';
      readonly inv: number;
      readonly name: string;
      readonly message: string;
      readonly stack: string;
      /** It was the subrequest limit's own error. */
      readonly limit?: true;
      readonly done?: true;
    }
  | {
      readonly c: 'fetch';
      readonly id: number;
      readonly inv: number;
      readonly url: string;
      readonly method: string;
      readonly headers: string;
      readonly body: WireBody;
      readonly redirect: 'follow' | 'manual' | 'error';
      /** Binding name: a call to another function instead of the network. */
      readonly service?: string;
    }
  | { readonly c: 'fetch-abort'; readonly id: number }
  /**
   * A command to the tenant's caches. `cache`: a key of one of them, "" for each in turn; `url`: without fragment, "" where
   * all entries are meant; `options`: 1 ignoreSearch, 2 ignoreMethod, 4 ignoreVary.
   */
  | {
      readonly c: 'cache';
      readonly id: number;
      readonly inv: number;
      readonly op: CacheOp;
      readonly cache: string;
      readonly url: string;
      readonly method: string;
      readonly headers: string;
      readonly options: number;
      readonly response?: {
        readonly status: number;
        readonly statusText: string;
        readonly headers: string;
        readonly body: WireBody;
      };
    }
  /** The guest reads a host→guest stream: send what is there (`data`), or `broken`. */
  | { readonly c: 'read'; readonly sid: number }
  /** The guest will not read on. */
  | { readonly c: 'cancel'; readonly sid: number }
  /** At least 80 % of a limit that the guest's runtime keeps itself; `reached`: more than all was asked for. */
  | {
      readonly c: 'limit';
      readonly inv: number;
      readonly limit: 'timers';
      readonly used: number;
      readonly reached: boolean;
    }
  /** A rejection nobody handled or an error outside any invocation: logged, retires the isolate. */
  | {
      readonly c: 'stray';
      readonly inv: number;
      readonly name: string;
      readonly message: string;
      readonly stack: string;
    };

/** What a turn returns, copied after its microtasks ran. */
export interface TurnBox {
  /**
   * Commands as JSON texts joined by ","; no brackets. An answer that is whole, text or nothing, and ends its invocation may
   * come first in a form of its own, which nobody has to quote and to parse:
   * `=<inv>,<status>,<length of headers>,<length of text, or -1>` and a line break, then the headers and the text.
   */
  out: string;
  /** Epoch ms of the next due timer, 0 when there is none. */
  wake: number;
  /** Whose timer that is; only where an isolate takes several invocations at once. */
  wakeInv?: number;
  /** Binary data the commands refer to by index; absent when there is none. */
  chunks?: Uint8Array[];
}

/**
 * What the host gives the prelude when an isolate boots (`boot(hooks)`): plain synchronous functions, already wrapped
 * by isolated-vm. They run on the engine thread inside the guest's turn, count towards its CPU, and never throw host
 * errors into the guest: a failure comes back as `null` or as said below.
 */
export interface GuestHooks {
  /** Source of a part of the prelude that was left out of the script; `null`: there is none of that number. */
  late(part: number): string | null;
  /** A console line, already formatted and cut to 64 KiB. Returns false once limits.logBytes is used up. */
  log(inv: number, level: LogLevel, text: string): boolean;
  /** Real wall clock, epoch ms: for `getRemainingTimeInMillis` only; `Date.now()` stands still within a turn. */
  now(): number;
  /** `n` random bytes, n ≤ 65536. */
  random(n: number): Uint8Array;
  uuid(): string;
  /** UTF-8 bytes of a string (lone surrogates become U+FFFD). */
  encodeUtf8(text: string): Uint8Array;
  /**
   * Text of bytes in `label`'s encoding; `null` when `fatal` and malformed, or the label is unknown. `id` above 0 names a
   * decoder whose state is kept from chunk to chunk while `more` is true; of many the oldest is forgotten (then `null`).
   */
  decode(
    bytes: Uint8Array,
    label: string,
    fatal: boolean,
    ignoreBom: boolean,
    id: number,
    more: boolean,
  ): string | null;
  /** Canonical name of an encoding label, or `null`. */
  encodingName(label: string): string | null;
  /** WHATWG URL parsing: the serialised URL, or `null` when invalid. `base` is "" for none. */
  parseUrl(input: string, base: string): string | null;
  /** One setter of URL applied to an href; the new href (the same when the new value is refused). */
  setUrl(href: string, part: string, value: string): string | null;
  /**
   * URLPattern: `{"op":"make","input":…,"base":…,"ignoreCase":…}` gives the normalised components with the texts of their
   * regular expressions, `{"op":"input",…}` the eight components of an input; JSON both ways, `null` when invalid.
   */
  urlPattern(json: string): string | null;
  /**
   * Begins `crypto.subtle`'s method `op` for `inv`. `argsJson` is the list of its arguments (`crypto/marshal.ts` says in
   * which forms), `bytes` the binary data in it. The operation's number comes back, whose result is an event of a later
   * turn. What is quick is answered at once, bytes as they are and keys as JSON; a refusal is a text
   * `"!<exception name>: <message>"`. `op` may be `supports`, too.
   */
  subtle(inv: number, op: string, argsJson: string, ...bytes: Uint8Array[]): number | string | boolean | Uint8Array;
  /**
   * `node:crypto`'s operation `op`: its answer as bytes or JSON, or a refusal, `"!"` and JSON of name, code and message. With
   * `later` it is done outside the turn and answered by an event, like one of `subtle`.
   */
  nodeCrypto(
    inv: number,
    later: boolean,
    op: string,
    argsJson: string,
    ...bytes: Uint8Array[]
  ): number | string | Uint8Array;
  /**
   * Compression, synchronous. `open`: `rest` is JSON of `{ kind, settings }`, `bytes` a dictionary or empty; the codec's
   * number comes back. `push`: `rest` is zlib's flush value; the output comes back, and where it is 256 KiB long there may
   * be more: push nothing. `close` frees it. At most 256 KiB go in at once. A refusal is a string `"!<code>: <message>"`, with `<code> <errno>` where zlib has one;
   * `"!end: <n>"`: the data ended before the last n bytes.
   */
  codec(
    op: 'open' | 'push' | 'close',
    id: number,
    rest: string | number,
    bytes: Uint8Array,
  ): Uint8Array | string | number | null;
}

/** What the host tells the prelude about the function when it loads (`load(facts)`), before user code runs. */
export interface GuestFacts {
  readonly env: Readonly<Record<string, string>>;
  /** Names of service bindings. */
  readonly services: readonly string[];
  readonly memoryMiB: number;
  /** It may have WebAssembly. */
  readonly wasm: boolean;
  readonly timers: number;
  readonly subrequests: number;
  readonly responseBytes: number;
  readonly streamedResponseBytes: number;
  readonly concurrency: number;
  /** Name of the export that is a Lambda handler; `null`: the default export has the handlers. */
  readonly lambda: string | null;
}
