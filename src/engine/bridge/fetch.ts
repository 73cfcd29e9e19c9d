/**
 * The host half of the guest's `fetch`: one outgoing HTTP exchange under a policy, hop by hop. Redirects are followed
 * here so that every hop is checked and credentials do not cross origins.
 */
import { type Body, type ByteStream, type HeaderList, type Invocation, isStream } from '../../contract/invocation.ts';
import type { Agents } from './agents.ts';
import { readAll } from './bodies.ts';
import { type CallBody, type CallResponse, call, codingsOf, headerOf, UNDONE } from './call.ts';
import { checkUrl, EgressError, type EgressPolicy } from './egress.ts';
import { checkMethod, outgoingHeaders, withoutHeaders } from './outgoing.ts';

/** A response body at most this long crosses to its guest whole, with its head. */
export const INLINE_BYTES: number = 64 * 1024;
const MAX_HOPS = 20;
/** A request body that may have to be sent again on a 307/308 is kept up to this size. */
const REPLAYABLE_BYTES = 1024 * 1024;
/** One inside the other, bytes that cost much to unpack need never come out at the end: nothing could count them. */
const MAX_CODINGS = 1;
const CREDENTIALS = ['authorization', 'cookie', 'proxy-authorization'];
const OF_A_BODY = ['content-type', 'content-encoding', 'content-language', 'content-location'];

export interface OutgoingRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: HeaderList;
  readonly body: Body;
  readonly redirect: 'follow' | 'manual' | 'error';
}

export interface IncomingResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HeaderList;
  readonly url: string;
  readonly redirected: boolean;
  readonly body: Body;
}

/** What `invocation` may do with its fetches. */
export interface Terms {
  readonly policy: EgressPolicy;
  /** Bytes of a response after its coding was undone. */
  readonly responseBytes: number;
  /** Calls from function to function that lead to what is fetched. */
  readonly depth: number;
  /** Called before each hop after the first; throws when it may not be made. */
  hop(): void;
}

export function termsOf({ version: { spec }, depth }: Invocation, hop: () => void = () => undefined): Terms {
  const policy = { tenant: spec.tenant, allow: spec.egressAllow, privateHosts: spec.privateHosts };
  return { policy, responseBytes: spec.limits.streamedResponseBytes, depth: depth + 1, hop };
}

/** Sends one request. Rejects with an error whose message the guest may read. */
export async function exchange(
  request: OutgoingRequest,
  terms: Terms,
  agents: Agents,
  signal: AbortSignal,
): Promise<IncomingResponse> {
  checkMethod(request.method);
  const headers = outgoingHeaders(request.headers, terms.depth);
  try {
    const { response, url, hops, method } = await follow({ ...request, headers }, terms, agents, signal);
    return incoming(response, { url, redirected: hops > 0, method, limit: terms.responseBytes });
  } catch (error) {
    if (isStream(request.body)) request.body.cancel();
    throw error;
  }
}

interface Answered {
  readonly response: CallResponse;
  readonly url: URL;
  readonly hops: number;
  readonly method: string;
}

async function follow(
  request: OutgoingRequest,
  { policy, hop }: Terms,
  agents: Agents,
  signal: AbortSignal,
): Promise<Answered> {
  let url = parse(request.url);
  let { method, headers } = request;
  let body =
    isStream(request.body) && smallEnough(request.body) ? await readAll(request.body, REPLAYABLE_BYTES) : request.body;
  for (let hops = 0; ; hops++) {
    checkUrl(url, policy, agents.machine());
    const response = await send({ url, method, headers, body }, policy, agents, signal);
    const target = redirectTarget(response, url);
    if (target === null || request.redirect === 'manual') return { response, url, hops, method };
    response.body?.cancel();
    if (request.redirect === 'error')
      throw new EgressError(`fetch to ${url.host} was redirected, but redirect is "error"`);
    if (hops >= MAX_HOPS) throw new EgressError(`fetch was redirected more than ${MAX_HOPS} times`);
    const drop = response.status === 303 ? method !== 'HEAD' : response.status <= 302 && method === 'POST';
    if (drop) {
      method = 'GET';
      body = null;
      headers = withoutHeaders(headers, OF_A_BODY);
    } else if (isStream(body)) throw new EgressError('fetch cannot repeat a streamed body after a redirect');
    hop();
    if (target.origin !== url.origin) headers = withoutHeaders(headers, CREDENTIALS);
    url = target;
  }
}

async function send(
  request: { url: URL; method: string; headers: HeaderList; body: Body },
  policy: EgressPolicy,
  agents: Agents,
  signal: AbortSignal,
): Promise<CallResponse> {
  const body = isStream(request.body) ? iterate(request.body) : request.body;
  try {
    return await call({ ...request, body }, agents.agent(policy), signal);
  } catch (error) {
    throw readable(error, request.url);
  }
}

function incoming(
  response: CallResponse,
  to: { readonly url: URL; readonly redirected: boolean; readonly method: string; readonly limit: number },
): IncomingResponse {
  const codings = codingsOf(response.headers);
  if (codings.length > MAX_CODINGS) {
    response.body?.cancel();
    throw new EgressError(
      `fetch to ${to.url.host} failed: its response has ${codings.length} content codings, of which ${MAX_CODINGS} is undone`,
    );
  }
  // What has been unpacked is no longer what these say; a function that hands the response on would pass on a lie.
  const unpacked = response.body !== null && codings.some((coding) => UNDONE.has(coding));
  const headers: string[] = [];
  for (let i = 0; i < response.headers.length; i += 2) {
    const name = response.headers[i]!;
    if (unpacked && (name === 'content-encoding' || name === 'content-length')) continue;
    headers.push(name, response.headers[i + 1]!.replace(/[\r\n\0]/g, ' '));
  }
  return {
    status: response.status,
    statusText: response.statusText.replace(/[^\t\x20-\x7e]/g, ''),
    headers,
    url: to.url.href,
    redirected: to.redirected,
    body: response.body === null ? null : bodyOf(response.body, response.headers, { ...to, unpacked }),
  };
}

function bodyOf(
  body: CallBody,
  headers: HeaderList,
  facts: { readonly url: URL; readonly limit: number; readonly unpacked: boolean },
): Body {
  const whole = body.whole(Math.min(INLINE_BYTES, facts.limit));
  if (whole !== null) return whole;
  const length = Number(headerOf(headers, 'content-length') ?? Number.NaN);
  const known = Number.isSafeInteger(length) && !facts.unpacked ? length : null;
  return new NetworkBody(body, known, { host: facts.url.host, limit: facts.limit });
}

/** A response body as a pulled stream, counted as the guest gets it. */
class NetworkBody implements ByteStream {
  readonly length: number | null;
  readonly #body: CallBody;
  readonly #host: string;
  readonly #limit: number;
  #left: number;

  constructor(body: CallBody, length: number | null, facts: { readonly host: string; readonly limit: number }) {
    this.length = length;
    this.#body = body;
    this.#host = facts.host;
    this.#limit = facts.limit;
    this.#left = facts.limit;
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = await this.#next();
      if (chunk === null) return null;
      this.#left -= chunk.byteLength;
      if (this.#left < 0) {
        this.cancel();
        throw new EgressError(
          `the response of ${this.#host} is larger than ${this.#limit} bytes (limits.streamedResponseBytes)`,
        );
      }
      if (chunk.byteLength > 0) return chunk;
    }
  }

  cancel(): void {
    this.#body.cancel();
  }

  async #next(): Promise<Uint8Array | null> {
    try {
      return await this.#body.read();
    } catch {
      throw new EgressError(`the response of ${this.#host} broke off`);
    }
  }
}

function parse(text: string): URL {
  if (!URL.canParse(text)) throw new EgressError('fetch needs an absolute URL');
  return new URL(text);
}

function redirectTarget(response: CallResponse, from: URL): URL | null {
  if (![301, 302, 303, 307, 308].includes(response.status)) return null;
  const location = headerOf(response.headers, 'location');
  if (location === null || !URL.canParse(location, from)) return null;
  return new URL(location, from);
}

function smallEnough(body: ByteStream): boolean {
  return body.length !== null && body.length <= REPLAYABLE_BYTES;
}

async function* iterate(stream: ByteStream): AsyncGenerator<Uint8Array> {
  try {
    for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) yield chunk;
  } finally {
    stream.cancel();
  }
}

/** What the codes of network failures mean; the rest stand for themselves. */
const MEANINGS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the name does not exist',
  ENODATA: 'the name has no address',
  EAI_AGAIN: 'the name could not be looked up',
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the connection was cut off',
  EPIPE: 'the connection was cut off',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no response in time',
  UND_ERR_BODY_TIMEOUT: 'the body stalled',
  UND_ERR_SOCKET: 'the connection was cut off',
  UND_ERR_HEADERS_OVERFLOW: 'the response headers are too long',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is self-signed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate cannot be verified',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/** The reason without addresses or stacks of the host. */
function readable(error: unknown, url: URL): Error {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof EgressError) return at;
    const code = (at as NodeJS.ErrnoException).code;
    if (at.name === 'AbortError') return new EgressError('fetch was aborted');
    if (typeof code !== 'string') continue;
    const meaning = Object.hasOwn(MEANINGS, code) ? ` (${MEANINGS[code]})` : '';
    return new EgressError(`fetch to ${url.host} failed: ${code}${meaning}`, code);
  }
  return new EgressError(`fetch to ${url.host} failed`);
}
