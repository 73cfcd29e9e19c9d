/**
 * The host half of one isolate's conversation: reads its commands, holds its bodies and fetches, sends events back.
 * It knows nothing of turns, threads or limits on CPU; it ends when its isolate does.
 */
import type { GuestProblem, SubrequestFacts } from '../../contract/engine-port.ts';
import { newSpanId } from '../../contract/ids.ts';
import { isStream } from '../../contract/invocation.ts';
import { Registry } from '../../contract/registry.ts';
import type { FetchStart, TurnCommand, TurnEvent, WireContext } from '../../contract/turn.ts';
import { ProtocolError, readHeaders, TOO_LARGE, wireHeaders } from '../commands.ts';
import type { Job } from '../job.ts';
import { readAll } from './bodies.ts';
import { CacheDesk } from './cache.ts';
import type { CacheStore } from './cache-store.ts';
import { INLINE_BYTES, type IncomingResponse, type OutgoingRequest } from './fetch.ts';
import { headFlaw, listFlaw } from './head.ts';
import { traced } from './outgoing.ts';
import { isOutOfMemory, problemOf } from './problems.ts';
import { Streams } from './streams.ts';
import { NoSubrequest, spend } from './subrequests.ts';
import { type SocketPorts, socketFlaw, WebSockets } from './websocket.ts';

/** An isolate is retired for the first; it may go on for as long as its invocations last. */
const MOST_STRAYS = 20;

/** Of a URL in a span: a guest can make one as long as its memory. */
const SHOWN_URL_CHARS = 8192;

export interface BridgePorts {
  /** Delivers one event, or several of one invocation, in a turn of its own. */
  event(
    inv: number,
    event: TurnEvent | readonly TurnEvent[],
    chunks: readonly Uint8Array[] | null,
    renews?: true,
  ): void;
  /** Runs it before the event loop sleeps. */
  soon(run: () => void): void;
  /** A request to the network, under the function's policy. */
  fetch(job: Job, request: OutgoingRequest, signal: AbortSignal): Promise<IncomingResponse>;
  /** A request to another function. `service` is the binding's name. */
  service(
    job: Job,
    service: string,
    request: OutgoingRequest,
    spanId: string,
    signal: AbortSignal,
  ): Promise<IncomingResponse>;
  connect: SocketPorts['connect'];
  readonly caches: CacheStore;
  /** An error nobody handled, of `inv` or of none. */
  stray(inv: number, problem: GuestProblem): void;
  settle(job: Job): void;
  nowNs(): number;
  nextStreamId(): number;
}

type Command<C extends TurnCommand['c']> = Extract<TurnCommand, { c: C }>;

export class Bridge {
  readonly jobs: Registry<number, Job> = new Registry();
  readonly #ports: BridgePorts;
  readonly #streams: Streams;
  readonly #desk: CacheDesk;
  readonly #fetches: Map<number, { job: Job; abort: AbortController }> = new Map();
  readonly #sockets: WebSockets;

  #arrivals: Arrival[] | null = null;
  #strays = 0;

  constructor(ports: BridgePorts) {
    this.#ports = ports;
    this.#streams = new Streams({
      event: (inv, event, chunks) => ports.event(inv, event, chunks),
      nextStreamId: () => ports.nextStreamId(),
      relayed: (job) => {
        job.lasted(ports.nowNs());
        if (job.isDone) ports.settle(job);
      },
    });
    this.#sockets = new WebSockets({ ...ports, subrequest: spend });
    this.#desk = new CacheDesk(ports.caches, {
      event: (inv, event, chunks) => ports.event(inv, event, chunks),
      hostBody: (job, body, chunks) => this.#streams.toHost(job, body, chunks, Number.MAX_SAFE_INTEGER, false),
      open: (job, stream) => this.#streams.toGuest(job, stream).body,
    });
  }

  /** The start event of a job as JSON, and its binary data. */
  opening(job: Job, deadlineMs: number): { json: string; chunks: readonly Uint8Array[] | null } {
    const { inv, invocation } = job;
    const { event, id, clientAddress, params, webhook } = invocation;
    if (event.kind === 'fetch') {
      const { method, url, headers } = event;
      const { body, chunks } = this.#streams.toGuest(job, event.body);
      const list = wireHeaders(headers);
      // One literal: V8 writes such an array in a third of the time that an object takes, and this is every request.
      const named = listOf(params);
      const start: FetchStart = ['fetch', inv, method, url, list, body, id, clientAddress, deadlineMs, named, webhook];
      return { json: JSON.stringify(start), chunks };
    }
    const ctx: WireContext = { invocationId: id, params, clientAddress, deadlineMs };
    if (event.kind === 'scheduled') {
      const scheduled = { e: 'scheduled', inv, cron: event.cron, scheduledTime: event.scheduledEpochMs, ctx } as const;
      return { json: JSON.stringify(scheduled satisfies TurnEvent), chunks: null };
    }
    const { body, chunks } = this.#streams.toGuest(job, event.body);
    return { json: JSON.stringify({ e: 'invoke', inv, body, ctx } satisfies TurnEvent), chunks };
  }

  /** Carries out the commands of one turn. Throws `ProtocolError` when they make no sense. */
  obey(commands: readonly TurnCommand[], chunks: readonly Uint8Array[] | null): void {
    for (const command of commands) this.#obey(command, chunks ?? []);
  }

  clientClosed(job: Job): void {
    this.#ports.event(job.inv, { e: 'abort', inv: job.inv }, null);
  }

  /** The job is over: nothing of it may arrive in a later invocation. */
  release(job: Job): void {
    this.jobs.delete(job.inv);
    this.#sockets.release(job);
    this.#streams.release(job);
    if (this.#fetches.size === 0) return;
    for (const [id, entry] of this.#fetches) {
      if (entry.job !== job) continue;
      this.#fetches.delete(id);
      entry.abort.abort();
    }
  }

  /** The job did not start here: its bodies stay whole for where it starts next. */
  unopen(job: Job): void {
    this.jobs.delete(job.inv);
    this.#streams.unopen(job);
  }

  #obey(command: TurnCommand, chunks: readonly Uint8Array[]): void {
    switch (command.c) {
      case 'head':
        this.#head(command, chunks);
        return;
      case 'data':
        this.#streams.data(command, chunks);
        return;
      case 'eof':
        this.#streams.eof(command.sid);
        return;
      case 'broken':
        this.#streams.broken(command);
        return;
      case 'done': {
        const job = this.jobs.get(command.inv);
        if (job !== undefined) this.#settle(job);
        return;
      }
      case 'failed':
        this.#failed(command);
        return;
      case 'fetch':
        this.#fetch(command, chunks);
        return;
      case 'cache':
        this.#cache(command, chunks);
        return;
      case 'fetch-abort':
        this.#fetches.get(command.id)?.abort.abort();
        this.#fetches.delete(command.id);
        return;
      case 'socket':
        this.#sockets.obey(command, command.do === 'open' ? this.jobs.get(command.inv) : undefined, chunks);
        return;
      case 'read':
        this.#streams.read(command.sid);
        return;
      case 'cancel':
        this.#streams.cancel(command.sid);
        return;
      case 'limit':
        this.jobs.get(command.inv)?.note({ limit: command.limit, used: command.used, reached: command.reached });
        return;
      case 'stray':
        if (this.#strays++ < MOST_STRAYS) this.#ports.stray(command.inv, problemOf(command));
        return;
      case 'ready':
        return;
      default: {
        const never: never = command;
        throw new ProtocolError(`unknown command ${JSON.stringify(never)}`);
      }
    }
  }

  #head(command: Command<'head'>, chunks: readonly Uint8Array[]): void {
    const job = this.jobs.get(command.inv);
    if (job === undefined) return;
    const { limits } = job.invocation.version.spec;
    if (command.body !== null && 'sid' in command.body && command.body.sid === TOO_LARGE) {
      this.#fail(job, 'response_too_large');
      if (command.done === true) this.#settle(job);
      return;
    }
    const body = this.#streams.toHost(job, command.body, chunks, limits.streamedResponseBytes, true);
    const size = body instanceof Uint8Array ? body.byteLength : 0;
    const long = listFlaw(command.headers);
    const headers = long === null ? readHeaders(command.headers) : [];
    const { status, socket } = command;
    const isPlain = socket === undefined && status !== 101;
    const flaw = long ?? headFlaw(status, headers) ?? (isPlain ? null : socketFlaw(job, socket, status));
    if (flaw !== null) {
      if (isStream(body)) body.cancel();
      if (socket !== undefined) this.#sockets.refuse(job, socket);
      job.problem = { name: 'TypeError', message: flaw, stack: '' };
      this.#fail(job, 'function_error');
      if (command.done === true) this.#settle(job);
      return;
    }
    job.responseBytes += size;
    if (size > limits.responseBytes) this.#fail(job, 'response_too_large');
    else if (job.verdict === null) {
      job.listener.head(...this.#sockets.answer(job, socket, { status, headers }, body));
    }
    if (command.done === true) this.#settle(job);
  }

  #failed(command: Command<'failed'>): void {
    const job = this.jobs.get(command.inv);
    if (job === undefined) return;
    job.problem = problemOf(command);
    if (isOutOfMemory(command, job)) job.verdict ??= 'memory_exceeded';
    this.#fail(job, job.verdict ?? (command.limit === true ? 'subrequests_exceeded' : 'function_error'));
    if (command.done === true) this.#settle(job);
  }

  #fail(
    job: Job,
    outcome: 'response_too_large' | 'function_error' | 'subrequests_exceeded' | NonNullable<Job['verdict']>,
  ): void {
    job.failure = outcome;
    job.listener.failed(outcome);
  }

  /** It is done as soon as its answer has been handed on, if it is not the isolate that sends it. */
  #settle(job: Job): void {
    job.isDone = true;
    if (!this.#streams.isRelaying(job)) this.#ports.settle(job);
  }

  #fetch(command: Command<'fetch'>, chunks: readonly Uint8Array[]): void {
    const { id } = command;
    const job = this.jobs.get(command.inv);
    if (job === undefined) {
      const message = 'fetch belongs inside a handler: the module is still loading, or the invocation is over';
      this.#ports.event(command.inv, { e: 'response-error', id, message }, null);
      return;
    }
    const flaw = listFlaw(command.headers);
    if (flaw !== null) {
      this.#ports.event(job.inv, { e: 'response-error', id, message: flaw }, null);
      return;
    }
    const message = spend(job);
    if (message !== null) {
      this.#ports.event(job.inv, { e: 'response-error', id, message, limit: true }, null);
      return;
    }
    const spanId = newSpanId();
    const abort = new AbortController();
    this.#fetches.set(id, { job, abort });
    const request: OutgoingRequest = {
      url: command.url,
      method: command.method,
      headers: traced(readHeaders(command.headers), job.invocation, spanId),
      body: this.#streams.toHost(job, command.body, chunks, Number.MAX_SAFE_INTEGER, false),
      redirect: command.redirect,
    };
    const startedNs = this.#ports.nowNs();
    const answer =
      command.service === undefined
        ? this.#ports.fetch(job, request, abort.signal)
        : this.#ports.service(job, command.service, request, spanId, abort.signal);
    const url = command.url.slice(0, SHOWN_URL_CHARS);
    const facts = { spanId, method: command.method.slice(0, 64), url, service: command.service ?? null, startedNs };
    answer
      .then((response) => this.#answer(job, id, response, facts))
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : 'fetch failed';
        job.listener.subrequest({ ...facts, endedNs: this.#ports.nowNs(), status: 0, error: message });
        if (!this.#fetches.delete(id) || job.settled) return;
        const code = codeOf(error);
        const more = error instanceof NoSubrequest ? { limit: true as const } : code === undefined ? {} : { code };
        this.#ports.event(job.inv, { e: 'response-error', id, message, ...more }, null);
      });
  }

  #cache(command: Command<'cache'>, chunks: readonly Uint8Array[]): void {
    const { id } = command;
    const job = this.jobs.get(command.inv);
    if (job === undefined) return;
    const message = spend(job);
    if (message !== null) this.#ports.event(job.inv, { e: 'cache-error', id, message, limit: true }, null);
    else this.#desk.obey(job, command, chunks);
  }

  async #answer(
    job: Job,
    id: number,
    response: IncomingResponse,
    facts: Omit<SubrequestFacts, 'endedNs' | 'status' | 'error'>,
  ): Promise<void> {
    let body = response.body;
    if (isStream(body) && body.length !== null && body.length <= INLINE_BYTES) body = await readAll(body, INLINE_BYTES);
    job.listener.subrequest({ ...facts, endedNs: this.#ports.nowNs(), status: response.status, error: null });
    this.#arrivals ??= this.#arrivalsOf();
    this.#arrivals.push({ job, id, response, body });
  }

  /** What has arrived by the end of this round of the event loop is one turn of each invocation, not one of each response. */
  #arrivalsOf(): Arrival[] {
    this.#ports.soon(() => {
      const arrivals = this.#arrivals ?? [];
      this.#arrivals = null;
      for (const [job, all] of Map.groupBy(arrivals, (one) => one.job)) this.#arrive(job, all);
    });
    return [];
  }

  #arrive(job: Job, arrivals: readonly Arrival[]): void {
    const events: TurnEvent[] = [];
    const chunks: Uint8Array[] = [];
    for (const { id, response, body } of arrivals) {
      if (!this.#fetches.has(id) || job.settled) {
        if (isStream(body)) body.cancel();
        continue;
      }
      const whole = body instanceof Uint8Array;
      if (whole) chunks.push(body);
      // Nothing of it is left to abort.
      if (!isStream(body)) this.#fetches.delete(id);
      events.push({
        e: 'response',
        id,
        status: response.status,
        statusText: response.statusText,
        headers: wireHeaders(response.headers),
        url: response.url,
        redirected: response.redirected,
        body: whole ? { chunk: chunks.length - 1 } : this.#streams.toGuest(job, body).body,
      });
    }
    if (events.length > 0) this.#ports.event(job.inv, events, chunks.length === 0 ? null : chunks);
  }
}

/** The response of a fetch, on its way into the isolate. */
interface Arrival {
  readonly job: Job;
  readonly id: number;
  readonly response: IncomingResponse;
  readonly body: IncomingResponse['body'];
}

const NO_PARAMS: readonly string[] = [];

function listOf(params: Readonly<Record<string, string>>): readonly string[] {
  let list: string[] | null = null;
  for (const name in params) {
    list ??= [];
    list.push(name, params[name]!);
  }
  return list ?? NO_PARAMS;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
