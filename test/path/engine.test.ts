/** Engine lanes, pool and dispatch together: who waits for whom, what is kept apart, what is dropped. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Path } from '../support/path.ts';

let path: Path;
beforeAll(async () => {
  path = await Path.open({ lanes: 2, maxLanes: 6 });
});
afterAll(async () => {
  await path.close();
});

describe('placement', () => {
  it('nobody waits behind a long turn while there is another way', async () => {
    const quick = path.handler("return new Response('quick')");
    await Promise.all(Array.from({ length: 4 }, () => path.request(quick)));
    // Turns of about a second: more of them than there are lanes.
    const long = Array.from({ length: 3 }, () =>
      path.handler("let x = 0; for (let i = 0; i < 4e8; i++) x += i % 7; return new Response('long')", {
        cpuMs: 20_000,
      }),
    );
    const slow = long.map((one) => path.run(one));
    let settled = 0;
    for (const one of slow) one.then(() => settled++);
    const answers: string[] = [];
    while (settled === 0 && answers.length < 2000) answers.push((await path.request(quick)).text ?? '');
    expect(answers.length).toBeGreaterThan(20);
    expect(new Set(answers)).toEqual(new Set(['quick']));
    for (const { reply } of await Promise.all(slow)) expect(reply.text).toBe('long');
  });

  it('a burst of 100 on a cold function is answered without 100 isolates', async () => {
    const fresh = path.handler("return new Response('x')");
    const before = path.pool.stats().loads;
    const replies = await Promise.all(Array.from({ length: 100 }, () => path.request(fresh)));
    expect(replies.every((reply) => reply.text === 'x')).toBe(true);
    expect(path.pool.stats().loads - before).toBeLessThanOrEqual(8);
  });

  it('a burst on a function that waits gets an isolate for each', async () => {
    const waits = path.handler("await new Promise((f) => setTimeout(f, 300)); return new Response('x')");
    const started = performance.now();
    await Promise.all(Array.from({ length: 20 }, () => path.request(waits)));
    // One after the other they would take 6 s.
    expect(performance.now() - started).toBeLessThan(3000);
  });

  it('keeps to its instances and queues the rest', async () => {
    const few = path.handler("await new Promise((f) => setTimeout(f, 40)); return new Response('x')", { instances: 2 });
    const runs = await Promise.all(Array.from({ length: 8 }, () => path.run(few)));
    expect(new Set(runs.map(({ story }) => story.record.isolateId)).size).toBeLessThanOrEqual(2);
    expect(runs.every(({ reply }) => reply.text === 'x')).toBe(true);
  });

  it('turns away what waits longer than queueMs, and writes no record of it', async () => {
    const busy = path.handler("await new Promise((f) => setTimeout(f, 400)); return new Response('x')", {
      instances: 1,
      queueMs: 50,
    });
    const first = path.run(busy);
    const before = path.stories.length;
    const second = await path.request(busy);
    expect([second.status, second.outcome, second.headers.get('retry-after')]).toEqual([503, 'overloaded', '1']);
    expect(path.stories.length).toBe(before);
    expect((await first).reply.text).toBe('x');
  });

  it('throttles at the rate', async () => {
    const limited = path.handler("return new Response('x')", {}, { rate: { perSecond: 1, burst: 3 } });
    const replies = await Promise.all(Array.from({ length: 5 }, () => path.request(limited)));
    expect(replies.map((reply) => reply.status).sort()).toEqual([200, 200, 200, 429, 429]);
  });
});

describe('one invocation at a time', () => {
  it('sees no state of another that runs', async () => {
    const counter = path.deploy(`let inside = 0; let most = 0;
      export default { async fetch() { inside++; most = Math.max(most, inside); await new Promise((f) => setTimeout(f, 10)); inside--; return new Response(String(most)); } }`);
    const replies = await Promise.all(Array.from({ length: 12 }, () => path.request(counter)));
    expect(new Set(replies.map((reply) => reply.text))).toEqual(new Set(['1']));
  });

  it('keeps module state in a warm isolate, and none across functions', async () => {
    const source =
      'globalThis.n = (globalThis.n ?? 0); export default { fetch() { return new Response(String(++globalThis.n)) } }';
    const a = path.deploy(source, { instances: 1 });
    const b = path.deploy(source, { instances: 1 });
    expect([(await path.request(a)).text, (await path.request(a)).text, (await path.request(b)).text]).toEqual([
      '1',
      '2',
      '1',
    ]);
  });

  it('drops timers when the handler has settled', async () => {
    const source = `let late = 0; export default { fetch() { const seen = late; setTimeout(() => { late++ }, 5); return new Response(String(seen)) } }`;
    const one = path.deploy(source, { instances: 1 });
    await path.request(one);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect((await path.request(one)).text).toBe('0');
  });

  it('a rejection nobody handles is logged, fails nobody and retires the isolate', async () => {
    const source = `let n = 0; export default { async fetch() { Promise.reject(new Error('floating')); return new Response(String(++n)) } }`;
    const one = path.deploy(source, { instances: 1 });
    const first = await path.run(one);
    const second = await path.run(one);
    expect([first.reply.text, second.reply.text]).toEqual(['1', '1']);
    expect(first.story.logs.some((line) => line.text.includes('floating'))).toBe(true);
    expect(first.story.record.isolateId).not.toBe(second.story.record.isolateId);
  });
});

describe('concurrency above 1', () => {
  it('runs several in one isolate and keeps logs and CPU apart', async () => {
    const source = `let inside = 0; export default { fetch(request) {
        inside++;
        const id = new URL(request.url).pathname;
        return new Promise((f) => setTimeout(f, 20)).then(() => { console.log('after', id); const seen = inside; inside--; return new Response(id + ' ' + (seen > 1)) });
      } }`;
    const shared = path.deploy(source, { concurrency: 10, instances: 1 });
    await path.request(shared, { path: '/warm' });
    const runs = await Promise.all(Array.from({ length: 6 }, (_, i) => path.run(shared, { path: `/${i}` })));
    runs.forEach(({ reply, story }, i) => {
      expect(reply.text).toBe(`/${i} ${i < 5}`);
      expect(story.logs.map((line) => line.text)).toEqual([`after /${i}`]);
    });
    expect(new Set(runs.map(({ story }) => story.record.isolateId)).size).toBe(1);
  });

  it('a neighbour of a looping invocation is aborted, not billed and told to try again', async () => {
    const source = `export default { async fetch(request) {
        if (request.url.endsWith('/loop')) for (;;);
        await new Promise((f) => setTimeout(f, 2000)); return new Response('late') } }`;
    const shared = path.deploy(source, { concurrency: 10, instances: 1, cpuMs: 60 });
    const neighbour = path.run(shared, { path: '/wait' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const culprit = await path.run(shared, { path: '/loop' });
    expect(culprit.story.record.outcome).toBe('cpu_exceeded');
    const { reply, story } = await neighbour;
    expect([reply.status, reply.headers.get('retry-after'), story.record.outcome, story.record.billedMs]).toEqual([
      503,
      '1',
      'aborted',
      0,
    ]);
  });
});

describe('bodies', () => {
  it('streams a response with backpressure: the guest produces what is read', async () => {
    const source = `let produced = 0; export default { fetch(request) {
        if (request.url.endsWith('/count')) return new Response(String(produced));
        return new Response(new ReadableStream({ pull(c) { produced++; c.enqueue(new Uint8Array(1000)); } }, { highWaterMark: 0 })) } }`;
    const one = path.deploy(source, { concurrency: 2, instances: 1 });
    const { bytes } = await path.request(
      path.handler(
        'return new Response(new ReadableStream({ start(c) { for (let i = 0; i < 50; i++) c.enqueue(new Uint8Array(1000).fill(i)); c.close(); } }))',
      ),
    );
    expect(bytes?.length).toBe(50_000);
    expect((await path.request(one, { path: '/count' })).text).toBe('0');
  });

  it('streams a request body, and one never read costs nothing', async () => {
    let pulled = 0;
    async function* chunks() {
      for (let i = 0; i < 10; i++) {
        pulled += 1;
        yield new Uint8Array(1000).fill(i);
      }
    }
    const reads = path.handler('return new Response(String((await request.arrayBuffer()).byteLength))');
    expect((await path.request(reads, { body: { stream: chunks() } })).text).toBe('10000');
    pulled = 0;
    const ignores = path.handler("return new Response('no')");
    expect((await path.request(ignores, { body: { stream: chunks() } })).text).toBe('no');
    expect(pulled).toBe(0);
  });

  it('echoes bytes exactly', async () => {
    const echo = path.handler('return new Response(await request.arrayBuffer())');
    const body = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31) % 256);
    expect(Buffer.from((await path.request(echo, { body: body.slice() })).bytes ?? []).equals(Buffer.from(body))).toBe(
      true,
    );
    const piped = path.handler('return new Response(request.body)');
    async function* chunks() {
      for (let i = 0; i < 7; i++) yield body.subarray(i * 10_000, (i + 1) * 10_000);
    }
    expect(
      Buffer.from((await path.request(piped, { body: { stream: chunks() } })).bytes ?? []).equals(Buffer.from(body)),
    ).toBe(true);
  });

  it('a stream that breaks cuts the response and is an error in the record', async () => {
    const broken = path.handler(
      'let n = 0; return new Response(new ReadableStream({ pull(c) { if (n++ < 2) c.enqueue(new Uint8Array(10)); else throw new Error("tap") } }))',
    );
    const { reply } = await path.run(broken);
    expect([reply.status, reply.text]).toEqual([200, null]);
  });
});

describe('the client goes away', () => {
  it('request.signal aborts, the invocation goes on and holds its lease until it settles', async () => {
    const one = path.handler(
      "let aborted = false; request.signal.addEventListener('abort', () => { aborted = true }); await new Promise((f) => setTimeout(f, 80)); console.log('aborted', aborted); return new Response('x')",
    );
    await path.request(path.handler("return new Response('')"));
    const before = path.dispatch.running;
    const sent = path.send(one);
    await expect.poll(() => path.dispatch.running).toBe(before + 1);
    path.dispatch.clientClosed(sent.id);
    const story = await (await sent.reply).story;
    expect(story.record).toMatchObject({ outcome: 'client_closed', status: 499 });
    expect(story.logs.map((line) => line.text)).toEqual(['aborted true']);
  });
});

describe('nobody waits any more', () => {
  it('drops what has not started, with no record', async () => {
    const busy = path.handler("await new Promise((f) => setTimeout(f, 300)); return new Response('x')", {
      instances: 1,
    });
    const before = path.dispatch.running;
    const first = path.run(busy);
    await expect.poll(() => path.dispatch.running).toBe(before + 1);
    const left = path.send(busy);
    path.dispatch.clientClosed(left.id);
    expect((await left.reply).outcome).toBe('overloaded');
    expect((await first).reply.text).toBe('x');
    expect(path.stories.some((story) => story.invocation.id === left.id)).toBe(false);
  });

  it('a caller that ends takes its call of another function with it', async () => {
    const slow =
      "request.signal.addEventListener('abort', () => console.log('told')); await new Promise((f) => setTimeout(f, 150)); return new Response('late')";
    path.handler(slow, {}, { name: 'slow-callee' });
    const caller = path.handler(
      "env.SLOW.fetch('http://slow/'); await new Promise((f) => setTimeout(f, 80)); return new Response('gone')",
      {},
      { services: { SLOW: 'slow-callee' } },
    );
    expect((await path.run(caller)).reply.text).toBe('gone');
    await expect
      .poll(() => path.stories.find((one) => one.record.function === 'slow-callee')?.record.outcome)
      .toBe('client_closed');
  });
});

describe('service bindings', () => {
  it('calls another function with bodies both ways, each with a record of its own', async () => {
    path.handler(
      'return Response.json({ got: await request.json(), path: new URL(request.url).pathname })',
      {},
      { name: 'callee' },
    );
    const caller = path.handler(
      "const r = await env.CALLEE.fetch('http://callee/deep', { method: 'POST', body: JSON.stringify({ a: 1 }) }); return new Response(r.status + (await r.text()))",
      {},
      { services: { CALLEE: 'callee' } },
    );
    const { reply, story } = await path.run(caller);
    expect(reply.text).toBe('200{"got":{"a":1},"path":"/deep"}');
    expect(story.subrequests.map(({ service, status }) => [service, status])).toEqual([['CALLEE', 200]]);
    const callee = path.stories.find((one) => one.record.function === 'callee');
    expect(callee?.record).toMatchObject({ trigger: 'api', outcome: 'ok' });
    expect(callee?.invocation.trace).toMatchObject({
      traceId: story.invocation.trace.traceId,
      parentSpanId: story.subrequests[0]?.spanId,
    });
  });
});

describe('service bindings in a circle', () => {
  it('end at a depth, with a reason', async () => {
    const circle = path.handler(
      "const r = await env.SELF.fetch('http://self/'); return new Response(await r.text(), { status: r.status })",
      {},
      { name: 'circle', services: { SELF: 'circle' } },
    );
    const before = path.stories.length;
    const reply = await path.request(circle);
    expect(reply.status).toBe(500);
    const stories = path.stories.slice(before).filter((one) => one.record.function === 'circle');
    expect(stories.length).toBe(17);
    expect(stories[0]?.problem?.message).toMatch(/nested more than 16 deep/);
  });
});

describe('drain', () => {
  it('finishes what runs, refuses what comes, aborts what does not end', async () => {
    const other = await Path.open({ lanes: 1 });
    const quick = other.handler("await new Promise((f) => setTimeout(f, 60)); return new Response('done')");
    const endless = other.handler('await new Promise(() => {})');
    const [a, b] = [other.run(quick), other.run(endless)];
    await new Promise((resolve) => setTimeout(resolve, 40));
    const drained = other.dispatch.drain(300);
    expect((await other.request(quick)).outcome).toBe('overloaded');
    expect((await a).reply.text).toBe('done');
    expect((await b).story.record).toMatchObject({ outcome: 'aborted', billedMs: 0 });
    await drained;
    await other.close();
  });
});
