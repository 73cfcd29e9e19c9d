/// <reference path="./ws.d.ts" />
/**
 * WebSockets of the host: connections that clients upgraded to and connections made for guests, all lines of one kind.
 * No extensions: what a peer sends is as long as it says, and compression has no state to fill memory with. Who may
 * connect where, and what a message is for, is decided elsewhere.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type FrameRules, WebSocket, WebSocketServer } from 'ws';
import type { HeaderList } from '../contract/invocation.ts';
import { SOCKET_CLOSE_MS, SOCKET_MESSAGE_BYTES, type SocketEnd, type SocketListener } from '../contract/socket.ts';
import { Holdings } from './holdings.ts';
import { Line, type LinePorts } from './line.ts';

/** All sockets together. */
const HOLDINGS_BYTES = 256 * 1024 * 1024;
/** Of one message; each is an object of its own. */
const MAX_FRAGMENTS = 4096;
const HANDSHAKE_MS = 10_000;

/** A request to upgrade whose handshake is in order, and what answers it. */
export interface AcceptOrder {
  readonly incoming: IncomingMessage;
  readonly socket: Duplex;
  /** What the client sent after its request. */
  readonly early: Uint8Array;
  /** Of the response, beside those of the handshake. */
  readonly headers: HeaderList;
  /** One of those the client offered, or `null`. */
  readonly protocol: string | null;
  /** Longest message. */
  readonly maxBytes: number;
}

export interface ConnectOrder {
  /** Begins with ws: or wss:. */
  readonly url: string;
  readonly protocols: readonly string[];
  readonly headers: HeaderList;
  /** Connected, and encrypted where the URL says so. */
  readonly socket: Duplex;
  readonly maxBytes: number;
}

export class Sockets {
  readonly #ports: LinePorts;
  /** Those that clients opened. */
  readonly #served: Set<Line> = new Set();

  constructor(clock: LinePorts['clock'], holdings: Holdings = new Holdings(HOLDINGS_BYTES)) {
    this.#ports = { clock, holdings };
  }

  /** Answers 101. `listener` hears of the end in any case. */
  accept(order: AcceptOrder, listener: SocketListener): void {
    const { incoming, socket, early, headers, protocol, maxBytes } = order;
    const server = new WebSocketServer({
      ...rules(maxBytes),
      noServer: true,
      clientTracking: false,
      handleProtocols: () => protocol ?? false,
    });
    server.on('headers', (lines: string[]) => {
      for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
    });
    const gone = (): void => listener.ended(broken('The client has gone'));
    socket.once('close', gone);
    server.handleUpgrade(incoming, socket, early, (ws) => {
      socket.off('close', gone);
      const line = new Line(ws, socket, listener, this.#ports);
      this.#served.add(line);
      ws.on('close', () => this.#served.delete(line));
      listener.opened(line, ws.protocol, []);
    });
  }

  /** Asks the server at the other end of `order.socket`. Throws what the library says of URL and protocols. */
  connect(order: ConnectOrder, listener: SocketListener): void {
    const { socket } = order;
    const headers: Record<string, string> = {};
    for (let i = 0; i < order.headers.length; i += 2) {
      const name = order.headers[i]!;
      headers[name] = headers[name] === undefined ? order.headers[i + 1]! : `${headers[name]}, ${order.headers[i + 1]}`;
    }
    const ws = new WebSocket(order.url, order.protocols, {
      ...rules(order.maxBytes),
      headers,
      handshakeTimeout: HANDSHAKE_MS,
      createConnection: () => socket,
    });
    let answer: HeaderList = [];
    ws.on('upgrade', (response: IncomingMessage) => {
      answer = plain(response.rawHeaders);
    });
    const failed = (error: Error): void => {
      ws.removeAllListeners('close').removeAllListeners('open');
      socket.destroy();
      listener.ended(broken(said(error)));
    };
    ws.once('error', failed);
    ws.once('open', () => {
      ws.off('error', failed);
      listener.opened(new Line(ws, socket, listener, this.#ports), ws.protocol, answer);
    });
  }

  /** The host goes: clients are told to connect again, which they will find another host for. */
  leave(): void {
    for (const line of this.#served) line.close(1001, 'The host is going away');
  }
}

function rules(maxBytes: number): FrameRules {
  return {
    // 0 would mean: none.
    maxPayload: Math.max(1, Math.min(maxBytes, SOCKET_MESSAGE_BYTES)),
    maxFragments: MAX_FRAGMENTS,
    perMessageDeflate: false,
    // By the line, which knows when it would only pile up.
    autoPong: false,
    closeTimeout: SOCKET_CLOSE_MS,
  };
}

function broken(error: string): SocketEnd {
  return { code: 1006, reason: '', clean: false, error };
}

/** The reason without addresses of the host. */
function said(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined || code.startsWith('WS_') ? error.message : `the connection failed: ${code}`;
}

function plain(raw: readonly string[]): HeaderList {
  return raw.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text.replace(/[\r\n\0]/g, ' ')));
}
