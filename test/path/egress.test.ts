/**
 * What a function may reach, on a real host with every door open: its own address, the admin plane, and what becomes of
 * fetches that outlive their invocation.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type Server } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import type { InvocationStory } from '../../src/contract/observer.ts';
import { type RunningHost, startHost } from '../../src/host.ts';

const FUNCTIONS: Readonly<Record<string, string>> = {
  // Calls itself by its public address until somebody stops it; passes on what it was told.
  circle: `export default { async fetch(request) {
    const answer = await fetch(request.url, { headers: { 'cdn-loop': 'isolane;depth=0' } });
    return new Response(await answer.text(), { status: answer.status });
  } }`,
  knock: `export default { async fetch(request) {
    const url = new URL(request.url).searchParams.get('url');
    try { const r = await fetch(url); return new Response('reached ' + r.status) }
    catch (error) { return new Response(error.name + ': ' + error.message) }
  } }`,
  leave: `export default { async fetch(request, env, ctx) {
    const [how, url] = ['how', 'url'].map((key) => new URL(request.url).searchParams.get(key));
    if (how === 'unread') { const r = await fetch(url + '/endless'); return new Response(String(r.status)) }
    if (how === 'upload') {
      const body = new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(65536)) });
      fetch(url + '/never', { method: 'POST', body, duplex: 'half' }).catch(() => {});
      await new Promise((r) => setTimeout(r, 250));
      return new Response('left');
    }
    fetch(url + '/never').then(() => console.log('too-late'), () => console.log('too-late'));
    await new Promise((r) => setTimeout(r, 250));
    if (how === 'throw') throw new Error('gone');
    if (how === 'spin') for (;;);
    if (how === 'wait') await new Promise((r) => setTimeout(r, 60000));
    return new Response('left');
  } }`,
};

let directory: string;
let host: RunningHost;
let origin: Server;
let originHost: string;
let adminPort: number;
const sockets = new Set<Socket>();
const asked: string[] = [];
const stories: InvocationStory[] = [];

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isolane-egress-'));
  origin = createHttp((request, response) => {
    asked.push(request.url ?? '');
    request.resume();
    if (request.url !== '/endless') return;
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    };
    response.on('drain', more);
    more();
  });
  origin.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  originHost = `127.0.0.1:${(origin.address() as AddressInfo).port}`;
  const port = await freePort();
  adminPort = await freePort();
  for (const [name, text] of Object.entries(FUNCTIONS)) writeFileSync(join(directory, `${name}.js`), text);
  const admins = ['127.0.0.1', '0.0.0.0', 'localhost', '[::1]', '[::ffff:7f00:1]'].map(
    (name) => `${name}:${adminPort}`,
  );
  const limits = { cpuMs: 100, wallMs: 4000 };
  const functions = Object.fromEntries(
    Object.keys(FUNCTIONS).map((name) => [name, { entry: `${name}.js`, routes: [`/${name}`], limits }]),
  );
  const tenants = { all: { functions: ['*'], privateHosts: [`127.0.0.1:${port}`, originHost, ...admins] } };
  writeFileSync(join(directory, 'isolane.json'), JSON.stringify({ functions, tenants }));
  const flags = { port, adminPort, dataDir: join(directory, 'data') };
  const { config } = loadConfig(join(directory, 'isolane.json'), { env: {}, flags });
  const observer = { settled: (story: InvocationStory) => stories.push(story), shed: () => {}, stray: () => {} };
  host = await startHost({ config, log: () => undefined, observer });
});
afterAll(async () => {
  await host?.close(1000);
  origin.closeAllConnections();
  origin.close();
  rmSync(directory, { recursive: true, force: true });
});

const call = (name: string, query = '') => fetch(`${host.url}/${name}${query}`);

describe('case 89: a function that fetches itself', () => {
  it('is stopped at a depth it cannot hide, and the host answers on', async () => {
    const answer = await call('circle');
    expect(answer.status).toBe(508);
    expect(await answer.json()).toMatchObject({ error: { code: 'loop_detected' } });
    expect((await call('knock', '?url=x')).status).toBe(200);
  });
});

describe('case 93: the admin plane', () => {
  it.each(['127.0.0.1', '127.1', '0.0.0.0', 'localhost', 'localhost.', '[::1]', '[::ffff:127.0.0.1]'])(
    'by %s is out of reach, whatever the operator lifted',
    async (name) => {
      const text = await (await call('knock', `?url=http://${name}:${adminPort}/healthz`)).text();
      expect(text).toMatch(/^TypeError: fetch failed: fetch to .* is refused: (?:the admin plane|it is not a public)/);
    },
  );
});

describe('case 96: a fetch that outlives its invocation', () => {
  it.each([
    ['return', 200],
    ['throw', 500],
    ['spin', 503],
    ['wait', 504],
    ['upload', 200],
    ['unread', 200],
  ])('%s: the connection closes, and nothing comes back', async (how, status) => {
    const before = asked.length;
    const answer = await call('leave', `?how=${how}&url=http://${originHost}`);
    await answer.arrayBuffer();
    expect(answer.status).toBe(status);
    expect(asked.length).toBe(before + 1);
    await vi.waitFor(() => expect(sockets.size).toBe(0), 3000);
    const next = await call('leave', `?how=return&url=http://${originHost}`);
    expect([next.status, await next.text()]).toEqual([200, 'left']);
    await vi.waitFor(() => expect(sockets.size).toBe(0), 3000);
  });

  it('nothing of them was logged later', () => {
    expect(stories.length).toBeGreaterThan(10);
    expect(stories.flatMap(({ logs }) => logs.map(({ text }) => text))).not.toContain('too-late');
  });
});
