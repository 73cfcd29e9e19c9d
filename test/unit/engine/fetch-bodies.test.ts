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
const ZEROS = Buffer.alloc(10_000_000);

async function serve(answer: (response: ServerResponse) => void) {
  let closed = 0;
  const server = createServer((_request, response) => answer(response));
  server.on('connection', (socket) => socket.once('close', () => (closed += 1)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const agents = new Agents();
  onTestFinished(async () => {
    await agents.close();
    server.closeAllConnections();
    server.close();
  });
  const get = (abort = new AbortController()): Promise<IncomingResponse> =>
    exchange(
      { url: `http://${host}/`, method: 'GET', headers: [], body: null, redirect: 'follow' },
      { policy: { tenant: 'default', allow: null, privateHosts: [host] }, responseBytes: LIMIT, depth: 1 },
      agents,
      abort.signal,
    );
  return { get, agents, closed: () => closed };
}

function whole(body: Body): Promise<Uint8Array> {
  return isStream(body) ? readAll(body, Number.MAX_SAFE_INTEGER) : Promise.resolve(body ?? new Uint8Array());
}

async function eventually(condition: () => boolean): Promise<void> {
  const until = performance.now() + 3000;
  while (!condition()) {
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
  it('a tenant holds a thousand open responses at most, and gets a place back for each that ends', async () => {
    const agents = new Agents();
    const places = Array.from({ length: 1000 }, () => agents.enter('greedy'));
    expect(() => agents.enter('greedy')).toThrow(/1000 responses of this tenant are still open/);
    agents.enter('modest')();
    places[0]!();
    places[0]!();
    agents.enter('greedy');
    expect(() => agents.enter('greedy')).toThrow(/still open/);
    await agents.close();
  });

  it.each<[string, (answer: IncomingResponse, abort: AbortController) => unknown]>([
    ['was read', ({ body }) => whole(body)],
    ['was cancelled', ({ body }) => isStream(body) && body.cancel()],
    ['broke off by abort', ({ body }, abort) => [abort.abort(), whole(body).catch(() => undefined)][1]],
  ])('a response that %s gives its place back', async (_, end) => {
    const { get, agents } = await serve((response) => response.end(Buffer.alloc(200_000)));
    const taken: string[] = [];
    const { enter } = agents;
    agents.enter = (tenant) => {
      const leave = enter.call(agents, tenant);
      taken.push('in');
      return () => {
        taken.push('out');
        leave();
      };
    };
    const abort = new AbortController();
    const answer = await get(abort);
    expect(taken).toEqual(['in']);
    await end(answer, abort);
    expect(taken.slice(0, 2)).toEqual(['in', 'out']);
  });

  it('a fetch that fails gives its place back', async () => {
    const { get, agents } = await serve((response) => response.destroy());
    const places = Array.from({ length: 998 }, () => agents.enter('default'));
    for (let i = 0; i < 5; i++) await expect(get()).rejects.toThrow(/failed/);
    for (const leave of places) leave();
  });
});
