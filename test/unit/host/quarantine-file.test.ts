/** What one host leaves to the next about functions that fell. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { QuarantineCase } from '../../../src/contract/quarantine.ts';
import { QuarantineFile } from '../../../src/host/quarantine-file.ts';

const CASE: QuarantineCase = {
  key: 'k',
  name: 'bad',
  state: 'quarantined',
  strikes: 3,
  how: 'wedged',
  sinceMs: 1,
  fellMs: 2,
  probeAtMs: 3,
  changedMs: 4,
  waitMs: 60_000,
};

let dataDir: string;
let lines: string[];
let file: QuarantineFile;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'isolane-quarantine-'));
  lines = [];
  file = new QuarantineFile(dataDir, (line) => lines.push(line));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('quarantine.json', () => {
  it('comes back as it was written, readable by its owner alone', () => {
    expect(file.read()).toEqual({ cases: [] });
    file.write({ cases: [CASE] });
    expect(file.read()).toEqual({ cases: [CASE] });
    expect(statSync(join(dataDir, 'quarantine.json')).mode & 0o777).toBe(0o600);
    expect(lines).toEqual([]);
  });

  it.each([
    '',
    '{',
    'null',
    '{"cases":null}',
    '{"cases":[null]}',
    '{"cases":{"length":1}}',
    JSON.stringify({ cases: [{ ...CASE, state: 'toString' }] }),
    JSON.stringify({ cases: [{ ...CASE, how: 'x' }] }),
    JSON.stringify({ cases: [{ ...CASE, probeAtMs: 9e15 }] }),
    JSON.stringify({ cases: [{ ...CASE, waitMs: '1' }] }),
  ])('that is broken is said and not believed: %s', (text) => {
    writeFileSync(join(dataDir, 'quarantine.json'), text);
    expect(file.read()).toEqual({ cases: [] });
    expect(lines).toEqual([expect.stringMatching(/quarantine\.json cannot be read/)]);
  });

  it('that cannot be written is said, and what was there stays', () => {
    file.write({ cases: [CASE] });
    const before = readFileSync(join(dataDir, 'quarantine.json'), 'utf8');
    mkdirSync(join(dataDir, `quarantine.json.${process.pid}.new`, 'x'), { recursive: true });
    expect(() => file.write({ cases: [] })).not.toThrow();
    expect(lines).toEqual([expect.stringMatching(/cannot be written/)]);
    expect(readFileSync(join(dataDir, 'quarantine.json'), 'utf8')).toBe(before);
  });
});
