/**
 * One keep-alive HTTP/1.1 connection that sends requests one after the other and finds the end of each answer: the
 * cheapest client that still notices a wrong one. It opens itself again when the server has closed it between two
 * requests. No pipelining, no redirects.
 */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AnswerReader } from './answer-reader.ts';
import type { Origin } from './plan.ts';

export interface Answer {
  readonly status: number;
  /** Names and values as they were sent. */
  readonly head: string;
  readonly body: string;
}

export interface ConnectionOptions {
  /** What every body must be; `null`: any. */
  readonly expectBody?: Buffer | null;
  /** Answers to HEAD. */
  readonly bodiless?: boolean;
  /** Whether heads are asked for: then every answer is read whole. */
  readonly readsHeads?: boolean;
  /** Connections of one thread may share it: what is read is used up before the next one reads. */
  readonly buffer?: Buffer;
}

export type Done = (status: number, bodyIsRight: boolean) => void;

const BUFFER_BYTES = 64 * 1024;
const nobody = (): void => {};

export class Connection {
  readonly #origin: Origin;
  readonly #expectBody: Buffer | null;
  readonly #readsHeads: boolean;
  readonly #buffer: Buffer;
  readonly #reader: AnswerReader;
  #socket: Socket | null = null;
  /** Bytes of the last answer if it came in one piece and said its length: the next one most likely has the same. */
  #usual = 0;
  /** Within an answer that did not come in one piece. */
  #partial = false;
  #bodyAt = 0;
  #bodyIsRight = true;
  #done: Done | null = null;
  #failed: (error: Error) => void = nobody;
  /** Pieces of the body, for `ask`. */
  #pieces: Buffer[] | null = null;

  /** A port: on this machine. */
  constructor(origin: Origin | number, options: ConnectionOptions = {}) {
    this.#origin =
      typeof origin === 'number' ? { host: '127.0.0.1', port: origin, tls: false, name: '127.0.0.1' } : origin;
    this.#expectBody = options.expectBody ?? null;
    this.#readsHeads = options.readsHeads === true;
    this.#buffer = options.buffer ?? Buffer.allocUnsafe(BUFFER_BYTES);
    this.#reader = new AnswerReader(options.bodiless === true, (piece) => this.#onBody(piece));
  }

  /** Of the last answer, with `readsHeads`. */
  get head(): string {
    return this.#reader.head;
  }

  /** One request at a time. `done` once the whole answer is in, or `failed`; never both. */
  send(bytes: Buffer, done: Done, failed: (error: Error) => void): void {
    this.#done = done;
    this.#failed = failed;
    this.#socket ??= this.#open();
    this.#socket.write(bytes);
  }

  /** The slow way, for checks: the answer itself. */
  ask(bytes: Buffer): Promise<Answer> {
    this.#usual = 0;
    const pieces: Buffer[] = [];
    this.#pieces = pieces;
    return new Promise<Answer>((resolve, reject) => {
      const answered = (status: number): void =>
        resolve({ status, head: this.#reader.head, body: Buffer.concat(pieces).toString() });
      this.send(bytes, answered, reject);
    }).finally(() => {
      this.#pieces = null;
    });
  }

  close(): void {
    this.#done = null;
    this.#failed = nobody;
    this.#socket?.destroy();
    this.#socket = null;
  }

  #open(): Socket {
    const { host, port, tls, name } = this.#origin;
    // A certificate is for the name; an address has none to send.
    const onread = {
      buffer: this.#buffer,
      callback: (count: number): boolean => this.#onBytes(socket, this.#buffer.subarray(0, count)),
    };
    const servername = isIP(name) === 0 ? { servername: name } : {};
    const socket: Socket = tls
      ? connectTls({ host, port, ...servername, ALPNProtocols: ['http/1.1'] })
      : connect({ host, port, noDelay: true, onread });
    if (tls) socket.setNoDelay(true).on('data', (bytes) => this.#onBytes(socket, bytes as Buffer));
    socket.on('error', (error) => this.#onGone(socket, error));
    socket.on('close', () => this.#onGone(socket, new Error('the server closed the connection')));
    this.#partial = false;
    this.#usual = 0;
    return socket;
  }

  #onGone(socket: Socket, error: Error): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    if (this.#done === null) return;
    if (this.#partial && this.#reader.end()) this.#whole();
    else this.#fail(error);
  }

  #onBytes(socket: Socket, bytes: Buffer): boolean {
    if (this.#socket !== socket) return true;
    if (bytes.length === this.#usual && !this.#partial && this.#done !== null) {
      // The usual length and nothing half read. "HTTP/1.1 200": three digits from byte 9.
      const done = this.#done;
      this.#done = null;
      const status = (bytes[9]! - 48) * 100 + (bytes[10]! - 48) * 10 + (bytes[11]! - 48);
      done(status, this.#expectBody === null || endsWith(bytes, this.#expectBody));
      return true;
    }
    try {
      this.#read(bytes);
    } catch (error) {
      this.#drop();
      this.#fail(error as Error);
    }
    return true;
  }

  #read(bytes: Buffer): void {
    if (this.#done === null) throw new Error('bytes nobody asked for');
    const first = !this.#partial;
    if (first) {
      this.#reader.begin();
      this.#bodyAt = 0;
      this.#bodyIsRight = true;
      this.#partial = true;
    }
    if (!this.#reader.read(bytes)) return;
    const simple = first && this.#reader.byLength && this.#pieces === null && !this.#readsHeads;
    this.#usual = simple && !this.#reader.last && this.#bodyAt > 0 ? bytes.length : 0;
    this.#whole();
  }

  #whole(): void {
    this.#partial = false;
    if (this.#reader.last) this.#drop();
    const done = this.#done;
    this.#done = null;
    done?.(
      this.#reader.status,
      this.#expectBody === null || (this.#bodyIsRight && this.#bodyAt === this.#expectBody.length),
    );
  }

  #fail(error: Error): void {
    const failed = this.#failed;
    this.#done = null;
    this.#failed = nobody;
    failed(error);
  }

  /** What comes on it from now on is nobody's. */
  #drop(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #onBody(piece: Buffer): void {
    this.#pieces?.push(Buffer.from(piece));
    if (this.#expectBody !== null && this.#bodyIsRight) {
      const expected = this.#expectBody.subarray(this.#bodyAt, this.#bodyAt + piece.length);
      this.#bodyIsRight = expected.length === piece.length && expected.equals(piece);
    }
    this.#bodyAt += piece.length;
  }
}

/** For short ends quicker than a call into Node. */
function endsWith(bytes: Buffer, end: Buffer): boolean {
  if (end.length > 64) return bytes.subarray(bytes.length - end.length).equals(end);
  for (let at = bytes.length - end.length, i = 0; i < end.length; i++, at++) if (bytes[at] !== end[i]) return false;
  return true;
}
