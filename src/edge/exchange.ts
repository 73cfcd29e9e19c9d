/**
 * One request and its answer, from the door's side: the `Reply` an invocation carries. Writes to Node's response
 * itself (this is the hot path of the product) and makes sure that every request ends in exactly one answer or a cut
 * connection. Knows nothing of routing.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import {
  type Body,
  type HeaderList,
  type Reply,
  type ResponseHead,
  release,
  type Timing,
} from '../contract/invocation.ts';
import { OUTCOMES, type Outcome, type Shed } from '../contract/outcome.ts';
import type { AnswerSocket } from '../contract/socket.ts';
import { BodyPump } from './body-pump.ts';
import { discardRest } from './leftover.ts';
import { DRAIN_BYTES_PER_SECOND } from './ports.ts';
import { errorBody, type RefusalContext, refuse } from './refusal.ts';
import type { RequestStream } from './request-body.ts';
import type { RequestHead } from './request-head.ts';
import {
  contentLength,
  type HeadEnd,
  headText,
  isBodiless,
  isSendable,
  isStatus,
  ownHeaders,
  statusLine,
} from './response-head.ts';
import type { Upgrade } from './upgrade.ts';

/** What Node's response has beside its types: where its head is kept until the body comes, and whether it is the last. */
interface Internals {
  _header: string;
  _headerSent: boolean;
  _last: boolean;
  readonly _expect_continue: boolean;
  readonly _sent100: boolean;
  readonly maxRequestsOnConnectionReached?: boolean;
}

/** Node's response with a place for what the edge knows of it, so that shared listeners need no closures. */
export class EdgeResponse extends ServerResponse<IncomingMessage> {
  edge: { responseClosed(outgoing: EdgeResponse): void; upgraded(outgoing: EdgeResponse): void } | null = null;
  visit: Visit | null = null;
  exchange: Exchange | null = null;
  /** The client asks for a WebSocket. */
  upgrade: Upgrade | null = null;
  /**
   * Instead of `writeHead`, which would look at every name and value again: headers known to be sendable, to frame the body
   * and to say nothing of date and connection.
   */
  writePlainHead(status: number, headers: HeaderList, end: HeadEnd): void {
    const self = this as unknown as Internals;
    this.statusCode = status;
    // A client that waits to be told to go on may send its body behind the answer, or not.
    if (!this.shouldKeepAlive || (self._expect_continue && !self._sent100)) self._last = true;
    const stays = !self._last && self.maxRequestsOnConnectionReached !== true;
    self._header = headText(statusLine(status), headers, end.text(stays));
    self._headerSent = false;
  }
}

/** A request that passed the gate. */
export interface Visit {
  readonly head: RequestHead;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** As sent, port included; `hostName` is what routes are matched by. */
  readonly host: string;
  readonly hostName: string;
  readonly scheme: 'http' | 'https';
  readonly clientAddress: string;
  readonly acceptedNs: number;
}

export interface ExchangeDoor extends RefusalContext {
  readonly headEnd: HeadEnd;
  readonly drainMs: number;
  clientClosed(invocationId: string): void;
  /** A fault of the edge or dispatch: a 500, or a cut when a head is out. */
  failed(outgoing: EdgeResponse, error: unknown): void;
}

/** Whole bodies up to this leave in one write with their head. */
const ONE_WRITE_BYTES = 16 * 1024;

export class Exchange implements Reply {
  timing: Timing | null = null;
  readonly timed: boolean;
  readonly #id: string;
  readonly #outgoing: EdgeResponse;
  readonly #head: RequestHead;
  readonly #door: ExchangeDoor;
  #requestStream: RequestStream | null = null;
  #pump: BodyPump | null = null;
  #status = 0;
  #wasCut = false;

  constructor(id: string, outgoing: EdgeResponse, head: RequestHead, door: ExchangeDoor, debug: boolean) {
    this.#id = id;
    this.#outgoing = outgoing;
    this.#head = head;
    this.#door = door;
    this.timed = debug;
  }

  /** The status that was sent; 0 while none was. */
  get status(): number {
    return this.#status;
  }

  set requestStream(stream: RequestStream) {
    this.#requestStream = stream;
  }

  respond(head: ResponseHead, body: Body): void {
    const { socket } = head;
    if (this.#status !== 0 || this.#outgoing.destroyed) {
      cancel(body);
      socket?.ended({ code: 1006, reason: '', clean: false, error: 'The client has gone' });
      return;
    }
    if (socket !== undefined) {
      this.#upgrade(head, socket);
      return;
    }
    const headers = isStatus(head.status) ? ownHeaders(head.headers) : null;
    if (headers === null || !this.#writeHead(head.status, headers, head.headers, body)) {
      cancel(body);
      this.fail('function_error');
      return;
    }
    if (body === null || this.#outgoing.req.method === 'HEAD' || isBodiless(head.status)) {
      cancel(body);
      this.#end();
    } else if (body instanceof Uint8Array) {
      this.#end(body);
    } else {
      this.#pump = new BodyPump(this.#outgoing, body, (whole) => (whole ? this.#end() : this.#cut()));
      this.#pump.start();
    }
  }

  #upgrade(head: ResponseHead, socket: AnswerSocket): void {
    const outgoing = this.#outgoing;
    const { upgrade } = outgoing;
    const headers = ownHeaders(head.headers);
    if (upgrade === null || headers === null || !isSendable(headers)) {
      socket.ended({ code: 1006, reason: '', clean: false, error: 'The request was not upgraded' });
      this.fail('function_error');
      return;
    }
    headers.push('x-invocation-id', this.#id);
    this.#status = 101;
    outgoing.edge?.upgraded(outgoing);
    upgrade.complete(headers, socket);
  }

  fail(outcome: Outcome, as: string | null = this.#id): void {
    // A socket is closed by whoever holds its other end.
    if (this.#status === 101) return;
    if (this.#status !== 0) {
      // A head has gone out: the rest will not come.
      if (!this.#outgoing.writableEnded) this.#cut();
      return;
    }
    if (this.#outgoing.destroyed) return;
    const rule = OUTCOMES[outcome];
    const status = rule.status ?? 500;
    const body = errorBody(outcome, rule.message, as ?? undefined);
    const headers = ['content-type', 'application/json'];
    if (rule.retryAfter) headers.push('retry-after', '1');
    this.#writeHead(status, headers, headers, Buffer.from(body), as);
    this.#end(body);
  }

  shed(reason: Shed, retryAfterSeconds?: number): void {
    if (this.#status !== 0) return;
    refuse(this.#outgoing, this.#head, reason, this.#door, retryAfterSeconds);
    this.#status = this.#outgoing.statusCode;
    this.#requestStream?.fail('response_sent');
  }

  /** The response is over, sent or not. */
  closed(): void {
    this.#pump?.stop();
    const left = !this.#outgoing.writableFinished && !this.#wasCut;
    this.#requestStream?.fail(left ? 'client_closed' : 'response_sent');
    if (left) this.#door.clientClosed(this.#id);
  }

  /** Whether anybody waits for the client: for bytes it should send, or for it to take what it was sent. */
  get waitsForClient(): boolean {
    return this.#requestStream?.reading === true || this.#outgoing.writableLength > 0;
  }

  #writeHead(status: number, headers: string[], guest: HeaderList, body: Body, id: string | null = this.#id): boolean {
    const outgoing = this.#outgoing;
    if (id !== null) headers.push('x-invocation-id', id);
    if (this.timed && this.timing !== null) headers.push('server-timing', serverTiming(this.timing));
    const length = contentLength(outgoing.req.method ?? '', status, guest, body);
    if (length !== null) headers.push('content-length', String(length));
    if (!isSendable(headers)) return false;
    if (length !== null && !this.#door.closing) {
      outgoing.writePlainHead(status, headers, this.#door.headEnd);
    } else {
      if (this.#door.closing) headers.push('connection', 'close');
      outgoing.writeHead(status, headers);
    }
    this.#status = status;
    return true;
  }

  #end(body?: Uint8Array | string): void {
    const outgoing = this.#outgoing;
    if (body instanceof Uint8Array && body.byteLength <= ONE_WRITE_BYTES) {
      // Latin-1 maps every byte to itself, and Node joins a string, not bytes, with the head into a single write.
      const bytes = body instanceof Buffer ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
      outgoing.end(bytes.toString('latin1'), 'latin1');
    } else {
      if (body instanceof Uint8Array) outgoing.end(body, () => release(body));
      else outgoing.end(body);
      if (body !== undefined) this.#drain(Buffer.byteLength(body));
    }
    if (this.#head.hasBody) this.#leaveBody();
  }

  /** A reader that takes a byte now and then is never idle: the whole body has its time too. */
  #drain(bytes: number): void {
    const outgoing = this.#outgoing;
    const { clock, drainMs } = this.#door;
    if (bytes <= ONE_WRITE_BYTES) return;
    const timer = clock.after(drainMs + (bytes / DRAIN_BYTES_PER_SECOND) * 1000, () => outgoing.destroy());
    outgoing.once('close', () => timer.cancel());
  }

  #leaveBody(): void {
    this.#requestStream?.fail('response_sent');
    discardRest(this.#outgoing.req, this.#outgoing, this.#door.clock, this.#door.lingerMs);
  }

  #cut(): void {
    this.#wasCut = true;
    this.#pump?.stop();
    this.#outgoing.destroy();
  }
}

function cancel(body: Body): void {
  if (body !== null && !(body instanceof Uint8Array)) body.cancel();
}

function serverTiming(timing: Timing): string {
  const parts: readonly (readonly [string, number])[] = [
    ['queue', timing.queueMs],
    ['init', timing.initMs],
    ['run', timing.runMs],
    ['cpu', timing.cpuMs],
  ];
  return parts.map(([name, ms]) => `${name};dur=${Number(ms.toFixed(3))}`).join(', ');
}
