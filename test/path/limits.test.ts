/**
 * Limits that hold, in real isolates. Times are CPU times of the guest's own turns, so a busy machine changes nothing;
 * the slack is what the reaper needs: one look of the watch, one tick of the operating system's accounting.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIB, NS_PER_MS } from '../../src/contract/units.ts';
import { Path } from '../support/path.ts';

const CPU_MS = 80;
const SLACK_MS = 50;

let path: Path;
beforeAll(async () => {
  path = await Path.open();
});
afterAll(async () => {
  await path.close();
});

const LOOPS = { 'for(;;)': 'for(;;);', 'array slices': 'for(;;) new Array(100).slice();' };
const PLACES: Readonly<Record<string, (loop: string) => string>> = {
  'in the handler': (loop) => loop,
  'in a then': (loop) => `await Promise.resolve().then(() => { ${loop} });`,
  'after an awaited fetch': (loop) => `await env.NEXT.fetch('http://next/'); ${loop}`,
  'in a timer': (loop) => `await new Promise(() => setTimeout(() => { ${loop} }, 5));`,
};

describe('cpuMs', () => {
  for (const [what, loop] of Object.entries(LOOPS)) {
    for (const [where, code] of Object.entries(PLACES)) {
      it(`ends ${what} ${where}, and others are answered meanwhile`, async () => {
        path.handler("return new Response('next')", {}, { name: 'next' });
        const hostile = path.handler(code(loop), { cpuMs: CPU_MS }, { services: { NEXT: 'next' } });
        const bystander = path.handler("return new Response('fine')");
        await path.request(bystander);
        const attack = path.run(hostile);
        let meanwhile = 0;
        let over = false;
        attack.finally(() => {
          over = true;
        });
        while (!over) {
          expect((await path.request(bystander)).text).toBe('fine');
          meanwhile += 1;
        }
        const { reply, story } = await attack;
        expect([reply.status, reply.outcome]).toEqual([503, 'cpu_exceeded']);
        expect(story.record.cpuNs).toBeGreaterThanOrEqual(CPU_MS * NS_PER_MS);
        expect(story.record.cpuNs).toBeLessThan((CPU_MS + SLACK_MS) * NS_PER_MS);
        expect(meanwhile).toBeGreaterThan(5);
      });
    }

    it(`ends ${what} in waitUntil; the response stands`, async () => {
      const hostile = path.handler(
        `ctx.waitUntil((async () => { await new Promise((f) => setTimeout(f, 5)); ${loop} })()); return new Response('sent');`,
        { cpuMs: CPU_MS },
      );
      const { reply, story } = await path.run(hostile);
      expect([reply.status, reply.text]).toEqual([200, 'sent']);
      expect(story.record).toMatchObject({ outcome: 'cpu_exceeded', status: 200 });
      expect(story.record.cpuNs).toBeLessThan((CPU_MS + SLACK_MS) * NS_PER_MS);
    });
  }

  it('is counted across awaits', async () => {
    const spin = 'for (let x = 0; x < 2e6; x++) Math.sqrt(x);';
    const hostile = path.handler(`for (;;) { ${spin} await new Promise((f) => setTimeout(f, 1)); }`, { cpuMs: 40 });
    const { story } = await path.run(hostile);
    expect(story.record.outcome).toBe('cpu_exceeded');
    expect(story.record.cpuNs).toBeGreaterThanOrEqual(40 * NS_PER_MS);
  });

  it('charges what a function used, not what its neighbours did', async () => {
    const work = 'let x = 0; for (let i = 0; i < 6e7; i++) x += i % 7; return new Response(String(x));';
    const alone: number[] = [];
    for (let i = 0; i < 3; i++) {
      const one = path.handler(work, { cpuMs: 10_000 });
      alone.push((await path.run(one)).story.record.cpuNs);
    }
    const crowd = Array.from({ length: 5 }, () => path.handler(work, { cpuMs: 10_000 }));
    const together = await Promise.all(crowd.map((one) => path.run(one)));
    const usual = alone.sort((a, b) => a - b)[1]!;
    // Five on two cores: wall time would be 2.5 times as much. CPU itself varies with caches and clocks, so the bounds are wide.
    const ratios = together.map(({ story }) => story.record.cpuNs / usual).sort((a, b) => a - b);
    for (const { story } of together) expect(story.record.outcome).toBe('ok');
    expect(ratios[2]).toBeGreaterThan(0.6);
    expect(ratios[2]).toBeLessThan(1.6);
    expect(ratios[4]).toBeLessThan(2);
  });

  it('measures turns shorter than a tick of the operating system', async () => {
    const one = path.handler("let x = 0; for (let i = 0; i < 1e5; i++) x += i % 7; return new Response('' + x)");
    await path.run(one);
    const { story } = await path.run(one);
    expect(story.record.cpuNs).toBeGreaterThan(10_000);
    expect(story.record.cpuNs).toBeLessThanOrEqual(story.record.runNs);
  });
});

describe('memoryMiB', () => {
  const HUNGRY = {
    objects: 'const a = []; for (;;) a.push({ x: 1 });',
    strings: "const a = []; for (;;) a.push('y'.repeat(1000) + a.length);",
    'typed arrays': 'const a = []; for (;;) a.push(new Uint8Array(1e6).fill(1));',
    'filled arrays': 'const a = []; for (;;) a.push(new Array(100).fill(1));',
  };
  for (const [what, code] of Object.entries(HUNGRY)) {
    it(`ends a function that allocates ${what} for ever; the host lives`, async () => {
      const hostile = path.handler(code, { memoryMiB: 64, cpuMs: 20_000 });
      const { reply, story } = await path.run(hostile);
      expect([reply.status, story.record.outcome]).toEqual([503, 'memory_exceeded']);
      const fine = path.handler("return new Response('fine')");
      expect((await path.request(fine)).text).toBe('fine');
      expect((await path.request(hostile)).status).toBe(503);
    });
  }

  it('a forged allocation error is an error of the function', async () => {
    const liar = path.handler("throw new RangeError('Array buffer allocation failed')");
    expect((await path.run(liar)).story.record.outcome).toBe('function_error');
  });
});

describe('wallMs', () => {
  it('ends a handler that waits for ever', async () => {
    const { reply, story } = await path.run(path.handler('await new Promise(() => {})', { wallMs: 60 }));
    expect([reply.status, story.record.outcome]).toEqual([504, 'wall_timeout']);
    expect(story.record.billedMs).toBeLessThanOrEqual(60 + Math.ceil(story.record.initNs / NS_PER_MS) + 1);
  });

  it('ends a turn that runs past it', async () => {
    const { story } = await path.run(path.handler('for(;;);', { wallMs: 100, cpuMs: 20_000 }));
    expect(story.record.outcome).toBe('wall_timeout');
  });

  it('waitUntil has a limit of its own', async () => {
    const slow = path.handler("ctx.waitUntil(new Promise(() => {})); return new Response('ok')", {
      wallMs: 50,
      waitUntilMs: 60,
    });
    const { reply, story } = await path.run(slow);
    expect([reply.status, story.record.outcome]).toEqual([200, 'wall_timeout']);
  });
});

describe('initMs', () => {
  it('ends a module that never finishes loading, and does not load it for every request', async () => {
    const hostile = path.deploy('for(;;); export default {}', { initMs: 60 });
    const { reply, story } = await path.run(hostile);
    expect([reply.status, story.record.outcome]).toEqual([500, 'init_error']);
    expect(story.problem?.message).toContain('limits.initMs');
    const before = path.pool.stats().loads;
    const again = await path.request(hostile);
    expect(again.outcome).toBe('init_error');
    // It did not run: what it is told is the end of the one that did.
    expect(JSON.parse(again.text ?? '').error.invocationId).toBe(story.record.invocationId);
    expect(path.pool.stats().loads).toBe(before);
  });

  it('a module that throws is an init error with its reason in the story only', async () => {
    const { reply, story } = await path.run(path.deploy("throw new Error('no database')"));
    expect(reply.text).not.toContain('no database');
    expect(story.problem?.message).toBe('no database');
    expect(story.record).toMatchObject({ outcome: 'init_error', cold: true });
    expect(story.record.billedMs).toBeGreaterThanOrEqual(1);
  });
});

describe('other limits', () => {
  it('subrequests: thrown into the guest, an outcome when uncaught', async () => {
    path.handler("return new Response('x')", {}, { name: 'leaf' });
    const greedy = path.handler(
      "for (;;) await env.LEAF.fetch('http://leaf/')",
      { subrequests: 3 },
      { services: { LEAF: 'leaf' } },
    );
    const { reply, story } = await path.run(greedy);
    expect([reply.status, story.record.outcome, story.record.subrequests]).toEqual([500, 'subrequests_exceeded', 3]);
    const careful = path.handler(
      "try { for (;;) await env.LEAF.fetch('http://leaf/') } catch (e) { return new Response(e.name) }",
      { subrequests: 3 },
      { services: { LEAF: 'leaf' } },
    );
    expect(await path.run(careful)).toMatchObject({ reply: { status: 200, text: 'SubrequestLimitError' } });
  });

  it('responseBytes: whole and streamed', async () => {
    const whole = path.handler("return new Response('x'.repeat(2000))", { responseBytes: 1000 });
    expect(await path.run(whole)).toMatchObject({
      reply: { status: 502 },
      story: { record: { outcome: 'response_too_large' } },
    });
    const streamed = path.handler(
      'return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(400)) } }))',
      { streamedResponseBytes: 1000 },
    );
    const { reply, story } = await path.run(streamed);
    expect([reply.status, reply.text, story.record.outcome]).toEqual([200, null, 'response_too_large']);
  });

  it('logBytes: the rest is dropped, the function goes on', async () => {
    const chatty = path.handler(
      "for (let i = 0; i < 1000; i++) console.log('y'.repeat(99)); return new Response('ok')",
      { logBytes: 1000 },
    );
    const { reply, story } = await path.run(chatty);
    expect(reply.text).toBe('ok');
    expect(story.logs.length).toBe(10);
    expect(story.limits).toMatchObject([{ limit: 'logBytes', reached: true }]);
  });

  it('timers: one more is refused', async () => {
    const many = path.handler(
      'try { for (;;) setTimeout(() => {}, 1e6) } catch (e) { return new Response(e.message) }',
      { timers: 5 },
    );
    expect((await path.run(many)).reply.text).toContain('limits.timers');
  });

  it('samples the memory of an isolate', async () => {
    const holder = path.handler("globalThis.keep = new Uint8Array(8 * 1024 * 1024).fill(1); return new Response('ok')");
    expect((await path.run(holder)).story.record.isolateMemoryPeakBytes).toBeGreaterThan(8 * MIB);
  });
});
