/**
 * The streams of one isolate's invocations, by their numbers on the wire: what the guest reads, what it produces, and
 * what it hands on untouched. Every one belongs to an invocation and ends with it.
 */

import type { GuestProblem } from '../../contract/engine-port.ts';
import { type Body, type ByteStream, isStream } from '../../contract/invocation.ts';
import type { TurnCommand, TurnEvent, WireBody } from '../../contract/turn.ts';
import { ProtocolError } from '../commands.ts';
import type { Job } from '../job.ts';
import { BodyError, GuestStream, HostStream, Relay } from './bodies.ts';
import { problemOf } from './problems.ts';

type Command<C extends TurnCommand['c']> = Extract<TurnCommand, { c: C }>;

export interface StreamPorts {
  /** Delivers one event in a turn of its own. */
  event(inv: number, event: TurnEvent, chunks: readonly Uint8Array[] | null): void;
  nextStreamId(): number;
  /** The answer of `job` has been handed on to its end. */
  relayed(job: Job): void;
}

interface Inbound {
  readonly job: Job;
  readonly stream: HostStream;
  readonly isRequest: boolean;
}
interface Outbound {
  readonly job: Job;
  readonly stream: GuestStream;
  readonly answers: boolean;
}

export class Streams {
  readonly #ports: StreamPorts;
  /** Streams the host produces and the guest reads. */
  readonly #inbound: Map<number, Inbound> = new Map();
  /** Streams the guest produces and the host reads. */
  readonly #outbound: Map<number, Outbound> = new Map();
  readonly #relays: Map<Relay, { readonly job: Job; readonly answers: boolean }> = new Map();

  constructor(ports: StreamPorts) {
    this.#ports = ports;
  }

  /** The answer of `job` is on its way past the isolate. */
  isRelaying(job: Job): boolean {
    for (const entry of this.#relays.values()) if (entry.answers && entry.job === job) return true;
    return false;
  }

  /** A body of the host as it crosses to the guest. */
  toGuest(job: Job, body: Body): { body: WireBody; chunks: readonly Uint8Array[] | null } {
    if (body === null) return { body: null, chunks: null };
    if (!isStream(body)) return { body: { chunk: 0 }, chunks: [body] };
    const sid = this.#ports.nextStreamId();
    const stream = new HostStream(body, (chunks, end) => this.#deliver(sid, chunks, end));
    this.#inbound.set(sid, { job, stream, isRequest: !job.started });
    return { body: { sid, length: body.length }, chunks: null };
  }

  /** A body of the guest as the host sees it. */
  toHost(job: Job, body: WireBody, chunks: readonly Uint8Array[], limitBytes: number, answers: boolean): Body {
    if (body === null) return null;
    if ('chunk' in body) return chunkAt(chunks, body.chunk);
    if ('text' in body) return Buffer.from(body.text, 'utf8');
    const limit = {
      bytes: limitBytes,
      count: (bytes: number) => {
        if (answers) job.responseBytes += bytes;
      },
    };
    if ('pipe' in body) return this.#relay(job, body.pipe, limit, answers);
    const { sid, length } = body;
    const out = {
      pull: (until: number) => this.#ports.event(job.inv, { e: 'pull', sid, until }, null),
      stop: () => this.#ports.event(job.inv, { e: 'stop', sid }, null),
    };
    const stream = new GuestStream(length, out, limit);
    this.#outbound.set(sid, { job, stream, answers });
    return stream;
  }

  /** The guest reads on. */
  read(sid: number): void {
    this.#inbound.get(sid)?.stream.ask();
  }

  cancel(sid: number): void {
    this.#inbound.get(sid)?.stream.cancel();
    this.#inbound.delete(sid);
  }

  data(command: Command<'data'>, chunks: readonly Uint8Array[]): void {
    const entry = this.#outbound.get(command.sid);
    if (entry === undefined) return;
    const bytes =
      command.chunk === undefined ? Buffer.from(command.text ?? '', 'utf8') : chunkAt(chunks, command.chunk);
    const error = entry.stream.push(bytes);
    if (error === null) return;
    entry.job.verdict ??= 'response_too_large';
    this.#outbound.delete(command.sid);
  }

  eof(sid: number): void {
    this.#outbound.get(sid)?.stream.finish();
    this.#outbound.delete(sid);
  }

  /** A response body that breaks off is a failure of the function: its client was cut off. */
  broken(command: Command<'broken'>): void {
    const entry = this.#outbound.get(command.sid);
    if (entry === undefined) return;
    this.#outbound.delete(command.sid);
    entry.stream.break(new BodyError('broken', 'the function broke the stream off'));
    if (entry.answers) failed(entry.job, problemOf(command));
  }

  /** The job is over: nothing of it may arrive in a later invocation. */
  release(job: Job): void {
    if (this.#inbound.size + this.#outbound.size + this.#relays.size === 0) return;
    for (const [sid, entry] of this.#inbound) {
      if (entry.job !== job) continue;
      this.#inbound.delete(sid);
      entry.stream.cancel();
    }
    const over = new BodyError('aborted', 'the invocation has ended');
    for (const [sid, entry] of this.#outbound) {
      if (entry.job !== job) continue;
      this.#outbound.delete(sid);
      entry.stream.break(over);
    }
    for (const [relay, entry] of this.#relays) {
      if (entry.job !== job) continue;
      this.#relays.delete(relay);
      relay.break(over);
    }
  }

  /** The job did not start here: its bodies stay whole for where it starts next. */
  unopen(job: Job): void {
    for (const [sid, entry] of this.#inbound) if (entry.job === job) this.#inbound.delete(sid);
  }

  #deliver(sid: number, chunks: readonly Uint8Array[], end: 'eof' | Error | null): void {
    const entry = this.#inbound.get(sid);
    if (entry === undefined) return;
    const { job, isRequest } = entry;
    if (end !== null) this.#inbound.delete(sid);
    if (end instanceof Error) {
      if (isOutgrown(end)) job.verdict ??= 'payload_too_large';
      this.#ports.event(job.inv, { e: 'broken', sid, message: end.message }, null);
      return;
    }
    if (isRequest) for (const chunk of chunks) job.requestBytes += chunk.byteLength;
    this.#ports.event(job.inv, { e: 'data', sid, end: end === 'eof' }, chunks);
  }

  #relay(
    job: Job,
    sid: number,
    limit: { readonly bytes: number; count(bytes: number): void },
    answers: boolean,
  ): Relay {
    const entry = this.#inbound.get(sid);
    const source: ByteStream | null = entry?.job === job ? entry.stream.unread : null;
    if (entry === undefined || source === null) throw new ProtocolError('a body is handed on that is not there');
    this.#inbound.delete(sid);
    const { isRequest } = entry;
    const count = (bytes: number): void => {
      limit.count(bytes);
      if (isRequest) job.requestBytes += bytes;
    };
    const relay: Relay = new Relay(source, { bytes: limit.bytes, count }, (error) => {
      if (!this.#relays.delete(relay) || !answers) return;
      if (error !== null) {
        if (isOutgrown(error)) job.verdict ??= 'payload_too_large';
        else if (error instanceof BodyError && error.code === 'response_too_large') job.verdict ??= error.code;
        else failed(job, { name: 'Error', message: error.message, stack: '' });
      }
      this.#ports.relayed(job);
    });
    this.#relays.set(relay, { job, answers });
    return relay;
  }
}

function failed(job: Job, problem: GuestProblem): void {
  job.failure ??= 'function_error';
  job.problem ??= problem;
}

function isOutgrown(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === 'payload_too_large';
}

export function chunkAt(chunks: readonly Uint8Array[], index: number): Uint8Array {
  const chunk = chunks[index];
  if (!(chunk instanceof Uint8Array)) throw new ProtocolError('a chunk is missing');
  return chunk;
}
