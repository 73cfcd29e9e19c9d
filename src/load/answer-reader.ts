/**
 * Finds the end of an HTTP/1.1 answer in the bytes of a connection, piece by piece: by length, by chunks, by the end of the
 * connection. It refuses what it cannot frame for certain; it never guesses, because the next answer begins there.
 */
type State = 'head' | 'length' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'until-close' | 'whole';

const HEAD_END = Buffer.from('\r\n\r\n');
const MAX_LINE_BYTES = 64 * 1024;

export class AnswerReader {
  status = 0;
  /** Name and value of the head, as one text. */
  head = '';
  /** The connection ends with this answer. */
  last = false;
  readonly #bodiless: boolean;
  readonly #body: (piece: Buffer) => void;
  #state: State = 'head';
  /** Bytes of the body or the chunk that are to come. */
  #left = 0;
  /** What does not make a head or a line yet. */
  #rest: Buffer | null = null;

  /** `bodiless`: answers to HEAD. Pieces of bodies are told as they come; they are not the reader's to keep. */
  constructor(bodiless: boolean, body: (piece: Buffer) => void) {
    this.#bodiless = bodiless;
    this.#body = body;
  }

  /** Whether the answer ends with a length that its head told: the next one is most likely as long. */
  byLength = false;

  begin(): void {
    this.#state = 'head';
    this.#rest = null;
    this.last = false;
    this.byLength = false;
  }

  /** Whether the answer is whole now. Throws when it is not HTTP, or longer than it said. */
  read(piece: Buffer): boolean {
    let bytes = piece;
    while (bytes.length > 0) {
      if (this.#state === 'whole') throw new Error('more bytes than the answer has');
      bytes = this.#step(bytes);
    }
    return this.#state === 'whole';
  }

  /** The connection has ended: whether that makes the answer whole. */
  end(): boolean {
    return this.#state === 'until-close';
  }

  #step(bytes: Buffer): Buffer {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes);
      case 'length':
      case 'chunk': {
        const taken = bytes.subarray(0, this.#left);
        this.#body(taken);
        this.#left -= taken.length;
        if (this.#left === 0) this.#state = this.#state === 'length' ? 'whole' : 'chunk-end';
        return bytes.subarray(taken.length);
      }
      case 'until-close':
        this.#body(bytes);
        return bytes.subarray(bytes.length);
      default:
        return this.#readLine(bytes);
    }
  }

  #readHead(bytes: Buffer): Buffer {
    const all = this.#rest === null ? bytes : Buffer.concat([this.#rest, bytes]);
    const at = all.indexOf(HEAD_END);
    if (at < 0) return this.#keep(all);
    this.#rest = null;
    this.head = all.toString('latin1', 0, at + 2);
    this.status = Number(/^HTTP\/1\.[01] (\d{3})[ \r]/.exec(this.head)?.[1] ?? 0);
    if (this.status === 0) throw new Error(`this is not HTTP/1.1: ${JSON.stringify(this.head.slice(0, 60))}`);
    this.#frame();
    return all.subarray(at + HEAD_END.length);
  }

  #frame(): void {
    const { head, status } = this;
    this.last = /\r\nconnection: *close\r/i.test(head) || (head.startsWith('HTTP/1.0') && !/keep-alive/i.test(head));
    // 100 and its kin announce the answer; they are not it.
    if (status < 200 && status !== 101) {
      this.#state = 'head';
      return;
    }
    const length = /\r\ncontent-length: *(\d+) *\r/i.exec(head)?.[1];
    this.byLength = length !== undefined;
    if (this.#bodiless || status === 204 || status === 304) {
      this.#state = 'whole';
    } else if (/\r\ntransfer-encoding: *(.*, *)?chunked *\r/i.test(head)) {
      this.byLength = false;
      this.#state = 'chunk-size';
    } else if (length === undefined) {
      this.last = true;
      this.#state = 'until-close';
    } else {
      this.#left = Number(length);
      this.#state = this.#left === 0 ? 'whole' : 'length';
    }
  }

  #readLine(bytes: Buffer): Buffer {
    const all = this.#rest === null ? bytes : Buffer.concat([this.#rest, bytes]);
    const at = all.indexOf('\r\n');
    if (at < 0) return this.#keep(all);
    this.#rest = null;
    const line = all.toString('latin1', 0, at);
    const left = all.subarray(at + 2);
    if (this.#state === 'chunk-end') {
      if (line !== '') throw new Error('a chunk is longer than it said');
      this.#state = 'chunk-size';
    } else if (this.#state === 'trailer') {
      if (line === '') this.#state = 'whole';
    } else {
      const size = /^[0-9a-f]{1,12}/i.exec(line)?.[0];
      if (size === undefined) throw new Error(`this is no chunk size: ${JSON.stringify(line.slice(0, 60))}`);
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? 'trailer' : 'chunk';
    }
    return left;
  }

  #keep(all: Buffer): Buffer {
    if (all.length > MAX_LINE_BYTES) throw new Error(`a head or a line of more than ${MAX_LINE_BYTES} bytes`);
    // The connection reads its next bytes over these.
    this.#rest = Buffer.from(all);
    return all.subarray(all.length);
  }
}
