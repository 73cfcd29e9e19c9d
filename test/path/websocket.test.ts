/**
 * WebSockets through a whole host: from a client's upgrade to the record, and from a guest to a server. The `ws` client
 * and server are the oracles.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type RunningHost, startHost } from '../support/host.ts';
import { frame, RawWebSocket } from '../support/raw-websocket.ts';
import { CLIENT, ECHO, SERVICE } from '../support/socket-functions.ts';

let dir: string;
let config: string;
let oracle: WebSocketServer;
/** Speaks HTTP only. */
let plain: Server;
const seen: { headers: Record<string, unknown>; code: number }[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'isolane-sockets-'));
  oracle = new WebSocketServer({ port: 0, host: '127.0.0.1' } as never);
  await once(oracle, 'listening');
  oracle.on('connection', (ws: WebSocket, request: { headers: Record<string, unknown> }) => {
    ws.on('message', (data: Buffer) => ws.send(data));
    ws.on('close', (code: number) => seen.push({ headers: request.headers, code }));
  });
  plain = createServer((_request, response) => response.writeHead(302, { location: '/' }).end());
  plain.listen(0, '127.0.0.1');
  await once(plain, 'listening');
  writeFileSync(join(dir, 'echo.mjs'), ECHO);
  writeFileSync(join(dir, 'client.mjs'), CLIENT);
  writeFileSync(join(dir, 'service.mjs'), SERVICE);
  const echo = { entry: 'echo.mjs', url: true, limits: { cpuMs: 200, wallMs: 1000, memoryMiB: 64, queueMs: 30_000 } };
  config = join(dir, 'isolane.json');
  const functions = {
    echo,
    apart: { ...echo, isolation: 'process' },
    one: { ...echo, limits: { ...echo.limits, instances: 1, queueMs: 200 } },
    many: { ...echo, limits: { ...echo.limits, instances: 1, concurrency: 10 } },
    small: { ...echo, limits: { ...echo.limits, requestBytes: 1000 } },
    client: { entry: 'client.mjs', url: true, limits: { subrequests: 3 } },
    listed: { entry: 'client.mjs', url: true, egress: { allow: ['example.com'] } },
    service: { entry: 'service.mjs', url: true, services: { ECHO: 'echo' } },
  };
  const tenants = {
    default: { functions: ['*'], privateHosts: [oracle, plain].map((server) => `127.0.0.1:${portOf(server)}`) },
  };
  writeFileSync(config, JSON.stringify({ functions, tenants }));
});
afterAll(async () => {
  oracle.close();
  plain.close();
  rmSync(dir, { recursive: true, force: true });
});

const portOf = (server: object): number => (server as { address(): AddressInfo }).address().port;

interface Row {
  readonly invocationId: string;
  readonly trigger: string;
  readonly outcome: string;
  readonly status: number;
  readonly closedBy: string;
  readonly runNs: number;
  readonly billedMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly subrequests: number;
}

async function rows(host: RunningHost): Promise<Row[]> {
  return ((await (await host.admin('/v1/usage/records?limit=1000')).json()) as { items: Row[] }).items;
}

async function rowOf(host: RunningHost, id: string): Promise<Row> {
  return await vi.waitUntil(async () => (await rows(host)).find((row) => row.invocationId === id), { timeout: 5000 });
}

interface Opened {
  readonly ws: WebSocket;
  readonly id: string;
  /** The next message as text; in order, none is lost. */
  next(): Promise<string>;
  readonly closed: Promise<readonly [number, string]>;
}

async function open(host: RunningHost, path: string): Promise<Opened> {
  const ws = new WebSocket(host.url.replace('http', 'ws') + path);
  const messages: string[] = [];
  const waiting: ((text: string) => void)[] = [];
  ws.on('message', (data: Buffer) => {
    const reader = waiting.shift();
    if (reader === undefined) messages.push(data.toString());
    else reader(data.toString());
  });
  const closed = new Promise<readonly [number, string]>((resolve) => {
    ws.on('close', (code: number, reason: Buffer) => resolve([code, reason.toString()]));
  });
  const [response] = (await once(ws, 'upgrade')) as [{ headers: Record<string, string> }];
  const id = response.headers['x-invocation-id']!;
  const next = (): Promise<string> => {
    const message = messages.shift();
    return message === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(message);
  };
  return { ws, id, next, closed };
}

/** Status and body of the answer to a request that is not upgraded. */
function refused(host: RunningHost, path: string): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(host.url.replace('http', 'ws') + path);
    ws.on('error', reject);
    ws.on('open', () => reject(new Error('it was upgraded')));
    ws.on('unexpected-response', (_request: unknown, response: NodeJS.ReadableStream & { statusCode: number }) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve([response.statusCode, body]));
    });
  });
}

describe('a host', { timeout: 60_000 }, () => {
  let host: RunningHost;
  beforeAll(async () => {
    host = await startHost({ config });
  });
  afterAll(async () => {
    await host?.stop();
  });

  it.each(['echo', 'apart'])('carries messages both ways and bills from upgrade to close: %s', async (name) => {
    const before = (await rows(host)).length;
    const { ws, id, next, closed } = await open(host, `/fn/${name}/`);
    expect(await next()).toBe('hello');
    ws.send('one');
    ws.send(Buffer.from('two'));
    ws.send('');
    expect([await next(), await next(), await next()]).toEqual(['one', 'two', '']);
    await sleep(300);
    ws.send('close');
    expect(await closed).toEqual([3001, 'as you wish']);
    const row = await rowOf(host, id);
    expect(row).toMatchObject({ trigger: 'websocket', outcome: 'ok', status: 101, closedBy: 'normal' });
    expect([row.requestBytes, row.responseBytes]).toEqual([3 + 3 + 5, 5 + 3 + 3]);
    expect(row.billedMs).toBeGreaterThanOrEqual(300);
    expect((await rows(host)).length - before).toBe(1);
    const story = (await (await host.admin(`/v1/invocations/${id}`)).json()) as {
      spans: { kind: number; startTimeUnixNano: string; endTimeUnixNano: string }[];
      logs: { text: string }[];
      warnings: unknown[];
    };
    const [span, ...more] = story.spans.filter((one) => one.kind === 2);
    expect(more).toEqual([]);
    expect(Number(BigInt(span!.endTimeUnixNano) - BigInt(span!.startTimeUnixNano)) / 1e6).toBeGreaterThanOrEqual(300);
    expect(story.logs.map((line) => line.text)).toEqual(['closed 3001 as you wish true']);
    expect(story.warnings).toEqual([]);
  });

  it('carries a million bytes, and many small messages in order', async () => {
    const { ws, next, closed } = await open(host, '/fn/echo/');
    await next();
    const large = 'ä'.repeat(500_000);
    ws.send(large);
    expect((await next()) === large).toBe(true);
    for (let i = 0; i < 2000; i++) ws.send(String(i));
    const echoed: string[] = [];
    while (echoed.length < 2000) echoed.push(await next());
    expect(echoed).toEqual(Array.from({ length: 2000 }, (_, i) => String(i)));
    ws.close(1000);
    await closed;
  });

  it('carries twelve MiB to a reader that reads', async () => {
    const { ws, next, closed } = await open(host, '/fn/echo/');
    await next();
    ws.send('flood');
    for (let i = 0; i < 12; i++) expect((await next()).length).toBe(1 << 20);
    ws.close(1000);
    await closed;
  });

  it('cuts a reader that does not, and the function goes on to its end', async () => {
    const client = new RawWebSocket(Number(new URL(host.url).port), '/fn/echo/');
    await client.opened();
    client.socket.pause();
    for (let i = 0; i < 8; i++) client.socket.write(frame('flood'));
    const id = /x-invocation-id: (\S+)/i.exec(client.head)![1]!;
    expect(await rowOf(host, id)).toMatchObject({ outcome: 'ok', status: 101 });
    client.socket.destroy();
  });

  it('a client that goes without a word ends the invocation', async () => {
    const { ws, id, next } = await open(host, '/fn/echo/');
    await next();
    ws.terminate();
    expect(await rowOf(host, id)).toMatchObject({ outcome: 'ok', status: 101 });
  });

  it('limits messages', async () => {
    const { ws, next, closed } = await open(host, '/fn/small/');
    await next();
    ws.send('x'.repeat(1001));
    expect((await closed)[0]).toBe(1009);
  });

  it("a budget of CPU is one message's", async () => {
    const { ws, id, next, closed } = await open(host, '/fn/echo/');
    await next();
    for (let i = 0; i < 12; i++) {
      ws.send('burn a little');
      expect(await next()).toBe('burnt');
    }
    ws.send('burn');
    expect((await closed)[0]).toBe(1011);
    expect(await rowOf(host, id)).toMatchObject({ outcome: 'cpu_exceeded', status: 101 });
  });

  it('an error in a listener is logged, and the socket goes on', async () => {
    const { ws, id, next, closed } = await open(host, '/fn/echo/');
    await next();
    ws.send('throw');
    ws.send('still there');
    expect(await next()).toBe('still there');
    ws.close(1000);
    await closed;
    expect(await rowOf(host, id)).toMatchObject({ outcome: 'ok' });
  });

  it('a function that does not accept: 426, or its own refusal', async () => {
    expect(await refused(host, '/fn/echo/plain')).toEqual([426, expect.stringContaining('upgrade_refused')]);
    expect(await refused(host, '/fn/echo/forbidden')).toEqual([403, 'no']);
    expect(await refused(host, '/fn/echo/throws')).toEqual([500, expect.stringContaining('function_error')]);
    const [status, body] = await refused(host, '/fn/echo/never');
    expect([status, body]).toEqual([504, expect.stringContaining('wall_timeout')]);
    const recorded = (await rows(host)).filter((row) => row.trigger === 'websocket' && row.status !== 101);
    expect(recorded.map((row) => row.status).toSorted()).toEqual([403, 426, 500, 504]);
  });

  it('an accepted socket answers nobody who did not ask', async () => {
    const answer = await fetch(`${host.url}/fn/echo/`);
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining('function_error')]);
  });

  it('an open socket keeps its isolate, unless many may share one', async () => {
    const first = await open(host, '/fn/one/');
    expect((await refused(host, '/fn/one/'))[0]).toBe(503);
    first.ws.close();
    await first.closed;
    const again = await open(host, '/fn/one/');
    again.ws.close();
    const shared = await Promise.all(Array.from({ length: 10 }, () => open(host, '/fn/many/')));
    for (const [i, { ws, next }] of shared.entries()) {
      await next();
      ws.send(String(i));
      expect(await next()).toBe(String(i));
      ws.close();
    }
    await Promise.all(shared.map(({ closed }) => closed));
  });

  it('a service binding carries none, and says so', async () => {
    const answer = (await (await fetch(`${host.url}/fn/service/`)).json()) as [string, number];
    expect(answer).toEqual([expect.stringContaining('service binding carries no WebSocket'), 500]);
  });

  it('a guest opens one where its policy lets it', async () => {
    seen.length = 0;
    const to = `ws://127.0.0.1:${portOf(oracle)}/x`;
    const answer = await fetch(`${host.url}/fn/client/?to=${to}&count=2&protocol=p&leave=1`);
    expect(await answer.json()).toEqual([[0, 255], 'p', 3000, [1, 255], 'p', 3000]);
    expect(await rowOf(host, answer.headers.get('x-invocation-id')!)).toMatchObject({ subrequests: 3, outcome: 'ok' });
    await vi.waitUntil(() => seen.length === 3);
    // The last was open when its invocation ended.
    expect(seen.map(({ code }) => code)).toEqual([3000, 3000, 1001]);
    expect(seen[0]!.headers).toMatchObject({
      'cdn-loop': 'isolane;depth=1',
      'user-agent': 'isolane',
      upgrade: 'websocket',
    });
  });

  it('a guest opens none elsewhere, nor more than its subrequests', async () => {
    const ask = async (to: string, name = 'client') =>
      (await (await fetch(`${host.url}/fn/${name}/?to=${encodeURIComponent(to)}`)).json()) as unknown[];
    const admin = new URL(host.adminUrl).port;
    expect(await ask(`ws://127.0.0.1:${admin}/`)).toEqual([expect.stringMatching(/admin plane is out of reach/), 1006]);
    expect(await ask('ws://127.0.0.1:1/')).toEqual([
      expect.stringMatching(/^WebSocket to 127\.0\.0\.1 is refused/),
      1006,
    ]);
    expect(await ask('ws://169.254.169.254/')).toEqual([expect.stringMatching(/not a public address/), 1006]);
    expect(await ask('ws://[::ffff:127.0.0.1]/')).toEqual([expect.stringMatching(/not a public address/), 1006]);
    expect(await ask('wss://user:secret@example.com/')).toEqual([expect.stringMatching(/credentials/), 1006]);
    expect(await ask('ws://example.com:6379/')).toEqual([expect.stringMatching(/port 6379 is refused/), 1006]);
    expect(await ask('ws://example.org/', 'listed')).toEqual([expect.stringMatching(/egress\.allow/), 1006]);
    const to = `ws://127.0.0.1:${portOf(oracle)}/x`;
    const many = (await (await fetch(`${host.url}/fn/client/?to=${to}&count=4`)).json()) as unknown[];
    expect(many.slice(-2)).toEqual([expect.stringMatching(/3 subrequests/), 1006]);
  });

  it('a guest hears of a server that is none', async () => {
    const answer = await fetch(`${host.url}/fn/client/?to=ws://127.0.0.1:${portOf(plain)}/`);
    expect(await answer.json()).toEqual([expect.stringMatching(/Unexpected server response: 302/), 1006]);
  });
});

describe('a host that ends', { timeout: 120_000 }, () => {
  it.each([false, true])(
    'tells its clients to go elsewhere, and has a record of each; supervised: %s',
    async (supervised) => {
      const dataDir = mkdtempSync(join(tmpdir(), 'isolane-sockets-data-'));
      const host = await startHost({ config, dataDir, supervised });
      const sockets = await Promise.all(['echo', 'apart', 'many'].map((name) => open(host, `/fn/${name}/`)));
      const stopped = host.stop();
      for (const { closed } of sockets) expect((await closed)[0]).toBe(1001);
      expect((await stopped).code).toBe(0);
      const next = await startHost({ config, dataDir });
      const ids = (await rows(next)).map((row) => [row.invocationId, row.outcome, row.closedBy]);
      expect(ids.toSorted()).toEqual(sockets.map(({ id }) => [id, 'ok', 'normal']).toSorted());
      await next.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  );

  it('by SIGKILL has a record of each, once', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'isolane-sockets-data-'));
    const host = await startHost({ config, dataDir });
    const sockets = await Promise.all(['echo', 'apart', 'many', 'many'].map((name) => open(host, `/fn/${name}/`)));
    for (const { next } of sockets) expect(await next()).toBe('hello');
    host.child.kill('SIGKILL');
    for (const { closed } of sockets) expect((await closed)[0]).toBe(1006);
    const next = await startHost({ config, dataDir });
    const recorded = await vi.waitUntil(async () => {
      const all = await rows(next);
      return all.length >= sockets.length ? all : null;
    });
    expect(recorded.map((row) => row.invocationId).toSorted()).toEqual(sockets.map(({ id }) => id).toSorted());
    expect(new Set(recorded.map((row) => row.closedBy))).toEqual(new Set(['recovery']));
    const verified = (await (await next.admin('/v1/usage/verify')).json()) as object;
    expect(JSON.stringify(verified)).not.toMatch(/"ok":false/);
    await next.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
});
