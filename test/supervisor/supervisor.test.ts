/** `isolane serve` as processes: what it does about hosts that stop, loop, wedge or are told to go, and how it ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import {
  ask,
  childrenOf,
  FunctionFolder,
  isAlive,
  Load,
  type Supervised,
  startSupervised,
} from '../support/supervised.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const folder = new FunctionFolder();
const config = folder.write({
  quick: `return new Response('quick')`,
  slow: `await new Promise((done) => setTimeout(done, 1500)); return new Response('slow')`,
  // A power of BigInt never looks whether it should end.
  wedge: `let x = 3n ** 4000000n; for (let i = 0; i < 30; i++) x = x ** 3n; return new Response('over')`,
});
afterAll(() => folder.remove());

let host: Supervised;
afterEach(async () => {
  await host?.stop('SIGKILL');
});

async function start(...args: readonly string[]): Promise<Supervised> {
  host = await startSupervised({ config, args });
  return host;
}

it('replaces a host that the system holds still, and serves who came meanwhile', async () => {
  const { url } = await start();
  const { pid } = await host.whole();
  process.kill(pid, 'SIGSTOP');
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(`${url}/fn/quick/`)));
  expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['quick']));
  const stats = await host.whole();
  expect(stats.restarts).toMatchObject({ stopped: 1, crashed: 0 });
  expect(stats.pid).not.toBe(pid);
  expect(isAlive(pid)).toBe(false);
});

it('replaces a host whose main loop is stuck', async () => {
  // A signal opens the debugger, at a free port: the only way to get a stranger's loop into the host's own.
  host = await startSupervised({ config, env: { NODE_OPTIONS: '--inspect-port=0' } });
  const { pid } = await host.whole();
  process.kill(pid, 'SIGUSR1');
  const address = await vi.waitUntil(() => /listening on (ws:\S+)/.exec(host.stderr())?.[1], { timeout: 10_000 });
  const debug = new WebSocket(address);
  await once(debug, 'open');
  debug.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: 'for (;;);' } }));
  const stats = await host.whole((now) => now.pid !== pid);
  expect(stats.restarts).toMatchObject({ looping: 1, crashed: 0 });
  expect((await ask(`${host.url}/fn/quick/`)).text).toBe('quick');
  debug.close();
});

it('replaces a host that a function has wedged, and loses nobody else', async () => {
  const { url } = await start();
  const { pid } = await host.whole();
  const kept = new Load(`${url}/fn/quick/`, { clients: 16, pauseMs: 20, keepAlive: true });
  const fresh = new Load(`${url}/fn/quick/`, { clients: 2, pauseMs: 20, keepAlive: false });
  const slow: Promise<string>[] = [];
  const wedged = ask(`${url}/fn/wedge/`);
  // Whenever it happens, some of these are under way.
  const pacer = setInterval(() => slow.push(ask(`${url}/fn/slow/`).then(({ text }) => text)), 200);
  expect(await wedged).toMatchObject({ status: 502 });
  const stats = await host.whole((now) => now.pid !== pid);
  clearInterval(pacer);
  await Promise.all([kept.stop(), fresh.stop()]);
  expect(stats.restarts).toMatchObject({ sick: 1, crashed: 0, looping: 0 });
  expect([...kept.failures, ...fresh.failures]).toEqual([]);
  expect([...kept.statuses.keys(), ...fresh.statuses.keys()]).toEqual([200, 200]);
  expect(new Set(await Promise.all(slow))).toEqual(new Set(['slow']));
  await vi.waitUntil(() => !isAlive(pid), { timeout: 15_000 });
  expect(host.stderr()).toContain('is sick and will be replaced: an engine thread was given up');
}, 60_000);

it('replaces a host that is told to end, after what it runs has ended', async () => {
  const { url } = await start();
  const { pid } = await host.whole();
  const slow = ask(`${url}/fn/slow/`);
  await vi.waitUntil(async () => (await host.stats()).running === 1);
  process.kill(pid, 'SIGTERM');
  const stats = await host.whole((now) => now.pid !== pid);
  expect(stats.restarts).toMatchObject({ sick: 1 });
  expect((await slow).text).toBe('slow');
  await vi.waitUntil(() => !isAlive(pid), { timeout: 15_000 });
});

it('boots ever later when hosts die one after the other, and keeps who waits', async () => {
  const { url } = await start();
  let died = 0;
  for (; died < 4; died++) {
    const { pid } = await vi.waitUntil(() => host.stats().catch(() => undefined), { timeout: 20_000 });
    process.kill(pid, 'SIGKILL');
    await vi.waitUntil(() => !isAlive(pid));
    expect((await ask(`${url}/fn/quick/`)).text).toBe('quick');
  }
  const stats = await host.whole();
  expect(stats.restarts.crashed).toBe(died);
}, 60_000);

it('serves from every worker, and goes on when one dies', async () => {
  const { url } = await start('--workers', '2');
  const seen = new Map<number | null, number>();
  await vi.waitUntil(
    async () => {
      const { worker, pid, workers } = await host.stats();
      expect(workers).toBe(2);
      seen.set(worker, pid);
      return seen.size === 2;
    },
    { timeout: 20_000, interval: 10 },
  );
  expect([...seen.keys()].sort()).toEqual([0, 1]);
  await host.whole();
  process.kill(seen.get(0)!, 'SIGKILL');
  const load = new Load(`${url}/fn/quick/`, { clients: 8, pauseMs: 20, keepAlive: false });
  await host.whole(({ restarts }) => restarts.crashed === 1);
  await load.stop();
  expect(load.failures.filter(({ code }) => code === 'ECONNREFUSED')).toEqual([]);
  expect(load.statuses.get(200)).toBeGreaterThan(0);
});

it('finishes what runs on SIGTERM, exits 0 and leaves nothing behind', async () => {
  const { url } = await start();
  await host.whole();
  const children = childrenOf(host.pid);
  expect(children).toHaveLength(2);
  const slow = ask(`${url}/fn/slow/`);
  await vi.waitUntil(async () => (await host.stats()).running === 1);
  const stopped = host.stop();
  expect((await slow).text).toBe('slow');
  expect(await stopped).toEqual({ code: 0, signal: null });
  expect(children.filter(isAlive)).toEqual([]);
  expect(host.stderr()).toBe('');
});

it('ends at once on a second signal, its hosts with it', async () => {
  const { url } = await start();
  await host.whole();
  const children = childrenOf(host.pid);
  const slow = ask(`${url}/fn/slow/`).catch(() => 'cut');
  await vi.waitUntil(async () => (await host.stats()).running === 1);
  const exit = once(host.child, 'exit');
  host.child.kill('SIGINT');
  await vi.waitUntil(() => isRefused(url), { timeout: 10_000 });
  host.child.kill('SIGINT');
  expect(await exit).toEqual([130, null]);
  expect(await slow).toBe('cut');
  await vi.waitUntil(() => !children.some(isAlive), { timeout: 10_000 });
});

it('is survived by no host and no port when it is killed itself', async () => {
  const { url } = await start();
  await host.whole();
  const children = childrenOf(host.pid);
  host.child.kill('SIGKILL');
  await vi.waitUntil(() => !children.some(isAlive), { timeout: 10_000 });
  expect(await isRefused(url)).toBe(true);
});

it('is survived by no host that did not notice at once', async () => {
  await start();
  const { pid } = await host.whole();
  process.kill(pid, 'SIGSTOP');
  const exit = once(host.child, 'exit');
  host.child.kill('SIGKILL');
  await exit;
  process.kill(pid, 'SIGCONT');
  await vi.waitUntil(() => !isAlive(pid), { timeout: 10_000 });
});

it('has a data directory for itself', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'isolane-two-'));
  try {
    host = await startSupervised({ config, dataDir });
    const args = [MAIN, 'serve', '--config', config, '--port', '0', '--admin-port', '0', '--data-dir', dataDir];
    const second = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    second.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    expect(await once(second, 'close')).toEqual([1, null]);
    expect(stderr).toMatch(
      /^isolane: The data directory .* is in use by another isolane host; .* \[DATA_DIR_IN_USE\]\n$/,
    );
    expect((await ask(`${host.url}/fn/quick/`)).text).toBe('quick');
    await host.stop();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

function isRefused(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}
