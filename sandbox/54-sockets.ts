/**
 * The wire of WebSockets: what the host knows by a number, and the events it has for it. Small, because every isolate
 * has it; the classes a guest sees are built when one touches them (61). Ends with its invocation.
 */
import type { SocketEvent } from '../src/contract/turn.ts';
import { quote, SafeMap, SafeWeakMap } from './00-primordials.ts';
import { addChunk, box, emit, emitFinal, enter, type Invocation, type Resource } from './10-box.ts';

// late:

/** Whoever a wire was made for. */
export interface SocketUser {
  open(protocol: string, headers: string): void;
  message(data: string | Uint8Array): void;
  ended(end: {
    readonly code: number;
    readonly reason: string;
    readonly clean: boolean;
    readonly error: string | null;
  }): void;
  /** The invocation is over; nobody hears of it. */
  dropped(): void;
}

const wires = new SafeMap<number, SocketWire>();
let lastId = 0;

export class SocketWire implements Resource {
  readonly id: number;
  readonly inv: Invocation;
  readonly #user: SocketUser;
  /** Sent in the turn of this box. */
  #box: unknown = null;
  #sent = 0;
  /** Waiting in the host, as last told. */
  #held = 0;

  constructor(inv: Invocation, user: SocketUser) {
    this.id = ++lastId;
    this.inv = inv;
    this.#user = user;
    wires.set(this.id, this);
    inv.hold(this);
  }
  open(url: string, protocols: string, headers: string): void {
    emit(
      `{"c":"socket","do":"open","id":${this.id},"inv":${this.inv.id},"url":${quote(url)},` +
        `"protocols":${quote(protocols)},"headers":${quote(headers)}}`,
    );
  }
  /** Bytes of this turn, and what the host says waits for a slow reader. */
  get buffered(): number {
    return (this.#box === box ? this.#sent : 0) + this.#held;
  }
  /** `bytes` are ours already; `size` as UTF-8. */
  send(data: string | Uint8Array, size: number): void {
    if (typeof data === 'string') emit(`{"c":"socket","do":"text","id":${this.id},"text":${quote(data)}}`);
    else emit(`{"c":"socket","do":"bytes","id":${this.id},"chunk":${addChunk(data)}}`);
    if (this.#box !== box) {
      this.#box = box;
      this.#sent = 0;
    }
    this.#sent += size;
  }
  /** `code` 0: none is given. */
  close(code: number, reason: string): void {
    emitFinal(`{"c":"socket","do":"close","id":${this.id},"code":${code},"reason":${quote(reason)}}`);
  }
  deliver(event: SocketEvent, chunks: readonly Uint8Array[]): void {
    switch (event.on) {
      case 'open':
        this.#user.open(event.protocol, event.headers);
        return;
      case 'text':
        this.#take(event.text);
        return;
      case 'bytes':
        this.#take(chunks[event.chunk] as Uint8Array);
        return;
      case 'held':
        this.#held = event.bytes;
        return;
      case 'end':
        wires.delete(this.id);
        this.inv.drop(this);
        this.#user.ended(event);
        return;
      default:
        event satisfies never;
    }
  }
  release(_tell: boolean): void {
    wires.delete(this.id);
    this.#user.dropped();
  }
  #take(data: string | Uint8Array): void {
    emitFinal(`{"c":"socket","do":"taken","id":${this.id}}`);
    this.#user.message(data);
  }
}

export const deliverSocket = (event: SocketEvent, chunks: readonly Uint8Array[]): void => {
  const wire = wires.get(event.id);
  if (wire === undefined) return;
  enter(wire.inv);
  wire.deliver(event, chunks);
};

/** The inside of a WebSocket object. */
export interface SocketEnd {
  /**
   * Makes it the answer of `inv`: what the other half of its pair says goes to the client from here on. The number is
   * for the `head`, `go` follows it; `ended` comes when the socket has. Throws what the guest did wrong.
   */
  answer(inv: Invocation, ended: () => void): { readonly id: number; go(): void };
}

/** Every WebSocket object and its inside. */
export const socketEnds: SafeWeakMap<object, SocketEnd> = new SafeWeakMap();
