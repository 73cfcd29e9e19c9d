/**
 * Answers the doors give themselves: one table of codes, and the one way they are written. Nothing of the request is
 * repeated in them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../contract/clock.ts';
import { MAX_CALL_DEPTH } from '../contract/loop.ts';
import { SHEDS, type Shed } from '../contract/outcome.ts';
import { endLingering } from './leftover.ts';
import { LEFTOVER_BYTES } from './ports.ts';
import type { RequestHead } from './request-head.ts';

export type Refusal =
  | Shed
  | 'request_timeout'
  | 'not_supported'
  | 'bad_upgrade'
  | 'upgrade_version'
  | 'unavailable'
  | 'loop_detected'
  | 'internal_error';

interface RefusalRule {
  readonly status: number;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

const REFUSALS: Readonly<Record<Refusal, RefusalRule>> = {
  ...SHEDS,
  request_timeout: { status: 408, message: 'The request body did not arrive in time.' },
  not_supported: { status: 501, message: 'CONNECT and TRACE are not supported.' },
  bad_upgrade: { status: 400, message: 'The WebSocket handshake is malformed (RFC 6455 §4.1).' },
  upgrade_version: { status: 426, message: 'The WebSocket handshake must be of version 13.' },
  unavailable: { status: 503, message: 'The event could not be stored; send it again.', retryAfterSeconds: 1 },
  loop_detected: {
    status: 508,
    message: `Functions call each other in a circle, more than ${MAX_CALL_DEPTH} deep.`,
  },
  internal_error: { status: 500, message: 'The host failed to handle the request.' },
};

export interface RefusalContext {
  readonly clock: Clock;
  readonly lingerMs: number;
  readonly closing: boolean;
}

/** The request is not served. If much of its body is still to come, the connection goes with it. */
export function refuse(
  outgoing: ServerResponse<IncomingMessage>,
  head: RequestHead,
  code: Refusal,
  context: RefusalContext,
  retryAfterSeconds: number | undefined = REFUSALS[code].retryAfterSeconds,
): void {
  if (outgoing.headersSent || outgoing.destroyed) return;
  const incoming = outgoing.req;
  const rule = REFUSALS[code];
  const body = errorBody(code, rule.message);
  const headers = ['content-type', 'application/json', 'content-length', String(Buffer.byteLength(body))];
  if (retryAfterSeconds !== undefined) headers.push('retry-after', String(retryAfterSeconds));
  if (code === 'unauthorized') headers.push('www-authenticate', 'Bearer');
  if (code === 'upgrade_version') headers.push('sec-websocket-version', '13');
  const close = context.closing || code === 'bad_request' || code === 'request_timeout' || muchIsLeft(incoming, head);
  if (close) headers.push('connection', 'close');
  outgoing.writeHead(rule.status, headers);
  if (!head.hasBody) {
    outgoing.end(body);
    return;
  }
  outgoing.write(body);
  endLingering(incoming, outgoing, context.clock, context.lingerMs);
}

function muchIsLeft(incoming: IncomingMessage, head: RequestHead): boolean {
  if (incoming.complete || !head.hasBody) return false;
  return head.contentLength === null || head.contentLength > LEFTOVER_BYTES;
}

export function errorBody(code: string, message: string, invocationId?: string): string {
  return JSON.stringify({ error: { code, message, ...(invocationId === undefined ? {} : { invocationId }) } });
}

/** For CONNECT, where Node hands over the bare socket. */
export function rawRefusal(code: Refusal): string {
  const rule = REFUSALS[code];
  const body = errorBody(code, rule.message);
  const head = [
    `HTTP/1.1 ${rule.status} Refused`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
