/** limits.concurrency above 1: logs, fetches, timers and waitUntil follow their invocation through await (catalogue 71). */
import { afterEach, expect, it } from 'vitest';
import type { FetchStart, TurnEvent } from '../../src/contract/turn.ts';
import { type Guest, openGuest, type Turn } from '../support/isolate.ts';

const open: Guest[] = [];
afterEach(() => {
  for (const guest of open.splice(0)) guest.close();
});

const answer = (id: number, text: string): TurnEvent => ({
  e: 'response',
  id,
  status: 200,
  statusText: '',
  headers: '',
  url: '',
  redirected: false,
  body: { text },
});

const CODE = `
  const sleep = (ms) => new Promise((f) => setTimeout(f, ms));
  async function* twice(n) { yield n; await sleep(1); yield n; }
  export default { async fetch(request, env, ctx) {
    const me = request.url.slice(-1);
    console.log(me, 'start');
    await sleep(5);
    console.log(me, 'slept');
    const [a] = await Promise.all([fetch('http://up/' + me), sleep(1)]);
    console.log(me, await a.text());
    for await (const n of twice(me)) console.log(me, 'item', n);
    queueMicrotask(() => console.log(me, 'micro'));
    setTimeout(() => { console.log(me, 'timer'); Promise.resolve().then(() => console.log(me, 'then')); }, 1);
    ctx.waitUntil((async () => { await sleep(3); console.log(me, 'late'); })());
    const stream = new ReadableStream({ async pull(c) { console.log(me, 'pull'); await null; console.log(me, 'pulled');
      c.enqueue(new TextEncoder().encode(me)); c.close(); } }, { highWaterMark: 0 });
    return new Response(stream);
  } };`;

it('attributes everything to its owner', async () => {
  const guest = await openGuest(CODE, { concurrency: 10 });
  open.push(guest);
  const sids = new Map<number, number>();
  const done = new Set<number>();
  const handle = (turn: Turn): void => {
    const events: TurnEvent[] = [];
    for (const command of turn.commands) {
      if (command.c === 'fetch') {
        expect(command.url).toBe(`http://up/${command.inv}`);
        events.push(answer(command.id, `up${command.inv}`));
      } else if (command.c === 'head') {
        sids.set(command.inv, (command.body as { sid: number }).sid);
        events.push({ e: 'pull', sid: (command.body as { sid: number }).sid, until: 1000 });
      } else if (command.c === 'done') done.add(command.inv);
    }
    if (events.length > 0) handle(guest.turn(events));
  };
  const starts = [1, 2, 3].map(
    (inv): FetchStart => ['fetch', inv, 'GET', `http://x/${inv}`, '', null, `i${inv}`, '', 0, [], null],
  );
  let turn = guest.turn(starts);
  handle(turn);
  for (let i = 0; i < 200 && done.size < 3; i++) {
    guest.nowMs += 1;
    turn = guest.turn([{ e: 'tick' }]);
    handle(turn);
  }
  expect([...done].sort()).toEqual([1, 2, 3]);
  expect(guest.lines.filter((line) => line.text[0] !== String(line.inv))).toEqual([]);
  const of = (inv: number): string[] =>
    guest.lines.filter((line) => line.inv === inv).map((line) => line.text.slice(2));
  for (const inv of [1, 2, 3]) {
    expect(of(inv).sort()).toEqual(
      [
        'start',
        'slept',
        `up${inv}`,
        `item ${inv}`,
        `item ${inv}`,
        'micro',
        'timer',
        'then',
        'pull',
        'pulled',
        'late',
      ].sort(),
    );
  }
});

it('drops only what belongs to the one that ends', async () => {
  const guest = await openGuest(
    `export default { async fetch(request) { const me = request.url.slice(-1);
      setTimeout(() => console.log(me, 'fired'), 5);
      if (me === '1') return new Response('quick'); await new Promise((f) => setTimeout(f, 9)); return new Response('slow'); } }`,
    { concurrency: 2 },
  );
  open.push(guest);
  expect(guest.fetch('http://x/1').get('head').done).toBe(true);
  const turn = guest.ticks(guest.fetch('http://x/2'));
  expect(turn.get('head')).toMatchObject({ inv: 2, done: true });
  expect(guest.lines.map((line) => line.text)).toEqual(['2 fired']);
});

it('leaves promises ordinary', async () => {
  const guest = await openGuest(
    `export default { async fetch() { class Mine extends Promise {} const m = Mine.resolve(1).then((x) => x + 1);
      const order = []; await Promise.all([Promise.resolve().then(() => order.push('a')), (async () => { await null; order.push('b'); })()]);
      return Response.json([m instanceof Mine, await m, order, Promise.prototype.then.name, Promise.prototype.then.length,
        await Promise.reject(new Error('x')).catch((e) => e.message), await Promise.resolve(3).finally(() => 4),
        await Promise.any([Promise.reject(1), Promise.resolve(2)]), Object.getOwnPropertyDescriptor(Promise.prototype, 'then').enumerable]) } }`,
    { concurrency: 2 },
  );
  open.push(guest);
  const { text } = guest.fetch().get('head').body as { text: string };
  expect(JSON.parse(text)).toEqual([true, 2, ['a', 'b'], 'then', 2, 'x', 3, 2, false]);
});
