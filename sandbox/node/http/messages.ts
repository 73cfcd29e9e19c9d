/** What node:http's requests and responses share: heads that are set, heads that were received, the socket both talk of. */
import { Buffer } from '../buffer/buffer.ts';
import { coded, invalidArgType } from '../errors.ts';
import { EventEmitter } from '../events.ts';
import streams from '../stream.ts';

const { Readable, Writable } = streams;
export type HeaderValue = string | number | readonly string[];

const TOKEN = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/;
export const validateHeaderName = (name: unknown, label = 'Header name'): void => {
  if (typeof name !== 'string' || !TOKEN.test(name)) {
    throw coded(TypeError, 'ERR_INVALID_HTTP_TOKEN', `${label} must be a valid HTTP token ["${String(name)}"]`);
  }
};
export const validateHeaderValue = (name: string, value: unknown): void => {
  if (value === undefined) {
    throw coded(TypeError, 'ERR_HTTP_INVALID_HEADER_VALUE', `Invalid value "${value}" for header "${name}"`);
  }
  if (/[^\t\x20-\x7e\x80-\xff]/.test(String(value))) {
    throw coded(TypeError, 'ERR_INVALID_CHAR', `Invalid character in header content ["${name}"]`);
  }
};

/** There is no socket; packages set timeouts on it and listen to its end. */
export class Socket extends (EventEmitter as unknown as typeof import('node:events').EventEmitter) {
  readonly encrypted: boolean;
  readonly authorized = true;
  readonly remoteAddress = undefined;
  readonly writableLength = 0;
  connecting = false;
  destroyed = false;
  constructor(encrypted: boolean) {
    super();
    this.encrypted = encrypted;
  }
  setKeepAlive(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  destroy(): this {
    this.destroyed = true;
    return this;
  }
}

/** A response as it was received. */
export class IncomingMessage extends Readable {
  readonly httpVersion = '1.1';
  readonly httpVersionMajor = 1;
  readonly httpVersionMinor = 1;
  readonly headers: Record<string, string | string[]> = {};
  readonly headersDistinct: Record<string, string[]> = {};
  readonly rawHeaders: string[] = [];
  readonly trailers: Record<string, string> = {};
  readonly trailersDistinct: Record<string, string[]> = {};
  readonly rawTrailers: string[] = [];
  readonly socket: Socket;
  aborted = false;
  complete = false;
  method: string | null = null;
  url = '';
  statusCode: number | null = null;
  statusMessage: string | null = null;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | null;

  constructor(socket: Socket, response?: Response) {
    super();
    this.socket = socket;
    this.#reader = response?.body?.getReader() ?? null;
    if (response === undefined) return;
    this.statusCode = response.status;
    this.statusMessage = response.statusText;
    for (const [name, value] of response.headers) {
      if (name === 'set-cookie') continue;
      this.headers[name] = value;
      this.headersDistinct[name] = [value];
      this.rawHeaders.push(name, value);
    }
    const cookies = response.headers.getSetCookie();
    if (cookies.length === 0) return;
    this.headers['set-cookie'] = cookies;
    this.headersDistinct['set-cookie'] = cookies;
    for (const cookie of cookies) this.rawHeaders.push('set-cookie', cookie);
  }
  get connection(): Socket {
    return this.socket;
  }
  setTimeout(_ms: number, callback?: () => void): this {
    if (callback !== undefined) this.once('timeout', callback);
    return this;
  }
  override _read(): void {
    if (this.#reader === null) {
      this.#finish();
      return;
    }
    this.#reader.read().then(
      ({ done, value }) => {
        if (done) this.#finish();
        else this.push(Buffer.from(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength));
      },
      (error: Error) => {
        this.aborted = true;
        this.destroy(coded(Error, 'ECONNRESET', 'aborted', { cause: error }));
      },
    );
  }
  #finish(): void {
    this.complete = true;
    this.push(null);
  }
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.complete) {
      this.aborted = true;
      this.#reader?.cancel().catch(() => {});
      this.emit('aborted');
    }
    callback(error);
  }
}

/** Headers that are being set, in the case in which they were given. */
export class OutgoingMessage extends Writable {
  headersSent = false;
  sendDate = false;
  shouldKeepAlive = true;
  readonly #headers = new Map<string, { name: string; value: HeaderValue }>();

  setHeader(name: string, value: HeaderValue): this {
    if (this.headersSent)
      throw coded(Error, 'ERR_HTTP_HEADERS_SENT', 'Cannot set headers after they are sent to the client');
    validateHeaderName(name);
    validateHeaderValue(name, value);
    this.#headers.set(name.toLowerCase(), { name, value });
    return this;
  }
  setHeaders(headers: Headers | Map<string, HeaderValue>): this {
    if (!(headers instanceof Headers) && !(headers instanceof Map))
      throw invalidArgType('headers', ['Headers', 'Map'], headers);
    for (const [name, value] of headers) this.setHeader(name, value);
    return this;
  }
  appendHeader(name: string, value: HeaderValue): this {
    const before = this.getHeader(name);
    const list = (one: HeaderValue): string[] => (Array.isArray(one) ? [...one] : [String(one)]);
    return this.setHeader(name, before === undefined ? value : [...list(before), ...list(value)]);
  }
  getHeader(name: string): HeaderValue | undefined {
    return this.#headers.get(name.toLowerCase())?.value;
  }
  hasHeader(name: string): boolean {
    return this.#headers.has(name.toLowerCase());
  }
  removeHeader(name: string): void {
    this.#headers.delete(name.toLowerCase());
  }
  getHeaderNames(): string[] {
    return [...this.#headers.keys()];
  }
  getRawHeaderNames(): string[] {
    return [...this.#headers.values()].map(({ name }) => name);
  }
  getHeaders(): Record<string, HeaderValue> {
    const all = [...this.#headers].map(([name, { value }]) => [name, value]);
    return Object.assign(Object.create(null) as object, Object.fromEntries(all)) as Record<string, HeaderValue>;
  }
  addTrailers(): void {}
  flushHeaders(): void {}
  protected webHeaders(): Headers {
    const headers = new Headers();
    for (const { name, value } of this.#headers.values()) {
      for (const one of Array.isArray(value) ? value : [value]) headers.append(name, String(one));
    }
    return headers;
  }
}
