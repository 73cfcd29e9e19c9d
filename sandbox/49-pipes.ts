/**
 * Bodies that cross bit by bit. A source is a host→guest stream: a `read` asks for what is there. A sink is a guest→host
 * stream: a `pull` from the host says how far it may go on. Both die with their invocation.
 */
import { List, NativeTypeError, quote, SafeMap, typedArrayName, viewByteLength } from './00-primordials.ts';
import { report } from './08-errors.ts';
import { addChunk, copyBytes, emit, emitFinal, enter, type Invocation, type Resource } from './10-box.ts';
import { DOMException } from './15-dom-exception.ts';
import { bytesOf } from './30-encoding.ts';
import { cancelReader, getReader, ignore, type Reader, readFrom, type Stream } from './40-streams.ts';

// late:

export const contextOver = (): Error =>
  new DOMException('The request context is over: its invocation has ended', 'InvalidStateError');

type Got = (bytes: Uint8Array | null, error: unknown, failed: boolean) => void;

const sources = new SafeMap<number, Source>();

export class Source implements Resource {
  readonly sid: number;
  readonly inv: Invocation;
  #waiting: Got | null = null;
  /** Called once, when nothing of it will come any more. */
  over: (() => void) | null = null;
  #ended = false;
  #failed = false;
  #error: unknown = undefined;
  #ready: readonly Uint8Array[] = new List<Uint8Array>();
  #at = 0;

  constructor(sid: number, inv: Invocation) {
    this.sid = sid;
    this.inv = inv;
    sources.set(sid, this);
    inv.hold(this);
  }
  /** Asks for the next chunk; one read at a time. `null`: the end. */
  read(got: Got): void {
    if (this.#at < this.#ready.length) got(this.#next(), undefined, false);
    else if (this.#failed) got(null, this.#error, true);
    else if (this.#ended) got(null, undefined, false);
    else {
      this.#waiting = got;
      emit(`{"c":"read","sid":${this.sid}}`);
    }
  }
  /** `chunks`: a list of the prelude's own. */
  deliver(chunks: readonly Uint8Array[], end: boolean): void {
    this.#ready = chunks;
    this.#at = 0;
    if (end) this.#end();
    const got = this.#waiting;
    this.#waiting = null;
    if (got === null) return;
    if (chunks.length > 0) got(this.#next(), undefined, false);
    else got(null, undefined, false);
  }
  fail(error: unknown): void {
    if (this.#ended || this.#failed) return;
    this.#failed = true;
    this.#error = error;
    this.#end();
    const got = this.#waiting;
    this.#waiting = null;
    if (got !== null) got(null, error, true);
  }
  /** The host takes it over, unread: nothing of it comes here any more. */
  handOver(): void {
    this.#end();
  }
  /** It can be read, and by `inv`. */
  isFor(inv: Invocation): boolean {
    return this.inv === inv && !this.#ended;
  }
  cancel(): void {
    this.#at = this.#ready.length;
    if (this.#ended) return;
    this.#end();
    emitFinal(`{"c":"cancel","sid":${this.sid}}`);
  }
  /** The guest gave up what it belongs to: whoever reads it gets `reason`. */
  abort(reason: unknown): void {
    if (this.#ended) return;
    emitFinal(`{"c":"cancel","sid":${this.sid}}`);
    this.fail(reason);
  }
  release(tell: boolean): void {
    this.#at = this.#ready.length;
    if (this.#ended) return;
    if (tell) emitFinal(`{"c":"cancel","sid":${this.sid}}`);
    // A reader still waiting belongs to the invocation that is over: it never hears again.
    this.#waiting = null;
    this.fail(contextOver());
  }
  #next(): Uint8Array {
    const chunk = this.#ready[this.#at++] as Uint8Array;
    if (this.#at === this.#ready.length) {
      this.#ready = new List<Uint8Array>();
      this.#at = 0;
    }
    return chunk;
  }
  #end(): void {
    this.#ended = true;
    sources.delete(this.sid);
    this.inv.drop(this);
    const over = this.over;
    this.over = null;
    if (over !== null) over();
  }
}

export const deliverData = (sid: number, chunks: readonly Uint8Array[], end: boolean): void => {
  const source = sources.get(sid);
  if (source === undefined) return;
  enter(source.inv);
  source.deliver(chunks, end);
};
export const deliverBroken = (sid: number, message: string): void => {
  const source = sources.get(sid);
  if (source === undefined) return;
  enter(source.inv);
  source.fail(new NativeTypeError(message));
};

/** Where a sink gets its chunks from. */
export interface Feed {
  pull(sink: Sink): void;
  cancel(reason: unknown): void;
}

const sinks = new SafeMap<number, Sink>();
let lastSid = -1;

export class Sink implements Resource {
  readonly sid: number;
  readonly inv: Invocation;
  readonly #feed: Feed;
  readonly #ended: () => void;
  #open = true;
  #busy = false;
  #sent = 0;
  #until = 0;

  constructor(inv: Invocation, feed: Feed, ended: () => void) {
    this.sid = lastSid += 2;
    this.inv = inv;
    this.#feed = feed;
    this.#ended = ended;
    sinks.set(this.sid, this);
    inv.hold(this);
  }
  /** The host takes more until so many bytes have been sent in all. */
  pull(until: number): void {
    if (until > this.#until) this.#until = until;
    if (this.#busy || !this.wants) return;
    this.#busy = true;
    this.#feed.pull(this);
  }
  /** A feed goes on while this is true, then says `rest`. */
  get wants(): boolean {
    return this.#open && this.#sent < this.#until;
  }
  rest(): void {
    this.#busy = false;
  }
  data(bytes: Uint8Array): void {
    if (!this.#open) return;
    this.#sent += viewByteLength(bytes);
    try {
      const chunk = addChunk(bytes);
      emit(`{"c":"data","sid":${this.sid},"chunk":${chunk}}`);
    } catch (error) {
      this.#feed.cancel(error);
      this.broken(error);
    }
  }
  eof(): void {
    if (!this.#open) return;
    emitFinal(`{"c":"eof","sid":${this.sid}}`);
    this.#close();
  }
  broken(error: unknown): void {
    if (!this.#open) return;
    const { name, message, stack } = report(error);
    emitFinal(
      `{"c":"broken","sid":${this.sid},"name":${quote(name)},"message":${quote(message)},"stack":${quote(stack)}}`,
    );
    this.#close();
  }
  /** The host's reader has gone. */
  stop(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#feed.cancel(new DOMException('The reader of this stream has gone', 'AbortError'));
    this.#open = true;
    this.#close();
  }
  release(_tell: boolean): void {
    this.#open = false;
    sinks.delete(this.sid);
  }
  #close(): void {
    this.#open = false;
    sinks.delete(this.sid);
    this.inv.drop(this);
    this.#ended();
  }
}

export const deliverPull = (sid: number, until: number): void => {
  const sink = sinks.get(sid);
  if (sink === undefined) return;
  enter(sink.inv);
  sink.pull(until);
};
export const deliverStop = (sid: number): void => {
  const sink = sinks.get(sid);
  if (sink === undefined) return;
  enter(sink.inv);
  sink.stop();
};

const pump = async (reader: Reader, sink: Sink): Promise<void> => {
  try {
    while (sink.wants) {
      const result = await readFrom(reader);
      if (result.done) {
        sink.eof();
        return;
      }
      const value = result.value;
      const bytes = bytesOf(value);
      if (bytes === null || typedArrayName(value) !== 'Uint8Array') {
        const error = new NativeTypeError(
          'A body stream must consist of Uint8Array chunks; encode text with TextEncoder',
        );
        ignore(cancelReader(reader, error));
        sink.broken(error);
        return;
      }
      if (viewByteLength(bytes) > 0) sink.data(copyBytes(bytes));
    }
    sink.rest();
  } catch (error) {
    sink.broken(error);
  }
};

export const feedOfStream = (stream: Stream): Feed => {
  const reader = getReader(stream);
  return {
    pull: (sink) => {
      pump(reader, sink);
    },
    cancel: (reason) => {
      ignore(cancelReader(reader, reason));
    },
  };
};
