/** AsyncLocalStorage across invocations: what one left behind is nowhere in the next, alone or at the same time. */
import { afterEach, describe, expect, it } from 'vitest';
import { bundled } from '../../support/bundled.ts';
import type { Guest, Turn } from '../../support/isolate.ts';

let guest: Guest | null = null;
afterEach(() => guest?.close());
const json = (turn: Turn): unknown => JSON.parse((turn.get('head').body as { text: string }).text);

const CODE = `
import { AsyncLocalStorage } from 'node:async_hooks';
const als = new AsyncLocalStorage();
const tell = async () => { await null; await new Promise((resolve) => setTimeout(resolve, 1)); return als.getStore() ?? 'none'; };
export default { async fetch(request) {
  const before = als.getStore() ?? 'none';
  const name = new URL(request.url).pathname;
  if (name === '/enter') als.enterWith('entered');
  if (name === '/run') return Response.json(await als.run('run', async () => [before, await tell()]));
  return Response.json([before, await tell()]);
} };`;

describe.each([1, 4])('at concurrency %i', (concurrency) => {
  it('keeps invocations apart', async () => {
    ({ guest } = await bundled(CODE, { concurrency }));
    const seen = ['/enter', '/plain', '/run', '/plain'].map((path) => {
      const turn = guest!.fetch(`http://example.com${path}`);
      return json(guest!.ticks(turn, (one) => one.find('head') !== undefined));
    });
    expect(seen).toEqual([
      ['none', 'entered'],
      ['none', 'none'],
      ['none', 'run'],
      ['none', 'none'],
    ]);
  });
});

it('keeps two that run at once apart', async () => {
  ({ guest } = await bundled(CODE, { concurrency: 4 }));
  guest.fetch('http://example.com/enter');
  let turn = guest.fetch('http://example.com/plain');
  const heads: unknown[] = [];
  for (let i = 0; i < 10 && heads.length < 2; i++) {
    guest.nowMs += 1;
    turn = guest.turn([{ e: 'tick' }]);
    heads.push(...turn.all('head').map((head) => JSON.parse((head.body as { text: string }).text) as unknown));
  }
  expect(heads).toEqual([
    ['none', 'entered'],
    ['none', 'none'],
  ]);
});

it('lowers async functions only where async_hooks is', async () => {
  const source = 'export default { async fetch() { return Response.json((async () => {}).constructor.name); } };';
  ({ guest } = await bundled(source));
  expect(json(guest.fetch())).toBe('AsyncFunction');
  guest.close();
  ({ guest } = await bundled(`import { AsyncLocalStorage } from 'async_hooks'; new AsyncLocalStorage();${source}`));
  expect(json(guest.fetch())).toBe('Function');
});
