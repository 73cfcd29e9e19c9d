/** An engine process serves like the host's own lanes do: requests, bodies, fetches, limits. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Path } from '../support/path.ts';

let path: Path;
beforeAll(async () => {
  path = await Path.open({ lanes: 1, realm: 'tenant-a' });
  // A busy machine may take its time to start a process.
  await path.request(path.handler("return new Response('up')", { queueMs: 60_000 }));
});
afterAll(async () => {
  await path.close();
});

const outcome = async (body: string, limits = {}): Promise<string> =>
  (await path.run(path.handler(body, limits))).story.record.outcome;

describe('a function in an engine process', () => {
  it('answers, many at a time', async () => {
    const hello = path.handler('return new Response(new URL(request.url).pathname)');
    const replies = await Promise.all(Array.from({ length: 200 }, (_, i) => path.request(hello, { path: `/${i}` })));
    expect(replies.map((reply) => reply.text)).toEqual(replies.map((_, i) => `/${i}`));
    expect(path.engine.processes.filter(({ realm }) => realm === 'tenant-a')).toHaveLength(1);
    expect(path.engine.lanes('').every((lane) => lane.isolates === 0)).toBe(true);
  });

  it('is loaded at once where no isolate of its size is kept ready', async () => {
    const replies = [];
    for (const memoryMiB of [33, 34, 35, 36]) {
      const sized = path.handler("return new Response('sized')", { memoryMiB });
      replies.push((await path.request(sized)).text);
    }
    expect(replies).toEqual(Array(4).fill('sized'));
  });

  it('streams both ways', async () => {
    const echo = path.handler('return new Response(request.body)');
    const chunks = Array.from({ length: 30 }, (_, i) => new Uint8Array(50_000 + i).fill(i));
    const stream = (async function* () {
      for (const chunk of chunks) yield chunk;
    })();
    const reply = await path.request(echo, { body: { stream } });
    expect(Buffer.compare(Buffer.from(reply.bytes!), Buffer.concat(chunks))).toBe(0);
  });

  it('takes large whole bodies', async () => {
    const echo = path.handler('return new Response(await request.bytes())');
    const body = new Uint8Array(5_000_000).map((_, i) => i % 251);
    const reply = await path.request(echo, { body: body.slice() });
    expect(Buffer.compare(Buffer.from(reply.bytes!), body)).toBe(0);
  });

  it('sees no more of a body than the body', async () => {
    const sees = path.handler('return new Response(String((await request.bytes()).buffer.byteLength))');
    expect((await path.request(sees, { body: 'four' })).text).toBe('4');
  });

  it('fetches and calls other functions through the host', async () => {
    const server = createServer((_, response) => response.end('from outside')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const other = path.handler("return new Response('from ' + new URL(request.url).pathname)");
    const spec = { services: { OTHER: other.spec.name }, privateHosts: [`127.0.0.1:${port}`] };
    const asks = path.handler(
      `const [a, b] = await Promise.all([fetch('http://127.0.0.1:${port}/'), env.OTHER.fetch('http://x/inside')]);
       return new Response(await a.text() + ', ' + await b.text())`,
      {},
      spec,
    );
    const { reply, story } = await path.run(asks);
    expect(reply.text).toBe('from outside, from /inside');
    expect(story.record.subrequests).toBe(2);
    server.close();
  });

  it('runs timers and logs', async () => {
    const waits = path.handler(
      "console.log('before'); await new Promise((f) => setTimeout(f, 30)); return new Response('after')",
    );
    const { reply, story } = await path.run(waits);
    expect(reply.text).toBe('after');
    expect(story.logs.map((line) => line.text)).toEqual(['before']);
  });
});

describe('limits in an engine process', () => {
  it('end a loop by its CPU', async () => {
    const { reply, story } = await path.run(path.handler('for(;;);', { cpuMs: 60 }));
    expect([reply.status, story.record.outcome]).toEqual([503, 'cpu_exceeded']);
    expect(story.record.cpuNs).toBeGreaterThanOrEqual(60e6);
  });

  it('end what adds up over many turns', async () => {
    const sums = `for (;;) { const end = Date.now(); let x = 0; for (let i = 0; i < 3e6; i++) x += i;
      await new Promise((f) => setTimeout(f, 1)); }`;
    expect(await outcome(sums, { cpuMs: 60 })).toBe('cpu_exceeded');
  });

  it('end what takes too long', async () => {
    expect(await outcome('await new Promise(() => {})', { wallMs: 80 })).toBe('wall_timeout');
    expect(await outcome('for(;;);', { wallMs: 80, cpuMs: 60_000 })).toBe('wall_timeout');
  });

  it('end what takes too much memory', async () => {
    const hoards = 'const a = []; for (;;) a.push({ a: 1, b: [2, 3] });';
    expect(await outcome(hoards, { memoryMiB: 16, cpuMs: 20_000 })).toBe('memory_exceeded');
  });

  it('end a load', async () => {
    const { reply } = await path.run(path.deploy('for(;;);', { initMs: 60 }));
    expect([reply.status, reply.outcome]).toEqual([500, 'init_error']);
  });

  it('leave the engine process as it was', async () => {
    const [before] = path.engine.processes;
    await path.run(path.handler('for(;;);', { cpuMs: 20 }));
    expect((await path.request(path.handler("return new Response('still')"))).text).toBe('still');
    expect(path.engine.processes[0]).toEqual(before);
    expect(path.felled).toEqual([]);
  });
});
