import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AT, type Line, parseLines } from '../../../src/store/ledger-lines.ts';
import { LEDGER_MIGRATIONS } from '../../../src/store/ledger-rows.ts';
import { type Ended, LineWriter } from '../../../src/store/line-writer.ts';
import { RowWriter } from '../../../src/store/row-writer.ts';
import { openDatabase } from '../../../src/store/sqlite.ts';
import { usageRecord } from '../../support/usage-record.ts';

const LINES = new LineWriter('h');

let dataDir: string;
let db: Database;
let refusals: string[];
let writer: RowWriter;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'isolane-rows-'));
  db = openDatabase({ dataDir, file: 'ledger.db', synchronous: 'NORMAL', migrations: LEDGER_MIGRATIONS });
  refusals = [];
  writer = new RowWriter(db, (reason) => refusals.push(reason));
});

afterEach(() => {
  db.close();
  rmSync(dataDir, { recursive: true });
});

const rows = (): Line[] =>
  db
    .prepare('SELECT lines FROM blocks ORDER BY first_seq')
    .all()
    .flatMap((block) => parseLines(String(block['lines'])).rows as Line[]);
const ids = (): string[] => rows().map((row) => String(row[AT.invocationId]));
const starts = (): string[] =>
  db
    .prepare('SELECT invocation_id AS id FROM starts ORDER BY id')
    .all()
    .map((row) => String(row['id']));
const blocks = (): unknown[] => db.prepare('SELECT first_seq, rows FROM blocks ORDER BY first_seq').all();
const record = (id: string, over = {}): string => LINES.record(usageRecord({ invocationId: id, ...over }), false);

describe('rows on their way into blocks', () => {
  it('are one block for a transaction, and small blocks of one host are one', () => {
    for (let i = 0; i < 40; i++) writer.commit([record(`a-${i}`)], 'h');
    writer.commit([record('b')], 'other');
    writer.commit([Array.from({ length: 100 }, (_, i) => record(`c-${i}`)).join('')], 'h');
    expect(blocks()).toEqual([
      { first_seq: 1, rows: 32 },
      { first_seq: 33, rows: 8 },
      { first_seq: 41, rows: 1 },
      { first_seq: 42, rows: 100 },
    ]);
    expect(ids()).toHaveLength(141);
  });

  it('say what they hold', () => {
    const at = (second: number): string => `2026-11-30T12:00:0${second}.000Z`;
    writer.commit([record('m', { startedAt: at(5) }) + record('k', { startedAt: at(7) })], 'h');
    writer.commit([record('p', { startedAt: at(1) })], 'h');
    expect(db.prepare('SELECT min_at, max_at, min_id, max_id FROM blocks').all()).toEqual([
      { min_at: at(1), max_at: at(7), min_id: 'k', max_id: 'p' },
    ]);
  });

  it('are kept aside when they are none, and nothing else is', () => {
    const torn = record('torn').slice(0, 60);
    const piece = `${record('a')}${torn}\n\n[1,2],[3]\n${record('half', { runNs: 0.5 })}${record('b')}`;
    writer.commit([piece], 'h');
    expect(ids()).toEqual(['a', 'b']);
    const none = 'it is not a line of the ledger';
    expect(refusals).toEqual([none, none, 'runNs is 0.5, it must be a whole number']);
    expect(db.prepare('SELECT row FROM refused').all()).toHaveLength(3);
  });

  it('are kept aside alone when others in the same line are sound', () => {
    const own = (id: string, over = {}) => ({
      record: usageRecord({ invocationId: id, requestId: id, ...over }),
      begun: false,
    });
    writer.commit([LINES.records([own('a'), own('b', { cpuNs: -0.5 }), own('c')])], 'h');
    expect(ids()).toEqual(['a', 'c']);
    expect(refusals).toEqual(['cpuNs is -0.5, it must be a whole number']);
  });

  it('leave nothing behind when the transaction fails', () => {
    db.exec(`CREATE TRIGGER fails BEFORE INSERT ON starts BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`);
    const start = LINES.start(usageRecord({ invocationId: 's' }));
    expect(() => writer.commit([record('a') + start], 'h')).toThrow('the disk is full');
    expect([ids(), starts()]).toEqual([[], []]);
    db.exec('DROP TRIGGER fails');
    writer.commit([record('a') + start], 'h');
    expect([ids(), starts()]).toEqual([['a'], ['s']]);
  });

  it('count once and end what they began, in whatever pieces they come, read again or not', () => {
    const event = fc.record({
      id: fc.integer({ min: 0, max: 4 }),
      what: fc.constantFrom('start', 'end'),
      whole: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 40 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        (events, cuts) => {
          db.exec('DELETE FROM blocks; DELETE FROM starts');
          let runNs = 0;
          const begun = new Set<string>();
          const ended: string[] = [];
          const lines: string[] = [];
          let together: Ended[] = [];
          const write = (): void => {
            if (together.length > 0) lines.push(LINES.records(together));
            together = [];
          };
          for (const { id, what, whole } of events) {
            const name = `id-${id}`;
            // A host starts an invocation once, before it ends; that it ended twice would be a fault of its own.
            if (what === 'start' ? begun.has(name) || ended.includes(name) : false) continue;
            const row = usageRecord({ invocationId: name, requestId: name, runNs: ++runNs });
            if (what === 'start') {
              begun.add(name);
              write();
              lines.push(LINES.start(row));
            } else {
              // In the group of its START a record is whole, and in one line with those like it.
              const isEnd = !whole || begun.has(name) || ended.includes(name);
              together.push({ record: row, begun: isEnd });
              if (isEnd) write();
              if (!ended.includes(name)) ended.push(name);
              begun.delete(name);
            }
          }
          write();
          const feed = (again: boolean): void => {
            const known = again ? writer.recent(['h'], lines.length) : undefined;
            for (let from = 0; from < lines.length; ) {
              const size = cuts.next().value;
              writer.commit([lines.slice(from, from + size).join('')], 'h', known);
              from += size;
            }
          };
          feed(false);
          const first = rows();
          expect(ids()).toEqual(ended);
          expect(starts()).toEqual([...begun].sort());
          feed(true);
          expect(rows()).toEqual(first);
          expect(starts()).toEqual([...begun].sort());
          expect(writer.closeStarts('h', new Set())).toBe(begun.size);
          feed(true);
          expect(new Set(ids()).size).toBe(ended.length + begun.size);
          expect(starts()).toEqual([]);
        },
      ),
      { numRuns: 150 },
    );
  });
});
