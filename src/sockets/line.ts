/// <reference path="./ws.d.ts" />
/**
 * One WebSocket connection, whichever side began it: frames become messages for a listener, with bounds on all that can
 * pile up. A listener that takes its time stops the reading; a reader that does not read, or a peer that answers no
 * ping, loses the connection. The protocol itself is the library's matter.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../contract/clock.ts';
import {
  SOCKET_HELD_BYTES,
  SOCKET_MS,
  SOCKET_PING_MS,
  type SocketData,
  type SocketEnd,
  type SocketLine,
  type SocketListener,
} from '../contract/socket.ts';
import type { Holdings } from './holdings.ts';

const OPEN = 1;
/** Messages handed over and not yet taken. */
const WINDOW = { messages: 32, bytes: 1024 * 1024 } as const;
/** A message costs this much beside its bytes. */
const EACH_BYTES = 128;
/** Before the payload of a ping from a client. Servers send four bytes less, which is not worth a difference. */
const CONTROL_HEAD_BYTES = 6;
/** Less than this waiting for a reader is not worth a word, nor does a ping have to wait for it. */
const FEW_BYTES = 64 * 1024;

export interface LinePorts {
  readonly clock: Clock;
  readonly holdings: Holdings;
}

export class Line implements SocketLine {
  readonly #ws: WebSocket;
  readonly #ports: LinePorts;
  #listener: SocketListener | null;
  /** Arrived and not yet handed over. */
  #queue: SocketData[] = [];
  /** Sizes of what was handed over and is not yet taken, oldest first. */
  #window: number[] = [];
  #windowBytes = 0;
  #queueBytes = 0;
  /** Of a message that has not arrived whole. */
  #partBytes = 0;
  #messageCame = false;
  /** Of pings and pongs among what arrived: they are gone. */
  #controlBytes = 0;
  #heard = true;
  #heldBytes = 0;
  #toldBytes = 0;
  #error: string | null = null;
  #overflow: SocketEnd | null = null;
  #end: SocketEnd | null = null;
  #beat: Timer;
  readonly #life: Timer;

  /** `socket`: what `ws` runs on. */
  constructor(ws: WebSocket, socket: Duplex, listener: SocketListener, ports: LinePorts) {
    this.#ws = ws;
    this.#listener = listener;
    this.#ports = ports;
    this.#beat = ports.clock.after(SOCKET_PING_MS, this.#pulse);
    this.#life = ports.clock.after(SOCKET_MS, () =>
      this.close(1001, `A socket may be open for ${SOCKET_MS / 60_000} minutes`),
    );
    ws.on('message', (data: Buffer, binary: boolean) => this.#message(data, binary));
    ws.on('pong', (data: Buffer) => this.#control(data));
    ws.on('ping', (data: Buffer) => {
      this.#control(data);
      // Only the last of many pings needs its answer; a peer that sends them and reads nothing gets none.
      if (ws.readyState === OPEN && ws.bufferedAmount < FEW_BYTES) ws.pong(data);
    });
    ws.on('error', (error: Error) => {
      this.#error ??= error.message;
    });
    ws.on('close', (code: number, reason: Buffer) => this.#closed(code, reason.toString('utf8')));
    // After the library's own listener: what made no message whole is still waiting for the rest of one.
    socket.on('data', (chunk: Uint8Array) => {
      this.#heard = true;
      const part = this.#partBytes + chunk.byteLength - this.#controlBytes;
      this.#partBytes = this.#messageCame ? 0 : Math.max(0, part);
      this.#messageCame = false;
      this.#controlBytes = 0;
      this.#account();
    });
  }

  send(data: SocketData): void {
    const ws = this.#ws;
    if (ws.readyState !== OPEN) return;
    ws.send(data, this.#sent);
    const waiting = ws.bufferedAmount;
    if (waiting > SOCKET_HELD_BYTES) {
      this.#cut(1013, `${SOCKET_HELD_BYTES} bytes wait for a reader that is too slow`);
      return;
    }
    this.#account();
    if (waiting < FEW_BYTES || waiting < 2 * this.#toldBytes) return;
    this.#toldBytes = waiting;
    this.#listener?.held(waiting);
  }

  close(code: number | null, reason: string): void {
    const ws = this.#ws;
    if (ws.readyState !== OPEN) return;
    if (code === null) ws.close();
    else ws.close(code, reason);
    // Its answer has to be read.
    ws.resume();
  }

  taken(): void {
    const bytes = this.#window.shift();
    if (bytes === undefined) return;
    this.#windowBytes -= bytes;
    this.#deliver();
    this.#account();
  }

  leave(code: number): void {
    this.#listener = null;
    this.#queue = [];
    this.#queueBytes = 0;
    this.#window = [];
    this.#windowBytes = 0;
    this.close(code, '');
    this.#account();
  }

  #message(data: Buffer, binary: boolean): void {
    this.#messageCame = true;
    if (this.#listener === null) return;
    // Whoever has closed is owed no more than what was on the way.
    if (this.#isFull && this.#ws.readyState !== OPEN) return;
    // A copy of its own: the library's may be a window on a larger buffer.
    this.#queue.push(binary ? new Uint8Array(data) : data.toString('utf8'));
    this.#queueBytes += data.byteLength + EACH_BYTES;
    this.#deliver();
    this.#account();
  }

  #control(data: Buffer): void {
    this.#controlBytes += data.byteLength + CONTROL_HEAD_BYTES;
  }

  get #isFull(): boolean {
    return this.#window.length >= WINDOW.messages || this.#windowBytes >= WINDOW.bytes;
  }

  #deliver(): void {
    while (this.#queue.length > 0 && !this.#isFull) {
      const data = this.#queue.shift()!;
      const bytes = sizeOf(data);
      this.#queueBytes -= bytes;
      this.#windowBytes += bytes;
      this.#window.push(bytes);
      this.#listener?.message(data);
    }
    if (this.#queue.length > 0) {
      if (this.#ws.readyState === OPEN) this.#ws.pause();
      return;
    }
    if (this.#ws.isPaused) this.#ws.resume();
    if (this.#end !== null) this.#tellEnd(this.#end);
  }

  /** What was written has left, or never will. */
  readonly #sent = (): void => {
    this.#account();
    if (this.#toldBytes === 0 || this.#ws.readyState !== OPEN || this.#ws.bufferedAmount >= FEW_BYTES) return;
    this.#toldBytes = 0;
    this.#listener?.held(0);
  };

  /** Every 30 s: a peer that has said nothing since the last ping is gone. */
  readonly #pulse = (): void => {
    const ws = this.#ws;
    // Nothing is read while the listener takes its time.
    if (!this.#heard && !ws.isPaused) {
      this.#cut(1006, 'A ping was not answered');
      return;
    }
    this.#heard = false;
    if (ws.readyState === OPEN && ws.bufferedAmount < FEW_BYTES) ws.ping();
    this.#beat = this.#ports.clock.after(SOCKET_PING_MS, this.#pulse);
  };

  #account(): void {
    const over = this.#end !== null;
    const held = this.#partBytes + this.#queueBytes + this.#windowBytes + (over ? 0 : this.#ws.bufferedAmount);
    const more = held - this.#heldBytes;
    if (more === 0) return;
    this.#heldBytes = held;
    if (!this.#ports.holdings.change(more) && !over) this.#cut(1013, 'The host holds too much for WebSockets');
  }

  /** Without a handshake: it would have to wait behind what the peer does not read. */
  #cut(code: number, reason: string): void {
    this.#overflow ??= { code, reason, clean: false, error: reason };
    this.#ws.terminate();
  }

  #closed(code: number, reason: string): void {
    this.#beat.cancel();
    this.#life.cancel();
    this.#partBytes = 0;
    const broke = code === 1006 ? (this.#error ?? 'The connection broke off') : null;
    this.#end = this.#overflow ?? { code, reason, clean: code !== 1006, error: broke };
    this.#deliver();
    this.#account();
  }

  #tellEnd(end: SocketEnd): void {
    const listener = this.#listener;
    this.#listener = null;
    this.#window = [];
    this.#windowBytes = 0;
    listener?.ended(end);
  }
}

function sizeOf(data: SocketData): number {
  return (typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength) + EACH_BYTES;
}
