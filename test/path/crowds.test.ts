/** More of everything than fits: every invocation is answered, nothing spins, nobody starves. */
import { afterEach, expect, it } from 'vitest';
import { Path } from '../support/path.ts';

let path: Path;
afterEach(async () => {
  await path.close();
});

it('more functions than isolates: what was loaded for somebody serves them before it is evicted', async () => {
  path = await Path.open({ maxIsolates: 4 });
  const functions = Array.from({ length: 40 }, (_, i) =>
    path.handler(`return new Response('${i}')`, { queueMs: 60_000 }),
  );
  const replies = await Promise.all([...functions, ...functions].map((one) => path.request(one)));
  expect(replies.map((reply) => reply.text)).toEqual([...functions, ...functions].map((_, i) => String(i % 40)));
  expect(path.pool.stats().isolates).toBeLessThanOrEqual(4);
  // Without that, thousands of loads serve nobody.
  expect(path.pool.stats().loads).toBeLessThan(160);
});

it('more invocations at once than a lane can hold: the rest waits', async () => {
  path = await Path.open({ lanes: 1, maxLanes: 1 });
  const waiting = path.handler('await new Promise((f) => setTimeout(f, 500)); return new Response()', {
    concurrency: 1000,
    queueMs: 60_000,
  });
  const replies = await Promise.all(Array.from({ length: 5000 }, () => path.request(waiting)));
  expect(replies.filter((reply) => reply.status !== 200).length).toBe(0);
});

it('functions that call themselves, each twice: the event ends', async () => {
  path = await Path.open();
  const bomb = path.handler(
    `const calls = [0, 1].map(() => env.SELF.fetch('http://self/').then((r) => r.status, (e) => e.message));
    return Response.json(await Promise.all(calls));`,
    { wallMs: 60_000, instances: 1000, concurrency: 100 },
    { name: 'bomb', services: { SELF: 'bomb' } },
  );
  expect((await path.request(bomb)).status).toBe(200);
  expect(path.dispatch.running + path.dispatch.queued).toBe(0);
  expect(path.stories.length).toBeLessThanOrEqual(1001);
});
