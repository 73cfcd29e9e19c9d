/**
 * The wire between host and engine process, all of it. A frame is a length and the messages of one batch. The three
 * messages that carry requests are laid out by hand, binary data beside their text; everything else is JSON.
 * What arrives is believed only as far as its shape: a frame that is too long or makes no sense throws `FrameError`,
 * and the engine it came from is killed.
 */
import type { EventOrder, LaneOrder, LaneReport, StartOrder, TurnReport } from '../lane-wire.ts';
import type { ControlOrder, ControlReport } from './control.ts';

export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FrameError';
  }
}

export type Message = LaneOrder | LaneReport | ControlOrder | ControlReport;

const JSON_MESSAGE = 0;
const START = 1;
const EVENT = 2;
const TURN = 3;
const HEAD = 4;
/** A frame this long takes no further message. */
const FULL_BYTES = 256 * 1024;
const FIRST_BYTES = 64 * 1024;

export class FrameWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = HEAD;

  get isEmpty(): boolean {
    return this.#at === HEAD;
  }

  /** So long that it should leave before anything is added. */
  get isFull(): boolean {
    return this.#at >= FULL_BYTES;
  }

  add(message: Message): void {
    switch (message.k) {
      case 'start':
        this.#start(message);
        return;
      case 'event':
        this.#event(message);
        return;
      case 'turn':
        this.#turn(message);
        return;
      default:
        this.#byte(JSON_MESSAGE);
        this.#text(JSON.stringify(message));
    }
  }

  /** The frame, and an empty writer. */
  take(): Buffer {
    this.#bytes.writeUInt32LE(this.#at - HEAD, 0);
    const frame = Buffer.from(this.#bytes.subarray(0, this.#at));
    this.#at = HEAD;
    if (this.#bytes.length > FULL_BYTES * 4) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    return frame;
  }

  #start(order: StartOrder): void {
    this.#byte(START);
    this.#number(order.isolate);
    this.#number(order.inv);
    this.#number(order.slot);
    this.#number(order.cpuMs);
    this.#number(order.wallMs);
    this.#text(order.json);
    this.#chunks(order.chunks);
  }

  #event(order: EventOrder): void {
    this.#byte(EVENT);
    this.#number(order.isolate);
    this.#number(order.inv);
    this.#byte(order.renews === true ? 1 : 0);
    this.#text(order.json);
    this.#chunks(order.chunks);
  }

  #turn(report: TurnReport): void {
    this.#byte(TURN);
    this.#number(report.isolate);
    this.#number(report.inv);
    this.#number(report.startedNs);
    this.#number(report.endedNs);
    this.#number(report.cpuNs);
    this.#number(report.hostNs);
    this.#number(report.heapBytes);
    this.#byte((report.estimated ? 1 : 0) + (report.outgrown ? 2 : 0));
    this.#text(report.out);
    this.#chunks(report.chunks);
    const { logs, stray, notes } = report;
    this.#text(logs === null && stray === null && notes === null ? '' : JSON.stringify({ logs, stray, notes }));
  }

  #byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  #number(value: number): void {
    this.#room(8);
    this.#bytes.writeDoubleLE(value, this.#at);
    this.#at += 8;
  }

  #text(text: string): void {
    this.#room(4 + text.length * 3);
    const written = this.#bytes.write(text, this.#at + 4, 'utf8');
    this.#bytes.writeUInt32LE(written, this.#at);
    this.#at += 4 + written;
  }

  #chunks(chunks: readonly Uint8Array[] | null): void {
    this.#number(chunks === null ? 0 : chunks.length);
    for (const chunk of chunks ?? []) {
      this.#room(4 + chunk.byteLength);
      this.#bytes.writeUInt32LE(chunk.byteLength, this.#at);
      this.#bytes.set(chunk, this.#at + 4);
      this.#at += 4 + chunk.byteLength;
    }
  }

  #room(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}

export class FrameReader {
  /** A frame longer than this is refused. */
  mostBytes: number;
  readonly #each: (messages: readonly Message[]) => void;
  #parts: Buffer[] = [];
  #held = 0;
  #needed = HEAD;

  /** `each` hears the messages of one frame; they hold nothing of the bytes they came in. */
  constructor(mostBytes: number, each: (messages: readonly Message[]) => void) {
    this.mostBytes = mostBytes;
    this.#each = each;
  }

  /** Takes bytes that may be reused afterwards. Throws `FrameError`. */
  push(bytes: Buffer): void {
    let rest = bytes;
    if (this.#held > 0) {
      this.#held += bytes.length;
      this.#parts.push(Buffer.from(bytes));
      if (this.#held < this.#needed) return;
      rest = Buffer.concat(this.#parts, this.#held);
    }
    this.#parts = [];
    this.#held = 0;
    this.#needed = HEAD;
    let at = 0;
    while (rest.length - at >= HEAD) {
      const length = rest.readUInt32LE(at);
      if (length > this.mostBytes) throw new FrameError(`a frame of ${length} bytes is too long`);
      this.#needed = HEAD + length;
      if (rest.length - at < this.#needed) break;
      this.#each(readFrame(rest, at + HEAD, at + this.#needed));
      at += this.#needed;
      this.#needed = HEAD;
    }
    if (at === rest.length) return;
    this.#parts = [Buffer.from(rest.subarray(at))];
    this.#held = rest.length - at;
  }
}

function readFrame(bytes: Buffer, from: number, to: number): readonly Message[] {
  const cursor = new Cursor(bytes, from, to);
  const messages: Message[] = [];
  while (!cursor.isAtEnd) messages.push(readMessage(cursor));
  return messages;
}

function readMessage(cursor: Cursor): Message {
  const kind = cursor.byte();
  switch (kind) {
    case START:
      return {
        k: 'start',
        isolate: cursor.number(),
        inv: cursor.number(),
        slot: cursor.number(),
        cpuMs: cursor.number(),
        wallMs: cursor.number(),
        json: cursor.text(),
        chunks: cursor.chunks(),
      };
    case EVENT:
      return {
        k: 'event',
        isolate: cursor.number(),
        inv: cursor.number(),
        ...(cursor.byte() === 1 ? { renews: true as const } : {}),
        json: cursor.text(),
        chunks: cursor.chunks(),
      };
    case TURN:
      return readTurn(cursor);
    case JSON_MESSAGE:
      return parse(cursor.text()) as Message;
    default:
      throw new FrameError('a message is of no known kind');
  }
}

function readTurn(cursor: Cursor): TurnReport {
  const { flags, ...read } = {
    k: 'turn',
    isolate: cursor.number(),
    inv: cursor.number(),
    startedNs: cursor.number(),
    endedNs: cursor.number(),
    cpuNs: cursor.number(),
    hostNs: cursor.number(),
    heapBytes: cursor.number(),
    flags: cursor.byte(),
    out: cursor.text(),
    chunks: cursor.chunks(),
    logs: null,
    stray: null,
    notes: null,
  } as const;
  const turn = { ...read, estimated: (flags & 1) !== 0, outgrown: (flags & 2) !== 0 };
  const extras = cursor.text();
  if (extras === '') return turn;
  const { logs, stray, notes } = parse(extras) as Pick<TurnReport, 'logs' | 'stray' | 'notes'>;
  return { ...turn, logs, stray, notes };
}

function parse(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new FrameError('a message is not JSON');
  }
  if (typeof value !== 'object' || value === null) throw new FrameError('a message is not an object');
  return value;
}

class Cursor {
  readonly #bytes: Buffer;
  readonly #to: number;
  #at: number;

  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes;
    this.#at = from;
    this.#to = to;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#to;
  }

  byte(): number {
    return this.#bytes[this.#skip(1)]!;
  }

  number(): number {
    const value = this.#bytes.readDoubleLE(this.#skip(8));
    // A guest without limits left has an infinite budget nowhere: all figures are finite.
    if (!Number.isFinite(value)) throw new FrameError('a number is not finite');
    return value;
  }

  text(): string {
    const length = this.#bytes.readUInt32LE(this.#skip(4));
    const at = this.#skip(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  /** Copies with buffers of their own: what a guest is given must not be a window on its neighbours' bytes. */
  chunks(): Uint8Array[] | null {
    const count = this.number();
    if (count === 0) return null;
    const chunks: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const length = this.#bytes.readUInt32LE(this.#skip(4));
      const at = this.#skip(length);
      chunks.push(new Uint8Array(this.#bytes.subarray(at, at + length)));
    }
    return chunks;
  }

  #skip(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    if (this.#at > this.#to) throw new FrameError('a message ends before it should');
    return at;
  }
}
