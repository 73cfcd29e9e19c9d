/**
 * The client half of node:http and node:https on `fetch`: a request goes out whole once it has ended, redirects are the
 * caller's to follow, bodies come unpacked. Agents hold settings and no sockets.
 */
import { missing } from '../absent.ts';
import { Buffer } from '../buffer/buffer.ts';
import { coded, invalidArgType } from '../errors.ts';
import { EventEmitter } from '../events.ts';
import { urlToHttpOptions } from '../url.ts';
import { type HeaderValue, IncomingMessage, OutgoingMessage, Socket } from './messages.ts';

export interface Options {
  readonly protocol?: string | null;
  readonly host?: string | null;
  readonly hostname?: string | null;
  readonly port?: number | string | null;
  readonly path?: string | null;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, HeaderValue | undefined>> | readonly string[];
  readonly auth?: string | null;
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  readonly agent?: unknown;
}
type OnResponse = (response: IncomingMessage) => void;
/** The host sets these by itself. */
const OWN = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

export class Agent extends (EventEmitter as unknown as typeof import('node:events').EventEmitter) {
  readonly options: object;
  readonly defaultPort: number = 80;
  readonly protocol: string = 'http:';
  readonly requests = {};
  readonly sockets = {};
  readonly freeSockets = {};
  keepAlive = false;
  maxSockets: number = Number.POSITIVE_INFINITY;
  maxFreeSockets = 256;
  maxTotalSockets: number = Number.POSITIVE_INFINITY;
  readonly createConnection: unknown = missing('node:http.Agent.createConnection', 'there are no raw sockets here');
  constructor(options: object = {}) {
    super();
    this.options = { ...options };
    Object.assign(this, options);
  }
  getName({ host = 'localhost', port = '' }: { host?: string; port?: number | string } = {}): string {
    return `${host}:${port}:`;
  }
  destroy(): void {}
}

const plain = (url: string | URL | Options): Options => {
  if (typeof url === 'string') return urlToHttpOptions(new URL(url)) as Options;
  return url instanceof URL ? (urlToHttpOptions(url) as Options) : url;
};

export class ClientRequest extends OutgoingMessage {
  readonly method: string;
  readonly protocol: string;
  readonly host: string;
  readonly path: string;
  readonly agent: unknown;
  readonly socket: Socket;
  readonly maxHeadersCount = null;
  readonly reusedSocket = false;
  aborted = false;
  res: IncomingMessage | null = null;
  readonly #url: string;
  readonly #chunks: Uint8Array[] = [];
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(protocol: string, options: Options, onResponse: OnResponse | undefined) {
    // The request's end is not the end of the exchange.
    super({ decodeStrings: true, autoDestroy: false });
    this.method = (options.method ?? 'GET').toUpperCase();
    this.protocol = options.protocol ?? (options.agent as { protocol?: string } | undefined)?.protocol ?? protocol;
    if (this.protocol !== 'http:' && this.protocol !== 'https:') {
      throw coded(
        TypeError,
        'ERR_INVALID_PROTOCOL',
        `Protocol "${this.protocol}" not supported. Expected "${protocol}"`,
      );
    }
    this.host = options.hostname ?? options.host ?? 'localhost';
    this.path = options.path ?? '/';
    if (/[^\x21-\xff]/.test(this.path)) {
      throw coded(TypeError, 'ERR_UNESCAPED_CHARACTERS', 'Request path contains unescaped characters');
    }
    this.agent = options.agent;
    const port = options.port ? `:${options.port}` : '';
    const name =
      this.host.includes(':') && !this.host.startsWith('[') && options.hostname != null ? `[${this.host}]` : this.host;
    this.#url = `${this.protocol}//${name}${/:\d+$/.test(name) ? '' : port}${this.path.startsWith('/') ? '' : '/'}${this.path}`;
    this.socket = new Socket(this.protocol === 'https:');
    this.#takeHeaders(options);
    if (onResponse !== undefined) this.once('response', onResponse);
    if (options.timeout !== undefined) this.setTimeout(options.timeout);
    this.#follow(options.signal);
    queueMicrotask(() => {
      if (!this.destroyed) this.emit('socket', this.socket);
    });
  }
  #takeHeaders({ headers, auth }: Options): void {
    if (Array.isArray(headers)) {
      for (let i = 0; i + 1 < headers.length; i += 2) this.appendHeader(headers[i] as string, headers[i + 1] as string);
    } else if (headers !== undefined) {
      for (const [name, value] of Object.entries(headers)) if (value !== undefined) this.setHeader(name, value);
    }
    if (auth && !this.hasHeader('authorization')) {
      this.setHeader('Authorization', `Basic ${Buffer.from(auth).toString('base64')}`);
    }
    if (!this.hasHeader('host')) this.setHeader('Host', this.host);
  }
  #follow(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const stop = (): void => {
      this.destroy(
        coded(Error, 'ABORT_ERR', 'The operation was aborted', { name: 'AbortError', cause: signal.reason }),
      );
    };
    if (signal.aborted) queueMicrotask(stop);
    else signal.addEventListener('abort', stop, { once: true });
  }
  get connection(): Socket {
    return this.socket;
  }
  setTimeout(ms: number, callback?: () => void): this {
    clearTimeout(this.#timer);
    if (callback !== undefined) this.once('timeout', callback);
    if (ms > 0) {
      this.#timer = setTimeout(() => {
        this.emit('timeout');
        this.socket.emit('timeout');
      }, ms);
    }
    return this;
  }
  setNoDelay(): void {}
  setSocketKeepAlive(): void {}
  clearTimeout(callback?: () => void): this {
    return this.setTimeout(0, callback);
  }
  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    queueMicrotask(() => this.emit('abort'));
    this.destroy();
  }
  override _write(chunk: Uint8Array, _encoding: string, callback: () => void): void {
    this.#chunks.push(chunk);
    callback();
  }
  override _final(callback: (error?: Error | null) => void): void {
    this.headersSent = true;
    this.#send().catch((error: unknown) => this.destroy(error as Error));
    callback();
  }
  async #send(): Promise<void> {
    const headers = this.webHeaders();
    for (const name of OWN) headers.delete(name);
    const bodiless = this.method === 'GET' || this.method === 'HEAD';
    const body = bodiless || this.#chunks.length === 0 ? null : (Buffer.concat(this.#chunks) as BodyInit);
    const { signal } = this.#controller;
    let response: Response;
    try {
      response = await fetch(this.#url, { method: this.method, headers, body, redirect: 'manual', signal });
    } catch (error) {
      if (this.destroyed) return;
      throw coded(Error, 'ECONNRESET', (error as Error).message, {
        cause: error,
        syscall: 'connect',
        hostname: this.host,
      });
    }
    clearTimeout(this.#timer);
    if (this.destroyed) return;
    const received = new IncomingMessage(this.socket, response);
    this.res = received;
    Object.assign(received, { req: this });
    received.once('close', () => {
      // As with a socket that is kept: listeners of this request are told of its own end first.
      this.once('close', () => this.socket.emit('close', false));
      if (!this.destroyed) this.destroy();
    });
    // Nobody wants the body, so nobody would ever read it to its end.
    if (!this.emit('response', received)) received.resume();
  }
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.socket.destroyed = true;
    if (this.res === null) {
      this.#controller.abort();
      callback(error ?? (this.headersSent || this.aborted ? coded(Error, 'ECONNRESET', 'socket hang up') : null));
      return;
    }
    if (!this.res.complete) this.res.destroy(error ?? undefined);
    callback(error);
  }
}

/** `request` and `get` of a protocol. */
export const client = (protocol: 'http:' | 'https:') => {
  const request = (
    url: string | URL | Options,
    options?: Options | OnResponse,
    onResponse?: OnResponse,
  ): ClientRequest => {
    if (url === undefined || url === null) throw invalidArgType('url', ['string', 'URL', 'Object'], url);
    const more = typeof options === 'function' ? {} : (options ?? {});
    const callback = typeof options === 'function' ? options : onResponse;
    return new ClientRequest(protocol, { ...plain(url), ...more }, callback);
  };
  const get: typeof request = (...args) => {
    const made = request(...args);
    made.end();
    return made;
  };
  return { request, get };
};
