/** The prelude in a startup snapshot: boots later, in another isolate, with nothing baked in. */
import { expect, it } from 'vitest';
import { Guest, openGuest } from '../support/isolate.ts';

const snapshot = { snapshot: true } as const;

it('answers, waits, streams and hashes', async () => {
  const guest = await openGuest(
    `export default { async fetch(request) { console.log('hi', [1]); await new Promise((f) => setTimeout(f, 3));
      const text = await new Response(new Blob(['a']).stream().pipeThrough(new TransformStream())).text();
      const h = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
      return Response.json([text, new Uint8Array(h)[0], Date.now(), structuredClone({ a: 1 }), new URL('http://h/x').pathname]) } }`,
    snapshot,
  );
  const turn = guest.ticks(guest.fetch());
  expect(JSON.parse((turn.get('head').body as { text: string }).text)).toEqual([
    'a',
    0xca,
    guest.nowMs,
    { a: 1 },
    '/x',
  ]);
  expect(guest.lines).toEqual([{ inv: 1, level: 'info', text: 'hi [ 1 ]' }]);
  guest.close();
});

it('is hardened like a fresh context', async () => {
  const code = `const l = Object.getOwnPropertyNames(globalThis); l.sort();
    return [l, new ArrayBuffer(1, { maxByteLength: 9 }).resizable, typeof WebAssembly, typeof SharedArrayBuffer, typeof Float16Array]`;
  expect(await Guest.eval(code, snapshot)).toEqual(await Guest.eval(code));
});

it('shares no randomness, time or state between isolates', async () => {
  const code =
    'globalThis.mark ??= Math.random(); return [crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(8))].join(), String(globalThis.mark)]';
  const [a, b] = [(await Guest.eval(code, snapshot)) as string[], (await Guest.eval(code, snapshot)) as string[]];
  for (let i = 0; i < 3; i++) expect(a[i]).not.toBe(b[i]);
});
