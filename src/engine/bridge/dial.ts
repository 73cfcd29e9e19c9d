/**
 * The connection of a WebSocket that a guest opens: the same policy, the same judged addresses, the same loop count as
 * its `fetch`. Redirects are not followed, as the WebSocket standard has it.
 */
import type { Duplex } from 'node:stream';
import type { HeaderList } from '../../contract/invocation.ts';
import type { SocketListener } from '../../contract/socket.ts';
import type { Agents } from './agents.ts';
import { checkUrl, EgressError } from './egress.ts';
import type { Terms } from './fetch.ts';
import { outgoingHeaders } from './outgoing.ts';
import type { SocketRequest } from './websocket.ts';

/** Whoever speaks the protocol over a connection that stands. */
export interface Dialer {
  connect(
    order: {
      readonly url: string;
      readonly protocols: readonly string[];
      readonly headers: HeaderList;
      readonly socket: Duplex;
      readonly maxBytes: number;
    },
    listener: SocketListener,
  ): void;
}

/** Rejects with an error whose message the guest may read. */
export async function dial(
  request: SocketRequest,
  terms: Terms,
  via: { readonly agents: Agents; readonly dialer: Dialer; readonly signal: AbortSignal },
  listener: SocketListener,
): Promise<void> {
  const { agents, dialer, signal } = via;
  try {
    const url = new URL(request.url);
    url.protocol = url.protocol.replace(/^ws/, 'http');
    checkUrl(url, terms.policy, agents.machine());
    const headers = outgoingHeaders(request.headers, terms.depth);
    const socket = await agents.connect(url, terms.policy);
    if (signal.aborted) {
      socket.destroy();
      return;
    }
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    const { protocols } = request;
    dialer.connect({ url: request.url, protocols, headers, socket, maxBytes: terms.responseBytes }, listener);
  } catch (error) {
    throw readable(error, request.url);
  }
}

function readable(error: unknown, url: string): Error {
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof EgressError) return new Error(error.message.replace(/^fetch\b/, 'WebSocket'));
  const where = URL.canParse(url) ? new URL(url).host : 'an invalid URL';
  return new Error(`WebSocket to ${where} failed${typeof code === 'string' ? `: ${code}` : ''}`);
}
