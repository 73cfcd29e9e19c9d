import type { IncomingMessage } from 'node:http';
import { connect, createServer } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { DRAIN_BYTES_PER_SECOND, EDGE_TIMEOUTS, MAX_PIPELINED } from '../../../src/edge/ports.ts';
import { BodyBudget, readWhole } from '../../../src/edge/request-body.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { bytes, eventually, FedStream, RawClient, startEdge, text } from './stub-host.ts';

const GET = 'GET /fn/hello HTTP/1.1\r\nhost: h\r\n\r\n';
const POST = 'POST /fn/hello HTTP/1.1\r\nhost: h\r\n';

describe('listen', () => {
  it('says in one sentence that the port is taken, and what to do', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    const { port } = squatter.address() as { port: number };
    await expect(startEdge([], { options: { port } })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringMatching(new RegExp(`^Port ${port} on 127.0.0.1 is in use .*--port.*\\.$`)),
    });
    squatter.close();
  });

  it('says that the address is not of this machine', async () => {
    await expect(startEdge([], { options: { host: '192.0.2.1' } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('--host'),
    });
  });
});

describe('limits of the host', () => {
  it('more connections than maxConnections are dropped', async () => {
    const stub = await startEdge([{ url: true }], { options: { maxConnections: 2 } });
    const kept = [new RawClient(stub.port, GET), new RawClient(stub.port, GET)];
    for (const client of kept) await client.until('hello');
    expect(await new RawClient(stub.port, GET).rest()).toBe('');
  });

  it('bodies read whole share one budget and give back what they took', async () => {
    const budget = new BodyBudget(10);
    const rules = { limit: 100, timeoutMs: 1000, clock: new FakeClock(), budget };
    const read = (...chunks: string[]) =>
      readWhole(Readable.from(chunks.map((c) => Buffer.from(c))) as unknown as IncomingMessage, rules);
    await expect(read('123456', '78901')).rejects.toMatchObject({ code: 'overloaded' });
    expect(text(await read('1234567890'))).toBe('1234567890');
    await expect(Promise.allSettled([read('123456'), read('123456')])).resolves.toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'overloaded' } },
    ]);
    expect(budget.take(10)).toBe(true);
  });
});

describe('close', () => {
  it('closes idle connections, lets what is in flight be answered, accepts nothing new', async () => {
    const stub = await startEdge([{ url: true }]);
    const idle = new RawClient(stub.port, GET);
    await idle.until('hello');
    const last = Promise.withResolvers<Uint8Array | null>();
    const stream = new FedStream((pull) =>
      pull === 1 ? Promise.resolve(bytes('first')) : pull === 2 ? last.promise : Promise.resolve(null),
    );
    stub.answer = ({ reply }) => stub.invocations.length === 2 && reply.respond({ status: 200, headers: [] }, stream);
    const streaming = new RawClient(stub.port, GET);
    await streaming.until('first');
    const waiting = new RawClient(stub.port, GET);
    await eventually(() => stub.invocations.length === 3);
    const closed = stub.edge.close(60_000);
    await idle.closed;
    await expect(fetch(stub.url)).rejects.toThrow();
    stub.invocations[2]!.reply.respond({ status: 200, headers: [] }, bytes('answered'));
    expect(await waiting.rest()).toMatch(/connection: close.*answered/is);
    last.resolve(bytes('second'));
    expect(await streaming.rest()).toMatch(/second\r\n0\r\n\r\n$/);
    await closed;
    expect(stub.clientClosed).toEqual([]);
  });

  it('gives one more answer on connections that wait, and says that it is the last', async () => {
    const stub = await startEdge([{ url: true }]);
    const waiting = new RawClient(stub.port, GET);
    await waiting.until('hello');
    const silent = new RawClient(stub.port, GET);
    await silent.until('hello');
    const closed = stub.edge.close(60_000, 300);
    expect(silent.socket.destroyed).toBe(false);
    waiting.socket.write(GET);
    expect(await waiting.rest()).toMatch(/hello.*connection: close.*hello/is);
    expect((await silent.rest()).match(/connection: close/gi)).toBeNull();
    await closed;
    expect(stub.invocations).toHaveLength(3);
  });

  it('lets a slow reader have the rest of an answer that was complete', async () => {
    const stub = await startEdge([{ url: true }]);
    const size = 30 * 1024 * 1024;
    stub.answer = ({ reply }) => reply.respond({ status: 200, headers: [] }, new Uint8Array(size));
    const client = new RawClient(stub.port);
    let received = 0;
    client.socket.removeAllListeners('data').pause();
    client.socket.write(GET);
    await eventually(() => stub.invocations.length === 1);
    const closed = stub.edge.close(60_000);
    client.socket
      .on('data', (chunk) => {
        received += chunk.length;
      })
      .resume();
    await closed;
    await client.closed;
    expect(received).toBeGreaterThan(size);
  });

  it('cuts what is left when the grace is over', async () => {
    const clock = new FakeClock();
    const stub = await startEdge([{ url: true }], { ports: { clock } });
    stub.answer = () => {};
    const client = new RawClient(stub.port, GET);
    await eventually(() => stub.invocations.length === 1);
    const closed = stub.edge.close(25_000);
    await clock.advance(24_999);
    expect(client.socket.destroyed).toBe(false);
    await clock.advance(1);
    await closed;
    expect(await client.rest()).toBe('');
  });
});

describe('case 83: clients that take their time', () => {
  const timeouts = { ...EDGE_TIMEOUTS, headersMs: 60, idleMs: 100, lingerMs: 20 };

  it('are cut while they dawdle over headers', async () => {
    const stub = await startEdge([{ url: true }], { options: { timeouts } });
    const slow = new RawClient(stub.port, 'GET /fn/hello HTTP/1.1\r\n');
    const drip = setInterval(() => slow.socket.write('x: y\r\n'), 20);
    expect(await slow.rest()).toMatch(/^(?:HTTP\/1\.1 408 |$)/);
    clearInterval(drip);
    expect(stub.invocations).toEqual([]);
  });

  it('get a 408 when a small body does not arrive in time, however steadily it drips', async () => {
    const clock = new FakeClock();
    const stub = await startEdge([{ url: true }], { ports: { clock } });
    for (const path of ['/fn/hello', '/hooks/github']) {
      const client = new RawClient(stub.port, `POST ${path} HTTP/1.1\r\nhost: h\r\ncontent-length: 99\r\n\r\na`);
      await eventually(() => clock.pending === 1);
      await clock.advance(EDGE_TIMEOUTS.bodyMs - 1);
      expect(client.received).toBe('');
      await clock.advance(1);
      await client.until('request_timeout');
      await clock.advance(EDGE_TIMEOUTS.lingerMs);
      expect(await client.rest()).toMatch(/^HTTP\/1\.1 408 /);
    }
    expect([stub.invocations, stub.hooks]).toEqual([[], []]);
  });

  it('are cut when a function waits for their body and nothing comes', async () => {
    const stub = await startEdge([{ url: true }], { options: { timeouts } });
    stub.answer = () => {};
    new RawClient(stub.port, `${POST}content-length: 100000\r\n\r\nabc`);
    await eventually(() => stub.invocations.length === 1);
    const { event } = stub.invocations[0]!;
    if (event.kind !== 'fetch' || event.body === null || event.body instanceof Uint8Array) throw new Error('no stream');
    expect(text(await event.body.read())).toBe('abc');
    await expect(event.body.read()).rejects.toMatchObject({ code: 'client_closed' });
    expect(stub.clientClosed).toEqual(['id-1']);
  });

  it('are not cut while the function takes its time', async () => {
    const stub = await startEdge([{ url: true }], { options: { timeouts } });
    stub.answer = ({ reply }) => setTimeout(() => reply.respond({ status: 200, headers: [] }, bytes('late')), 450);
    const client = new RawClient(stub.port, GET);
    await client.until('late');
    await client.closed;
    expect(stub.clientClosed).toEqual([]);
  });

  it('are cut when they stop reading', async () => {
    const stub = await startEdge([{ url: true }], { options: { timeouts } });
    stub.answer = ({ reply }) => reply.respond({ status: 200, headers: [] }, new Uint8Array(30 * 1024 * 1024));
    const client = new RawClient(stub.port);
    client.socket.pause();
    client.socket.write(GET);
    await eventually(() => stub.clientClosed.length === 1);
    expect(stub.edge.inFlight).toBe(0);
  });

  it('are cut when they read a byte now and then: a whole body has its time too', async () => {
    const clock = new FakeClock();
    const stub = await startEdge([{ url: true }], { ports: { clock } });
    const bytesInMemory = 30 * 1024 * 1024;
    stub.answer = ({ reply }) => reply.respond({ status: 200, headers: [] }, new Uint8Array(bytesInMemory));
    const client = new RawClient(stub.port);
    client.socket.pause();
    client.socket.write(GET);
    await eventually(() => stub.edge.inFlight === 1 && clock.pending === 1);
    const allowedMs = EDGE_TIMEOUTS.drainMs + (bytesInMemory / DRAIN_BYTES_PER_SECOND) * 1000;
    await clock.advance(allowedMs - 1);
    expect(stub.edge.inFlight).toBe(1);
    await clock.advance(1);
    await eventually(() => stub.edge.inFlight === 0);
    expect(stub.clientClosed).toEqual(['id-1']);
  });
});

describe('many connections', () => {
  it('of one address end at its share; others are still served, and so is it when some have gone', async () => {
    const stub = await startEdge([{ url: true }], { options: { maxConnections: 400 } });
    const share = 100;
    const held = Array.from({ length: share }, () => new RawClient(stub.port, GET));
    await Promise.all(held.map((client) => client.until('hello')));
    expect(await new RawClient(stub.port, GET).rest()).toBe('');
    const other = connect({ port: stub.port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    const answer = new Promise<string>((resolve) => other.once('data', (chunk) => resolve(chunk.toString())));
    other.write(GET);
    expect(await answer).toContain('hello');
    other.destroy();
    held[0]!.socket.destroy();
    await held[0]!.closed;
    await eventually(() => stub.edge.inFlight === 0);
    await vi.waitFor(() => new RawClient(stub.port, GET).until('hello'));
  });

  it('of a trusted proxy are other people’s', async () => {
    const options = { maxConnections: 400, trustedProxies: ['127.0.0.1'] };
    const stub = await startEdge([{ url: true }], { options });
    const held = Array.from({ length: 150 }, () => new RawClient(stub.port, GET));
    await Promise.all(held.map((client) => client.until('hello')));
  });

  it('a flood of requests sent ahead ends the connection', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = () => {};
    const client = new RawClient(stub.port, GET.repeat(MAX_PIPELINED + 2));
    await client.closed;
    await eventually(() => stub.clientClosed.length === 1);
    expect(stub.invocations).toHaveLength(1);
    stub.answer = ({ reply }) => reply.respond({ status: 200, headers: [] }, bytes('again'));
    expect(await new RawClient(stub.port, GET).until('again')).toMatch(/max=100000/);
  });
});
