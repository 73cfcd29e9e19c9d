/**
 * What a client sends decides how much there is to parse, never how often it is parsed again: work grows with the size
 * of a request.
 */
import { afterEach, expect, it } from 'vitest';
import { type Guest, openGuest } from '../support/isolate.ts';

const open: Guest[] = [];
afterEach(() => {
  for (const guest of open.splice(0)) guest.close();
});

/** Each is given `n` and answers with a number that shows that the work was done. */
const WORK: Readonly<Record<string, readonly [size: number, code: string]>> = {
  'many headers, iterated': [
    400,
    `const h = new Headers(Array.from({ length: n }, (_, i) => ['a' + i, 'v'])); let c = 0; for (const [k, v] of h) c += v.length; return c`,
  ],
  'one header many times': [
    400,
    `const h = new Headers(); for (let i = 0; i < n; i++) h.append('x', 'v'); let c = 0; for (const [, v] of h) c += v.split(', ').length; return c`,
  ],
  'many query parameters': [
    4000,
    `const u = new URL('http://h/?' + 'a=1&'.repeat(n - 1) + 'a=1'); let c = 0; for (const [k] of u.searchParams) c += k.length; return c`,
  ],
  'a form with many fields': [
    4000,
    `const f = await new Response('a=1&'.repeat(n - 1) + 'a=1', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }).formData(); let c = 0; for (const [k] of f) c += k.length; return c`,
  ],
  'a form with many parts': [
    2000,
    `const part = '--b\\r\\ncontent-disposition: form-data; name="a"\\r\\n\\r\\nx\\r\\n';
     const f = await new Response(part.repeat(n) + '--b--\\r\\n', { headers: { 'content-type': 'multipart/form-data; boundary=b' } }).formData(); let c = 0; for (const [k] of f) c += k.length; return c`,
  ],
  'a part full of half boundaries': [
    8000,
    `const f = await new Response('--bb\\r\\ncontent-disposition: form-data; name="a"\\r\\n\\r\\n' + '\\r\\n--b'.repeat(n) + '\\r\\n--bb--\\r\\n', { headers: { 'content-type': 'multipart/form-data; boundary=bb' } }).formData(); return f.get('a').length / 5`,
  ],
};

for (const [what, [size, code]] of Object.entries(WORK)) {
  it(what, async () => {
    const guest = await openGuest(
      `export default { async fetch(request) { const n = Number(request.headers.get('n')); return new Response(String(await (async () => { ${code} })())); } }`,
    );
    open.push(guest);
    const took = (n: number): number => {
      const begun = process.cpuUsage();
      const { body } = guest.ticks(guest.fetch('http://x/', { headers: `n\n${n}` })).get('head');
      const { user, system } = process.cpuUsage(begun);
      expect((body as { text: string }).text).toBe(String(n));
      return user + system;
    };
    took(size);
    const least = (n: number): number => Math.min(took(n), took(n), took(n));
    // 16 times the size: linear work takes about 16 times as long, quadratic work 256 times.
    expect(least(16 * size) / least(size)).toBeLessThan(100);
  });
}
