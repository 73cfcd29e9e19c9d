/**
 * A real host under a steady mixture, and then the machine turns against it: its process is killed or stopped, the
 * disk fills, descriptors run out, its databases are held by somebody else, the wall clock is set. Afterwards it
 * answers, its books name every answer a client received and every webhook it accepted, and it holds no more than before.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HostOptions, type RunningHost, startHost } from '../support/host.ts';
import { allRecords, checkDeliveries, checkRecords } from '../support/host-books.ts';
import { processTree } from '../support/processes.ts';
import { openUpstream, Traffic } from '../support/traffic.ts';
import { type TrafficConfig, writeTrafficFunctions } from '../support/traffic-functions.ts';

const RATE = 60;
const DELIVERED_WITHIN_MS = 60_000;
const SETTLED_WITHIN_MS = 30_000;
const MIB = 2 ** 20;

let dir: string;
let upstream: Awaited<ReturnType<typeof openUpstream>>;
let traffic: Traffic;
let host: RunningHost;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'isolane-chaos-'));
  mkdirSync(join(dir, 'data'), { mode: 0o700 });
  upstream = await openUpstream();
});
afterEach(async () => {
  await traffic?.stop();
  await host?.stop('SIGKILL');
  upstream.server.close();
  rmSync(dir, { recursive: true, force: true });
});

async function start(
  options: Partial<HostOptions> = {},
  how: Pick<TrafficConfig, 'durability' | 'apart'> = {},
): Promise<void> {
  const config = writeTrafficFunctions(join(dir, 'functions'), { upstream: upstream.address, ...how });
  host = await startHost({ config, dataDir: join(dir, 'data'), ...options });
  traffic = new Traffic(host.url);
}

/** Its successor on the same data. */
async function startAgain(): Promise<void> {
  await host.stop('SIGKILL');
  host = await startHost({ config: join(dir, 'functions/isolane.json'), dataDir: join(dir, 'data') });
  traffic.retarget(host.url);
}

async function answers(): Promise<void> {
  for (const until = performance.now() + SETTLED_WITHIN_MS; ; await sleep(100)) {
    const answer = await traffic.send('/fn/hello/');
    if (typeof answer !== 'string' && answer.status === 200) return;
    if (performance.now() > until) throw new Error(`no answer: ${JSON.stringify(answer)}; ${host.stderr()}`);
  }
}

async function booksAreRight(): Promise<void> {
  expect(await checkRecords(host, traffic.answers)).toEqual([]);
  expect(await checkDeliveries(host, traffic.accepted, DELIVERED_WITHIN_MS)).toEqual([]);
}

const descriptors = (): number => processTree(host.pid).reduce((sum, one) => sum + one.fds, 0);

/** Until the host holds no more than `base` and what lanes that were started since then need. */
async function descriptorsReturn(base: number): Promise<void> {
  const lanes = 16 * 6;
  for (const until = performance.now() + SETTLED_WITHIN_MS; descriptors() > base + lanes; await sleep(200))
    if (performance.now() > until) throw new Error(`${descriptors()} descriptors are open, ${base} were`);
}

async function load(ms: number): Promise<void> {
  traffic.start(RATE);
  await sleep(ms);
}

describe('the process', () => {
  for (const signal of ['SIGKILL', 'SIGABRT'] as const) {
    it(`${signal} under load: what was answered is booked, what was accepted is delivered`, async () => {
      await start();
      await load(2500);
      process.kill(host.pid, signal);
      await sleep(500);
      await startAgain();
      await sleep(1500);
      await traffic.stop();
      await answers();
      expect(traffic.answers.length).toBeGreaterThan(50);
      expect(traffic.accepted.length).toBeGreaterThan(2);
      await booksAreRight();
    }, 120_000);
  }

  for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
    it(`${signal} of the active host under its supervisor: the spare goes on with the same books`, async () => {
      await start({ supervised: true });
      await load(2500);
      const { pid } = (await (await host.admin('/v1/stats')).json()) as { pid: number };
      expect(pid).not.toBe(host.pid);
      process.kill(pid, signal);
      await sleep(3000);
      await traffic.stop();
      await answers();
      const after = (await (await host.admin('/v1/stats')).json()) as { pid: number };
      expect(after.pid).not.toBe(pid);
      await booksAreRight();
    }, 120_000);
  }

  for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
    it(`${signal} of engine processes under load: the host and everybody else go on`, async () => {
      await start({}, { apart: ['json', 'timers'] });
      await load(2500);
      const engines = processTree(host.pid).filter(({ command }) => command.includes('engine/process'));
      expect(engines.length).toBeGreaterThan(0);
      for (const { pid } of engines) process.kill(pid, signal);
      await sleep(4000);
      await traffic.stop();
      await answers();
      // Whoever did not live there has noticed nothing.
      expect([...traffic.surprises.keys()].filter((what) => !/^(json|timers):/.test(what))).toEqual([]);
      await booksAreRight();
    }, 120_000);
  }

  it('SIGSTOP for two seconds: nobody is charged for limits his own CPU did not reach', async () => {
    await start();
    await load(1500);
    const pids = processTree(host.pid).map((one) => one.pid);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await sleep(2000);
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    await sleep(1500);
    await traffic.stop();
    await answers();
    await booksAreRight();
    const charged = (await allRecords(host)).filter(
      ({ outcome, function: name }) => outcome === 'cpu_exceeded' && name !== 'burn',
    );
    expect(charged).toEqual([]);
  }, 120_000);
});

describe('the machine', () => {
  it('runs out of descriptors: the host sheds, and recovers', async () => {
    await start();
    await answers();
    const base = descriptors();
    await host.stop();
    await start({ shell: `ulimit -n ${base + 40}` });
    await load(1000);
    const open: Socket[] = [];
    for (let i = 0; i < base + 200; i++)
      open.push(createConnection(Number(new URL(host.url).port)).on('error', () => {}));
    await sleep(2000);
    expect(host.child.exitCode).toBe(null);
    for (const socket of open) socket.destroy();
    await traffic.stop();
    await answers();
    await booksAreRight();
    await descriptorsReturn(base);
  }, 120_000);

  it('another process holds both databases for a while, again and again', async () => {
    await start();
    await load(1000);
    for (let i = 0; i < 6; i++) {
      const held = ['ledger.db', 'inbox.db'].map((file) => new Database(join(dir, 'data', file), { timeout: 2000 }));
      for (const db of held) db.exec('BEGIN IMMEDIATE');
      await sleep(i === 5 ? 3000 : 250);
      for (const db of held) db.close();
      await sleep(50);
    }
    await traffic.stop();
    await answers();
    await booksAreRight();
  }, 120_000);

  for (const hours of [5, -5]) {
    it(`the wall clock is set by ${hours} hours`, async () => {
      const preload = join(dir, 'clock.mjs');
      // Lanes keep their own reading: threads that disagree are the worse case.
      writeFileSync(
        preload,
        `const now = Date.now; let offset = 0; Date.now = () => now() + offset; process.on('SIGUSR2', () => { offset += ${hours} * 3600e3; });`,
      );
      await start({ env: { NODE_OPTIONS: `--import ${preload}` } });
      await load(1500);
      for (const { pid, command } of processTree(host.pid))
        if (/main\.\w+ serve/.test(command)) process.kill(pid, 'SIGUSR2');
      await sleep(2500);
      await traffic.stop();
      await answers();
      await booksAreRight();
      const records = await allRecords(host);
      expect(records.filter(({ outcome }) => outcome === 'wall_timeout')).toEqual([]);
      expect(Math.max(...records.map(({ billedMs }) => billedMs))).toBeLessThan(60_000);
    }, 120_000);
  }
});

/** A file system of its own that nobody else sees needs user namespaces. */
function mayMount(): boolean {
  try {
    execFileSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!mayMount())('a disk of its own (needs unshare -rm)', () => {
  for (const durability of ['process', 'power'] as const) {
    it(`fills up under load, durability ${durability}: 503 and no lies, then goes on`, async () => {
      // The shell mounts a small disk over the data directory, in a namespace that ends with the host.
      const mount = `mount -t tmpfs -o size=64m,mode=700 none ${join(dir, 'data')}`;
      await start({ shell: `exec unshare -rm sh -c '${mount}; exec "$0" "$@"' "$0" "$@"` }, { durability });
      // Seen through the host's own eyes.
      const disk = join('/proc', String(host.pid), 'root', dir, 'data');
      await load(1500);
      const ballast = join(disk, 'ballast');
      writeFileSync(ballast, '');
      let free = statfsSync(disk);
      expect(free.blocks * free.bsize).toBeLessThan(100 * MIB);
      while (free.bavail > 0) {
        try {
          writeFileSync(ballast, Buffer.alloc(free.bavail * free.bsize), { flag: 'a' });
        } catch {
          // The host was quicker with the last of it.
        }
        free = statfsSync(disk);
      }
      await sleep(3000);
      expect(host.child.exitCode).toBe(null);
      const refused = await traffic.send('/fn/hello/');
      expect(typeof refused === 'string' ? refused : refused.status).toBe(503);
      expect((await host.admin('/readyz')).status).toBe(503);
      rmSync(ballast);
      await sleep(1500);
      await traffic.stop();
      await answers();
      await booksAreRight();
    }, 120_000);
  }
});
