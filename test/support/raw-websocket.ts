/** WebSocket frames as bytes (RFC 6455 §5.2), for what no well-behaved client can be made to send. */
import { connect, type Socket } from 'node:net';

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const HANDSHAKE: string = `connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${KEY}\r\n`;

export const OPCODE = { part: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  readonly opcode?: number;
  readonly last?: boolean;
  readonly masked?: boolean;
  readonly reserved?: number;
  /** Said instead of the true one. */
  readonly length?: number;
}

export function frame(payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const { opcode = OPCODE.text, last = true, masked = true, reserved = 0 } = options;
  const body: Buffer = Buffer.from(payload as Uint8Array);
  const length = options.length ?? body.length;
  const head = [(last ? 0x80 : 0) | (reserved << 4) | opcode];
  const mark = masked ? 0x80 : 0;
  if (length < 126) head.push(mark | length);
  else if (length < 65_536) head.push(mark | 126, length >> 8, length & 255);
  else {
    const long = Buffer.alloc(8);
    long.writeBigUInt64BE(BigInt(length));
    head.push(mark | 127, ...long);
  }
  const mask = [1, 2, 3, 4];
  if (masked) for (let i = 0; i < body.length; i++) body[i]! ^= mask[i % 4]!;
  return Buffer.concat([Buffer.from(head), Buffer.from(masked ? mask : []), body]);
}

/** A client that sends bytes and takes frames apart. */
export class RawWebSocket {
  readonly socket: Socket;
  /** What was received before the frames. */
  head = '';
  readonly frames: { readonly opcode: number; readonly payload: Buffer }[] = [];
  readonly closed: Promise<void>;
  #rest: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};

  constructor(port: number, target = '/', more = '') {
    this.socket = connect(port, '127.0.0.1');
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.socket.on('close', () => this.#wake());
    this.socket.write(`GET ${target} HTTP/1.1\r\nhost: h\r\n${HANDSHAKE}${more}\r\n`);
  }

  /** Resolves with the response head. */
  async opened(): Promise<string> {
    await this.until(() => this.head !== '');
    return this.head;
  }

  /** The code of the close frame that comes; 0: the connection went without one. */
  async closeCode(): Promise<number> {
    const close = () => this.frames.find((one) => one.opcode === OPCODE.close);
    await this.until(() => close() !== undefined || this.socket.destroyed);
    const payload = close()?.payload;
    return payload === undefined || payload.length < 2 ? 0 : payload.readUInt16BE(0);
  }

  get texts(): string[] {
    return this.frames.filter((one) => one.opcode === OPCODE.text).map((one) => one.payload.toString());
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.socket.destroyed) throw new Error(`closed too early; head: ${this.head}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    if (this.head === '') {
      const end = this.#rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.head = this.#rest.toString('latin1', 0, end + 4);
      this.#rest = this.#rest.subarray(end + 4);
      // Anything but a 101 has a body.
      if (!this.head.startsWith('HTTP/1.1 101 ')) {
        this.head += this.#rest.toString('latin1');
        this.#rest = Buffer.alloc(0);
      }
    }
    for (let one = this.#next(); one !== null; one = this.#next()) this.frames.push(one);
    this.#wake();
  }

  #next(): { opcode: number; payload: Buffer } | null {
    const bytes = this.#rest;
    if (bytes.length < 2) return null;
    const short = bytes[1]! & 127;
    const at = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < at) return null;
    const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (bytes.length < at + length) return null;
    this.#rest = bytes.subarray(at + length);
    return { opcode: bytes[0]! & 15, payload: Buffer.from(bytes.subarray(at, at + length)) };
  }
}
