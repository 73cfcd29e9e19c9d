/**
 * What main thread and lane say to each other, in order: the messages of invocations as flat frames in shared memory,
 * everything else, and what is large, by a message port of which the ring only says "now". One channel has two ends of
 * this class.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { release } from '../contract/invocation.ts';
import { beginsWithAnswer, splitAnswer } from './commands.ts';
import type { EventOrder, LaneOrder, LaneReport, StartOrder, TurnReport } from './lane-wire.ts';
import type { Ring } from './ring.ts';

const BY_PORT = 0;
const START = 1;
const TURN = 2;
const EVENT = 3;
/** Head of a frame: the ring's own eight bytes, six words, five floats. */
const WORDS_AT = 2;
const FLOATS_AT = 4;
const TEXT_AT = 72;
/** Texts and chunks up to this many bytes travel in the ring: to copy them twice costs less than one message by the port. */
const MOST_BYTES = 160 * 1024;
/** What is larger does not wait for room in it. */
const LARGE_BYTES = 16 * 1024;
/** An answer's text from here on arrives as the bytes it is sent as: nobody makes a string of it first. */
const LONG_CHARS = 4096;

type Message = LaneOrder | LaneReport;

export class ChannelEnd<Out extends Message, In extends Message> {
  readonly #out: Ring;
  readonly #in: Ring;
  readonly #port: MessagePort;
  readonly #rouse: () => void;
  /** Waiting for room in the ring, oldest first. */
  #unsent: Out[] = [];

  constructor(rings: { readonly out: Ring; readonly in: Ring }, port: MessagePort, rouse: () => void) {
    this.#out = rings.out;
    this.#in = rings.in;
    this.#port = port;
    this.#rouse = rouse;
  }

  /** The other side sees it when it looks; `wake` makes it look. False: the ring is full, `flush` sends it later. */
  send(message: Out): boolean {
    if (this.#unsent.length > 0 || !this.#write(message)) {
      this.#unsent.push(message);
      return false;
    }
    return true;
  }

  /** Wakes the other side if it sleeps. */
  wake(): void {
    if (this.#out.rouse()) this.#rouse();
  }

  /** Sends what found no room; false when some of it still finds none. */
  flush(): boolean {
    let sent = 0;
    while (sent < this.#unsent.length && this.#write(this.#unsent[sent]!)) sent += 1;
    if (sent > 0) {
      this.#unsent = this.#unsent.slice(sent);
      this.wake();
    }
    return this.#unsent.length === 0;
  }

  /** The next message, or `null`. */
  receive(): In | null {
    const at = this.#in.next();
    if (at < 0) return null;
    const kind = this.#in.words[at / 4 + 1]!;
    const message =
      kind === START
        ? readStart(this.#in, at)
        : kind === TURN
          ? readTurn(this.#in, at)
          : kind === EVENT
            ? readEvent(this.#in, at)
            : // Nothing: the port was closed meanwhile.
              ((receiveMessageOnPort(this.#port)?.message ?? null) as In | null);
    this.#in.release();
    return message as In | null;
  }

  close(): void {
    this.#port.close();
  }

  #write(message: Out): boolean {
    switch (message.k) {
      case 'start': {
        const written = writeStart(this.#out, message);
        if (written !== null) return written;
        break;
      }
      case 'turn': {
        const written = writeTurn(this.#out, message);
        if (written !== null) return written;
        break;
      }
      case 'event': {
        const written = writeEvent(this.#out, message);
        if (written !== null) return written;
        break;
      }
      default:
        break;
    }
    const at = this.#out.reserve(8);
    if (at < 0) return false;
    if (message.k === 'event' || message.k === 'turn') giveAway(this.#port, message);
    else this.#port.postMessage(message);
    this.#out.words[at / 4 + 1] = BY_PORT;
    this.#out.commit(8);
    return true;
  }
}

/** What it carries is nobody's any more on this side: the other side gets the very memory, not a copy. */
function giveAway(port: MessagePort, message: EventOrder | TurnReport): void {
  if (message.chunks === null) {
    port.postMessage(message);
    return;
  }
  const buffers = new Set<ArrayBuffer>();
  const chunks = message.chunks.map((chunk) => {
    const { buffer, byteLength } = chunk;
    const alone = buffer.byteLength === byteLength && buffer instanceof ArrayBuffer && !buffers.has(buffer);
    const given = alone ? chunk : new Uint8Array(chunk);
    buffers.add(given.buffer as ArrayBuffer);
    return given;
  });
  port.postMessage({ ...message, chunks }, [...buffers]);
}

/** `null`: too large for the ring. */
function writeStart(ring: Ring, order: StartOrder): boolean | null {
  const most = bytesNeeded(order.json, order.chunks);
  if (most > MOST_BYTES) return null;
  const at = ring.reserve(most);
  if (at < 0) return most > LARGE_BYTES ? null : false;
  const { words } = ring;
  const word = at / 4;
  words[word + 1] = START;
  words[word + WORDS_AT] = order.isolate;
  words[word + WORDS_AT + 1] = order.inv;
  words[word + WORDS_AT + 2] = order.slot;
  ring.floats[at / 8 + FLOATS_AT] = order.cpuMs;
  ring.floats[at / 8 + FLOATS_AT + 1] = order.wallMs;
  ring.commit(writeRest(ring, at, order.json, order.chunks) - at);
  return true;
}

/** `null`: too large for the ring. */
function writeEvent(ring: Ring, order: EventOrder): boolean | null {
  const most = bytesNeeded(order.json, order.chunks);
  if (most > MOST_BYTES) return null;
  const at = ring.reserve(most);
  if (at < 0) return most > LARGE_BYTES ? null : false;
  const { words } = ring;
  const word = at / 4;
  words[word + 1] = EVENT;
  words[word + WORDS_AT] = order.isolate;
  words[word + WORDS_AT + 1] = order.inv;
  words[word + WORDS_AT + 2] = order.renews === true ? 1 : 0;
  ring.commit(writeRest(ring, at, order.json, order.chunks) - at);
  order.chunks?.forEach(release);
  return true;
}

function readEvent(ring: Ring, at: number): EventOrder {
  const { words } = ring;
  const word = at / 4 + WORDS_AT;
  const chunks = readChunks(ring, at);
  const order = { k: 'event', isolate: words[word]!, inv: words[word + 1]!, json: readText(ring, at), chunks } as const;
  return words[word + 2] === 1 ? { ...order, renews: true } : order;
}

function readStart(ring: Ring, at: number): StartOrder {
  const { words, floats } = ring;
  const word = at / 4;
  const chunks = readChunks(ring, at);
  return {
    k: 'start',
    isolate: words[word + WORDS_AT]!,
    inv: words[word + WORDS_AT + 1]!,
    slot: words[word + WORDS_AT + 2]!,
    json: readText(ring, at),
    chunks,
    cpuMs: floats[at / 8 + FLOATS_AT]!,
    wallMs: floats[at / 8 + FLOATS_AT + 1]!,
  };
}

/** `null`: not one for the ring. */
function writeTurn(ring: Ring, report: TurnReport): boolean | null {
  if (report.logs !== null || report.stray !== null || report.notes !== null || report.outgrown) return null;
  const { out, chunks } = withTextApart(report);
  const most = bytesNeeded(out, chunks);
  if (most > MOST_BYTES) return null;
  const at = ring.reserve(most);
  if (at < 0) return most > LARGE_BYTES ? null : false;
  const { words, floats } = ring;
  const word = at / 4;
  words[word + 1] = TURN;
  words[word + WORDS_AT] = report.isolate;
  words[word + WORDS_AT + 1] = report.inv;
  words[word + WORDS_AT + 2] = report.estimated ? 1 : 0;
  const float = at / 8 + FLOATS_AT;
  floats[float] = report.startedNs;
  floats[float + 1] = report.endedNs;
  floats[float + 2] = report.cpuNs;
  floats[float + 3] = report.hostNs;
  floats[float + 4] = report.heapBytes;
  ring.commit(writeRest(ring, at, out, chunks) - at);
  report.chunks?.forEach(release);
  return true;
}

type Parts = readonly (Uint8Array | string)[];

/** The long text of a whole answer becomes the last of the chunks, as which it is read. */
function withTextApart({ out, chunks }: TurnReport): { readonly out: string; readonly chunks: Parts | null } {
  if (out.length < LONG_CHARS || !beginsWithAnswer(out)) return { out, chunks };
  const { answer, json } = splitAnswer(out);
  if (answer?.body == null || !('text' in answer.body) || answer.body.text.length < LONG_CHARS) return { out, chunks };
  const { inv, status, headers, body } = answer;
  const parts = chunks === null ? [body.text] : [...chunks, body.text];
  const head = JSON.stringify({ c: 'head', inv, status, headers, body: { chunk: parts.length - 1 }, done: true });
  return { out: json === '' ? head : `${head},${json}`, chunks: parts };
}

function readTurn(ring: Ring, at: number): TurnReport {
  const { words, floats } = ring;
  const word = at / 4;
  const float = at / 8 + FLOATS_AT;
  return {
    k: 'turn',
    isolate: words[word + WORDS_AT]!,
    inv: words[word + WORDS_AT + 1]!,
    startedNs: floats[float]!,
    endedNs: floats[float + 1]!,
    cpuNs: floats[float + 2]!,
    hostNs: floats[float + 3]!,
    estimated: words[word + WORDS_AT + 2] === 1,
    heapBytes: floats[float + 4]!,
    out: readText(ring, at),
    chunks: readChunks(ring, at),
    logs: null,
    outgrown: false,
    notes: null,
    stray: null,
  };
}

/** At most: a UTF-16 unit takes up to three bytes of UTF-8. */
function bytesNeeded(text: string, chunks: Parts | null): number {
  let bytes = TEXT_AT + text.length * 3;
  if (chunks === null) return bytes;
  for (const chunk of chunks) bytes += 16 + (typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.byteLength);
  return bytes;
}

/** The text, then the chunks, each behind its length; returns the end. Words 5 and 6 say how much of each there is. */
function writeRest(ring: Ring, at: number, text: string, chunks: Parts | null): number {
  const { words, bytes } = ring;
  const word = at / 4 + WORDS_AT;
  const length = bytes.write(text, at + TEXT_AT, 'utf8');
  words[word + 3] = length;
  words[word + 4] = chunks === null ? -1 : chunks.length;
  let end = at + TEXT_AT + length;
  if (chunks === null) return end;
  for (const chunk of chunks) {
    end = (end + 3) & ~3;
    let size: number;
    if (typeof chunk === 'string') size = bytes.write(chunk, end + 4, 'utf8');
    else {
      size = chunk.byteLength;
      bytes.set(chunk, end + 4);
    }
    words[end / 4] = size;
    end += 4 + size;
  }
  return end;
}

function readText(ring: Ring, at: number): string {
  const start = at + TEXT_AT;
  return ring.bytes.toString('utf8', start, start + ring.words[at / 4 + WORDS_AT + 3]!);
}

/** Copies: what is read must not change any more. */
function readChunks(ring: Ring, at: number): Uint8Array[] | null {
  const { words, bytes } = ring;
  const word = at / 4 + WORDS_AT;
  const count = words[word + 4]!;
  if (count < 0) return null;
  const chunks: Uint8Array[] = [];
  let end = at + TEXT_AT + words[word + 3]!;
  for (let i = 0; i < count; i++) {
    end = (end + 3) & ~3;
    const length = words[end / 4]!;
    // Memory of its own, so that it can be given back by hand.
    const chunk = length < LONG_CHARS ? new Uint8Array(length) : new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
    chunk.set(bytes.subarray(end + 4, end + 4 + length));
    chunks.push(chunk);
    end += 4 + length;
  }
  return chunks;
}
