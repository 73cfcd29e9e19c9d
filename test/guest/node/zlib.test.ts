/** node:zlib in a function, with Node's own as the oracle for bytes, errors and options. */
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { evalBundled } from '../../support/bundled.ts';

const IMPORTS = "import zlib from 'node:zlib'; import { Buffer } from 'node:buffer';";
const PACKED = zlib.gzipSync('from Node').toString('base64');

describe('whole buffers', () => {
  it.each([
    ['gzipSync', 'gunzipSync', zlib.gunzipSync],
    ['deflateSync', 'inflateSync', zlib.inflateSync],
    ['deflateRawSync', 'inflateRawSync', zlib.inflateRawSync],
    ['brotliCompressSync', 'brotliDecompressSync', zlib.brotliDecompressSync],
    ['zstdCompressSync', 'zstdDecompressSync', zlib.zstdDecompressSync],
  ] as const)('%s is what Node reads', async (pack, name, unpack) => {
    const text = 'a sentence, again and again. '.repeat(30_000);
    const packed = (await evalBundled(
      IMPORTS,
      `return zlib.${pack}(${JSON.stringify(text)}).toString('base64')`,
    )) as string;
    expect(unpack(Buffer.from(packed, 'base64')).toString()).toBe(text);
    expect(packed.length).toBeLessThan(10_000);
    expect(
      await evalBundled(IMPORTS, `return zlib.${name}(Buffer.from(${JSON.stringify(packed)}, 'base64')).toString()`),
    ).toBe(text);
  });

  it('by callback, promisified, with and without options', async () => {
    expect(
      await evalBundled(
        IMPORTS,
        `const promisify = (f) => (...args) => new Promise((resolve, reject) => f(...args, (error, out) => (error ? reject(error) : resolve(out))));
        const packed = Buffer.from('${PACKED}', 'base64');
        const once = await new Promise((resolve, reject) => zlib.unzip(packed, (error, out) => (error ? reject(error) : resolve(out.toString()))));
        const again = (await promisify(zlib.gunzip)(packed, { info: true })).buffer.toString();
        return [once, again, await promisify(zlib.inflate)(packed).catch((e) => [e.code, e.errno, e.message])];`,
      ),
    ).toEqual(['from Node', 'from Node', ['Z_DATA_ERROR', -3, 'incorrect header check']]);
  });

  it('as Node says no', async () => {
    const cases = [
      'zlib.gzipSync(5)',
      "zlib.gzipSync('x', { level: 10 })",
      "zlib.gzipSync('x', { level: 'a' })",
      "zlib.deflateSync('x', { windowBits: 99 })",
      "zlib.gunzipSync(Buffer.from('abc'))",
      "zlib.gunzipSync(zlib.gzipSync('x'.repeat(1000)).subarray(0, 15))",
      "zlib.gunzipSync(zlib.gzipSync('x'.repeat(1000)), { maxOutputLength: 10 })",
      'zlib.brotliDecompressSync(Buffer.from([255, 255, 255]))',
      "zlib.zstdDecompressSync(Buffer.from('abcdefgh'))",
      "zlib.brotliCompressSync('x', { params: { 99: 1 } })",
      "zlib.inflateSync(Buffer.concat([zlib.deflateSync('a'), Buffer.from('b')]), { rejectGarbageAfterEnd: true })",
      'zlib.gunzip(Buffer.alloc(1))',
    ];
    const tries = cases.map((code) => `() => ${code}`).join(',');
    const body = (source: string): string =>
      `${source}.map((run) => { try { return run().toString(); } catch (e) { return [e.name, e.code, e.errno, e.message]; } })`;
    const own = new Function('zlib', 'Buffer', `return ${body(`[${tries}]`)}`) as (...args: unknown[]) => unknown[];
    const expected = JSON.parse(JSON.stringify(own(zlib, Buffer)));
    expect(await evalBundled(IMPORTS, `return ${body(`[${tries}]`)}`)).toEqual(expected);
  });

  it('settings and dictionaries', async () => {
    expect(
      await evalBundled(
        IMPORTS,
        `const text = Array.from({ length: 5000 }, (_, n) => (n * 7919) % 1000).join(' ');
        const sizes = [0, 1, 9].map((level) => zlib.deflateSync(text, { level }).length);
        const dictionary = Buffer.from('the same words');
        const small = zlib.deflateSync('the same words', { dictionary });
        return [sizes[0] > text.length, sizes[1] > sizes[2], small.length < zlib.deflateSync('the same words').length,
          zlib.inflateSync(small, { dictionary }).toString(), zlib.crc32('hello'), zlib.crc32('lo', zlib.crc32('hel'))];`,
      ),
    ).toEqual([true, true, true, 'the same words', zlib.crc32('hello'), zlib.crc32('hello')]);
  });
});

describe('streams', () => {
  it('pipe there and back', async () => {
    expect(
      await evalBundled(
        `${IMPORTS} import { Readable } from 'node:stream'; import { pipeline } from 'node:stream/promises'; import { text } from 'node:stream/consumers';`,
        `const out = [];
        for (const [pack, unpack] of [['createGzip', 'createGunzip'], ['createDeflate', 'createInflate'], ['createBrotliCompress', 'createBrotliDecompress']]) {
          const there = Readable.from(['one ', 'two ', 'three '.repeat(100_000)]).pipe(zlib[pack]());
          out.push((await text(there.pipe(zlib[unpack]()))).length);
        }
        return out;`,
      ),
    ).toEqual([600_008, 600_008, 600_008]);
  });

  it('flush what is there, fail with their error, end where the data ends', async () => {
    expect(
      await evalBundled(
        `${IMPORTS} import { once } from 'node:events';`,
        `const packer = zlib.createGzip();
        packer.write('first');
        await new Promise((resolve) => packer.flush(resolve));
        const early = packer.read();
        const unpacked = zlib.gunzipSync(early, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).toString();
        packer.destroy();
        const broken = zlib.createGunzip();
        broken.end('no gzip');
        const [error] = await once(broken, 'error');
        const junk = zlib.createInflate();
        junk.end(Buffer.concat([zlib.deflateSync('ok'), Buffer.from('junk')]));
        let seen = '';
        for await (const chunk of junk) seen += chunk;
        return [unpacked, error.code, seen, junk.bytesWritten, zlib.Z_FINISH, new zlib.Gzip() instanceof zlib.Gzip];`,
      ),
    ).toEqual(['first', 'Z_DATA_ERROR', 'ok', zlib.deflateSync('ok').length, 4, true]);
  });
});

it('exports every name Node exports', async () => {
  const names = Object.keys(zlib).filter((name) => name !== 'default');
  expect(
    await evalBundled(
      "import * as zlib from 'node:zlib';",
      `return ${JSON.stringify(names)}.filter((name) => !(name in zlib))`,
    ),
  ).toEqual([]);
});
