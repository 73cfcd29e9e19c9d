/** Case 95: responses made to cost the host memory, time or sockets, from real servers on loopback. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Body, isStream } from '../../../src/contract/invocation.ts';
import { Agents } from '../../../src/engine/bridge/agents.ts';
import { readAll } from '../../../src/engine/bridge/bodies.ts';
import { exchange, type IncomingResponse } from '../../../src/engine/bridge/fetch.ts';

const LIMIT = 1_000_000;
const SOCKETS = 20;
const ZEROS = Buffer.alloc(10_000_000);

/** `addresses`: how many loopback addresses reach it, each an origin of its own. */
async function serve(answer: (response: ServerResponse) => void, addresses = 1) {
  let closed = 0;
  const server = createServer((_request, response) => answer(response));
  server.on('connection', (socket) => socket.once('close', () => (closed += 1)));
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as AddressInfo;
  const hosts = Array.from({ length: addresses }, (_, n) => `127.0.${Math.floor(n / 200)}.${(n % 200) + 1}:${port}`);
  const agents = new Agents({ socketsPerTenant: SOCKETS });
  onTestFinished(async () => {
    await agents.close();
    server.closeAllConnections();
    server.close();
  });
  const get = (nth = 0, tenant = 'default'): Promise<IncomingResponse> =>
    exchange(
      { url: `http://${hosts[nth]}/`, method: 'GET', headers: [], body: null, redirect: 'follow' },
      { policy: { tenant, allow: null, privateHosts: hosts }, responseBytes: LIMIT, depth: 1, hop: () => undefined },
      agents,
      new AbortController().signal,
    );
  return { get, agents, closed: () => closed };
}

function whole(body: Body): Promise<Uint8Array> {
  return isStream(body) ? readAll(body, Number.MAX_SAFE_INTEGER) : Promise.resolve(body ?? new Uint8Array());
}

async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const until = performance.now() + 3000;
  while (!(await condition())) {
    if (performance.now() > until) throw new Error(`never true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe('case 95: bodies', () => {
  it.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', (bytes: Buffer) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } })],
    ['zstd', zstdCompressSync],
  ])('a bomb of %s ends at the limit, counted unpacked', async (coding, pack) => {
    const bomb = pack(ZEROS);
    expect(bomb.length).toBeLessThan(LIMIT / 10);
    const { get } = await serve((response) => response.setHeader('content-encoding', coding).end(bomb));
    const { body } = await get();
    let size = 0;
    await expect(
      (async () => {
        if (!isStream(body)) throw new Error('no stream');
        for (let chunk = await body.read(); chunk !== null; chunk = await body.read()) size += chunk.byteLength;
      })(),
    ).rejects.toThrow(/larger than 1000000 bytes \(limits\.streamedResponseBytes\)/);
    expect(size).toBeLessThanOrEqual(LIMIT);
  });

  it.each(['gzip, gzip', 'br,gzip', Array<string>(100).fill('gzip').join(', ')])(
    'codings inside each other are refused: %s',
    async (codings) => {
      const { get } = await serve((response) => {
        response.setHeader('content-encoding', codings).end(gzipSync(gzipSync('x')));
      });
      await expect(get()).rejects.toThrow(/^fetch to .* failed/);
    },
  );

  it('an endless body without a length ends at the limit', async () => {
    const { get, closed } = await serve((response) => {
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        if (!response.destroyed && response.write(chunk)) setImmediate(more);
      };
      response.on('drain', more);
      more();
    });
    const { body } = await get();
    await expect(whole(body)).rejects.toThrow(/larger than/);
    await eventually(() => closed() === 1);
  });

  it('headers of more than 64 KiB are refused', async () => {
    const { get, closed } = await serve((response) => response.setHeader('x', 'y'.repeat(70_000)).end());
    await expect(get()).rejects.toThrow(/failed: UND_ERR_HEADERS_OVERFLOW/);
    await eventually(() => closed() === 1);
  });

  it('a body that breaks off says so, without a word of the host', async () => {
    const { get } = await serve((response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('abc', () => response.destroy());
    });
    const { body } = await get();
    await expect(whole(body)).rejects.toThrow(/^the response of 127\.0\.0\.1:\d+ broke off$/);
  });

  it('what was unpacked no longer claims to be packed; what was not still does', async () => {
    const { get } = await serve((response) => response.setHeader('content-encoding', 'gzip').end(gzipSync('plain')));
    const packed = await get();
    expect(packed.headers).not.toContain('content-encoding');
    expect(packed.headers).not.toContain('content-length');
    expect(Buffer.from(await whole(packed.body)).toString()).toBe('plain');
    const { get: other } = await serve((response) => response.setHeader('content-encoding', 'own').end('as it is'));
    const unknown = await other();
    expect(unknown.headers).toContain('content-encoding');
    expect(Buffer.from(await whole(unknown.body)).toString()).toBe('as it is');
  });
});

describe('case 95: sockets', () => {
  it('a tenant holds so many at most, and gets back each that closes', async () => {
    const endless = (response: ServerResponse): void => void response.write(Buffer.alloc(200_000));
    const { get, closed } = await serve(endless, SOCKETS + 1);
    const held = await Promise.all(Array.from({ length: SOCKETS }, (_, nth) => get(nth)));
    await expect(get(SOCKETS)).rejects.toThrow(/20 connections of this tenant are open; read or cancel/);
    expect((await get(SOCKETS, 'modest')).status).toBe(200);
    for (const { body } of held.slice(0, 5)) if (isStream(body)) body.cancel();
    await eventually(() => closed() === 5);
    expect((await get(SOCKETS)).status).toBe(200);
  });

  it('a connection that fails is none', async () => {
    const { get } = await serve((response) => response.destroy());
    for (let i = 0; i <= SOCKETS; i++) await expect(get()).rejects.toThrow(/failed/);
  });
});
