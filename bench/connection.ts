/**
 * One keep-alive HTTP/1.1 connection that sends the same bytes again and again and finds the end of each answer: the
 * cheapest client that still notices a wrong one. No pipelining, no redirects, no other transfer coding than chunked.
 */
import { connect, type Socket } from 'node:net';

export interface Target {
  readonly port: number;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

const BUFFER_BYTES = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

export function requestBytes(target: Target): Buffer {
  const extra = Object.entries(target.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`GET ${target.path} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n${extra.join('')}\r\n`);
}

/** Total bytes of the answer in `buffer`, or 0 while it is incomplete. */
function answerBytes(buffer: Buffer): number {
  const headEnd = buffer.indexOf(HEAD_END);
  if (headEnd < 0) return 0;
  const head = buffer.toString('latin1', 0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    const total = headEnd + 4 + Number(length);
    return buffer.length >= total ? total : 0;
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error(`an answer without a length: ${head}`);
  const end = buffer.indexOf(LAST_CHUNK, headEnd);
  return end < 0 ? 0 : end + LAST_CHUNK.length;
}

/** Chunk sizes and chunks alternate; a chunk with a line break inside is beyond this client. */
function bodyText(answer: Buffer): string {
  const headEnd = answer.indexOf(HEAD_END);
  const raw = answer.toString('utf8', headEnd + 4);
  if (!/\r\ntransfer-encoding: *chunked/i.test(answer.toString('latin1', 0, headEnd))) return raw;
  return raw
    .split('\r\n')
    .filter((_, index) => index % 2 === 1)
    .join('');
}

export class Connection {
  readonly #socket: Socket;
  readonly #buffer: Buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  /** An answer that did not come in one piece. */
  #parts: Buffer | null = null;
  /** Length of the last whole answer: the next one most likely has the same. */
  #usual = 0;
  #done: (status: number) => void = () => {};
  #failed: (error: Error) => void = () => {};
  #last: Buffer = Buffer.alloc(0);
  #keep = false;

  constructor(port: number) {
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: { buffer: this.#buffer, callback: (bytes) => this.#onBytes(bytes) },
    });
    this.#socket.on('error', (error) => this.#failed(error));
    this.#socket.on('close', () => this.#failed(new Error('the server closed the connection')));
  }

  /** `done` is called with the status once the whole answer is in. One request at a time. */
  send(bytes: Buffer, done: (status: number) => void, failed: (error: Error) => void): void {
    this.#done = done;
    this.#failed = failed;
    this.#socket.write(bytes);
  }

  /** The slow way, for checks: the answer itself. */
  ask(bytes: Buffer): Promise<Answer> {
    this.#keep = true;
    return new Promise((resolve, reject) => {
      this.send(
        bytes,
        (status) => {
          this.#keep = false;
          resolve({ status, body: bodyText(this.#last) });
        },
        reject,
      );
    });
  }

  close(): void {
    this.#failed = () => {};
    this.#socket.destroy();
  }

  #onBytes(count: number): boolean {
    let answer = this.#buffer.subarray(0, count);
    if (this.#parts) answer = Buffer.concat([this.#parts, answer]);
    // The usual length and a final byte where it belongs: an answer cut exactly there cannot be longer.
    const total = answer.length === this.#usual ? this.#usual : answerBytes(answer);
    if (total === 0) {
      this.#parts = Buffer.from(answer);
      return true;
    }
    this.#parts = null;
    this.#usual = total;
    if (this.#keep) this.#last = Buffer.from(answer.subarray(0, total));
    // "HTTP/1.1 200": three digits from byte 9.
    const status = (answer[9]! - 48) * 100 + (answer[10]! - 48) * 10 + (answer[11]! - 48);
    this.#done(status);
    return true;
  }
}
