/** The stores against real SIGKILL and a real full disk: what was said to be durable is there afterwards. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoredRecord } from '../../src/contract/store.ts';
import { openInbox, openLedger } from '../../src/store/store.ts';

const PROGRAM = fileURLToPath(new URL('../support/store-load.ts', import.meta.url));
const ROUNDS = 6;

/** Runs the load until it is killed after `killAfterMs`, or ends by itself; the lines it printed. */
function load(what: string, dataDir: string, killAfterMs: number | null, fileKiB?: number): Promise<string[]> {
  const command = fileKiB === undefined ? 'exec "$0" "$@"' : `ulimit -f ${fileKiB}; exec "$0" "$@"`;
  const child = spawn('bash', ['-c', command, process.execPath, PROGRAM, what, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    const wasReady = output !== '';
    output += text;
    if (!wasReady && killAfterMs !== null) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  });
  // A line cut off by the kill was not said.
  return new Promise((resolve) =>
    child.on('close', () => resolve(output.slice(0, output.lastIndexOf('\n')).split('\n'))),
  );
}

const ids = (lines: readonly string[], mark: string): Set<string> =>
  new Set(lines.filter((line) => line.startsWith(`${mark} `)).map((line) => line.slice(2)));

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'isolane-crash-'));
});

afterEach(() => rmSync(dataDir, { recursive: true }));

async function allRecords(hostId: string): Promise<Map<string, StoredRecord>> {
  const ledger = await openLedger({ dataDir, hostId, durability: 'process' });
  const records = new Map<string, StoredRecord>();
  let count = 0;
  for (let cursor: string | null = null; ; ) {
    const query = { function: null, outcome: null, trigger: null, from: null, to: null, limit: 1000 };
    const page = await ledger.records({ ...query, cursor });
    for (const item of page.items) records.set(item.invocationId, item);
    count += page.items.length;
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  await ledger.close();
  expect(records.size).toBe(count);
  return records;
}

describe('the ledger', () => {
  it('has every record it called durable, closes what was open, and repeats nothing', { timeout: 60_000 }, async () => {
    const ended = new Set<string>();
    let recovered = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const lines = await load('ledger', dataDir, 20 + Math.random() * 200);
      const started = ids(lines, 's');
      for (const id of ids(lines, 'e')) ended.add(id);
      const records = await allRecords(`reader-${round}`);
      for (const id of ended) expect(records.get(id)?.closedBy).toBe('normal');
      for (const id of started) {
        const record = records.get(id)!;
        if (record.closedBy === 'normal') expect(record.billedMs).toBe(2);
        else expect(record).toMatchObject({ outcome: 'aborted', billedMs: 0, cpuNs: 0 });
      }
      recovered = [...records.values()].filter((record) => record.closedBy === 'recovery').length;
    }
    expect(ended.size).toBeGreaterThan(100);
    expect(recovered).toBeGreaterThan(0);
  });

  it('says so when the disk is full, and keeps what it called durable', { timeout: 60_000 }, async () => {
    const lines = await load('ledger', dataDir, null, 1024);
    expect(lines.at(-1)).toMatch(/^! The billing ledger cannot be written: .+\.$/);
    const ended = ids(lines, 'e');
    expect(ended.size).toBeGreaterThan(100);
    const records = await allRecords('reader');
    for (const id of ended) expect(records.has(id)).toBe(true);
  });
});

describe('the inbox', () => {
  it('has every delivery it accepted and forgets no ended attempt', { timeout: 60_000 }, async () => {
    const accepted = new Set<string>();
    const finished = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const lines = await load('inbox', dataDir, 20 + Math.random() * 200);
      for (const id of ids(lines, 'a')) accepted.add(id);
      for (const id of ids(lines, 'f')) finished.add(id);
      const inbox = await openInbox({ dataDir, owner: `reader-${round}` });
      for (const id of accepted) {
        const row = await inbox.get(id);
        expect(Buffer.from(row!.body).toString()).toBe(id);
        if (finished.has(id)) expect(row!.state).toBe('succeeded');
        else expect(['ready', 'succeeded']).toContain(row!.state);
      }
      const running = await inbox.list({ endpoint: null, state: 'running', cursor: null, limit: 10 });
      expect(running.items).toEqual([]);
      await inbox.close();
    }
    expect(accepted.size).toBeGreaterThan(50);
    expect(finished.size).toBeGreaterThan(10);
  });

  it('accepts nothing it cannot store', { timeout: 60_000 }, async () => {
    const lines = await load('inbox', dataDir, null, 1024);
    expect(lines.at(-1)).toMatch(/^! /);
    const inbox = await openInbox({ dataDir, owner: 'reader' });
    for (const id of ids(lines, 'a')) expect((await inbox.get(id))?.id).toBe(id);
    await inbox.close();
  });
});
