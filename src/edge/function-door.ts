/**
 * Turns a routed request into an invocation: token, size, body, and what the guest will see of it. Turns away what is
 * known to be wrong before anything starts.
 */
import type { Body, Invocation } from '../contract/invocation.ts';
import { type EdgeResponse, Exchange, type ExchangeDoor, type Visit } from './exchange.ts';
import { refusalOf } from './hooks.ts';
import { type EdgePorts, WHOLE_BODY_BYTES } from './ports.ts';
import { refuse } from './refusal.ts';
import { RequestStream, readWhole, type WholeRules } from './request-body.ts';
import { bearerToken, dropHeaders, type RequestHead } from './request-head.ts';
import type { Match } from './routes.ts';

const CREDENTIALS: ReadonlySet<string> = new Set(['authorization']);

export interface FunctionDoorRules {
  /** Debug headers need no token. */
  readonly dev: boolean;
  /** `https://example.com`, or `null`. */
  readonly publicOrigin: string | null;
  readonly whole: Omit<WholeRules, 'limit'>;
}

export class FunctionDoor {
  readonly #ports: EdgePorts;
  readonly #rules: FunctionDoorRules;
  readonly #door: ExchangeDoor;

  constructor(ports: EdgePorts, rules: FunctionDoorRules, door: ExchangeDoor) {
    this.#ports = ports;
    this.#rules = rules;
    this.#door = door;
  }

  /** `guestPath`: what the function sees as its path. */
  enter(outgoing: EdgeResponse, visit: Visit, match: Match, guestPath: string): void {
    const { head } = visit;
    const { version } = match.destination;
    if (version.spec.auth === 'token') {
      const token = bearerToken(head.authorization);
      if (token === null || !this.#ports.verifyToken(token, 'invoke')) {
        this.#ports.shed?.(version, 'unauthorized');
        refuse(outgoing, head, 'unauthorized', this.#door);
        return;
      }
      // The token is between the caller and this host: with it the function could call others as the caller.
      dropHeaders(head.headers, CREDENTIALS);
    }
    const limit = version.spec.limits.requestBytes;
    if (head.contentLength !== null && head.contentLength > limit) {
      this.#ports.shed?.(version, 'payload_too_large');
      refuse(outgoing, head, 'payload_too_large', this.#door);
      return;
    }
    // A Request of the Fetch standard with GET or HEAD has no body: what a client sends with them goes unread.
    const method = outgoing.req.method;
    if (!head.hasBody || method === 'GET' || method === 'HEAD') {
      this.#invoke(outgoing, visit, match, guestPath, null);
    } else if (head.contentLength !== null && head.contentLength <= WHOLE_BODY_BYTES) {
      if (head.expectsContinue) outgoing.writeContinue();
      readWhole(outgoing.req, { ...this.#rules.whole, limit })
        .then(
          (whole) => this.#invoke(outgoing, visit, match, guestPath, whole),
          (error) => refuse(outgoing, head, refusalOf(error), this.#door),
        )
        .catch((error) => this.#door.failed(outgoing, error));
    } else {
      const begin = (): void => {
        if (head.expectsContinue && !outgoing.headersSent) outgoing.writeContinue();
      };
      const stream = new RequestStream(outgoing.req, head.contentLength, limit, begin);
      this.#invoke(outgoing, visit, match, guestPath, stream);
    }
  }

  #invoke(outgoing: EdgeResponse, visit: Visit, match: Match, guestPath: string, body: Body): void {
    const { head, query } = visit;
    const { version, source } = match.destination;
    const id = this.#ports.newId();
    const debug = this.#debugAllowed(head);
    const exchange = new Exchange(id, outgoing, head, this.#door, debug && head.debugToken !== null);
    if (body instanceof RequestStream) exchange.requestStream = body;
    outgoing.exchange = exchange;
    const { upgrade } = outgoing;
    if (upgrade !== null) {
      upgrade.maxBytes = version.spec.limits.requestBytes;
      // What functions look at to tell such a request from others.
      head.headers.push('connection', 'Upgrade', 'upgrade', 'websocket');
    }
    const method = outgoing.req.method ?? 'GET';
    const origin = match.destination.hostRouted ? null : this.#rules.publicOrigin;
    const address = `${origin ?? `${visit.scheme}://${visit.host}`}${guestPath}`;
    const invocation: Invocation = {
      id,
      requestId: id,
      attempt: 1,
      trigger: upgrade === null ? 'http' : 'websocket',
      source,
      version,
      event: {
        kind: 'fetch',
        method,
        url: query === '' ? address : `${address}?${query}`,
        headers: head.headers,
        body,
      },
      params: match.params,
      clientAddress: visit.clientAddress,
      webhook: null,
      trace: this.#ports.seed(head.traceparent, visit.clientAddress),
      http: { method, path: visit.path, query, scheme: visit.scheme, host: visit.host, userAgent: head.userAgent },
      acceptedNs: visit.acceptedNs,
      start: debug ? head.start : null,
      depth: head.depth,
      reply: exchange,
    };
    this.#ports.dispatch.invoke(invocation);
  }

  #debugAllowed(head: RequestHead): boolean {
    if (this.#rules.dev) return true;
    return head.debugToken !== null && this.#ports.verifyToken(head.debugToken, 'debug');
  }
}
