/** `make compare` on real hosts: a tree that wastes a millisecond a request is found out, a copy of this one is not. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compare } from '../../bench/compare.ts';

const ROOT = join(import.meta.dirname, '../..');
const OPTIONS = {
  names: ['json-api'],
  pairs: 8,
  seconds: 0.5,
  small: true,
  threshold: 0.05,
  progress: () => {},
} as const;
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function copy(): string {
  const folder = mkdtempSync(join(tmpdir(), 'isolane-compare-test-'));
  folders.push(folder);
  for (const name of ['src', 'sandbox', 'package.json', 'tsconfig.json']) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

describe('compare', () => {
  it('finds a millisecond that is wasted on every request', { timeout: 600_000 }, async () => {
    const slow = copy();
    const file = join(slow, 'src/edge/function-door.ts');
    const text = readFileSync(file, 'utf8');
    const waste = 'for (const until = performance.now() + 1; performance.now() < until; );';
    const slower = text.replace(/(#invoke\([^)]*\): void \{\n)/, `$1    ${waste}\n`);
    expect(slower).not.toBe(text);
    writeFileSync(file, slower);
    const judgements = await compare(slow, OPTIONS);
    const found = judgements.find(({ name }) => name.includes('requests/s'));
    expect(found?.verdict).toBe('better');
    expect(found?.ratio).toBeGreaterThan(1.3);
  });

  it('finds no large difference between this tree and a copy of it', { timeout: 600_000 }, async () => {
    const judgements = await compare(copy(), { ...OPTIONS, threshold: 0.5 });
    expect(judgements.length).toBeGreaterThan(2);
    expect(judgements.filter(({ isRegression }) => isRegression)).toEqual([]);
  });
});
