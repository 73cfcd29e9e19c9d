/**
 * Servers on loopback that functions are allowed to fetch from: one that answers as badly as its path says, and one
 * that speaks raw bytes. Both remember what they saw.
 */
import { createServer, type IncomingMessage, request as outgoing, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createRawServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

const MIB = 1024 * 1024;

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Local port of the client's connection. */
  readonly connection: number;
  /** The other side went away before the answer was over. */
  broken: boolean;
}

export class Upstream {
  readonly seen: Seen[] = [];
  /** Answers connections to the raw port. */
  raw: (socket: Socket) => void = (socket) => void socket.destroy();
  /** `127.0.0.1:port` of each. */
  readonly host: string;
  readonly rawHost: string;
  readonly #close: () => void;

  private constructor(ports: readonly [number, number], close: () => void) {
    this.host = `127.0.0.1:${ports[0]}`;
    this.rawHost = `127.0.0.1:${ports[1]}`;
    this.#close = close;
  }

  static async open(): Promise<Upstream> {
    let upstream!: Upstream;
    const server = createServer((request, response) => upstream.#serve(request, response));
    const sockets = new Set<Socket>();
    const raw = createRawServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
      upstream.raw(socket);
    });
    const ports: number[] = [];
    for (const each of [server, raw]) {
      await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
      ports.push((each.address() as AddressInfo).port);
    }
    upstream = new Upstream([ports[0]!, ports[1]!], () => {
      server.closeAllConnections();
      server.close();
      for (const socket of sockets) socket.destroy();
      raw.close();
    });
    return upstream;
  }

  close(): void {
    this.#close();
  }

  /** Requests whose path begins so. */
  calls(path: string): readonly Seen[] {
    return this.seen.filter(({ url }) => url.startsWith(path));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request;
    const seen: Seen = { method, url, headers, connection: request.socket.remotePort ?? 0, broken: false };
    this.seen.push(seen);
    response.on('close', () => {
      seen.broken = !response.writableFinished;
    });
    const { pathname, searchParams } = new URL(url, 'http://upstream');
    const to = searchParams.get('to') ?? '';
    switch (pathname.split('/')[1]) {
      case 'slow':
        setTimeout(() => response.end('late'), Number(searchParams.get('ms')));
        return;
      case 'never':
        return;
      case 'endless':
        endless(response, Buffer.alloc(64 * 1024, 'x'));
        return;
      case 'drip':
        drip(response);
        return;
      case 'bomb':
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(256 * MIB)));
        return;
      case 'encodings':
        response.writeHead(200, { 'content-encoding': Array.from({ length: 100 }, () => 'gzip').join(', ') }).end('x');
        return;
      case 'headers':
        for (let i = 0; i < 2000; i++) response.setHeader(`x-${i}`, 'y'.repeat(100));
        response.end('x');
        return;
      case 'redirect':
        response.writeHead(Number(searchParams.get('status') ?? 302), { location: to, refresh: `0; url=${to}` }).end();
        return;
      case 'hops':
        response.writeHead(302, { location: '/hops' }).end();
        return;
      case 'bounce':
        bounce(to, request, response);
        return;
      default:
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ method, url, headers }));
    }
  }
}

function endless(response: ServerResponse, chunk: Buffer): void {
  while (!response.destroyed && response.write(chunk));
  if (!response.destroyed) response.once('drain', () => endless(response, chunk));
}

function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write('x'), 100);
  response.on('close', () => clearInterval(timer));
}

/** Passes a request on as a proxy does, headers and all. */
function bounce(to: string, request: IncomingMessage, response: ServerResponse): void {
  const { host: _, connection: __, ...headers } = request.headers;
  const on = outgoing(to, { method: 'GET', headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502);
    answer.pipe(response);
  });
  on.on('error', () => response.writeHead(502).end()).end();
}
