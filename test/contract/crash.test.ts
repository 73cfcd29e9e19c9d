/** The stores against real SIGKILL and a real full disk: what was said to be durable is there afterwards. */

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoredRecord } from '../../src/contract/store.ts';
import { Journal } from '../../src/store/journal.ts';
import { LineWriter } from '../../src/store/line-writer.ts';
import { openInbox, openLedger } from '../../src/store/store.ts';
import { allRecords } from '../support/ledger-pages.ts';
import { usageRecord } from '../support/usage-record.ts';

const PROGRAM = fileURLToPath(new URL('../support/store-load.ts', import.meta.url));
const ROUNDS = 6;

/** Runs the load until it is killed after `killAfterMs`, or ends by itself; the lines it printed. */
function load(what: readonly string[], killAfterMs: number | null, fileKiB?: number): Promise<string[]> {
  const command = fileKiB === undefined ? 'exec "$0" "$@"' : `ulimit -f ${fileKiB}; exec "$0" "$@"`;
  const child = spawn('bash', ['-c', command, process.execPath, PROGRAM, ...what], {
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

const LINES = new LineWriter('none');
let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'isolane-crash-'));
});

afterEach(() => rmSync(dataDir, { recursive: true }));

async function recoveredRecords(hostId: string): Promise<Map<string, StoredRecord>> {
  const ledger = await openLedger({ dataDir, hostId, durability: 'process' });
  await ledger.recover();
  const records = await allRecords(ledger);
  await ledger.close();
  return records;
}

const segments = (): string[] =>
  readdirSync(join(dataDir, 'ledger-journal'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.jsonl'),
  );

describe.each([
  ['process', []],
  ['process', ['20000']],
  ['power', []],
] as const)('the ledger, durability %s, segments %j', (durability, segmentBytes) => {
  it('has every record it called durable, closes what was open, and repeats nothing', { timeout: 60_000 }, async () => {
    const ended = new Set<string>();
    let recovered = 0;
    let replayed = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const lines = await load([durability, dataDir, ...segmentBytes], 20 + Math.random() * 200);
      const started = ids(lines, 's');
      for (const id of ids(lines, 'e')) ended.add(id);
      replayed += segments().length;
      const records = await recoveredRecords(`reader-${round}`);
      expect(segments()).toEqual([]);
      for (const id of ended) expect(records.get(id)?.closedBy).toBe('normal');
      for (const id of started) {
        const record = records.get(id)!;
        if (record.closedBy === 'normal') expect(record.billedMs).toBe(2);
        else expect(record).toMatchObject({ outcome: 'aborted', billedMs: 0, cpuNs: 0 });
      }
      recovered = [...records.values()].filter((record) => record.closedBy === 'recovery').length;
    }
    expect(ended.size).toBeGreaterThan(100);
    expect(recovered).toBeGreaterThanOrEqual(ROUNDS);
    if (durability === 'power') expect(replayed).toBe(0);
    else expect(replayed).toBeGreaterThanOrEqual(ROUNDS);
  });

  it('says so when the disk is full, and keeps what it called durable', { timeout: 60_000 }, async () => {
    const lines = await load([durability, dataDir], null, 1024);
    expect(lines.at(-1)).toMatch(/^! The billing ledger cannot be written: .+\.$/);
    const ended = ids(lines, 'e');
    expect(ended.size).toBeGreaterThan(100);
    const records = await recoveredRecords('reader');
    for (const id of ended) expect(records.has(id)).toBe(true);
  });
});

describe('the journal', () => {
  it('is replayed once, however often the replay is killed', { timeout: 60_000 }, async () => {
    const total = 60_000;
    const apart = 20_000;
    const dir = join(dataDir, 'ledger-journal', 'h');
    mkdirSync(dir, { recursive: true });
    const journal = new Journal({ dir, segmentBytes: 2_000_000 });
    const row = (i: number) => usageRecord({ invocationId: `id-${String(i).padStart(6, '0')}` });
    for (let i = 0; i < total + apart; i++) {
      // Every third began in a line of its own, long before it ended; every sixth never ended.
      const ending = i - apart;
      if (i < total && i % 3 === 0) journal.append(LINES.start(row(i)));
      if (ending >= 0 && ending % 6 !== 0) journal.append(LINES.record(row(ending), ending % 3 === 0));
      if (journal.full) journal.rotate();
    }
    journal.close();
    expect(segments().length).toBeGreaterThan(4);
    let killed = 0;
    for (const afterMs of [250, 350, 450]) {
      await load(['recover', dataDir], afterMs);
      if (segments().length > 0) killed += 1;
    }
    expect(killed).toBeGreaterThan(0);
    const records = await recoveredRecords('reader');
    expect(records.size).toBe(total);
    const recovered = [...records.values()].filter((record) => record.closedBy === 'recovery');
    expect(recovered).toHaveLength(total / 6);
    expect(segments()).toEqual([]);
  });

  it('loses its unfinished last line only, and keeps aside what cannot be read', async () => {
    const warnings: string[] = [];
    const warn = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', warn);
    const [first, second, torn] = [usageRecord(), usageRecord(), usageRecord()];
    const whole = `${LINES.record(first, false)}[1,"half\n[1,2]\n${LINES.record(second, false)}`;
    const bytes = Buffer.from(`${whole}${LINES.record(torn, false).slice(0, -1)}`);
    const refused = (): unknown[] => {
      const db = new Database(join(dataDir, 'ledger.db'), { readonly: true });
      const rows = db.prepare('SELECT row FROM refused').all();
      db.close();
      return rows;
    };
    mkdirSync(join(dataDir, 'ledger-journal'));
    for (let round = 0; round < 2; round++) {
      writeFileSync(join(dataDir, 'ledger-journal', '7.jsonl'), bytes);
      const records = await recoveredRecords(`reader-${round}`);
      expect([...records.keys()].sort()).toEqual([first.invocationId, second.invocationId].sort());
      expect(refused()).toEqual([{ row: '[1,"half' }, { row: '[1,2]' }]);
    }
    process.off('warning', warn);
    expect(warnings.filter((text) => text.includes('kept a row aside'))).toHaveLength(2);
  });
});

describe('the inbox', () => {
  it('has every delivery it accepted and forgets no ended attempt', { timeout: 60_000 }, async () => {
    const accepted = new Set<string>();
    const finished = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const lines = await load(['inbox', dataDir], 20 + Math.random() * 200);
      for (const id of ids(lines, 'a')) accepted.add(id);
      for (const id of ids(lines, 'f')) finished.add(id);
      const inbox = await openInbox({ dataDir, owner: `reader-${round}` });
      await inbox.recover();
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
    const lines = await load(['inbox', dataDir], null, 1024);
    expect(lines.at(-1)).toMatch(/^! /);
    const inbox = await openInbox({ dataDir, owner: 'reader' });
    for (const id of ids(lines, 'a')) expect((await inbox.get(id))?.id).toBe(id);
    await inbox.close();
  });
});
