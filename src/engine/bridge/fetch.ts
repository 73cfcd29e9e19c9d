/**
 * The host half of the guest's `fetch`: one outgoing HTTP exchange under a policy, hop by hop. Redirects are followed
 * here so that every hop is checked and credentials do not cross origins.
 */
import { type Response as UndiciResponse, fetch as undiciFetch } from 'undici';
import { type Body, type ByteStream, type HeaderList, isStream } from '../../contract/invocation.ts';
import { readAll } from './bodies.ts';
import { type Agents, checkUrl, EgressError, type EgressPolicy } from './egress.ts';

const MAX_HOPS = 20;
/** A request body that may have to be sent again on a 307/308 is kept up to this size. */
const REPLAYABLE_BYTES = 1024 * 1024;
/** Never the guest's to say. */
const REFUSED_HEADERS: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

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

/** Sends one request. Rejects with an error whose message the guest may read. */
export async function exchange(
  request: OutgoingRequest,
  policy: EgressPolicy,
  agents: Agents,
  signal: AbortSignal,
): Promise<IncomingResponse> {
  let url = parse(request.url);
  let method = request.method;
  let headers = allowed(request.headers);
  let body =
    isStream(request.body) && smallEnough(request.body) ? await readAll(request.body, REPLAYABLE_BYTES) : request.body;
  for (let hop = 0; ; hop++) {
    checkUrl(url, policy);
    const response = await send({ url, method, headers, body }, policy, agents, signal);
    const target = redirectTarget(response, url);
    if (target === null || request.redirect === 'manual') return incoming(response, url, hop > 0, method);
    await response.body?.cancel();
    if (request.redirect === 'error')
      throw new EgressError(`fetch to ${url.host} was redirected, but redirect is "error"`);
    if (hop >= MAX_HOPS) throw new EgressError(`fetch was redirected more than ${MAX_HOPS} times`);
    const drop = response.status === 303 ? method !== 'HEAD' : response.status <= 302 && method === 'POST';
    if (drop) {
      method = 'GET';
      body = null;
      headers = without(headers, ['content-type', 'content-encoding', 'content-language', 'content-location']);
    } else if (isStream(body)) throw new EgressError('fetch cannot repeat a streamed body after a redirect');
    if (target.origin !== url.origin) headers = without(headers, ['authorization', 'cookie']);
    url = target;
  }
}

async function send(
  request: { url: URL; method: string; headers: HeaderList; body: Body },
  policy: EgressPolicy,
  agents: Agents,
  signal: AbortSignal,
): Promise<UndiciResponse> {
  const body = isStream(request.body) ? iterate(request.body) : request.body;
  try {
    return await undiciFetch(request.url, {
      method: request.method,
      headers: pairs(request.headers),
      redirect: 'manual',
      dispatcher: agents.agent(policy),
      signal,
      ...(body === null ? {} : { body, duplex: 'half' as const }),
    });
  } catch (error) {
    throw readable(error, request.url);
  }
}

function incoming(response: UndiciResponse, url: URL, redirected: boolean, method: string): IncomingResponse {
  const headers: string[] = [];
  for (const [name, value] of response.headers) headers.push(name, value.replace(/[\r\n\0]/g, ' '));
  const whole = response.body === null || method === 'HEAD';
  return {
    status: response.status,
    statusText: response.statusText.replace(/[^\t\x20-\x7e]/g, ''),
    headers,
    url: url.href,
    redirected,
    body: whole ? null : new WebBody(response),
  };
}

/** A response body of undici as a pulled stream. */
class WebBody implements ByteStream {
  readonly length: number | null;
  readonly #reader: { read(): Promise<{ done: boolean; value?: unknown }>; cancel(): Promise<void> };

  constructor(response: UndiciResponse) {
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    this.length = Number.isSafeInteger(length) && !response.headers.has('content-encoding') ? length : null;
    this.#reader = response.body!.getReader();
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return null;
      const chunk = value as Uint8Array;
      if (chunk.byteLength > 0) return chunk;
    }
  }

  cancel(): void {
    this.#reader.cancel().catch(() => undefined);
  }
}

function parse(text: string): URL {
  if (!URL.canParse(text)) throw new EgressError('fetch needs an absolute URL');
  return new URL(text);
}

function redirectTarget(response: UndiciResponse, from: URL): URL | null {
  if (![301, 302, 303, 307, 308].includes(response.status)) return null;
  const location = response.headers.get('location');
  if (location === null || !URL.canParse(location, from)) return null;
  return new URL(location, from);
}

function smallEnough(body: ByteStream): boolean {
  return body.length !== null && body.length <= REPLAYABLE_BYTES;
}

function allowed(headers: HeaderList): HeaderList {
  return filterNames(headers, (name) => !REFUSED_HEADERS.has(name) && !name.startsWith('proxy-'));
}

function without(headers: HeaderList, names: readonly string[]): HeaderList {
  return filterNames(headers, (name) => !names.includes(name));
}

function filterNames(headers: HeaderList, keep: (name: string) => boolean): HeaderList {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2)
    if (keep(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!);
  return kept;
}

function pairs(headers: HeaderList): [string, string][] {
  const list: [string, string][] = [];
  for (let i = 0; i < headers.length; i += 2) list.push([headers[i]!, headers[i + 1]!]);
  return list;
}

async function* iterate(stream: ByteStream): AsyncGenerator<Uint8Array> {
  try {
    for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) yield chunk;
  } finally {
    stream.cancel();
  }
}

/** The reason without addresses or stacks of the host. */
function readable(error: unknown, url: URL): Error {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof EgressError) return at;
    const code = (at as NodeJS.ErrnoException).code;
    if (at.name === 'AbortError') return new EgressError('fetch was aborted');
    if (typeof code === 'string') return new EgressError(`fetch to ${url.host} failed: ${code}`);
  }
  return new EgressError(`fetch to ${url.host} failed`);
}
