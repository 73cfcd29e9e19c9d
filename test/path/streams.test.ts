/**
 * Bodies through a function, from end to end but for doors: handed on untouched, changed on the way, broken off, slow to
 * be read, over their limit; in the host's own process and in an engine process.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Path, type RequestInit } from '../support/path.ts';

const CHUNK = 60_000;
const PATTERN = Uint8Array.from({ length: CHUNK + 13 * 200 }, (_, at) => (at * 7 + (at >> 8) * 31) & 255);

/** `count` chunks of bytes that tell their place; `pulled` counts what was asked for. */
function upload(count: number, fail?: Error): RequestInit & { readonly sum: string; pulled(): number } {
  let pulled = 0;
  const chunk = (n: number): Uint8Array => PATTERN.slice(n * 13, n * 13 + CHUNK);
  const hash = createHash('sha256');
  for (let n = 0; n < count; n++) hash.update(chunk(n));
  async function* chunks() {
    for (let n = 0; n < count; n++) {
      pulled += 1;
      yield chunk(n);
    }
    if (fail !== undefined) throw fail;
  }
  return { body: { stream: chunks() }, sum: hash.digest('hex'), pulled: () => pulled };
}
const sum = (bytes: Uint8Array | null): string => createHash('sha256').update(bytes!).digest('hex');

const ECHO = 'return new Response(request.body)';
const REWORK = `return new Response(request.body.pipeThrough(new TransformStream({ transform: (chunk, c) => c.enqueue(chunk) })))`;

describe.each([
  ['in this process', ''],
  ['in an engine process', 'tenant'],
])('%s', (_name, realm) => {
  let path: Path;
  beforeAll(async () => {
    path = await Path.open({ realm });
    // A process takes its time to start.
    await path.request(path.handler("return new Response('up')"));
  });
  afterAll(() => path.close());

  it.each([
    ['handed on', ECHO],
    ['through a TransformStream', REWORK],
    ['through two', `${REWORK.replace(/\)$/, '')}.pipeThrough(new TransformStream()))`],
    [
      'cloned, one of the two read',
      'const copy = request.clone(); const all = await copy.bytes(); return new Response(all);',
    ],
    [
      'read by hand',
      `const reader = request.body.getReader(); return new Response(new ReadableStream({ async pull(c) {
        const { done, value } = await reader.read(); if (done) c.close(); else c.enqueue(value); } }))`,
    ],
  ])('every byte arrives: %s', async (_what, code) => {
    const body = upload(60);
    const { reply, story } = await path.run(path.handler(code), body);
    expect(sum(reply.bytes)).toBe(body.sum);
    expect(story.record).toMatchObject({ outcome: 'ok', requestBytes: 60 * CHUNK, responseBytes: 60 * CHUNK });
  });

  it('a body handed on costs the isolate nothing', async () => {
    const echo = path.handler(ECHO);
    await path.run(echo, upload(1));
    const { story } = await path.run(echo, upload(200));
    // Reading 12 MB takes more than ten times as much.
    expect(story.record.cpuNs).toBeLessThan(5_000_000);
  });

  it('a body never read is never asked for', async () => {
    const body = upload(5);
    await path.run(path.handler("request.body; request.headers; return new Response('no')"), body);
    expect(body.pulled()).toBe(0);
  });

  it('is read no further ahead than a window', async () => {
    const body = upload(100);
    const { reply } = await path.run(
      path.handler(`const reader = request.body.getReader(); await reader.read();
        await new Promise((f) => setTimeout(f, 30)); return new Response('one chunk')`),
      body,
    );
    expect(reply.text).toBe('one chunk');
    expect(body.pulled()).toBeLessThanOrEqual(7);
  });

  it.each([
    ['handed on', ECHO],
    ['changed', REWORK],
  ])('what breaks off breaks the answer off: %s', async (_what, code) => {
    const { reply, story } = await path.run(path.handler(code), upload(3, new Error('the line went dead')));
    expect([reply.status, reply.text, story.record.outcome]).toEqual([200, null, 'function_error']);
  });

  it.each([
    ['handed on', ECHO],
    ['changed', REWORK],
  ])('limits.streamedResponseBytes holds: %s', async (_what, code) => {
    const of = path.handler(code, { streamedResponseBytes: 3 * CHUNK });
    const { reply, story } = await path.run(of, upload(10));
    expect([reply.text, story.record.outcome]).toEqual([null, 'response_too_large']);
    expect((await path.run(of, upload(3))).story.record.outcome).toBe('ok');
  });

  it('an invocation ends with the body it handed on, and with waitUntil', async () => {
    const order: string[] = [];
    const slow = {
      stream: (async function* () {
        yield new Uint8Array(10);
        await new Promise((resolve) => setTimeout(resolve, 60));
        order.push('body');
        yield new Uint8Array(10);
      })(),
    };
    const of = path.handler(`ctx.waitUntil(new Promise((f) => setTimeout(f, 20))); ${ECHO}`);
    const { reply, story } = await path.run(of, { body: slow });
    expect([reply.bytes?.length, order, story.record.outcome]).toEqual([20, ['body'], 'ok']);
    expect(story.record.runNs).toBeGreaterThan(55_000_000);
  });

  it('the wall limit ends a body handed on', async () => {
    let cancelled = false;
    async function* endless() {
      try {
        for (;;) {
          yield new Uint8Array(10);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      } finally {
        cancelled = true;
      }
    }
    const of = path.handler(ECHO, { wallMs: 800 });
    await path.run(of, upload(1));
    const { reply, story } = await path.run(of, { body: { stream: endless() } });
    expect([reply.text, story.record.outcome]).toEqual([null, 'wall_timeout']);
    await expect.poll(() => cancelled).toBe(true);
  });

  it('a body is handed on to another function, and its answer back', async () => {
    path.handler(REWORK, {}, { name: `inner${realm}` });
    const outer = path.handler(
      "return env.INNER.fetch('http://inner/', { method: 'POST', body: request.body, duplex: 'half' })",
      {},
      { services: { INNER: `inner${realm}` } },
    );
    const body = upload(40);
    const { reply } = await path.run(outer, body);
    expect(sum(reply.bytes)).toBe(body.sum);
  });

  it('one body that leaves twice in a turn arrives twice', async () => {
    path.handler(
      'return new Response((await request.bytes()).length + request.headers.get("n"))',
      {},
      { name: `size${realm}` },
    );
    const outer = path.handler(
      `const body = new Uint8Array(200_000); const first = new Request('http://x/', { method: 'POST', body, headers: { n: 'a' } });
      const second = first.clone(); second.headers.set('n', 'b');
      return Response.json(await Promise.all([first, second].map(async (one) => (await env.SIZE.fetch(one)).text())))`,
      {},
      { services: { SIZE: `size${realm}` } },
    );
    expect((await path.request(outer)).text).toBe('["200000a","200000b"]');
  });

  it('events of a stream come one by one, in order, as they are written', async () => {
    const of =
      path.handler(`const encoder = new TextEncoder(); let n = 0; return new Response(new ReadableStream({ start(c) {
      const timer = setInterval(() => { c.enqueue(encoder.encode('id: ' + n++ + '\\n\\n')); if (n === 100) { clearInterval(timer); c.close(); } }, 1); } }))`);
    const { reply } = await path.run(of);
    expect(reply.text?.trim().split('\n\n')).toEqual(Array.from({ length: 100 }, (_, n) => `id: ${n}`));
  });
});
