/**
 * The reaper between two writers: the lane pauses it to register isolates while the main thread keeps ordering kills.
 * Neither may lose its word: a lost pause would block the lane for ever.
 */
import { expect, it } from 'vitest';
import { Path } from '../support/path.ts';

it('loads and kills at the same time, many times over', async () => {
  const path = await Path.open({ lanes: 1, maxLanes: 1, spares: 0 });
  const rounds = 60;
  for (let i = 0; i < rounds; i++) {
    const looping = path.run(path.handler('for(;;);', { cpuMs: 5 }));
    const fresh = path.request(path.handler("return new Response('ok')"));
    expect((await looping).story.record.outcome).toBe('cpu_exceeded');
    expect((await fresh).text).toBe('ok');
  }
  await path.close();
}, 60_000);

it('keeps its word while every kill is ordered again and again', async () => {
  const path = await Path.open({ lanes: 1, maxLanes: 1, spares: 0 });
  const [lane] = path.engine.lanes() as unknown as readonly { slots: { kill(isolate: number, turn: number): void } }[];
  let orders = 0;
  const flood = setInterval(() => {
    for (let i = 0; i < 2000; i++) lane!.slots.kill(0x7fffffff, -1);
    orders += 2000;
  }, 0);
  for (let i = 0; i < 40; i++) {
    expect((await path.request(path.handler(`return new Response('${i}')`))).text).toBe(String(i));
  }
  clearInterval(flood);
  expect(orders).toBeGreaterThan(10_000);
  await path.close();
}, 60_000);

it('takes many isolates in one go', async () => {
  const path = await Path.open({ lanes: 1, maxLanes: 1, spares: 0 });
  for (let round = 0; round < 5; round++) {
    const functions = Array.from({ length: 30 }, (_, i) => path.handler(`return new Response('${i}')`));
    const replies = await Promise.all(functions.map((one) => path.request(one)));
    expect(replies.map((reply) => reply.text)).toEqual(functions.map((_, i) => String(i)));
  }
  const looping = await path.run(path.handler('for(;;);', { cpuMs: 5 }));
  expect(looping.story.record.outcome).toBe('cpu_exceeded');
  await path.close();
}, 60_000);
