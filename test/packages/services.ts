/**
 * The services that the clients among the packages speak to, on one port of loopback: each answers just enough of its
 * API, from what it was sent. `/echo` tells a request back. Stripe's client knows no prefix, so `/v1` is Stripe's.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Answer, type Asked, Bucket } from './bucket.ts';

type Service = (asked: Asked) => Answer | Promise<Answer>;

export class Services {
  /** `127.0.0.1:port` */
  readonly host: string;
  readonly #close: () => void;

  private constructor(host: string, close: () => void) {
    this.host = host;
    this.#close = close;
  }

  static async open(): Promise<Services> {
    const services = table();
    const server = createServer((request, response) => void serve(services, request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Services(`127.0.0.1:${(server.address() as AddressInfo).port}`, () => {
      server.closeAllConnections();
      server.close();
    });
  }

  close(): void {
    this.#close();
  }
}

async function serve(services: Table, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const [, name = '', rest = ''] = /^\/([^/?]*)(.*)$/.exec(request.url ?? '') ?? [];
  const { pathname, searchParams } = new URL(rest, 'http://service');
  const asked: Asked = {
    method: request.method ?? '',
    url: rest,
    path: decodeURIComponent(pathname),
    query: searchParams,
    headers: request.headers as Asked['headers'],
    body: Buffer.concat(chunks),
  };
  const { status = 200, headers = {}, body = '' } = (await services[name]?.(asked)) ?? { status: 404 };
  const json = typeof body === 'object' && !(body instanceof Uint8Array) && !Array.isArray(body);
  response.writeHead(status, { ...(json && { 'content-type': 'application/json' }), ...headers });
  // A list is sent piece by piece.
  if (Array.isArray(body)) for (const piece of body) await new Promise((sent) => response.write(piece, sent));
  response.end(json ? JSON.stringify(body) : Array.isArray(body) ? undefined : body);
}

type Table = Readonly<Record<string, Service>>;

function table(): Table {
  const bucket = new Bucket();
  return {
    echo,
    s3: (asked) => bucket.answer(asked),
    v1: stripe,
    openai: openai(),
    github,
    supabase,
    resend,
    svix: ({ body }) => ({ body: { id: `app_${JSON.parse(String(body)).name}`, name: 'App', metadata: {} } }),
    slack,
    sendgrid: ({ body, headers }) => {
      const [to] = JSON.parse(String(body)).personalizations[0].to;
      return { status: 202, headers: { 'x-message-id': `to ${to.email} by ${headers['authorization']}` } };
    },
    upstash: upstash(),
  };
}

async function echo({ method, url, path, headers, body }: Asked): Promise<Answer> {
  const [, kind, status] = path.split('/');
  // Longer than the client waits.
  if (kind === 'slow') await new Promise((resolve) => setTimeout(resolve, 500).unref());
  return { status: kind === 'status' ? Number(status) : 200, body: { method, url, headers, body: String(body) } };
}

function stripe({ method, path, query, body }: Asked): Answer {
  const customer = (n: number) => ({ id: `cus_${n}`, object: 'customer' });
  if (method === 'POST') {
    const form = new URLSearchParams(String(body));
    return { body: { ...customer(1), email: form.get('email'), metadata: { tier: form.get('metadata[tier]') } } };
  }
  if (path === '/customers') {
    const data = query.has('starting_after') ? [customer(3)] : [customer(1), customer(2)];
    return { body: { object: 'list', url: '/v1/customers', data, has_more: data.length === 2 } };
  }
  const error = { type: 'invalid_request_error', code: 'resource_missing', message: 'No such customer' };
  return { status: 404, body: { error } };
}

function openai(): Service {
  let tries = 0;
  return ({ path, body }) => {
    if (path.startsWith('/v1/models/')) {
      const headers = { 'retry-after-ms': '1', 'x-tries': String(++tries) };
      return { status: 429, headers, body: { error: { message: 'slow down' } } };
    }
    if (path === '/v1/files') {
      const file = /\r\n\r\n(\{.*\}\n)\r\n/.exec(String(body))?.[1] ?? '';
      return { body: { id: 'file-1', object: 'file', bytes: file.length } };
    }
    const { messages, stream } = JSON.parse(String(body));
    const said = messages[0].content;
    if (!stream) return { body: { choices: [{ message: { role: 'assistant', content: `You said: ${said}` } }] } };
    const events = ['You ', 'said: ', `${said} ✓`].map(
      (content) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`,
    );
    // Cut in the middle of an event and of a character.
    const bytes = Buffer.from(`${events.join('')}data: [DONE]\n\n`);
    const cut = bytes.indexOf('✓') + 1;
    const pieces = [bytes.subarray(0, 10), bytes.subarray(10, cut), bytes.subarray(cut)];
    return { headers: { 'content-type': 'text/event-stream' }, body: pieces };
  };
}

function github({ path, query, headers }: Asked): Answer {
  const type = { 'content-type': 'application/json; charset=utf-8' };
  if (path === '/graphql') return { headers: type, body: { data: { viewer: { login: 'octocat' } } } };
  const [, owner, repo] = /^\/repos\/(.+)\/(.+)\/issues$/.exec(path) ?? [];
  if (owner === undefined) return { status: 404, headers: type, body: { message: 'Not Found' } };
  const issue = { number: 1, title: `${owner}/${repo} ${query.get('state')}`, by: headers['authorization'] };
  return { headers: type, body: JSON.stringify([issue]) };
}

function supabase({ method, url, path, headers, body }: Asked): Answer {
  if (path === '/auth/v1/token') {
    const { email } = JSON.parse(String(body));
    const user = { id: 'u', email, aud: 'authenticated' };
    return { body: { access_token: 'a.b.c', token_type: 'bearer', expires_in: 3600, refresh_token: 'r', user } };
  }
  if (method === 'POST') {
    const json = { 'content-type': 'application/json' };
    return { status: 201, headers: json, body: `[${body}]` };
  }
  const one = headers['accept'] === 'application/vnd.pgrst.object+json';
  return { body: { query: url.split('?')[1], key: headers['apikey'], one } };
}

function resend({ body }: Asked): Answer {
  const [to] = JSON.parse(String(body)).to;
  if (to !== undefined) return { body: { id: `mail to ${to}` } };
  return { status: 422, body: { name: 'validation_error', statusCode: 422, message: 'no receiver' } };
}

function slack({ path, body }: Asked): Answer {
  const form = new URLSearchParams(String(body));
  if (path === '/chat.postMessage') return { body: { ok: true, ts: '1', message: { text: form.get('text') } } };
  return { body: { ok: false, error: 'channel_not_found' } };
}

/** Redis over HTTP: commands as lists; answers in base64 when the client asks so. */
function upstash(): Service {
  const values = new Map<string, string>();
  const run = ([command, key, value]: readonly string[]): unknown => {
    switch (String(command).toLowerCase()) {
      case 'set':
        values.set(String(key), String(value));
        return 'OK';
      case 'incr':
        values.set(String(key), String(Number(values.get(String(key))) + 1));
        return Number(values.get(String(key)));
      default:
        return values.get(String(key)) ?? null;
    }
  };
  return ({ path, headers, body }) => {
    const packed = (value: unknown) =>
      typeof value === 'string' && value !== 'OK' && headers['upstash-encoding'] === 'base64'
        ? Buffer.from(value).toString('base64')
        : value;
    const asked = JSON.parse(String(body));
    if (path !== '/pipeline') return { body: { result: packed(run(asked)) } };
    return { body: JSON.stringify((asked as string[][]).map((each) => ({ result: packed(run(each)) }))) };
  };
}
