/**
 * The data plane's door (CONTRACT §5): HTTP in, invocations out. Node's server, Hono's app for webhooks and its router for
 * functions, over raw paths; responses are written by the exchange itself. Decides who is asked, never what is answered.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import type { WebhookSpec } from '../contract/config.ts';
import type { FunctionVersion } from '../contract/function.ts';
import { listenError } from '../contract/listen-error.ts';
import { MAX_CALL_DEPTH } from '../contract/loop.ts';
import { plainAddress, TrustedProxies } from './client-address.ts';
import { EdgeResponse, type ExchangeDoor, type Visit } from './exchange.ts';
import { FunctionDoor } from './function-door.ts';
import { receiveHook } from './hooks.ts';
import { Peers } from './peers.ts';
import {
  BACKLOG,
  EDGE_TIMEOUTS,
  type EdgeOptions,
  type EdgePorts,
  type EdgeTimeouts,
  MAX_HEADER_BYTES,
  MAX_PIPELINED,
  MAX_REQUESTS_PER_SOCKET,
  WHOLE_BODIES_BYTES,
} from './ports.ts';
import { type Refusal, rawRefusal, refuse } from './refusal.ts';
import { BodyBudget, type WholeRules } from './request-body.ts';
import { type RequestHead, readRequestHead } from './request-head.ts';
import { HeadEnd } from './response-head.ts';
import { Routes } from './routes.ts';
import { SideDoors } from './side-doors.ts';
import { Hosts, parseTarget, type Target } from './target.ts';
import { asksForWebSocket, Upgrade } from './upgrade.ts';

const FUNCTION_PREFIX = '/fn/';
const HOOK_PREFIX = '/hooks/';
/** What Hono sees of a request: its path comes from the visit. */
const ANY_REQUEST = new Request('http://localhost/');

export class Edge {
  readonly #ports: EdgePorts;
  readonly #options: EdgeOptions;
  readonly #server: Server;
  readonly #hooks: Hono<{ Bindings: EdgeResponse }>;
  readonly #proxies: TrustedProxies;
  readonly #hosts = new Hosts();
  readonly #peers: Peers;
  readonly #door: DoorState;
  readonly #functions: FunctionDoor;
  readonly #whole: Omit<WholeRules, 'limit'>;
  readonly #keepAliveMs: number;
  readonly #sockets = new Set<EdgeSocket>();
  readonly #sides: SideDoors;
  #routes = new Routes([]);
  #webhooks: ReadonlySet<string> = new Set();

  constructor(ports: EdgePorts, options: EdgeOptions) {
    const timeouts = options.timeouts ?? EDGE_TIMEOUTS;
    this.#ports = ports;
    this.#options = options;
    this.#proxies = new TrustedProxies(options.trustedProxies);
    this.#peers = new Peers(options.maxConnections);
    // Less than what they get: one that reuses a connection at its last moment is still answered.
    this.#keepAliveMs = Math.max(1000, timeouts.idleMs - 1000);
    this.#door = {
      headEnd: new HeadEnd(ports.clock, this.#keepAliveMs),
      clock: ports.clock,
      lingerMs: timeouts.lingerMs,
      drainMs: timeouts.drainMs,
      closing: false,
      clientClosed: (id) => ports.dispatch.clientClosed(id),
      failed: (outgoing, error) => this.#failed(outgoing, error),
    };
    this.#whole = { clock: ports.clock, timeoutMs: timeouts.bodyMs, budget: new BodyBudget(WHOLE_BODIES_BYTES) };
    const publicOrigin = options.publicUrl === null ? null : new URL(options.publicUrl).origin;
    this.#functions = new FunctionDoor(ports, { dev: options.dev, publicOrigin, whole: this.#whole }, this.#door);
    this.#hooks = this.#createHooks();
    this.#server = this.#createServer(timeouts);
    const room = (): boolean => this.#sockets.size < options.maxConnections;
    this.#sides = new SideDoors(this.#server, room, (error) => ports.fault?.(error));
  }

  /**
   * Rejects with `PORT_IN_USE`, `PORT_DENIED` or `CONFIG_INVALID`. `fd`: a bound socket that somebody else owns; it
   * outlives this server.
   */
  listen(fd: number | null = null): Promise<{ url: string; port: number }> {
    const { host, port } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<{ url: string; port: number }>();
    const failed = (error: Error): void => reject(listenError('data', error, host, port));
    this.#server.once('error', failed);
    const bind = fd === null ? { host, port } : { fd };
    // As an argument: among the options it would be ignored beside a file descriptor.
    this.#server.listen(bind, BACKLOG, () => {
      this.#server.off('error', failed).on('error', (error) => this.#ports.fault?.(error));
      const bound = (this.#server.address() as AddressInfo).port;
      resolve({ url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`, port: bound });
    });
    return promise;
  }

  /** Accepts from a further bound socket until what it returns is called. Connections it took stay. */
  listenBeside(fd: number): () => void {
    return this.#sides.open(fd);
  }

  /** What is served from the next request on; requests under way keep their version. */
  setFunctions(versions: readonly FunctionVersion[], webhooks: readonly WebhookSpec[]): void {
    this.#routes = new Routes(versions);
    this.#webhooks = new Set(webhooks.map((webhook) => webhook.name));
  }

  /** Requests being answered. */
  get inFlight(): number {
    let count = 0;
    for (const socket of this.#sockets) if (socket[ANSWERING]) count++;
    return count;
  }

  /**
   * Stops accepting, lets what is in flight be answered, cuts what is left after `graceMs`. For `idleMs` connections
   * that wait for their client stay open for one more answer, so that none is cut as a request arrives on it.
   */
  async close(graceMs: number, idleMs: number = 0): Promise<void> {
    if (!this.#server.listening) return;
    this.#door.closing = true;
    this.#ports.sockets.leave();
    // Not the HTTP server's own close: it destroys connections whose last answer is still being sent.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(this.#server, () => resolve()));
    const beside = this.#sides.close();
    const dismiss = (): void => {
      for (const socket of this.#sockets) if (!socket[ANSWERING] && !socket[UPGRADED]) socket.destroySoon();
    };
    const { clock } = this.#ports;
    const idle = idleMs > 0 ? clock.after(Math.min(idleMs, graceMs), dismiss) : null;
    if (idle === null) dismiss();
    const timer = clock.after(graceMs, () => {
      for (const socket of this.#sockets) socket.destroy();
    });
    await Promise.all([closed, beside]);
    timer.cancel();
    idle?.cancel();
    this.#server.close();
  }

  /**
   * The doors of webhooks. It is called with Node's own response: the adaptor for Node's server would make a Request that
   * nobody reads and a second answer that nobody sends. Functions are found by Hono's TrieRouter alone (`routes.ts`).
   */
  #createHooks(): Hono<{ Bindings: EdgeResponse }> {
    const app = new Hono<{ Bindings: EdgeResponse }>({ getPath: (_request, at) => at?.env?.visit?.path ?? '/' });
    app.all(`${HOOK_PREFIX}*`, async (c) => {
      await this.#serveHook(c.env, c.env.visit!);
      return RESPONSE_ALREADY_SENT;
    });
    app.onError((error, c) => {
      this.#failed(c.env, error);
      return RESPONSE_ALREADY_SENT;
    });
    return app;
  }

  #createServer(timeouts: EdgeTimeouts): Server {
    const server = createServer(
      {
        ServerResponse: EdgeResponse as unknown as typeof ServerResponse,
        maxHeaderSize: MAX_HEADER_BYTES,
        insecureHTTPParser: false,
        requireHostHeader: true,
        optimizeEmptyRequests: true,
        shouldUpgradeCallback: asksForWebSocket,
        headersTimeout: timeouts.headersMs,
        // Off: it would also end slow uploads that a function reads at its own pace. Bodies have their own limits:
        // whole ones `bodyMs`, streamed ones `idleMs` while the function waits and its wall limit altogether.
        requestTimeout: 0,
        // Off: it would set two timers for every request. `timeout` below watches idle connections, too.
        keepAliveTimeout: 0,
        connectionsCheckingInterval: Math.ceil(Math.min(5000, timeouts.headersMs / 3)),
      },
      (incoming, outgoing) => this.#arrive(incoming, outgoing as unknown as EdgeResponse),
    );
    server.timeout = timeouts.idleMs;
    server.maxConnections = this.#options.maxConnections;
    // All of them: `maxHeaderSize` bounds their number, and silently dropping the rest would hide some from us.
    server.maxHeadersCount = 0;
    server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
    server.on('connection', (socket: EdgeSocket) => this.#connected(socket));
    server.on('timeout', onIdle);
    server.on('checkContinue', (incoming, outgoing) => server.emit('request', incoming, outgoing));
    server.on('upgrade', (incoming, socket, first) => this.#arriveUpgrade(incoming, socket as EdgeSocket, first));
    server.on('connect', (_incoming, socket) => {
      socket.on('error', () => {});
      socket.end(rawRefusal('not_supported'));
    });
    return server;
  }

  #connected(socket: EdgeSocket): void {
    const peer = plainAddress(socket.remoteAddress ?? '');
    const counted = !this.#proxies.trusts(peer);
    if (counted && !this.#peers.take(peer)) {
      socket.destroy();
      return;
    }
    socket[ANSWERING] = null;
    socket[PEER] = peer;
    socket[PIPELINED] = 0;
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (counted) this.#peers.give(peer);
    });
  }

  /**
   * The gate before Hono. One connection is served one request at a time: pipelined ones wait for their turn, so that
   * a single packet cannot start a thousand invocations.
   */
  #arrive(incoming: IncomingMessage, outgoing: EdgeResponse): void {
    if (outgoing.socket === null) {
      const socket: EdgeSocket = incoming.socket;
      socket[PIPELINED]! += 1;
      if (socket[PIPELINED]! > MAX_PIPELINED) {
        // Node reads on and on while the first of them is served; each is an object it keeps.
        socket.destroy();
        return;
      }
      outgoing.once('socket', () => {
        socket[PIPELINED]! -= 1;
        this.#arrive(incoming, outgoing);
      });
      return;
    }
    (outgoing.socket as EdgeSocket)[ANSWERING] = outgoing;
    outgoing.edge = this;
    // What Node says in heads it writes itself.
    (outgoing as { _keepAliveTimeout?: number })._keepAliveTimeout = this.#keepAliveMs;
    outgoing.on('close', onClose);
    const head = readRequestHead(incoming);
    const visit = this.#visitOf(incoming, head, false);
    if (typeof visit === 'string') {
      refuse(outgoing, head, visit, this.#door);
      return;
    }
    outgoing.visit = visit;
    this.#serve(outgoing);
  }

  /** A request for a WebSocket, on a connection that Node has let go of. What is not upgraded is answered and closed. */
  #arriveUpgrade(incoming: IncomingMessage, socket: EdgeSocket, first: Buffer): void {
    const upgrade = new Upgrade(incoming, socket, first, this.#ports.sockets);
    if (socket[ANSWERING]) {
      // It did not wait for its answer; the two would be written into each other.
      socket.destroy();
      return;
    }
    const outgoing = new EdgeResponse(incoming);
    outgoing.shouldKeepAlive = false;
    outgoing.assignSocket(socket);
    outgoing.once('finish', () => socket.destroySoon());
    socket[ANSWERING] = outgoing;
    outgoing.edge = this;
    outgoing.upgrade = upgrade;
    outgoing.on('close', onClose);
    const head = readRequestHead(incoming);
    const visit = upgrade.flaw ?? this.#visitOf(incoming, head, true);
    if (typeof visit === 'string') {
      refuse(outgoing, head, visit, this.#door);
      return;
    }
    outgoing.visit = visit;
    this.#serve(outgoing);
  }

  #visitOf(incoming: IncomingMessage, head: RequestHead, upgrades: boolean): Visit | Refusal {
    if (incoming.method === 'TRACE') return 'not_supported';
    // One that is in order comes by another way.
    if (head.wantsWebSocket !== upgrades) return 'bad_upgrade';
    const target: Target | null = parseTarget(incoming.url ?? '');
    const host = target?.authority ?? head.host;
    const hostName = host === null || head.flawed ? null : this.#hosts.nameOf(host);
    if (target === null || host === null || hostName === null) return 'bad_request';
    // Two names for one request: a proxy on the way may have judged the other one.
    if (target.authority !== null && head.host?.toLowerCase() !== host.toLowerCase()) return 'bad_request';
    if (head.depth > MAX_CALL_DEPTH) return 'loop_detected';
    const peer = (incoming.socket as EdgeSocket)[PEER] ?? '';
    const proxied = this.#proxies.trusts(peer);
    return {
      head,
      path: target.path,
      query: target.query,
      host,
      hostName,
      scheme: proxied && head.forwardedProto === 'https' ? 'https' : 'http',
      clientAddress: proxied && head.forwardedFor !== null ? this.#proxies.clientOf(peer, head.forwardedFor) : peer,
      acceptedNs: this.#ports.clock.nowNs(),
    };
  }

  #serve(outgoing: EdgeResponse): void {
    try {
      const visit = outgoing.visit!;
      if (visit.path.startsWith(HOOK_PREFIX)) void this.#hooks.fetch(ANY_REQUEST, outgoing);
      else this.#serveFunction(outgoing, visit);
    } catch (error) {
      this.#failed(outgoing, error);
    }
  }

  #serveFunction(outgoing: EdgeResponse, visit: Visit): void {
    const { path } = visit;
    if (path.startsWith(FUNCTION_PREFIX)) {
      const slash = path.indexOf('/', FUNCTION_PREFIX.length);
      const name = path.slice(FUNCTION_PREFIX.length, slash === -1 ? undefined : slash);
      const match = this.#routes.url(name);
      if (match === null) {
        refuse(outgoing, visit.head, 'not_found', this.#door);
        return;
      }
      this.#functions.enter(outgoing, visit, match, slash === -1 ? '/' : path.slice(slash));
      return;
    }
    const match = this.#routes.match(outgoing.req.method ?? '', visit.hostName, path);
    if (match === null) {
      refuse(outgoing, visit.head, 'not_found', this.#door);
      return;
    }
    this.#functions.enter(outgoing, visit, match, path);
  }

  async #serveHook(outgoing: EdgeResponse, visit: Visit): Promise<void> {
    const endpoint = visit.path.slice(HOOK_PREFIX.length);
    if (!this.#webhooks.has(endpoint)) {
      refuse(outgoing, visit.head, 'not_found', this.#door);
      return;
    }
    const target = visit.query === '' ? visit.path : `${visit.path}?${visit.query}`;
    const hook = { endpoint, target, head: visit.head, clientAddress: visit.clientAddress };
    await receiveHook(outgoing, hook, this.#ports, { door: this.#door, whole: this.#whole });
  }

  /** A response is over, sent or not. */
  responseClosed(outgoing: EdgeResponse): void {
    const socket: EdgeSocket = outgoing.req.socket;
    // A pipelined request may have taken the connection over already.
    if (socket[ANSWERING] === outgoing) socket[ANSWERING] = null;
    outgoing.exchange?.closed();
    if (this.#door.closing) socket.destroySoon();
  }

  /** From here on the connection is a socket's. */
  upgraded(outgoing: EdgeResponse): void {
    const socket = outgoing.socket as EdgeSocket;
    socket[ANSWERING] = null;
    socket[UPGRADED] = true;
    outgoing.detachSocket(socket);
  }

  #failed(outgoing: EdgeResponse, error: unknown): void {
    this.#ports.fault?.(error);
    if (outgoing.headersSent) outgoing.destroy();
    else refuse(outgoing, outgoing.visit!.head, 'internal_error', this.#door);
  }
}

function onClose(this: EdgeResponse): void {
  this.edge?.responseClosed(this);
}

/** A client somebody waits for is given up; a function at work is not, and the socket is watched again. */
function onIdle(socket: EdgeSocket): void {
  const exchange = socket[ANSWERING]?.exchange;
  if (exchange == null || exchange.waitsForClient) socket.destroy();
  else socket.setTimeout(socket.timeout ?? 0);
}

/** One request at a time is answered on a connection: this one. */
const ANSWERING = Symbol('answering');
const PEER = Symbol('peer');
/** It speaks WebSocket and is closed by those who do. */
const UPGRADED = Symbol('upgraded');
/** Requests behind the one that is answered. */
const PIPELINED = Symbol('pipelined');

interface EdgeSocket extends Socket {
  [ANSWERING]?: EdgeResponse | null;
  [PEER]?: string;
  [UPGRADED]?: boolean;
  [PIPELINED]?: number;
}

interface DoorState extends ExchangeDoor {
  closing: boolean;
}
