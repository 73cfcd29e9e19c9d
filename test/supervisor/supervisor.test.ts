/** `isolane serve` as processes: what it does about hosts that stop, loop, wedge or are told to go, and how it ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
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
/** For tests whose host lives on. */
let host: Supervised;
/** For tests that end theirs. */
let own: Supervised | null = null;
beforeAll(async () => {
  // With a port for the debugger of its own, a signal opens it: the only way to get a stranger's loop into the host.
  host = await startSupervised({ config, env: { NODE_OPTIONS: '--inspect-port=0' } });
});
afterEach(async () => {
  await own?.stop('SIGKILL');
  own = null;
});
afterAll(async () => {
  await host?.stop('SIGKILL');
  folder.remove();
});

async function start(...args: readonly string[]): Promise<Supervised> {
  own = await startSupervised({ config, args });
  return own;
}

const quick = async (): Promise<string> => (await ask(`${host.url}/fn/quick/`)).text;

describe('a host is replaced', () => {
  it('that the system holds still; who came meanwhile is served', async () => {
    const { pid, restarts } = await host.whole();
    process.kill(pid, 'SIGSTOP');
    const answers = await Promise.all(Array.from({ length: 50 }, quick));
    expect(new Set(answers)).toEqual(new Set(['quick']));
    const after = await host.whole((now) => now.pid !== pid);
    expect(after.restarts).toEqual({ ...restarts, stopped: restarts.stopped + 1 });
    expect(isAlive(pid)).toBe(false);
  });

  it('whose main loop is stuck', async () => {
    const { pid, restarts } = await host.whole();
    process.kill(pid, 'SIGUSR1');
    const address = await vi.waitUntil(() => /listening on (ws:\S+)/.exec(host.stderr())?.[1], { timeout: 20_000 });
    const debug = new WebSocket(address);
    await once(debug, 'open');
    debug.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: 'for (;;);' } }));
    const after = await host.whole((now) => now.pid !== pid);
    expect(after.restarts).toEqual({ ...restarts, looping: restarts.looping + 1 });
    expect(await quick()).toBe('quick');
    debug.close();
  });

  it('that a function has wedged; nobody else loses anything', async () => {
    const { pid, restarts } = await host.whole();
    const url = `${host.url}/fn/quick/`;
    const kept = new Load(url, { clients: 16, pauseMs: 50, keepAlive: true });
    const fresh = new Load(url, { clients: 2, pauseMs: 50, keepAlive: false });
    const slow: Promise<string>[] = [];
    const wedged = ask(`${host.url}/fn/wedge/`);
    // Whenever it happens, some of these are under way.
    const pacer = setInterval(() => slow.push(ask(`${host.url}/fn/slow/`).then(({ text }) => text)), 400);
    expect(await wedged).toMatchObject({ status: 502 });
    const after = await host.whole((now) => now.pid !== pid);
    clearInterval(pacer);
    await Promise.all([kept.stop(), fresh.stop()]);
    expect(after.restarts).toEqual({ ...restarts, sick: restarts.sick + 1 });
    expect([...kept.failures, ...fresh.failures]).toEqual([]);
    expect([...kept.statuses.keys(), ...fresh.statuses.keys()]).toEqual([200, 200]);
    expect(new Set(await Promise.all(slow))).toEqual(new Set(['slow']));
    await vi.waitUntil(() => !isAlive(pid), { timeout: 20_000 });
    expect(host.stderr()).toContain('is sick and will be replaced: an engine thread was given up');
  });

  it('that is told to end, after what it runs has ended', async () => {
    const { pid, restarts } = await host.whole();
    const slow = ask(`${host.url}/fn/slow/`);
    await vi.waitUntil(async () => (await host.stats()).running === 1, { timeout: 5000 });
    process.kill(pid, 'SIGTERM');
    const after = await host.whole((now) => now.pid !== pid);
    expect(after.restarts).toEqual({ ...restarts, sick: restarts.sick + 1 });
    expect((await slow).text).toBe('slow');
    await vi.waitUntil(() => !isAlive(pid), { timeout: 20_000 });
  });

  it('however often it dies, ever later; who waits is served', async () => {
    const { restarts } = await host.whole();
    for (let died = 0; died < 3; died++) {
      const { pid } = await vi.waitUntil(() => host.stats().catch(() => undefined), { timeout: 20_000 });
      process.kill(pid, 'SIGKILL');
      await vi.waitUntil(() => !isAlive(pid), { timeout: 5000 });
      expect(await quick()).toBe('quick');
    }
    const after = await host.whole();
    expect(after.restarts).toEqual({ ...restarts, crashed: restarts.crashed + 3 });
  });
}, 90_000);

it('has its data directory for itself', async () => {
  const args = [MAIN, 'serve', '--config', config, '--port', '0', '--admin-port', '0', '--data-dir', host.dataDir];
  const second = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  second.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  expect(await once(second, 'close')).toEqual([1, null]);
  expect(stderr).toMatch(
    /^isolane: The data directory .* is in use by another isolane host; .* \[DATA_DIR_IN_USE\]\n$/,
  );
  expect(await quick()).toBe('quick');
});

it('gives every host few arenas for memory, or as many as the operator says', async () => {
  const arenas = (pid: number): string | undefined =>
    /(?:^|\0)MALLOC_ARENA_MAX=(\d+)\0/.exec(readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1];
  await host.whole();
  expect(childrenOf(host.pid).map(arenas)).toEqual(['4', '4']);
  own = await startSupervised({ config, env: { MALLOC_ARENA_MAX: '7' } });
  const { pid } = await own.whole();
  expect(arenas(pid)).toBe('7');
}, 60_000);

it('finishes what runs on SIGTERM, exits 0 and leaves nothing behind', async () => {
  await host.whole();
  const children = childrenOf(host.pid);
  expect(children).toHaveLength(2);
  const slow = ask(`${host.url}/fn/slow/`);
  await vi.waitUntil(async () => (await host.stats()).running === 1, { timeout: 5000 });
  const stopped = host.stop();
  await vi.waitUntil(() => isRefused(host.url), { timeout: 5000 });
  expect((await slow).text).toBe('slow');
  expect(await stopped).toEqual({ code: 0, signal: null });
  expect(children.filter(isAlive)).toEqual([]);
}, 60_000);

it('serves from every worker, and goes on when one dies', async () => {
  const two = await start('--workers', '2');
  const seen = new Map<number | null, number>();
  const look = async (): Promise<boolean> => {
    const { worker, pid, workers } = await two.stats();
    expect(workers).toBe(2);
    seen.set(worker, pid);
    return seen.size === 2;
  };
  await vi.waitUntil(look, { timeout: 20_000, interval: 10 });
  expect([...seen.keys()].sort()).toEqual([0, 1]);
  await two.whole();
  const load = new Load(`${two.url}/fn/quick/`, { clients: 4, pauseMs: 50, keepAlive: false });
  process.kill(seen.get(0)!, 'SIGKILL');
  await two.whole(({ restarts }) => restarts.crashed === 1);
  await load.stop();
  expect(load.failures.filter(({ code }) => code === 'ECONNREFUSED')).toEqual([]);
  expect(load.statuses.get(200)).toBeGreaterThan(0);
}, 90_000);

it('ends at once on a second signal, its hosts with it', async () => {
  const { url, child, stats, whole, pid } = await start();
  await whole();
  const children = childrenOf(pid);
  const slow = ask(`${url}/fn/slow/`).catch(() => 'cut');
  await vi.waitUntil(async () => (await stats()).running === 1, { timeout: 5000 });
  const exit = once(child, 'exit');
  child.kill('SIGINT');
  await vi.waitUntil(() => isRefused(url), { timeout: 5000 });
  child.kill('SIGINT');
  expect(await exit).toEqual([130, null]);
  expect(await slow).toBe('cut');
  await vi.waitUntil(() => !children.some(isAlive), { timeout: 10_000 });
}, 60_000);

it('is survived by no host and no port when it is killed, even by a host that could not notice at once', async () => {
  const { url, child, whole, pid } = await start();
  const { pid: active } = await whole();
  const spares = childrenOf(pid).filter((one) => one !== active);
  process.kill(active, 'SIGSTOP');
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
  await vi.waitUntil(() => !spares.some(isAlive), { timeout: 10_000 });
  process.kill(active, 'SIGCONT');
  await vi.waitUntil(() => !isAlive(active), { timeout: 15_000 });
  expect(await isRefused(url)).toBe(true);
}, 60_000);

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
