/**
 * The head of a function's response as it may leave the host. The guest chooses status and headers; framing, the
 * connection, the date and our own names are the host's. What HTTP cannot carry is refused whole, never repaired.
 */
import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';
import type { Clock } from '../contract/clock.ts';
import type { Body, HeaderList } from '../contract/invocation.ts';
import { MAX_REQUESTS_PER_SOCKET, MAX_RESPONSE_HEADER_BYTES, MAX_RESPONSE_HEADERS } from './ports.ts';

export function isStatus(status: unknown): status is number {
  return typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599;
}

/** Statuses whose responses have no body by definition. */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/**
 * The guest's headers without those that are not its own, in a list of their own; `null` when there are too many.
 * Names and values are checked by Node when they are written.
 */
export function ownHeaders(headers: HeaderList): string[] | null {
  if (headers.length > 2 * MAX_RESPONSE_HEADERS) return null;
  const own: string[] = [];
  let bytes = 0;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    const value = headers[i + 1] ?? '';
    bytes += name.length + value.length + 4;
    if (!isHostHeader(name)) own.push(name, value);
  }
  return bytes > MAX_RESPONSE_HEADER_BYTES ? null : own;
}

/** Whether Node will write them. */
export function isSendable(headers: HeaderList): boolean {
  try {
    for (let i = 0; i < headers.length; i += 2) {
      validateHeaderName(headers[i]!);
      validateHeaderValue(headers[i]!, headers[i + 1]!);
    }
    return true;
  } catch {
    return false;
  }
}

export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
}

/** The head as it goes over the wire; `end` says what the host has to say and closes it. */
export function headText(statusLine: string, headers: HeaderList, end: string): string {
  let text = statusLine;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return text + end;
}

/** Date and connection, as all answers of one second have them. */
export class HeadEnd {
  readonly #clock: Pick<Clock, 'epochMs'>;
  readonly #keepAlive: string;
  #second = -1;
  #date = '';
  #stays = '';

  /** `keepAliveMs`: what clients are told. */
  constructor(clock: Pick<Clock, 'epochMs'>, keepAliveMs: number) {
    this.#clock = clock;
    this.#keepAlive = `timeout=${Math.floor(keepAliveMs / 1000)}, max=${MAX_REQUESTS_PER_SOCKET}`;
  }

  /** `stays`: the connection takes a further request. */
  text(stays: boolean): string {
    const second = Math.floor(this.#clock.epochMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
      this.#stays = `${this.#date}Connection: keep-alive\r\nKeep-Alive: ${this.#keepAlive}\r\n\r\n`;
    }
    return stays ? this.#stays : `${this.#date}Connection: close\r\n\r\n`;
  }
}

function isHostHeader(name: string): boolean {
  switch (name) {
    case 'connection':
    case 'content-length':
    case 'date':
    case 'keep-alive':
    case 'te':
    case 'trailer':
    case 'transfer-encoding':
    case 'upgrade':
    case 'x-invocation-id':
      return true;
    default:
      return name.startsWith('proxy-');
  }
}

/**
 * The true length of what will be sent; `null`: not known, Node frames it. To HEAD a guest may announce the length of
 * a body it does not make.
 */
export function contentLength(method: string, status: number, headers: HeaderList, body: Body): number | null {
  if (status === 204 || status === 304) return null;
  if (status === 205) return 0;
  if (body instanceof Uint8Array) return body.byteLength;
  if (body !== null) return body.length;
  if (method !== 'HEAD') return 0;
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] ?? '';
    if (headers[i]!.toLowerCase() === 'content-length' && /^\d{1,15}$/.test(value)) return Number(value);
  }
  return null;
}
