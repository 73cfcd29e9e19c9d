/** The table of codecs: Node's own zlib is the oracle, and the bounds hold for whoever pushes. */
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CALL_BYTES, Codecs } from '../../../src/engine/compression.ts';

const NOTHING = new Uint8Array(0);
const { Z_NO_FLUSH, Z_FINISH } = constants;
const open = (codecs: Codecs, kind: string, settings: object = {}): number =>
  codecs.open(JSON.stringify({ kind, settings }), NOTHING) as number;

/** All of `input` through one codec. */
const all = (codecs: Codecs, id: number, input: Uint8Array, finish: number = Z_FINISH): Uint8Array | string => {
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < input.length; at += CALL_BYTES) {
    let part = input.subarray(at, at + CALL_BYTES);
    for (;;) {
      const out = codecs.push(id, at + CALL_BYTES >= input.length ? finish : Z_NO_FLUSH, part);
      if (typeof out === 'string') return out;
      parts.push(out);
      if (out.length < CALL_BYTES) break;
      part = NOTHING;
    }
  }
  return Buffer.concat(parts);
};

const TEXT = Buffer.from(Array.from({ length: 200_000 }, (_, n) => `${(n * 7919) % 1000} `).join(''));

describe('what Node has compressed', () => {
  it.each([
    ['gunzip', gzipSync(TEXT), Z_FINISH],
    ['unzip', gzipSync(TEXT), Z_FINISH],
    ['inflate', deflateSync(TEXT), Z_FINISH],
    ['inflate-raw', deflateRawSync(TEXT), Z_FINISH],
    ['unbrotli', brotliCompressSync(TEXT, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }), 2],
    ['unzstd', zstdCompressSync(TEXT), 2],
  ])('%s', (kind, packed, finish) => {
    const codecs = new Codecs(64);
    expect(Buffer.compare(all(codecs, open(codecs, kind), packed, finish) as Uint8Array, TEXT)).toBe(0);
  });
});

it.each([
  ['gzip', 'gunzip', Z_FINISH],
  ['deflate', 'inflate', Z_FINISH],
  ['deflate-raw', 'inflate-raw', Z_FINISH],
  ['brotli', 'unbrotli', 2],
  ['zstd', 'unzstd', 2],
])('%s and back', (there, back, finish) => {
  const codecs = new Codecs(128);
  const packed = all(codecs, open(codecs, there), TEXT, finish) as Uint8Array;
  expect(packed.length).toBeLessThan(TEXT.length / 2);
  expect(Buffer.compare(all(codecs, open(codecs, back), packed, finish) as Uint8Array, TEXT)).toBe(0);
});

it('settings reach zlib', () => {
  const codecs = new Codecs(64);
  const sizes = [0, 1, 9].map((level) => (all(codecs, open(codecs, 'gzip', { level }), TEXT) as Uint8Array).length);
  expect(sizes[0]).toBeGreaterThan(TEXT.length);
  expect(sizes[1]).toBeGreaterThan(sizes[2]!);
});

describe('bounds', () => {
  it('a bomb comes out in parts, each call a bounded one', () => {
    const codecs = new Codecs(64);
    const id = open(codecs, 'gunzip');
    let out = codecs.push(id, Z_NO_FLUSH, gzipSync(Buffer.alloc(64 * 2 ** 20))) as Uint8Array;
    let calls = 0;
    let size = 0;
    for (; out.length === CALL_BYTES; calls++) {
      size += out.length;
      out = codecs.push(id, Z_NO_FLUSH, NOTHING) as Uint8Array;
    }
    expect(size + out.length).toBe(64 * 2 ** 20);
    expect(calls).toBe(256);
  });

  it('more at once than a call takes is refused', () => {
    const codecs = new Codecs(64);
    expect(codecs.push(open(codecs, 'gzip'), Z_NO_FLUSH, new Uint8Array(CALL_BYTES + 1))).toMatch(/^!ERR_OUT_OF_RANGE/);
  });

  it('memory outside the isolate is half of its own at most, and comes back with each codec', () => {
    const codecs = new Codecs(64);
    const first = open(codecs, 'unbrotli');
    expect(open(codecs, 'unbrotli')).toBe(first + 1);
    expect(open(codecs, 'unbrotli')).toMatch(/raise limits\.memoryMiB/);
    codecs.close(first);
    expect(open(codecs, 'unbrotli')).toBe(first + 2);
  });

  it('so many codecs and no more', () => {
    const codecs = new Codecs(1024);
    const ids = Array.from({ length: 257 }, () => open(codecs, 'inflate'));
    expect(ids.slice(0, 256).every((id) => typeof id === 'number')).toBe(true);
    expect(ids[256]).toMatch(/256 streams/);
    codecs.closeAll();
    expect(open(codecs, 'inflate')).toBe(257);
  });
});

describe('refusals', () => {
  it.each([
    ['gunzip', Buffer.from('no gzip at all'), /^!Z_DATA_ERROR -3: incorrect header check/],
    ['gunzip', gzipSync(TEXT).subarray(0, 1000), /^!Z_BUF_ERROR -5: unexpected end of file/],
    ['inflate', Buffer.concat([deflateSync('abc'), Buffer.from('junk')]), /^!end: 4/],
    ['unbrotli', Buffer.from([0xff, 0xff, 0xff]), /^!(ERR_|BROTLI|Z_)/],
    ['nothing', NOTHING, /^!ERR_STREAM_DESTROYED/],
    ['__proto__', NOTHING, /^!ERR_STREAM_DESTROYED/],
  ])('%s', (kind, input, refusal) => {
    const codecs = new Codecs(64);
    const id = open(codecs, kind);
    const out = all(codecs, id, input);
    const said = typeof out === 'string' ? out : codecs.push(id, Z_FINISH, NOTHING);
    expect(said).toMatch(refusal);
  });

  it('of what is closed', () => {
    const codecs = new Codecs(64);
    const id = open(codecs, 'gzip');
    codecs.close(id);
    codecs.close(id);
    expect(codecs.push(id, Z_FINISH, NOTHING)).toMatch(/^!ERR_STREAM_DESTROYED/);
  });
});

it('members of one gzip file follow each other', () => {
  const codecs = new Codecs(64);
  const two = Buffer.concat([gzipSync('one '), gzipSync('two')]);
  expect(Buffer.from(all(codecs, open(codecs, 'gunzip'), two) as Uint8Array).toString()).toBe(
    gunzipSync(two).toString(),
  );
});

it.each([
  ['gzip', [-1, 6, 99, 2 ** 31]],
  ['inflate', [-1, 6, 99]],
  ['brotli', [-1, 4, 5, 99]],
  ['unbrotli', [4]],
  ['zstd', [-1, 3, 99]],
])('case 113: %s refuses flush values that it does not have', (kind, flushes) => {
  for (const flush of flushes) {
    const codecs = new Codecs(64);
    expect(codecs.push(open(codecs, kind), flush, TEXT.subarray(0, 9))).toMatch(/^!ERR_OUT_OF/);
  }
});
