/** Code caches on disk: what is not exactly what was written here, for this bundle, under this key, is refused unread. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CodeCache, cachePath, codeKey } from '../../../src/engine/code-cache.ts';

const HASH = 'a'.repeat(64);
const TEXT = 'héllo();';
let directory: string;
let bundle: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isolane-code-'));
  bundle = join(directory, `${HASH}.mjs`);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function written(text: string | null = TEXT): CodeCache {
  const cache = new CodeCache(codeKey(directory));
  cache.write(bundle, HASH, { text, cache: new Uint8Array([1, 2, 3, 4]).buffer });
  return cache;
}

describe('code caches', () => {
  it('come back as they were written, texts of both kinds', () => {
    for (const text of [TEXT, 'hello', '漢字']) {
      const found = written(text).read(bundle, HASH);
      expect(found).toEqual({ text, cache: new Uint8Array([1, 2, 3, 4]).buffer });
    }
    expect(written(null).read(bundle, HASH)).toEqual({ text: null, cache: new ArrayBuffer(0) });
    expect(new CodeCache(codeKey(directory)).read(join(directory, 'other.mjs'), HASH)).toBe(null);
  });

  it('is refused when any byte of it differs', () => {
    const cache = written();
    const good = readFileSync(cachePath(bundle));
    for (let at = 0; at < good.byteLength; at++) {
      const bad = Buffer.from(good);
      bad[at]! ^= 1;
      writeFileSync(cachePath(bundle), bad);
      expect(cache.read(bundle, HASH), `byte ${at}`).toBe('refused');
    }
  });

  it('is refused when it is cut short, longer, or empty', () => {
    const cache = written();
    const good = readFileSync(cachePath(bundle));
    for (const bad of [Buffer.alloc(0), good.subarray(0, 20), good.subarray(0, -1), Buffer.concat([good, good])]) {
      writeFileSync(cachePath(bundle), bad);
      expect(cache.read(bundle, HASH)).toBe('refused');
    }
  });

  it('is refused in the place of another bundle, and under another key', () => {
    const cache = written();
    expect(cache.read(bundle, 'b'.repeat(64))).toBe('refused');
    expect(new CodeCache(new Uint8Array(32)).read(bundle, HASH)).toBe('refused');
  });
});

describe('the key', () => {
  it('is one for a data directory, for its owner alone, and of this Node', () => {
    const key = codeKey(directory);
    expect(codeKey(directory)).toEqual(key);
    const file = join(directory, 'engine', 'code.key');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file)).not.toEqual(key);
  });

  it('that others may read is none', () => {
    const key = codeKey(directory);
    chmodSync(join(directory, 'engine', 'code.key'), 0o644);
    expect(codeKey(directory)).not.toEqual(key);
    expect(statSync(join(directory, 'engine', 'code.key')).mode & 0o777).toBe(0o600);
  });
});
