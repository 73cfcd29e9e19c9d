/**
 * A request to leave HTTP for a WebSocket (RFC 6455 §4), up to the 101. The handshake is judged before anything starts;
 * whether it succeeds is the function's decision. Until then the client has nothing to say: what it sends ahead is kept
 * up to a little, beyond which it is cut.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { HeaderList } from '../contract/invocation.ts';
import type { AnswerSocket, SocketListener } from '../contract/socket.ts';
import type { Refusal } from './refusal.ts';

const EARLY_BYTES = 16 * 1024;
const MAX_PROTOCOLS = 100;
const KEY = /^[+/0-9A-Za-z]{22}==$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** What the door asks whoever speaks the protocol. */
export interface SocketDoor {
  /** Answers 101. `listener` hears of the end in any case. */
  accept(
    order: {
      readonly incoming: IncomingMessage;
      readonly socket: Socket;
      /** What the client sent after its request. */
      readonly early: Uint8Array;
      /** Of the response, beside those of the handshake. */
      readonly headers: HeaderList;
      /** One of those the client offered, or `null`. */
      readonly protocol: string | null;
      readonly maxBytes: number;
    },
    listener: SocketListener,
  ): void;
  /** The host goes: all are closed with 1001. */
  leave(): void;
}

/**
 * Whether a request is one for the door of this file; any other `Upgrade` is ignored, as HTTP allows. One with a body is
 * not: Node would hand over a stream in place of its connection.
 */
export function asksForWebSocket({ method, headers }: IncomingMessage): boolean {
  const bodiless = headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0';
  return method === 'GET' && bodiless && headers.upgrade?.toLowerCase() === 'websocket';
}

export class Upgrade {
  /** Longest message the function is sent. */
  maxBytes = 0;
  readonly #incoming: IncomingMessage;
  readonly #socket: Socket;
  readonly #door: SocketDoor;
  #early: Buffer[] = [];
  #earlyBytes = 0;

  constructor(incoming: IncomingMessage, socket: Socket, first: Buffer, door: SocketDoor) {
    this.#incoming = incoming;
    this.#socket = socket;
    this.#door = door;
    // Node has taken its own listener away.
    socket.on('error', () => {});
    this.#take(first);
    socket.on('data', this.#take);
    // Without a half that listens there is no socket to open: the client has gone.
    socket.once('end', this.#gone);
  }

  /** Why the handshake is refused, or `null`. */
  get flaw(): Refusal | null {
    const { headers } = this.#incoming;
    if (headers['sec-websocket-version'] !== '13') return 'upgrade_version';
    if (!KEY.test(headers['sec-websocket-key'] ?? '') || this.#offered === null) return 'bad_upgrade';
    return null;
  }

  /** The function has accepted: the connection is the socket's from here on. */
  complete(headers: HeaderList, guest: AnswerSocket): void {
    const socket = this.#socket;
    socket.off('data', this.#take).off('end', this.#gone);
    let protocol: string | null = null;
    const kept: string[] = [];
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i]!;
      const value = headers[i + 1]!;
      if (name === 'sec-websocket-protocol') protocol ??= this.#offered?.find((one) => one === value.trim()) ?? null;
      // A 101 has no body to describe, and the rest of the handshake is the host's.
      else if (!name.startsWith('sec-websocket-') && name !== 'content-type') kept.push(name, value);
    }
    const early = Buffer.concat(this.#early);
    const order = { incoming: this.#incoming, socket, early, headers: kept, protocol, maxBytes: this.maxBytes };
    this.#door.accept(order, guest);
  }

  /** Subprotocols, in the client's order; `null`: not a list of them. */
  get #offered(): readonly string[] | null {
    const value = this.#incoming.headers['sec-websocket-protocol'];
    if (value === undefined) return [];
    const list = value.split(',').map((one) => one.trim());
    const valid = list.length <= MAX_PROTOCOLS && new Set(list).size === list.length;
    return valid && list.every((one) => TOKEN.test(one)) ? list : null;
  }

  readonly #take = (chunk: Buffer): void => {
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes > EARLY_BYTES) this.#socket.destroy();
    else if (chunk.length > 0) this.#early.push(chunk);
  };

  readonly #gone = (): void => {
    this.#socket.destroy();
  };
}
