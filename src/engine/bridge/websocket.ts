/**
 * The host half of a guest's WebSockets: the one that answers its request, and those it opens. Messages go to the guest
 * one event each and come as commands; what may pile up on the way is the line's matter. All of them end with their
 * invocation.
 */
import type { SubrequestFacts } from '../../contract/engine-port.ts';
import { newSpanId } from '../../contract/ids.ts';
import { type Body, type HeaderList, isStream, type ResponseHead } from '../../contract/invocation.ts';
import {
  type AnswerSocket,
  SOCKET_HELD_BYTES,
  type SocketData,
  type SocketEnd,
  type SocketLine,
  type SocketListener,
} from '../../contract/socket.ts';
import type { SocketCommand, SocketEvent } from '../../contract/turn.ts';
import { ProtocolError, readHeaders, wireHeaders } from '../commands.ts';
import type { Job } from '../job.ts';
import { listFlaw } from './head.ts';
import { traced } from './outgoing.ts';

/** Of a URL in a span. */
const SHOWN_URL_CHARS = 8192;
const MAX_PROTOCOLS = 100;

export interface SocketRequest {
  /** Begins with ws: or wss:. */
  readonly url: string;
  readonly protocols: readonly string[];
  readonly headers: HeaderList;
}

export interface SocketPorts {
  /** `renews`: the invocation's CPU budget begins anew. */
  event(inv: number, event: SocketEvent, chunks: readonly Uint8Array[] | null, renews?: true): void;
  /** Connects under the function's policy; rejects with an error whose message the guest may read. */
  connect(job: Job, request: SocketRequest, listener: SocketListener, signal: AbortSignal): Promise<void>;
  /** Counts a subrequest; a sentence when the limit is reached. */
  subrequest(job: Job): string | null;
  nowNs(): number;
}

/** An event, before it is said whose. */
type Told<E = SocketEvent> = E extends SocketEvent ? Omit<E, 'e' | 'id'> : never;

/** What a function that does not accept says to who asked for a WebSocket. */
const NOT_ACCEPTED = { code: 'upgrade_refused', message: 'The function does not accept WebSockets here.' };

export class WebSockets {
  readonly #ports: SocketPorts;
  readonly #ends: Map<number, GuestEnd> = new Map();

  constructor(ports: SocketPorts) {
    this.#ports = ports;
  }

  /**
   * What answers the request: to one for a WebSocket that the function did not accept, and yet granted, 426. Throws
   * when the guest names a socket twice.
   */
  answer(job: Job, id: number | undefined, head: ResponseHead, body: Body): [ResponseHead, Body] {
    if (id !== undefined) {
      const end = this.#end(job, id, true);
      return [{ ...head, socket: end }, null];
    }
    if (job.invocation.trigger !== 'websocket' || head.status >= 300) return [head, body];
    if (isStream(body)) body.cancel();
    const headers = ['content-type', 'application/json', 'upgrade', 'websocket'];
    return [{ status: 426, headers }, Buffer.from(JSON.stringify({ error: NOT_ACCEPTED }))];
  }

  obey(command: SocketCommand, job: Job | undefined, chunks: readonly Uint8Array[]): void {
    if (command.do === 'open') {
      if (job !== undefined) this.#open(job, command);
      return;
    }
    const end = this.#ends.get(command.id);
    switch (command.do) {
      case 'text':
        end?.send(command.text);
        return;
      case 'bytes': {
        const bytes = chunks[command.chunk];
        if (bytes === undefined) throw new ProtocolError('a message is missing');
        end?.send(bytes);
        return;
      }
      case 'close':
        end?.close(command.code === 0 ? null : command.code, command.reason);
        return;
      case 'taken':
        end?.taken();
        return;
      default:
        throw new ProtocolError('a socket command is unknown');
    }
  }

  /** The answer it was part of does not go out. */
  refuse(job: Job, id: number): void {
    this.#ports.event(job.inv, { e: 'socket', on: 'end', id, ...failure('The request was not upgraded') }, null);
  }

  release(job: Job): void {
    if (this.#ends.size === 0) return;
    for (const [id, end] of this.#ends) {
      if (end.job !== job) continue;
      this.#ends.delete(id);
      end.leave();
    }
  }

  #end(job: Job, id: number, answers: boolean): GuestEnd {
    if (this.#ends.has(id)) throw new ProtocolError('a socket is named twice');
    const end = new GuestEnd(job, id, answers, this.#ports, () => this.#ends.delete(id));
    this.#ends.set(id, end);
    return end;
  }

  #open(job: Job, command: Extract<SocketCommand, { do: 'open' }>): void {
    const end = this.#end(job, command.id, false);
    const flaw = listFlaw(command.headers) ?? this.#ports.subrequest(job);
    const protocols = command.protocols === '' ? [] : command.protocols.split(',').map((one) => one.trim());
    if (flaw !== null || protocols.length > MAX_PROTOCOLS) {
      end.ended(failure(flaw ?? `A WebSocket may offer ${MAX_PROTOCOLS} protocols`));
      return;
    }
    const spanId = newSpanId();
    const url = command.url.slice(0, SHOWN_URL_CHARS);
    end.span = { spanId, method: 'GET', url, service: null, startedNs: this.#ports.nowNs() };
    const headers = traced(readHeaders(command.headers), job.invocation, spanId);
    this.#ports
      .connect(job, { url: command.url, protocols, headers }, end, end.signal)
      .catch((error: unknown) => end.ended(failure(error instanceof Error ? error.message : 'the connection failed')));
  }
}

class GuestEnd implements AnswerSocket {
  readonly job: Job;
  readonly over: Promise<void>;
  /** Of the request that opens it, until that is answered. */
  span: Omit<SubrequestFacts, 'endedNs' | 'status' | 'error'> | null = null;
  readonly #id: number;
  readonly #answers: boolean;
  readonly #ports: SocketPorts;
  readonly #forget: () => void;
  readonly #resolve: () => void;
  readonly #abort: AbortController = new AbortController();
  #line: SocketLine | null = null;
  /** Said by the guest before its client had an answer. */
  #early: (SocketData | { readonly code: number | null; readonly reason: string })[] = [];
  #earlyBytes = 0;
  #isOver = false;

  constructor(job: Job, id: number, answers: boolean, ports: SocketPorts, forget: () => void) {
    this.job = job;
    this.#id = id;
    this.#answers = answers;
    this.#ports = ports;
    this.#forget = forget;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#resolve = resolve;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  opened(line: SocketLine, protocol: string, headers: HeaderList): void {
    this.#told(101, null);
    if (this.#isOver) {
      line.leave(1011);
      return;
    }
    this.#line = line;
    if (!this.#answers) this.#event({ on: 'open', protocol, headers: wireHeaders(headers) }, null);
    for (const one of this.#early) {
      if (typeof one === 'string' || one instanceof Uint8Array) line.send(one);
      else line.close(one.code, one.reason);
    }
    this.#early = [];
  }

  message(data: SocketData): void {
    const { job } = this;
    if (this.#answers) {
      job.requestBytes += typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
      job.renewCpu();
    }
    if (typeof data === 'string') this.#event({ on: 'text', text: data }, null, this.#answers);
    else this.#event({ on: 'bytes', chunk: 0 }, [data], this.#answers);
  }

  held(bytes: number): void {
    this.#event({ on: 'held', bytes }, null);
  }

  ended(end: SocketEnd): void {
    if (this.#isOver) return;
    this.#told(0, end.error ?? 'the connection failed');
    this.#finish();
    this.#event({ on: 'end', ...end }, null);
  }

  send(data: SocketData): void {
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
    if (this.#answers) this.job.responseBytes += bytes;
    if (this.#line !== null) {
      this.#line.send(data);
      return;
    }
    this.#earlyBytes += bytes;
    if (this.#earlyBytes <= SOCKET_HELD_BYTES) this.#early.push(data);
    else this.ended(failure(`${SOCKET_HELD_BYTES} bytes were sent before the socket was open`));
  }

  close(code: number | null, reason: string): void {
    if (this.#line !== null) this.#line.close(code, reason);
    else if (this.#answers) this.#early.push({ code, reason });
    else {
      this.ended(failure('The socket was closed before it was open'));
      this.#abort.abort();
    }
  }

  taken(): void {
    this.#line?.taken();
  }

  /** Its invocation is over. */
  leave(): void {
    if (this.#isOver) return;
    this.#told(0, 'the invocation has ended');
    this.#finish();
    // To who is still there: the function did not end it.
    if (this.#line !== null) this.#line.leave(this.#answers ? 1011 : 1001);
    else this.#abort.abort();
  }

  #finish(): void {
    this.#isOver = true;
    this.#early = [];
    this.#forget();
    this.#resolve();
  }

  #told(status: number, error: string | null): void {
    const { span } = this;
    if (span === null) return;
    this.span = null;
    this.job.listener.subrequest({ ...span, endedNs: this.#ports.nowNs(), status, error });
  }

  #event(event: Told, chunks: readonly Uint8Array[] | null, renews = false): void {
    if (this.job.settled) return;
    const whole = { e: 'socket', id: this.#id, ...event } as SocketEvent;
    if (renews) this.#ports.event(this.job.inv, whole, chunks, true);
    else this.#ports.event(this.job.inv, whole, chunks);
  }
}

/** Status and socket belong together, and to a request that asked for it; `null`: they do. */
export function socketFlaw(job: Job, socket: number | undefined, status: number): string | null {
  if (socket === undefined || status !== 101)
    return 'A Response with a webSocket must have status 101, and one with status 101 a webSocket.';
  if (job.invocation.trigger === 'websocket') return null;
  return 'The handler returned a WebSocket, but the request did not ask for one (Upgrade: websocket, over HTTP).';
}

function failure(error: string): SocketEnd {
  return { code: 1006, reason: '', clean: false, error };
}
