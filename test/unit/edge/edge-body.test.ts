import { describe, expect, it } from 'vitest';
import type { ByteStream, Invocation } from '../../../src/contract/invocation.ts';
import { EDGE_TIMEOUTS } from '../../../src/edge/ports.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { bytes, eventually, RawClient, startEdge, text } from './stub-host.ts';

const SHORT_LINGER = { ...EDGE_TIMEOUTS, lingerMs: 50 };
const GET = 'GET /fn/hello HTTP/1.1\r\nhost: h\r\n\r\n';
const POST = 'POST /fn/hello HTTP/1.1\r\nhost: h\r\n';

function bodyOf(invocation: Invocation | undefined): Uint8Array | ByteStream | null {
  return invocation?.event.kind === 'fetch' ? invocation.event.body : null;
}

function streamOf(invocation: Invocation | undefined): ByteStream {
  const body = bodyOf(invocation);
  if (body === null || body instanceof Uint8Array) throw new Error('not a stream');
  return body;
}

describe('request bodies', () => {
  it('are null without framing, with length 0, and for GET and HEAD', async () => {
    const stub = await startEdge([{ url: true }]);
    const client = new RawClient(stub.port);
    for (const head of [
      POST,
      `${POST}content-length: 0\r\n`,
      'GET /fn/hello HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n',
    ]) {
      client.received = '';
      client.socket.write(`${head}\r\n${head.startsWith('GET') ? 'xy' : ''}`);
      await client.until('hello');
    }
    expect(stub.invocations.map(bodyOf)).toEqual([null, null, null]);
  });

  it('come whole when small, in memory of their own, however they arrive', async () => {
    const stub = await startEdge([{ url: true }]);
    const client = new RawClient(stub.port, `${POST}content-length: 11\r\n\r\nhello`);
    await new Promise((resolve) => setImmediate(resolve));
    expect(stub.invocations).toHaveLength(0);
    client.socket.write(' world');
    await client.until('200 OK');
    await fetch(`${stub.url}/fn/hello`, { method: 'POST', body: 'y'.repeat(65_536) });
    for (const [invocation, size] of [
      [stub.invocations[0], 11],
      [stub.invocations[1], 65_536],
    ] as const) {
      const body = bodyOf(invocation);
      expect(body).toBeInstanceOf(Uint8Array);
      expect(body).toMatchObject({ byteLength: size, buffer: { byteLength: size } });
    }
    expect(text(bodyOf(stub.invocations[0]) as Uint8Array)).toBe('hello world');
  });

  it('never start the function when the client leaves in the middle of a small one', async () => {
    const clock = new FakeClock();
    const stub = await startEdge([{ url: true }], { ports: { clock } });
    const client = new RawClient(stub.port, `${POST}content-length: 11\r\n\r\nhello`);
    await eventually(() => stub.edge.inFlight === 1 && clock.pending === 1);
    client.socket.destroy();
    await eventually(() => stub.edge.inFlight === 0 && clock.pending === 0);
    expect([stub.invocations, stub.clientClosed, stub.faults]).toEqual([[], [], []]);
  });

  it('stream when large or of unknown length, only as fast as they are read', async () => {
    const stub = await startEdge([{ url: true, limits: { requestBytes: 64 * 1024 * 1024 } }]);
    stub.answer = () => {};
    const size = 32 * 1024 * 1024;
    const client = new RawClient(stub.port, `${POST}content-length: ${size}\r\n\r\n`);
    client.socket.write(new Uint8Array(size).fill(7));
    await eventually(() => stub.invocations.length === 1);
    const stream = streamOf(stub.invocations[0]);
    expect(stream.length).toBe(size);
    // Unread, the body stays with the client: what its kernel and ours take is a fraction.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(client.socket.bytesWritten - client.socket.writableLength).toBeLessThan(size);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    let received = 0;
    for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) received += chunk.length;
    expect(received).toBe(size);
    expect(await stream.read()).toBeNull();
    stub.invocations[0]!.reply.respond({ status: 200, headers: [] }, bytes('done'));
    await client.until('done');
  });

  it('reach the guest chunk by chunk', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = () => {};
    const client = new RawClient(stub.port, `${POST}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    await eventually(() => stub.invocations.length === 1);
    const stream = streamOf(stub.invocations[0]);
    expect(stream.length).toBeNull();
    expect(text(await stream.read())).toBe('abc');
    const next = stream.read();
    await expect(stream.read()).rejects.toThrow('one read at a time');
    client.socket.write('2\r\nde\r\n0\r\n\r\n');
    expect(text(await next)).toBe('de');
    expect(await stream.read()).toBeNull();
  });

  it('above the limit are refused before the start when the headers say so', async () => {
    const stub = await startEdge([{ url: true, limits: { requestBytes: 100 } }]);
    const answer = await fetch(`${stub.url}/fn/hello`, { method: 'POST', body: 'x'.repeat(101) });
    expect([answer.status, await answer.json()]).toMatchObject([413, { error: { code: 'payload_too_large' } }]);
    expect((await fetch(`${stub.url}/fn/hello`, { method: 'POST', body: 'x'.repeat(100) })).status).toBe(200);
    expect([stub.invocations.length, stub.sheds]).toEqual([1, ['payload_too_large']]);
  });

  it('above the limit break off while streaming', async () => {
    const stub = await startEdge([{ url: true, limits: { requestBytes: 4 } }]);
    stub.answer = () => {};
    new RawClient(stub.port, `${POST}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n`);
    await eventually(() => stub.invocations.length === 1);
    const stream = streamOf(stub.invocations[0]);
    expect(text(await stream.read())).toBe('abc');
    await expect(stream.read()).rejects.toMatchObject({ code: 'payload_too_large' });
    await expect(stream.read()).rejects.toMatchObject({ code: 'payload_too_large' });
  });

  it('break off when the client leaves, before or during a read', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = () => {};
    for (const early of [true, false]) {
      const client = new RawClient(stub.port, `${POST}content-length: 99999\r\n\r\nabc`);
      const count = stub.invocations.length;
      await eventually(() => stub.invocations.length > count);
      const stream = streamOf(stub.invocations.at(-1));
      if (!early) await stream.read();
      const pending = early ? null : stream.read();
      const rejected = pending && expect(pending).rejects.toMatchObject({ code: 'client_closed' });
      client.socket.destroy();
      await eventually(() => stub.clientClosed.length > count);
      await rejected;
      await expect(stream.read()).rejects.toMatchObject({ code: 'client_closed' });
    }
    expect(stub.clientClosed).toEqual(['id-1', 'id-2']);
  });

  it('cannot be read once the response has been sent', async () => {
    const stub = await startEdge([{ url: true }]);
    const client = new RawClient(stub.port, `${POST}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`);
    await client.until('hello');
    await expect(streamOf(stub.invocations[0]).read()).rejects.toMatchObject({ code: 'response_sent' });
  });

  it('cannot be read either while the rest of a whole response is on its way', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = () => {};
    const client = new RawClient(stub.port, `${POST}transfer-encoding: chunked\r\n\r\n`);
    client.socket.pause();
    await eventually(() => stub.invocations.length === 1);
    const pending = expect(streamOf(stub.invocations[0]).read()).rejects.toMatchObject({ code: 'response_sent' });
    stub.invocations[0]!.reply.respond({ status: 200, headers: [] }, new Uint8Array(30_000_000));
    await pending;
    expect(stub.edge.inFlight).toBe(1);
  });
});

describe('cases 76 and 84: what is left unread', () => {
  it('keeps the connection when it is small: its bytes are not taken for the next request', async () => {
    const stub = await startEdge([{ url: true }]);
    const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: h\r\n\r\n';
    const client = new RawClient(stub.port, `${POST}transfer-encoding: chunked\r\n\r\n`);
    await client.until('hello');
    client.received = '';
    client.socket.write(`${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n${GET}`);
    await client.until('hello');
    client.received = '';
    client.socket.write(GET);
    await client.until('hello');
    expect(stub.invocations.map((i) => i.http?.path)).toEqual(['/fn/hello', '/fn/hello', '/fn/hello']);
  });

  it('closes the connection when it is much, after the answer was sent', async () => {
    const stub = await startEdge([{ url: true }], { options: { timeouts: SHORT_LINGER } });
    const client = new RawClient(stub.port, `${POST}content-length: 5000000\r\n\r\n`);
    client.socket.write(new Uint8Array(5_000_000));
    expect(await client.rest()).toContain('hello');
    expect(client.socket.writableLength).toBe(0);
  });

  it('closes the connection when it does not come', async () => {
    const stub = await startEdge([{ url: true }], { options: { timeouts: SHORT_LINGER } });
    const client = new RawClient(stub.port, `${POST}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    expect(await client.rest()).toContain('hello');
  });

  it('goes by when the function read only a part', async () => {
    const clock = new FakeClock();
    const stub = await startEdge([{ url: true }], { ports: { clock } });
    stub.answer = async (invocation) => {
      if (bodyOf(invocation) !== null) await streamOf(invocation).read();
      invocation.reply.respond({ status: 200, headers: [] }, bytes('hello'));
    };
    const client = new RawClient(stub.port, `${POST}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    await client.until('hello');
    client.received = '';
    client.socket.write(`3\r\ndef\r\n0\r\n\r\n${GET}`);
    await client.until('hello');
    // Nothing is left that would close the connection later.
    await eventually(() => clock.pending === 0);
  });

  it('lets a refused client read its answer although it is still sending', async () => {
    const clock = new FakeClock();
    const stub = await startEdge([{ url: true, limits: { requestBytes: 100 } }], { ports: { clock } });
    const client = new RawClient(stub.port, `${POST}content-length: 30000000\r\n\r\n`);
    client.socket.write(new Uint8Array(30_000_000));
    expect(await client.until('payload_too_large')).toMatch(/^HTTP\/1.1 413 .*connection: close/s);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(client.socket.readableEnded || client.socket.destroyed).toBe(false);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    await clock.advance(EDGE_TIMEOUTS.lingerMs);
    await client.closed;
  });
});

describe('Expect: 100-continue', () => {
  it('is answered at once for small bodies and at the first read for streams', async () => {
    const stub = await startEdge([{ url: true }]);
    const small = new RawClient(stub.port, `${POST}content-length: 2\r\nexpect: 100-continue\r\n\r\n`);
    await small.until('HTTP/1.1 100 Continue\r\n\r\n');
    small.socket.write('ok');
    await small.until('hello');
    stub.answer = () => {};
    const large = new RawClient(stub.port, `${POST}content-length: 100000\r\nexpect: 100-continue\r\n\r\n`);
    await eventually(() => stub.invocations.length === 2);
    expect(large.received).toBe('');
    const read = streamOf(stub.invocations[1]).read();
    await large.until('100 Continue');
    large.socket.write('abc');
    expect(text(await read)).toBe('abc');
    const { event } = stub.invocations[1]!;
    expect(event.kind === 'fetch' && event.headers).not.toContain('expect');
  });

  it('is not answered when nobody reads, and the connection closes: what follows could be either', async () => {
    const stub = await startEdge([{ url: true, limits: { requestBytes: 200_000 } }], {
      options: { timeouts: SHORT_LINGER },
    });
    for (const length of [100_000, 300_000]) {
      const client = new RawClient(stub.port, `${POST}content-length: ${length}\r\nexpect: 100-continue\r\n\r\n`);
      expect(await client.rest()).toMatch(length === 100_000 ? /^HTTP\/1.1 200 OK/ : /^HTTP\/1.1 413 /);
      expect(client.received).toMatch(/connection: close/i);
    }
  });
});
