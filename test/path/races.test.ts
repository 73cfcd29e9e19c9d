/**
 * Ends that come at the very moment a turn ends by itself (catalogue 105): every invocation still ends once, with its own outcome, and
 * nobody pays for another's end. The moments are hit by number, not by sleeping.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NS_PER_MS } from '../../src/contract/units.ts';
import { Path } from '../support/path.ts';

let path: Path;
beforeAll(async () => {
  path = await Path.open();
});
afterAll(async () => {
  await path.close();
});

it('an invocation that falls silent as its wall limit comes still ends', async () => {
  const wallMs = 40;
  const outcomes = new Set<string>();
  for (let round = 0; round < 10; round++) {
    const silent = Array.from({ length: 4 }, (_, i) =>
      path.handler(
        `const begun = Date.now();
        do { for (let x = 0; x < 2e5; x++) Math.sqrt(x); await new Promise((f) => setTimeout(f, 0)); }
        while (Date.now() - begun < ${wallMs - 2 + i});
        await new Promise(() => {});`,
        { wallMs, cpuMs: 10_000 },
      ),
    );
    for (const { story } of await Promise.all(silent.map((one) => path.run(one)))) outcomes.add(story.record.outcome);
  }
  expect([...outcomes]).toEqual(['wall_timeout']);
  expect(path.dispatch.running).toBe(0);
});

it('a kill that comes as the turn ends is not the next invocation’s', async () => {
  const one = path.handler(
    `const end = Number(request.headers.get('n')); let x = 0; for (let i = 0; i < end; i++) x += i % 7; return new Response('' + x)`,
    { cpuMs: 4 },
  );
  const outcomes = new Set<string>();
  let steps = 1e6;
  for (let i = 0; i < 300; i++) {
    const { story } = await path.run(one, { headers: ['n', String(Math.round(steps))] });
    outcomes.add(story.record.outcome);
    // Feels its way along the limit.
    steps *= story.record.outcome === 'ok' ? 1.04 : 0.97;
  }
  // `aborted`: ended in the last microsecond, with a count just short of the limit.
  for (const outcome of outcomes) expect(['ok', 'cpu_exceeded', 'aborted']).toContain(outcome);
});

it('many turns too short to be watched do not outrun cpuMs', async () => {
  const creeping = path.handler(
    'for (;;) { for (let x = 0; x < 2e4; x++) Math.sqrt(x); await new Promise((f) => setTimeout(f, 1)); }',
    { cpuMs: 10, wallMs: 20_000 },
  );
  for (let i = 0; i < 8; i++) {
    const { story } = await path.run(creeping);
    expect(story.record.outcome).toBe('cpu_exceeded');
    expect(story.record.cpuNs).toBeLessThan(12.5 * NS_PER_MS);
  }
});

describe('what a record says', () => {
  it('a response body that breaks off is an error of the function', async () => {
    const broken = path.handler(
      `let n = 0; return new Response(new ReadableStream({ pull(c) { n++ < 3 ? c.enqueue(new Uint8Array(9)) : c.error(new Error('mid')); } }))`,
    );
    const { reply, story } = await path.run(broken);
    expect([reply.status, reply.text, story.record.outcome]).toEqual([200, null, 'function_error']);
    expect(story.problem?.message).toContain('mid');
  });

  it('a lane given up bills from the start of the invocation', async () => {
    // Ten million digits in one built-in that nothing ends.
    const wedging = path.handler(`String(2n ** (2n ** 27n)); return new Response('x')`, { cpuMs: 20 });
    const { story } = await path.run(wedging);
    expect(['crashed', 'cpu_exceeded']).toContain(story.record.outcome);
    expect(story.record.billedMs).toBeLessThan(30_000);
  }, 30_000);
});
