/** The arrow from a socket to an invocation and back, over real HTTP with a stub dispatcher. */
import { request } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { describe, expect, it } from 'vitest';
import { OUTCOMES, type Outcome, SHEDS, type Shed } from '../../src/contract/outcome.ts';
import { Exchange } from '../../src/edge/exchange.ts';
import { EDGE_TIMEOUTS } from '../../src/edge/ports.ts';
import { bytes, FedStream, RawClient, startEdge, version } from '../unit/edge/stub-host.ts';

/** A request fetch would refuse to make (Host, HEAD details). */
function ask(port: number, path: string, options: { method?: string; headers?: Record<string, string> } = {}) {
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>((resolve, reject) => {
    request({ port, host: '127.0.0.1', path, agent: false, ...options }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    })
      .on('error', reject)
      .end();
  });
}

describe('from request to invocation', () => {
  it('hands over what the guest sees and what the host needs, as plain data', async () => {
    const stub = await startEdge([{ routes: ['GET /hello/:name'] }]);
    const answer = await fetch(`${stub.url}/hello/J%C3%BCrgen?a=1&b`, {
      headers: { 'X-Custom': 'v', 'user-agent': 'tester', te: 'trailers' },
    });
    expect([answer.status, await answer.text()]).toEqual([200, 'hello']);
    expect(answer.headers.get('x-invocation-id')).toBe('id-1');
    const { event, reply, version: ran, acceptedNs, trace, ...rest } = stub.invocations[0]!;
    expect(reply).toBeInstanceOf(Exchange);
    expect(ran.spec.name).toBe('hello');
    expect(acceptedNs).toBeGreaterThan(0);
    expect(trace.traceId).toBe('a'.repeat(32));
    expect(rest).toMatchObject({
      id: 'id-1',
      requestId: 'id-1',
      attempt: 1,
      trigger: 'http',
      source: 'GET /hello/:name',
      params: { name: 'Jürgen' },
      clientAddress: '127.0.0.1',
      webhook: null,
      start: null,
      http: {
        method: 'GET',
        path: '/hello/J%C3%BCrgen',
        query: 'a=1&b',
        scheme: 'http',
        host: `127.0.0.1:${stub.port}`,
        userAgent: 'tester',
      },
    });
    expect(event).toMatchObject({
      kind: 'fetch',
      method: 'GET',
      url: `${stub.url}/hello/J%C3%BCrgen?a=1&b`,
      body: null,
    });
    const headers = event.kind === 'fetch' ? event.headers : [];
    expect(headers).toContain('x-custom');
    for (const gone of ['connection', 'te', 'keep-alive']) expect(headers).not.toContain(gone);
  });

  it.each([
    ['/fn/hello', '/'],
    ['/fn/hello/', '/'],
    ['/fn/hello?x=/y', '/?x=/y'],
    ['/fn/hello/a/b?x', '/a/b?x'],
    ['/fn/hello//a', '//a'],
  ])('%s: the function sees %s', async (path, seen) => {
    const stub = await startEdge([{ url: true, routes: ['/fn/*', '/*'] }]);
    await fetch(stub.url + path);
    expect(stub.invocations[0]).toMatchObject({ source: '/fn/hello', event: { url: stub.url + seen } });
  });

  it('keeps /fn/ and /hooks/ to itself, whatever routes say', async () => {
    const stub = await startEdge([{ routes: ['/*'] }]);
    for (const path of ['/fn/hello', '/fn/', '/hooks/none', '/hooks/', '/hooks/github/x']) {
      expect((await fetch(stub.url + path)).status).toBe(404);
    }
    expect((await fetch(`${stub.url}/fn`)).status).toBe(200);
    expect(stub.invocations).toHaveLength(1);
  });

  it('answers 404 in JSON where nothing is declared, and changes routes at once', async () => {
    const stub = await startEdge([{ routes: ['POST /a'] }]);
    const answer = await fetch(`${stub.url}/a`);
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await answer.json()).toEqual({ error: { code: 'not_found', message: SHEDS.not_found.message } });
    stub.edge.setFunctions([version({ routes: ['GET /a'] })], []);
    expect((await fetch(`${stub.url}/a`)).status).toBe(200);
    expect((await fetch(`${stub.url}/a`, { method: 'POST' })).status).toBe(404);
  });

  it('routes by host and gives HEAD to GET routes, without a body', async () => {
    const stub = await startEdge([
      { name: 'api', routes: ['GET api.example.com/v1/*'] },
      { name: 'web', routes: ['/*'] },
    ]);
    const headers = { host: 'API.example.com:8787' };
    const head = await ask(stub.port, '/v1/x', { method: 'HEAD', headers });
    await ask(stub.port, '/v1/x', { headers: { host: 'example.com' } });
    expect(stub.invocations.map((i) => [i.version.spec.name, i.event.kind === 'fetch' && i.event.url])).toEqual([
      ['api', 'http://API.example.com:8787/v1/x'],
      ['web', 'http://example.com/v1/x'],
    ]);
    expect(head).toMatchObject({
      status: 200,
      body: '',
      headers: { 'content-length': '5', 'x-invocation-id': 'id-1' },
    });
  });

  it('answers HEAD when another server has replaced the global Response', async () => {
    const { Request, Response } = globalThis;
    try {
      getRequestListener(() => new globalThis.Response());
      expect(globalThis.Response).not.toBe(Response);
      const stub = await startEdge([{ url: true }]);
      stub.answer = ({ reply }) => setImmediate(() => reply.respond({ status: 200, headers: [] }, bytes('hello')));
      const client = new RawClient(stub.port, 'HEAD /fn/hello HTTP/1.1\r\nhost: h\r\n\r\n');
      await client.until('content-length: 5\r\n');
      client.socket.write('GET /fn/hello HTTP/1.1\r\nhost: h\r\n\r\n');
      await client.until('\r\n\r\nhello');
    } finally {
      Object.defineProperty(globalThis, 'Request', { value: Request });
      Object.defineProperty(globalThis, 'Response', { value: Response });
    }
  });

  it('uses publicUrl for the origin, except where the route names the host', async () => {
    const stub = await startEdge([{ routes: ['/*', 'api.example.com/*'] }], {
      options: { publicUrl: 'https://fn.example.com/' },
    });
    await ask(stub.port, '/a');
    await ask(stub.port, '/a', { headers: { host: 'api.example.com' } });
    expect(stub.invocations.map((i) => i.event.kind === 'fetch' && i.event.url)).toEqual([
      'https://fn.example.com/a',
      'http://api.example.com/a',
    ]);
  });

  it('believes forwarded headers from trusted proxies only', async () => {
    const forwarded = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https', host: 'h' };
    const wary = await startEdge([{ routes: ['/*'] }]);
    await ask(wary.port, '/', { headers: forwarded });
    expect(wary.invocations[0]).toMatchObject({ clientAddress: '127.0.0.1', event: { url: 'http://h/' } });
    const behind = await startEdge([{ routes: ['/*'] }], { options: { trustedProxies: ['127.0.0.0/8'] } });
    await ask(behind.port, '/', { headers: forwarded });
    expect(behind.invocations[0]).toMatchObject({
      clientAddress: '203.0.113.9',
      event: { url: 'https://h/' },
      http: { scheme: 'https' },
    });
  });
});

describe('tokens', () => {
  it('auth "token" needs a bearer token of scope invoke and keeps it from the guest', async () => {
    const stub = await startEdge([{ url: true, auth: 'token' }]);
    for (const authorization of ['', 'Bearer', 'Bearer wrong', 'Basic invoke-token', 'Bearer debug-token']) {
      const refused = await fetch(`${stub.url}/fn/hello`, { headers: { authorization } });
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    }
    expect(stub.sheds).toEqual(Array(5).fill('unauthorized'));
    const headers = { authorization: 'bearer invoke-token', 'x-a': '1' };
    expect((await fetch(`${stub.url}/fn/hello`, { headers })).status).toBe(200);
    headers.authorization = 'Bearer invoke-token';
    expect((await fetch(`${stub.url}/fn/hello`, { headers })).status).toBe(200);
    const { event } = stub.invocations[0]!;
    expect(event.kind === 'fetch' && event.headers).not.toContain('authorization');
    expect(event.kind === 'fetch' && event.headers).toContain('x-a');
    expect(stub.invocations).toHaveLength(2);
  });

  it('leaves the authorization header to functions that check it themselves', async () => {
    const stub = await startEdge([{ url: true }]);
    await fetch(`${stub.url}/fn/hello`, { headers: { authorization: 'Bearer x' } });
    const { event } = stub.invocations[0]!;
    expect(event.kind === 'fetch' && event.headers).toContain('authorization');
  });

  it('debug headers count with a token of scope debug or in dev, and never reach the guest', async () => {
    const timing = { queueMs: 0.5, initMs: 3, runMs: 1.23456, cpuMs: 1 };
    const prod = await startEdge([{ url: true }]);
    const dev = await startEdge([{ url: true }], { options: { dev: true } });
    for (const stub of [prod, dev]) {
      stub.answer = ({ reply }) => {
        (reply as Exchange).timing = timing;
        reply.respond({ status: 200, headers: [] }, null);
      };
    }
    const get = async (url: string, debug: string | null) => {
      const headers = { 'x-isolane-start': 'cold', ...(debug === null ? {} : { 'x-isolane-debug': debug }) };
      return (await fetch(`${url}/fn/hello`, { headers })).headers.get('server-timing');
    };
    const shown = 'queue;dur=0.5, init;dur=3, run;dur=1.235, cpu;dur=1';
    expect(await get(prod.url, 'debug-token')).toBe(shown);
    expect(await get(prod.url, 'invoke-token')).toBeNull();
    expect(await get(prod.url, null)).toBeNull();
    expect(await get(dev.url, '1')).toBe(shown);
    expect(await get(dev.url, null)).toBeNull();
    expect(prod.invocations.map((i) => i.start)).toEqual(['cold', null, null]);
    expect(dev.invocations.map((i) => i.start)).toEqual(['cold', 'cold']);
    for (const { event } of [...prod.invocations, ...dev.invocations]) {
      expect(event.kind === 'fetch' && event.headers.join()).not.toContain('x-isolane');
    }
  });
});

describe('from reply to response', () => {
  it('keeps status, repeated headers and exact bytes', async () => {
    const stub = await startEdge([{ url: true }]);
    const body = Uint8Array.from({ length: 256 }, (_, i) => i);
    stub.answer = ({ reply }) =>
      reply.respond({ status: 418, headers: ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'x-y', 'é'] }, body);
    const answer = await fetch(`${stub.url}/fn/hello`);
    expect(answer.status).toBe(418);
    expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(answer.headers.get('x-y')).toBe('é');
    expect(answer.headers.get('content-length')).toBe('256');
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(body);
  });

  it.each([1, 16 * 1024, 16 * 1024 + 1, 3_000_000])('sends %i bytes whole', async (size) => {
    const stub = await startEdge([{ url: true }]);
    const body = new Uint8Array(size).fill(200);
    stub.answer = ({ reply }) => reply.respond({ status: 200, headers: [] }, body.slice());
    const received = new Uint8Array(await (await fetch(`${stub.url}/fn/hello`)).arrayBuffer());
    expect(Buffer.compare(received, body)).toBe(0);
  });

  it('streams, with a length where one is known', async () => {
    const stub = await startEdge([{ url: true }]);
    for (const length of [null, 6]) {
      stub.answer = ({ reply }) => {
        const body = new FedStream(async (pull) => (pull > 3 ? null : bytes(`c${pull}`)), length);
        reply.respond({ status: 200, headers: [] }, body);
      };
      const answer = await fetch(`${stub.url}/fn/hello`);
      expect(answer.headers.get('content-length')).toBe(length === null ? null : '6');
      expect(await answer.text()).toBe('c1c2c3');
    }
  });

  it.each([204, 205, 304])('sends no body with %i', async (status) => {
    const stub = await startEdge([{ url: true }]);
    const stream = new FedStream(async () => bytes('x'));
    stub.answer = ({ reply }) =>
      reply.respond({ status, headers: [] }, stub.invocations.length === 1 ? bytes('x') : stream);
    const client = new RawClient(stub.port);
    for (let i = 1; i <= 2; i++) {
      client.received = '';
      client.socket.write('GET /fn/hello HTTP/1.1\r\nhost: h\r\n\r\n');
      const head = await client.until('\r\n\r\n');
      expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} .*\r\n\r\n$`, 's'));
      expect(head).not.toMatch(/transfer-encoding/i);
    }
    expect([stream.cancelled, stream.pulls]).toEqual([true, 0]);
  });

  it.each(Object.keys(OUTCOMES) as Outcome[])('outcome %s becomes its status and fixed text', async (outcome) => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = ({ reply }) => reply.fail(outcome);
    const answer = await fetch(`${stub.url}/fn/hello`);
    const { status, message, retryAfter } = OUTCOMES[outcome];
    expect(answer.status).toBe(status ?? 500);
    expect(answer.headers.get('retry-after')).toBe(retryAfter ? '1' : null);
    expect(answer.headers.get('x-invocation-id')).toBe('id-1');
    expect(await answer.json()).toEqual({ error: { code: outcome, message, invocationId: 'id-1' } });
  });

  it.each(Object.keys(SHEDS) as Shed[])('shed %s becomes its status, without an invocation', async (reason) => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = ({ reply }) => reply.shed(reason);
    const answer = await fetch(`${stub.url}/fn/hello`);
    const { status, message, retryAfterSeconds } = SHEDS[reason];
    expect(answer.status).toBe(status);
    expect(answer.headers.get('retry-after')).toBe(retryAfterSeconds === undefined ? null : String(retryAfterSeconds));
    expect(answer.headers.get('x-invocation-id')).toBeNull();
    expect(await answer.json()).toEqual({ error: { code: reason, message } });
  });

  it('answers 500 and reports the fault when dispatch throws, and goes on', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = () => {
      throw new Error('secret detail');
    };
    for (const init of [{}, { method: 'POST', body: 'x' }]) {
      const answer = await fetch(`${stub.url}/fn/hello`, init);
      expect([answer.status, await answer.text()]).toEqual([500, expect.not.stringContaining('secret')]);
    }
    expect(stub.faults).toHaveLength(2);
  });
});

describe('webhooks', () => {
  it('hands over the exact bytes and passes the answer on', async () => {
    const stub = await startEdge([]);
    const body = Uint8Array.from([0, 255, 13, 10, 123]);
    const answer = await fetch(`${stub.url}/hooks/github?x=1`, { method: 'POST', body, headers: { 'X-Sig': 's' } });
    expect([answer.status, await answer.json()]).toEqual([202, { ok: true }]);
    const { endpoint, facts } = stub.hooks[0]!;
    expect(endpoint).toBe('github');
    expect(facts).toMatchObject({
      method: 'POST',
      target: '/hooks/github?x=1',
      clientAddress: '127.0.0.1',
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    });
    expect(facts.headers.slice(facts.headers.indexOf('x-sig'), facts.headers.indexOf('x-sig') + 2)).toEqual([
      'x-sig',
      's',
    ]);
    expect(Buffer.compare(facts.body, body)).toBe(0);
  });

  it('are gone with their endpoint', async () => {
    const stub = await startEdge([]);
    stub.edge.setFunctions([], []);
    expect((await fetch(`${stub.url}/hooks/github`, { method: 'POST', body: 'x' })).status).toBe(404);
    expect(stub.hooks).toEqual([]);
  });

  it('asks the sender to come again when the event could not be stored', async () => {
    const stub = await startEdge([], {
      ports: { webhook: { receive: () => Promise.reject(new Error('disk full')), maxBodyBytes: () => 10 } },
    });
    const answer = await fetch(`${stub.url}/hooks/github`, { method: 'POST', body: 'x' });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.text()).not.toContain('disk');
    expect(stub.faults).toHaveLength(1);
  });

  it('refuses bodies above the cap, known or not, before reading on', async () => {
    const timeouts = { ...EDGE_TIMEOUTS, lingerMs: 50 };
    const stub = await startEdge([], { hookBytes: 10, options: { timeouts } });
    const known = new RawClient(stub.port, 'POST /hooks/github HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\n');
    expect(await known.rest()).toMatch(/^HTTP\/1.1 413 .*connection: close.*payload_too_large/is);
    const chunked = new RawClient(
      stub.port,
      'POST /hooks/github HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nb\r\nhello world\r\n',
    );
    expect(await chunked.rest()).toMatch(/^HTTP\/1.1 413 .*connection: close.*payload_too_large/is);
    expect((await fetch(`${stub.url}/hooks/github`, { method: 'POST', body: '1234567890' })).status).toBe(202);
    expect(stub.hooks).toHaveLength(1);
  });
});
