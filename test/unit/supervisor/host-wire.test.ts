import { expect, it } from 'vitest';
import {
  type Beat,
  type Order,
  type Report,
  readBeat,
  readOrder,
  readReport,
  SINGLE,
  writeBeat,
} from '../../../src/contract/host-wire.ts';
import { aVersion } from '../telemetry/story.ts';

const REPORTS: readonly Report[] = [
  { k: 'booted', hostId: 'h', adminTokenFile: '/f', versions: [aVersion()] },
  { k: 'refused', problem: { code: 'PORT_IN_USE', message: 'm' } },
  { k: 'serving', url: 'http://a', adminUrl: 'http://b' },
  { k: 'sick', reason: 'r' },
  { k: 'quarantine' },
  { k: 'unled', atEpochMs: 1 },
  { k: 'done', problem: null },
];

const ORDERS: readonly Order[] = [
  { k: 'standing', standing: SINGLE },
  { k: 'activate', standing: SINGLE },
  { k: 'cover', queues: [1, 2] },
  { k: 'lead', sinceEpochMs: 1 },
  { k: 'recover', aborted: [] },
  { k: 'recover', aborted: ['01a2'] },
  { k: 'guard' },
  { k: 'quarantine' },
  { k: 'retire', graceMs: 1 },
  { k: 'stop', graceMs: 0 },
];

it.each(REPORTS)('reads the report $k, and nothing that has lost or changed a part', (report) => {
  expect(readReport(JSON.parse(JSON.stringify(report)))).toEqual(report);
  for (const key of Object.keys(report)) {
    expect(readReport({ ...report, [key]: undefined }), key).toBeNull();
    expect(readReport({ ...report, [key]: [{}] }), key).toBeNull();
  }
});

it.each(ORDERS)('reads the order $k, and nothing that has lost or changed a part', (order) => {
  expect(readOrder(JSON.parse(JSON.stringify(order)))).toEqual(order);
  for (const key of Object.keys(order)) {
    expect(readOrder({ ...order, [key]: undefined }), key).toBeNull();
    expect(readOrder({ ...order, [key]: -1 }), key).toBeNull();
  }
});

it.each([null, 1, 'stop', [], {}, { k: 'exec' }, { k: 'refused', problem: { code: 'toString', message: '' } }])(
  'reads nothing into %j',
  (value) => {
    expect(readReport(value)).toBeNull();
    expect(readOrder(value)).toBeNull();
  },
);

it('carries a beat in 16 bytes', () => {
  const beat: Beat = { from: 'thread', ageMs: 5_000_000_000, delayMs: 12, rssMiB: 300 };
  expect(readBeat(writeBeat(beat))).toEqual({ ...beat, ageMs: 0xffff_ffff });
  expect(readBeat(new Uint8Array(16))).toBeNull();
  expect(readBeat(new Uint8Array(15))).toBeNull();
});
