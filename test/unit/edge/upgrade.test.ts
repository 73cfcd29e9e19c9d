/** The door for WebSockets: which requests it lets in, what a function's answer makes of the connection. */
import { once } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { Invocation } from '../../../src/contract/invocation.ts';
import type { AnswerSocket, SocketData, SocketEnd, SocketLine } from '../../../src/contract/socket.ts';
import { frame, HANDSHAKE, KEY, RawWebSocket } from '../../support/raw-websocket.ts';
import { bytes, RawClient, raw, startEdge } from './stub-host.ts';

const HOST = 'host: h\r\n';
const GET = `GET /fn/hello/room?a=1 HTTP/1.1\r\n${HOST}`;

/** A guest's end that echoes. */
class Echo implements AnswerSocket {
  readonly over: Promise<void>;
  readonly #resolve: () => void;
  line: SocketLine | null = null;
  end: SocketEnd | null = null;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#resolve = resolve;
  }
  opened(line: SocketLine): void {
    this.line = line;
  }
  message(data: SocketData): void {
    this.line?.send(data);
    this.line?.taken();
  }
  held(): void {}
  ended(end: SocketEnd): void {
    this.end = end;
    this.#resolve();
  }
}

const accept =
  (echo: Echo, headers: string[] = []) =>
  ({ reply }: Invocation): void =>
    reply.respond({ status: 101, headers, socket: echo }, null);

describe('a function that accepts', () => {
  it('is asked with what the client sent, and answers with its own headers', async () => {
    const stub = await startEdge([{ url: true }]);
    const echo = new Echo();
    stub.answer = accept(echo, [
      'x-own',
      '1',
      'set-cookie',
      'a=b',
      'sec-websocket-protocol',
      'two',
      'connection',
      'no',
    ]);
    const client = new WebSocket(`ws://127.0.0.1:${stub.port}/fn/hello/room?a=1`, ['one', 'two']);
    const [response] = (await once(client, 'upgrade')) as [{ headers: Record<string, unknown> }];
    expect(response.headers).toMatchObject({ 'x-own': '1', 'set-cookie': ['a=b'], 'x-invocation-id': 'id-1' });
    expect([client.protocol, client.extensions]).toEqual(['two', '']);
    const { trigger, event, http } = stub.invocations[0]!;
    expect([trigger, http?.method]).toEqual(['websocket', 'GET']);
    expect(event).toMatchObject({ kind: 'fetch', url: `http://127.0.0.1:${stub.port}/room?a=1`, body: null });
    const headers = event.kind === 'fetch' ? event.headers : [];
    expect(headers.slice(headers.indexOf('upgrade'))).toEqual(['upgrade', 'websocket']);
    expect(headers).toContain('sec-websocket-protocol');
    const message = once(client, 'message');
    client.send('hi');
    expect(String((await message)[0])).toBe('hi');
    client.close(1000, 'done');
    await echo.over;
    expect(echo.end).toEqual({ code: 1000, reason: 'done', clean: true, error: null });
    expect(stub.clientClosed).toEqual([]);
  });

  it('chooses no protocol that was not offered', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = accept(new Echo(), ['sec-websocket-protocol', 'three']);
    const client = new RawClient(stub.port, `${GET}${HANDSHAKE}sec-websocket-protocol: one\r\n\r\n`);
    expect(await client.until('\r\n\r\n')).not.toMatch(/three/);
  });

  it('hears what the client sent before its answer came', async () => {
    const stub = await startEdge([{ url: true }]);
    const echo = new Echo();
    stub.answer = (invocation) => void setTimeout(() => accept(echo)(invocation), 20);
    const client = new RawWebSocket(stub.port, '/fn/hello/');
    onTestFinished(() => {
      client.socket.destroy();
    });
    client.socket.write(frame('early'));
    await client.until(() => client.texts.includes('early'));
  });

  it('limits messages to requestBytes', async () => {
    const stub = await startEdge([{ url: true, limits: { requestBytes: 10 } }]);
    stub.answer = accept(new Echo());
    const client = new WebSocket(`ws://127.0.0.1:${stub.port}/fn/hello/`);
    await once(client, 'open');
    client.send('x'.repeat(11));
    expect((await once(client, 'close'))[0]).toBe(1009);
  });

  it('has headers that HTTP cannot carry: its socket ends, the client gets 500', async () => {
    const stub = await startEdge([{ url: true }]);
    const echo = new Echo();
    stub.answer = accept(echo, ['x', 'a\r\nb: c']);
    expect(await raw(stub.port, `${GET}${HANDSHAKE}\r\n`)).toMatch(/^HTTP\/1\.1 500 [\s\S]*function_error/);
    expect(echo.end).toMatchObject({ code: 1006 });
  });

  it('accepts a socket nobody asked for: the same', async () => {
    const stub = await startEdge([{ url: true }]);
    const echo = new Echo();
    stub.answer = accept(echo);
    expect((await fetch(`${stub.url}/fn/hello/`)).status).toBe(500);
    expect(echo.end).toMatchObject({ code: 1006 });
  });

  it('accepts when the client has gone', async () => {
    const stub = await startEdge([{ url: true }]);
    const echo = new Echo();
    let late!: Invocation;
    stub.answer = (invocation) => {
      late = invocation;
    };
    const client = new RawClient(stub.port, `${GET}${HANDSHAKE}\r\n`);
    await vi.waitUntil(() => stub.invocations.length === 1);
    client.socket.destroy();
    await vi.waitUntil(() => stub.clientClosed.length === 1);
    accept(echo)(late);
    expect(echo.end).toMatchObject({ code: 1006 });
  });
});

describe('a function that answers otherwise', () => {
  it('is heard, and the connection closed', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = ({ reply }) => reply.respond({ status: 403, headers: ['x-why', 'not you'] }, bytes('go'));
    const answer = await raw(stub.port, `${GET}${HANDSHAKE}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 403 [\s\S]*x-why: not you\r\n[\s\S]*connection: close\r\n\r\ngo$/i);
  });

  it('fails: 500 as ever', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = ({ reply }) => reply.fail('function_error');
    expect(await raw(stub.port, `${GET}${HANDSHAKE}\r\n`)).toMatch(/^HTTP\/1\.1 500 [\s\S]*function_error/);
  });
});

describe('a request that is refused', () => {
  const good = HANDSHAKE;
  const cases: readonly [string, string, RegExp][] = [
    ['another version', good.replace('version: 13', 'version: 8'), /^HTTP\/1\.1 426 [\s\S]*sec-websocket-version: 13/],
    ['no version', good.replace('sec-websocket-version: 13\r\n', ''), /^HTTP\/1\.1 426 /],
    ['no key', good.replace(`sec-websocket-key: ${KEY}\r\n`, ''), /^HTTP\/1\.1 400 [\s\S]*bad_upgrade/],
    ['a short key', good.replace(KEY, 'eA=='), /^HTTP\/1\.1 400 /],
    ['a body', `${good}content-length: 3\r\n`, /^HTTP\/1\.1 400 /],
    ['no key, and an empty body', `${good.replace(KEY, '')}content-length: 0\r\n`, /^HTTP\/1\.1 400 /],
    ['a chunked body', `${good}transfer-encoding: chunked\r\n`, /^HTTP\/1\.1 400 /],
    ['a protocol twice', `${good}sec-websocket-protocol: a, a\r\n`, /^HTTP\/1\.1 400 /],
    ['a protocol that is none', `${good}sec-websocket-protocol: a b\r\n`, /^HTTP\/1\.1 400 /],
    ['two protocols at once', good.replace('upgrade: websocket', 'upgrade: websocket, h2c'), /^HTTP\/1\.1 400 /],
    ['no connection header', `${good.replace('connection: Upgrade\r\n', '')}connection: close\r\n`, /^HTTP\/1\.1 400 /],
    ['two hosts', `${good}host: i\r\n`, /^HTTP\/1\.1 400 /],
  ];

  it.each(cases)('%s', async (_, headers, expected) => {
    const stub = await startEdge([{ url: true }]);
    expect(await raw(stub.port, `${GET}${headers}connection: close\r\n\r\n`)).toMatch(expected);
    expect(stub.invocations).toEqual([]);
  });

  it('by POST', async () => {
    const stub = await startEdge([{ url: true }]);
    const post = `POST /fn/hello/ HTTP/1.1\r\n${HOST}${HANDSHAKE}content-length: 0\r\nconnection: close\r\n\r\n`;
    expect(await raw(stub.port, post)).toMatch(/^HTTP\/1\.1 400 [\s\S]*bad_upgrade/);
  });

  it('for nobody, without a token, or for a webhook', async () => {
    const stub = await startEdge([
      { name: 'open', url: false },
      { name: 'shut', url: true, auth: 'token' },
    ]);
    const ask = (path: string, more = '') => raw(stub.port, `GET ${path} HTTP/1.1\r\n${HOST}${HANDSHAKE}${more}\r\n`);
    expect(await ask('/fn/open/')).toMatch(/^HTTP\/1\.1 404 /);
    expect(await ask('/fn/shut/')).toMatch(/^HTTP\/1\.1 401 [\s\S]*www-authenticate: Bearer/);
    expect(await ask('/hooks/github')).not.toMatch(/^HTTP\/1\.1 101 /);
    expect(stub.invocations).toEqual([]);
  });

  it('behind another that is still being answered', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = () => undefined;
    const client = new RawClient(stub.port, `${GET}\r\n${GET}${HANDSHAKE}\r\n`);
    await client.closed;
    expect([stub.invocations.length, client.received]).toEqual([1, '']);
  });

  it('says too much before it is answered', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = () => undefined;
    const client = new RawClient(stub.port, `${GET}${HANDSHAKE}\r\n`);
    client.socket.write(Buffer.alloc(32 * 1024));
    await client.closed;
    expect(stub.clientClosed).toEqual(['id-1']);
  });
});

describe('a host that goes', () => {
  it('closes sockets with 1001 and waits for their clients', async () => {
    const stub = await startEdge([{ url: true }]);
    const echo = new Echo();
    stub.answer = accept(echo);
    const client = new WebSocket(`ws://127.0.0.1:${stub.port}/fn/hello/`);
    await once(client, 'open');
    const closed = once(client, 'close');
    await stub.edge.close(5000);
    expect((await closed)[0]).toBe(1001);
    await echo.over;
    expect(echo.end).toMatchObject({ code: 1001, clean: true });
  });

  it('cuts who does not answer when its grace is over', async () => {
    const stub = await startEdge([{ url: true }]);
    const echo = new Echo();
    stub.answer = accept(echo);
    const client = new RawWebSocket(stub.port, '/fn/hello/');
    await client.opened();
    await stub.edge.close(50);
    expect(await client.closeCode()).toBe(1001);
    await echo.over;
    expect(echo.end).toMatchObject({ code: 1006 });
  });
});
