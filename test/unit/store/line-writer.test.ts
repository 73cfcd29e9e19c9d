import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UsageRecord } from '../../../src/contract/usage.ts';
import { ALIKE, type Line, parseLines, toRecord } from '../../../src/store/ledger-lines.ts';
import { type Ended, LineWriter } from '../../../src/store/line-writer.ts';
import { usageRecord } from '../../support/usage-record.ts';

const HOST = 'host';
const WRITER = new LineWriter(HOST);

const records = (text: string): UsageRecord[] =>
  parseLines(text).rows.map((row) => {
    const { seq, ...record } = toRecord(row as Line, 1, HOST);
    expect(seq).toBe(1);
    return record;
  });
const kinds = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as unknown[])[0]);
const one = (number: number, over: Partial<UsageRecord> = {}): Ended => ({
  begun: false,
  record: usageRecord({ invocationId: `i-${number}`, requestId: `i-${number}`, hostId: HOST, ...over }),
});

/** Every cell takes one of two values: now records are alike, now they differ in a single one. */
const cell = <T>(a: T, b: T): fc.Arbitrary<T> => fc.oneof({ weight: 9, arbitrary: fc.constant(a) }, fc.constant(b));
const variation: fc.Arbitrary<Partial<UsageRecord>> = fc.record({
  attempt: cell(1, 2),
  traceId: cell('a', 'b"'),
  tenant: cell('default', 'other'),
  function: cell('hello', 'bye'),
  version: cell(1, 2),
  trigger: cell<UsageRecord['trigger']>('http', 'cron'),
  source: cell('GET /', 'GET /"\n'),
  cold: cell(false, true),
  startedAt: cell('2026-11-30T12:00:00.000Z', '2026-11-30T12:00:00.001Z'),
  queueNs: cell(1, 2),
  memoryLimitMiB: cell(128, 64),
  isolateId: cell(`${HOST}/1`, 'elsewhere/1'),
  engineId: cell(`${HOST}/lane-1`, `${HOST}/lane-2`),
  outcome: cell<UsageRecord['outcome']>('ok', 'function_error'),
  status: cell(200, 500),
  initNs: cell(0, 1),
  runNs: cell(1, 2),
  billedMs: cell(1, 2),
  cpuNs: cell(1, 2),
  cpuEstimated: cell(false, true),
  hostCpuNs: cell(0, 1),
  isolateMemoryPeakBytes: cell(1, 2),
  mibMs: cell(128, 256),
  sharedMibMs: cell(128, 256),
  requestBytes: cell(0, 1),
  responseBytes: cell(0, 1),
  subrequests: cell(0, 1),
  closedBy: cell<UsageRecord['closedBy']>('normal', 'recovery'),
});

describe('lines of the ledger', () => {
  it('say the same of records whether they came together or alone', () => {
    const ended = fc.record({
      over: variation,
      begun: cell(false, true),
      number: fc.nat(),
      event: fc.option(fc.constant('event-1')),
    });
    fc.assert(
      fc.property(fc.array(ended, { minLength: 1, maxLength: 20 }), (list) => {
        const ends = list.map(({ over, begun, number, event }) => {
          const { record } = one(number, event === null ? over : { ...over, requestId: event });
          return { begun, record };
        });
        expect(records(WRITER.records(ends))).toEqual(ends.map(({ record }) => record));
      }),
      { numRuns: 300 },
    );
  });

  it('are one for records alike, and of a record that an earlier line began its own', () => {
    const ends = [one(1), one(2, { runNs: 7 }), one(3), { ...one(4), begun: true }, one(5)];
    const text = WRITER.records(ends);
    expect(kinds(text)).toEqual([ALIKE, 2, 1]);
    const alone = ends.map(({ record, begun }) => WRITER.record(record, begun)).join('');
    expect(parseLines(text).rows).toEqual(parseLines(alone).rows);
  });

  it('stay as they are where all of their rows stay, and come apart where one goes', () => {
    const piece = parseLines(WRITER.start(one(0).record) + WRITER.records([one(1), one(2), one(3)]));
    expect(piece.rows).toHaveLength(4);
    expect(piece.without(new Set([0]))).toBe(piece.lines[1]);
    const rest = piece.without(new Set([0, 2]));
    expect(records(rest)).toEqual([one(1).record, one(3).record]);
    expect(kinds(rest)).toEqual([1, 1]);
  });

  it('that only look like several alike are rows of no kind', () => {
    const line = JSON.parse(WRITER.records([one(1), one(2)])) as unknown[];
    const spoiled = [...line.slice(0, -1), [['too', 'few']]];
    expect(parseLines(JSON.stringify(spoiled)).rows).toEqual([spoiled]);
  });
});
