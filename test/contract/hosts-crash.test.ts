/** Several processes on one data directory and real SIGKILL: dead ones are taken over, living ones are left alone. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoredRecord } from '../../src/contract/store.ts';
import { Journal } from '../../src/store/journal.ts';
import { LineWriter } from '../../src/store/line-writer.ts';
import { openHostLock, openInbox, openLedger, type SqliteInbox, type SqliteLedger } from '../../src/store/store.ts';
import { allRecords } from '../support/ledger-pages.ts';
import { usageRecord } from '../support/usage-record.ts';

const PROGRAM = fileURLToPath(new URL('../support/store-load.ts', import.meta.url));

const LINES = new LineWriter('none');
let dataDir: string;
let loads: Load[];
let closers: (() => unknown)[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'isolane-hosts-crash-'));
  loads = [];
  closers = [];
});

afterEach(async () => {
  for (const load of loads) await load.kill();
  for (const close of closers.reverse()) await close();
  rmSync(dataDir, { recursive: true });
});

/** A host that writes as fast as it can until it is killed, and says what it was told is durable. */
class Load {
  readonly child: ChildProcess;
  output = '';

  constructor(what: string) {
    this.child = spawn(process.execPath, [PROGRAM, what, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    loads.push(this);
  }

  get hostId(): string {
    return `host-${this.child.pid}`;
  }

  /** Whole lines only: a line cut off by the kill was not said. */
  said(mark: string): string[] {
    const lines = this.output.slice(0, this.output.lastIndexOf('\n')).split('\n');
    return lines.filter((line) => line.startsWith(`${mark} `)).map((line) => line.slice(2));
  }

  async busy(mark: string, count: number): Promise<void> {
    const before = this.said(mark).length;
    await expect.poll(() => this.said(mark).length - before, { timeout: 20_000 }).toBeGreaterThan(count);
  }

  async kill(): Promise<void> {
    if (this.child.signalCode !== null || this.child.exitCode !== null) return;
    const closed = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await closed;
  }
}

async function survivor(): Promise<{ readonly ledger: SqliteLedger; readonly inbox: SqliteInbox }> {
  const lock = openHostLock(dataDir, 'survivor');
  const ledger = await openLedger({ dataDir, hostId: 'survivor', durability: 'process' });
  const inbox = await openInbox({ dataDir, owner: 'survivor' });
  closers.push(
    () => lock.close(),
    () => inbox.close(),
    () => ledger.close(),
  );
  return { ledger, inbox };
}

/** What a dead host had said is there; what it had started is closed. */
function expectWhole(records: ReadonlyMap<string, StoredRecord>, dead: Load): void {
  expect(dead.said('!')).toEqual([]);
  for (const id of dead.said('e')) expect(records.get(id)?.closedBy).toBe('normal');
  for (const id of dead.said('s')) expect(records.has(id)).toBe(true);
}

describe.each(['process', 'power'] as const)('three hosts, durability %s', (durability) => {
  it('lose nothing when one is killed after another, and close nothing of the living', {
    timeout: 90_000,
  }, async () => {
    const hosts = [new Load(durability), new Load(durability), new Load(durability)];
    const { ledger } = await survivor();
    for (const host of hosts) await host.busy('e', 50);
    for (const [index, host] of hosts.entries()) {
      await host.kill();
      const living = hosts.slice(index + 1);
      const busy = living.map((other) => other.busy('e', 200));
      expect((await ledger.recover()).records).toBeGreaterThan(0);
      expect(await ledger.recover()).toEqual({ records: 0 });
      await Promise.all(busy);
      const records = await allRecords(ledger);
      for (const dead of hosts.slice(0, index + 1)) expectWhole(records, dead);
      const closed = new Set(
        [...records.values()].filter((row) => row.closedBy === 'recovery').map((row) => row.hostId),
      );
      for (const other of living) {
        expect(closed).not.toContain(other.hostId);
        expect(other.said('!')).toEqual([]);
      }
    }
    expect(readdirSync(join(dataDir, 'hosts'))).toEqual(['survivor.lock']);
    expect(readdirSync(join(dataDir, 'ledger-journal'))).toEqual(['survivor']);
  });
});

describe('recovery', () => {
  it('is done once, though it is killed again and again while another host writes', { timeout: 90_000 }, async () => {
    const total = 60_000;
    const dir = join(dataDir, 'ledger-journal', 'gone');
    mkdirSync(dir, { recursive: true });
    mkdirSync(join(dataDir, 'hosts'));
    writeFileSync(join(dataDir, 'hosts', 'gone.lock'), '');
    const journal = new Journal({ dir, segmentBytes: 2_000_000 });
    for (let i = 0; i < total; i++) {
      const row = usageRecord({ invocationId: `id-${i}`, hostId: 'gone' });
      if (i % 3 === 0) journal.append(LINES.start(row));
      // Every sixth never ended.
      if (i % 6 !== 0) journal.append(LINES.record(row, i % 3 === 0));
      if (journal.full) journal.rotate();
    }
    journal.close();
    const living = new Load('process');
    await living.busy('e', 50);
    let killed = 0;
    for (let afterMs = 60; afterMs < 300; afterMs += 60) {
      const load = new Load('recover');
      await expect.poll(() => load.output, { interval: 5, timeout: 20_000 }).toContain('ready');
      await sleep(afterMs);
      await load.kill();
      if (readdirSync(join(dataDir, 'hosts')).includes('gone.lock')) killed += 1;
    }
    expect(killed).toBeGreaterThan(0);
    const { ledger } = await survivor();
    await ledger.recover();
    const records = [...(await allRecords(ledger)).values()].filter((row) => row.hostId === 'gone');
    expect(records).toHaveLength(total);
    expect(records.filter((row) => row.closedBy === 'recovery')).toHaveLength(total / 6);
    expect(living.said('!')).toEqual([]);
    await living.busy('e', 50);
  });
});

describe('deliveries', () => {
  it('accepted by a host that is killed are run by another, once', { timeout: 90_000 }, async () => {
    const hosts = [new Load('inbox'), new Load('inbox')];
    const [doomed, living] = hosts as [Load, Load];
    const { ledger, inbox } = await survivor();
    for (const host of hosts) await host.busy('a', 20);
    await doomed.kill();
    await ledger.recover();
    await inbox.recover();
    await living.busy('f', 20);
    const running = await inbox.list({ endpoint: null, state: 'running', cursor: null, limit: 1000 });
    const accepted = new Set(doomed.said('a'));
    const finished = new Set(doomed.said('f'));
    expect(running.items.filter((row) => accepted.has(row.id))).toEqual([]);
    await living.kill();
    const claimed: string[] = [];
    for (let rows = await inbox.claim(Date.now(), 50); rows.length > 0; rows = await inbox.claim(Date.now(), 50)) {
      claimed.push(...rows.map((row) => row.id));
    }
    expect(new Set(claimed).size).toBe(claimed.length);
    const mine = new Set(claimed);
    for (const id of accepted) {
      if (finished.has(id)) expect(mine).not.toContain(id);
      else if (!mine.has(id)) expect((await inbox.get(id))?.state).toBe('succeeded');
    }
    expect([...accepted].filter((id) => mine.has(id)).length).toBeGreaterThan(5);
  });
});
