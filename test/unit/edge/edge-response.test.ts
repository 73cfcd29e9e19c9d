import { Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { bytes, eventually, FedStream, RawClient, startEdge } from './stub-host.ts';

const GET = 'GET /fn/hello HTTP/1.1\r\nhost: h\r\n\r\n';

describe('cases 77 to 80: what a guest must not decide', () => {
  it.each([99, 0, 101, 199, 600, 1000, 200.5, Number.NaN])('status %d becomes a failure', async (status) => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = ({ reply }) => reply.respond({ status, headers: [] }, bytes('guest'));
    const answer = await fetch(`${stub.url}/fn/hello`);
    expect([answer.status, answer.statusText]).toEqual([500, 'Internal Server Error']);
    expect(await answer.json()).toMatchObject({ error: { code: 'function_error', invocationId: 'id-1' } });
  });

  it.each([
    ['x', 'a\r\nSet-Cookie: x'],
    ['x', 'a\nb'],
    ['x', '\0'],
    ['x', '\x01'],
    ['x', '日'],
    ['a b', '1'],
    ['', '1'],
    ['a:', '1'],
    ['x\r\ny', '1'],
  ])('header %j: %j becomes a failure, and nothing of it is sent', async (name, value) => {
    const stub = await startEdge([{ url: true }]);
    const stream = new FedStream(async () => bytes('guest'));
    stub.answer = ({ reply }) => reply.respond({ status: 200, headers: ['x-ok', 'yes', name, value] }, stream);
    const client = new RawClient(stub.port, GET);
    const received = await client.until('function_error');
    expect(received).toMatch(/^HTTP\/1.1 500 Internal Server Error\r\n/);
    expect(received).not.toMatch(/x-ok|Set-Cookie|guest/i);
    expect(received.match(/x-invocation-id/g)).toHaveLength(1);
    expect([stream.pulls, stream.cancelled]).toEqual([0, true]);
  });

  it.each([204, 205, 304])(
    'a %d with a header that cannot be sent fails with the whole body of the failure',
    async (status) => {
      const stub = await startEdge([{ url: true }]);
      stub.answer = ({ reply }) => reply.respond({ status, headers: ['a b', '1'] }, null);
      const answer = await fetch(`${stub.url}/fn/hello`);
      expect([answer.status, await answer.json()]).toMatchObject([500, { error: { code: 'function_error' } }]);
    },
  );

  it('too many or too large headers become a failure', async () => {
    const stub = await startEdge([{ url: true }]);
    for (const headers of [
      Array.from({ length: 2000 }, (_, i) => (i % 2 ? 'a=b' : 'set-cookie')),
      ['x', 'y'.repeat(1_000_000)],
    ]) {
      stub.answer = ({ reply }) => reply.respond({ status: 200, headers }, null);
      expect((await fetch(`${stub.url}/fn/hello`)).status).toBe(500);
    }
  });

  it('framing is ours: a lying length, chunked, close or upgrade does not get out', async () => {
    const stub = await startEdge([{ url: true }]);
    const lies = ['Content-Length', '1', 'Transfer-Encoding', 'identity', 'connection', 'close', 'upgrade', 'h2c'];
    stub.answer = ({ reply }) =>
      reply.respond({ status: 200, headers: [...lies, 'date', 'never', 'trailer', 'x'] }, bytes('hello'));
    const client = new RawClient(stub.port, GET + GET);
    await client.until('hello');
    await eventually(() => client.received.split('hello').length === 3);
    expect(client.received.match(/content-length: 5\r\n/g)).toHaveLength(2);
    expect(client.received).not.toMatch(/identity|connection: close|upgrade|never|trailer/i);
  });
});

describe('case 85: streamed responses', () => {
  it('send the head before the first chunk', async () => {
    const stub = await startEdge([{ url: true }]);
    const first = Promise.withResolvers<Uint8Array | null>();
    stub.answer = ({ reply }) =>
      reply.respond(
        { status: 200, headers: [] },
        new FedStream((pull) => (pull === 1 ? first.promise : Promise.resolve(null))),
      );
    const client = new RawClient(stub.port, GET);
    await client.until('\r\n\r\n');
    first.resolve(bytes('data: 1\n\n'));
    await client.until('\r\n0\r\n\r\n');
  });

  it('pull no more than the reader takes', async () => {
    const stub = await startEdge([{ url: true }]);
    const stream = new FedStream(async (pull) => (pull > 400 ? null : new Uint8Array(256 * 1024)));
    stub.answer = ({ reply }) => reply.respond({ status: 200, headers: [] }, stream);
    const client = new RawClient(stub.port);
    client.socket.removeAllListeners('data').pause();
    client.socket.write(GET);
    await eventually(() => stream.pulls > 0);
    let before = -1;
    // Until the kernel's buffers are full and the pulls stand still.
    while (before !== stream.pulls) {
      before = stream.pulls;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(stream.pulls).toBeLessThan(200);
    let end = '';
    client.socket
      .on('data', (chunk: Buffer) => {
        end = chunk.subarray(-5).toString();
      })
      .resume();
    await eventually(() => end === '0\r\n\r\n');
    expect(stream.pulls).toBe(401);
  });

  it.each([
    ['rejects', null, 'reject'],
    ['is shorter than announced', 100, 'end'],
    ['is longer than announced', 4, 'more'],
  ])('cut the connection when the body %s', async (_, length, how) => {
    const stub = await startEdge([{ url: true }]);
    const stream = new FedStream(async (pull) => {
      if (pull === 1) return bytes('part');
      if (how === 'reject') throw new Error('broke');
      if (how === 'more' && pull === 2) return bytes('more');
      // Late enough for what was written to have left.
      await new Promise((resolve) => setTimeout(resolve, 20));
      return null;
    }, length);
    stub.answer = ({ reply }) => reply.respond({ status: 200, headers: [] }, stream);
    const received = await new RawClient(stub.port, GET).rest();
    expect(received).toMatch(/^HTTP\/1.1 200 OK/);
    expect(received).not.toMatch(/\r\n0\r\n\r\n|more/);
    expect(stub.clientClosed).toEqual([]);
  });

  it('cut the connection when the invocation fails after its head', async () => {
    const stub = await startEdge([{ url: true }]);
    const stream = new FedStream((pull) => (pull === 1 ? Promise.resolve(bytes('part')) : new Promise(() => {})));
    stub.answer = ({ reply }) => reply.respond({ status: 200, headers: [] }, stream);
    const client = new RawClient(stub.port, GET);
    await client.until('part');
    stub.invocations[0]!.reply.fail('wall_timeout');
    expect(await client.rest()).not.toContain('wall_timeout');
    expect(stream.cancelled).toBe(true);
  });
});

describe('a client that goes away', () => {
  it('is reported once, while the function is still at work', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = () => {};
    const client = new RawClient(stub.port, GET);
    await eventually(() => stub.invocations.length === 1);
    client.socket.destroy();
    await eventually(() => stub.clientClosed.length === 1);
    const stream = new FedStream(async () => bytes('late'));
    stub.invocations[0]!.reply.respond({ status: 200, headers: [] }, stream);
    stub.invocations[0]!.reply.fail('wall_timeout');
    expect([stub.clientClosed, stream.cancelled, stream.pulls]).toEqual([['id-1'], true, 0]);
  });

  it('is reported in the middle of a stream, and the stream is cancelled', async () => {
    const stub = await startEdge([{ url: true }]);
    const stream = new FedStream((pull) => (pull === 1 ? Promise.resolve(bytes('part')) : new Promise(() => {})));
    stub.answer = ({ reply }) => reply.respond({ status: 200, headers: [] }, stream);
    const client = new RawClient(stub.port, GET);
    await client.until('part');
    client.socket.destroy();
    await eventually(() => stub.clientClosed.length === 1);
    expect(stream.cancelled).toBe(true);
  });

  it('is not reported when it was answered', async () => {
    const stub = await startEdge([{ url: true }]);
    const client = new RawClient(stub.port, GET);
    await client.until('hello');
    client.socket.destroy();
    await eventually(() => stub.edge.inFlight === 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(stub.clientClosed).toEqual([]);
  });

  it('takes its pipelined requests with it, unstarted', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = () => {};
    const client = new RawClient(stub.port, GET.repeat(50));
    await eventually(() => stub.invocations.length === 1);
    client.socket.destroy();
    await eventually(() => stub.clientClosed.length === 1);
    expect(stub.invocations).toHaveLength(1);
  });
});

describe('what an answer costs', () => {
  it('is one write of head and body, and no timer, once a connection is there', async () => {
    const stub = await startEdge([{ url: true }]);
    stub.answer = ({ reply }) =>
      reply.respond({ status: 200, headers: ['content-type', 'text/plain'] }, bytes('hello'));
    const client = new RawClient(stub.port, GET);
    await client.until('hello');
    const writes = vi.spyOn(Socket.prototype, '_write' as never);
    const gathered = vi.spyOn(Socket.prototype, '_writev' as never);
    const timers = vi.spyOn(Socket.prototype, 'setTimeout');
    const mine = (spy: { mock: { contexts: unknown[] } }): number =>
      spy.mock.contexts.filter((socket) => (socket as Socket).localPort === stub.port).length;
    for (let n = 2; n <= 4; n++) {
      client.socket.write(GET);
      await eventually(() => client.received.split('hello').length === n + 1);
    }
    expect([mine(writes), mine(gathered), mine(timers)]).toEqual([3, 0, 0]);
    vi.restoreAllMocks();
    expect(client.received).toMatch(
      /\r\nDate: [^\r]+ GMT\r\nConnection: keep-alive\r\nKeep-Alive: timeout=64, max=100000\r\n/,
    );
  });
});
