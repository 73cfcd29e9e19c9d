/** CompressionStream and DecompressionStream in an isolate; what the standard asks of them is in the conformance suite. */
import { brotliDecompressSync, deflateRawSync, gunzipSync, gzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { bodyText, Guest, openGuest, type Turn } from '../support/isolate.ts';

const open: Guest[] = [];
const guestOf = async (body: string): Promise<Guest> => {
  const guest = await openGuest(`export default { async fetch(request, env, ctx) { ${body} } };`, { memoryMiB: 64 });
  open.push(guest);
  return guest;
};
afterEach(() => {
  for (const guest of open.splice(0)) guest.close();
});
const text = (turn: Turn): string => bodyText(turn, turn.get('head').body);

describe('what a function compresses, Node reads', () => {
  it.each([
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
    ['deflate-raw', inflateRawSync],
    ['brotli', brotliDecompressSync],
  ])('%s', async (format, unpack) => {
    const guest =
      await guestOf(`const packed = new Blob(['hello '.repeat(100_000)]).stream().pipeThrough(new CompressionStream('${format}'));
      return new Response(await new Response(packed).bytes())`);
    const turn = guest.fetch();
    const { chunk } = turn.get('head').body as { chunk: number };
    expect(turn.chunks[chunk]!.length).toBeLessThan(20_000);
    expect(unpack(turn.chunks[chunk]!).toString()).toBe('hello '.repeat(100_000));
  });
});

it('unpacks a body that crosses in pieces', async () => {
  const guest = await guestOf(
    `return new Response(await new Response(request.body.pipeThrough(new DecompressionStream('gzip'))).text())`,
  );
  const packed = gzipSync('text '.repeat(50_000));
  guest.fetch('http://x/', { method: 'POST', body: { sid: 2, length: null } });
  guest.turn([{ e: 'data', sid: 2, end: false }], [packed.subarray(0, 7), packed.subarray(7, 100)]);
  expect(text(guest.turn([{ e: 'data', sid: 2, end: true }], [packed.subarray(100)]))).toBe('text '.repeat(50_000));
});

it('a bomb ends at the memory of its own isolate', async () => {
  const guest = await openGuest(`export default { async fetch(request) {
    for await (const chunk of request.body.pipeThrough(new DecompressionStream('deflate-raw'))) await chunk;
    return new Response('all of it'); } }`);
  guest.fetch('http://x/', { method: 'POST', body: { sid: 2, length: null } });
  const bomb = deflateRawSync(Buffer.alloc(512 * 2 ** 20));
  expect(() => guest.turn([{ e: 'data', sid: 2, end: true }], [bomb])).toThrow(/memory limit/);
});

it('an invocation that ends frees what it left open', async () => {
  const guest = await guestOf(`const held = [];
    for (let i = 0; i < 2; i++) held.push(new DecompressionStream('brotli'));
    try { new DecompressionStream('brotli'); } catch (error) { return new Response(error.message); }
    return new Response('one too many')`);
  for (let i = 0; i < 3; i++) expect(text(guest.fetch())).toContain('raise limits.memoryMiB');
});

it('a stream that is cancelled or fails frees its codec at once', async () => {
  const guest = await guestOf(`for (let i = 0; i < 20; i++) {
      const stream = new DecompressionStream('brotli');
      if (i % 2) await stream.readable.cancel();
      else { const writer = stream.writable.getWriter(); writer.write(new Uint8Array([255, 255, 255, 255])).catch(() => {});
        writer.closed.catch(() => {}); await stream.readable.getReader().read().catch(() => {}); }
    }
    return new Response('fine')`);
  expect(text(guest.fetch())).toBe('fine');
});

it.each(['gz', 'zstd', '__proto__', 'toString'])('%s is no format', async (format) => {
  expect(
    await Guest.eval(`try { new CompressionStream('${format}') } catch (e) { return [e.name, e.message] }`),
  ).toEqual(['TypeError', expect.stringContaining('is no format of compression')]);
});
