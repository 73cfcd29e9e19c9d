/** Bytes no well-behaved client sends: each is refused or taken literally, and the host answers afterwards. */
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, RawClient, raw, type Stub, startEdge } from './stub-host.ts';

let stub: Stub;
const start = async (): Promise<Stub> => {
  stub = await startEdge([{ url: true, routes: ['/*'] }]);
  return stub;
};
afterEach(async () => {
  stub.edge.setFunctions([], []);
  expect(stub.faults).toEqual([]);
});

const HOST = 'host: h\r\n';
/** With a second request in it, for whoever reads the framing in another way. */
const chunkedAs = (header: string): string =>
  `POST / HTTP/1.1\r\n${HOST}${header}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n${HOST}connection: close\r\n\r\n`;

describe('cases 81 and 82: smuggling and framing', () => {
  it.each([
    [
      'content-length with transfer-encoding',
      `POST / HTTP/1.1\r\n${HOST}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['two content-lengths', `POST / HTTP/1.1\r\n${HOST}content-length: 4\r\ncontent-length: 5\r\n\r\nabcd`],
    ['a list of content-lengths', `POST / HTTP/1.1\r\n${HOST}content-length: 4, 4\r\n\r\nabcd`],
    ['a negative content-length', `POST / HTTP/1.1\r\n${HOST}content-length: -1\r\n\r\n`],
    ['space before the colon', `POST / HTTP/1.1\r\n${HOST}transfer-encoding : chunked\r\n\r\n0\r\n\r\n`],
    [
      'a transfer-encoding that does not end in chunked',
      `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked, x\r\n\r\n0\r\n\r\n`,
    ],
    ['the same content-length twice', `POST / HTTP/1.1\r\n${HOST}content-length: 4\r\ncontent-length: 4\r\n\r\nabcd`],
    ['a content-length with a sign', `POST / HTTP/1.1\r\n${HOST}content-length: +4\r\n\r\nabcd`],
    ['a hexadecimal content-length', `POST / HTTP/1.1\r\n${HOST}content-length: 0x4\r\n\r\nabcd`],
    ['a content-length of 2^64 + 4', `POST / HTTP/1.1\r\n${HOST}content-length: 18446744073709551620\r\n\r\nabcd`],
    ['an empty content-length', `POST / HTTP/1.1\r\n${HOST}content-length:\r\n\r\n`],
    ['two transfer-encodings', chunkedAs('transfer-encoding: chunked\r\ntransfer-encoding: chunked')],
    ['a list of transfer-encodings', chunkedAs('transfer-encoding: chunked, chunked')],
    ['a coding beside chunked', chunkedAs('transfer-encoding: gzip, chunked')],
    ['a coding that looks like chunked', chunkedAs('transfer-encoding: xchunked')],
    ['transfer-encoding identity', chunkedAs('transfer-encoding: identity')],
    ['a vertical tab before chunked', chunkedAs('transfer-encoding: \x0bchunked')],
    ['chunked in HTTP/1.0', chunkedAs('transfer-encoding: chunked').replace('HTTP/1.1', 'HTTP/1.0')],
    ['obs-fold of transfer-encoding', chunkedAs('transfer-encoding:\r\n chunked')],
    ['a header before the host that begins with a space', `GET / HTTP/1.1\r\n x: a\r\n${HOST}\r\n`],
    ['NUL in a name', `GET / HTTP/1.1\r\n${HOST}a\0b: 1\r\n\r\n`],
    ['a line without a colon', `GET / HTTP/1.1\r\n${HOST}nonsense\r\n\r\n`],
    ['an empty name', `GET / HTTP/1.1\r\n${HOST}: 1\r\n\r\n`],
    ['HTTP/0.9', 'GET /\r\n\r\n'],
    ['a version of its own', `GET / HTTP/3.7\r\n${HOST}\r\n`],
    ['a lower-case version', `GET / http/1.1\r\n${HOST}\r\n`],
    ['obs-fold', `GET / HTTP/1.1\r\n${HOST}x: a\r\n b\r\n\r\n`],
    ['a bare LF', `GET / HTTP/1.1\nhost: h\n\n`],
    ['a bare CR in a value', `GET / HTTP/1.1\r\n${HOST}x: a\rb\r\n\r\n`],
    ['NUL in a value', `GET / HTTP/1.1\r\n${HOST}x: a\0b\r\n\r\n`],
    ['NUL in the target', `GET /\0 HTTP/1.1\r\n${HOST}\r\n`],
    ['a space in the target', `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
    ['a name with a space', `GET / HTTP/1.1\r\n${HOST}a b: 1\r\n\r\n`],
    ['HTTP/2 by prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an unknown method', `FETCH / HTTP/1.1\r\n${HOST}\r\n`],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['an absolute form that names another host', `GET http://other.example/a HTTP/1.1\r\n${HOST}\r\n`],
    ['two Hosts', `GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n`],
    ['an empty Host', 'GET / HTTP/1.1\r\nhost:\r\n\r\n'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['no Host in HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n'],
    ['userinfo in Host', 'GET / HTTP/1.1\r\nhost: a@b\r\n\r\n'],
    ['a path in Host', 'GET / HTTP/1.1\r\nhost: a/b\r\n\r\n'],
    ['asterisk form', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`],
    ['a backslash', `GET /a\\..\\b HTTP/1.1\r\n${HOST}\r\n`],
    ['dot segments', `GET /a/%2e%2e/b HTTP/1.1\r\n${HOST}\r\n`],
    ['a fragment', `GET /a#b HTTP/1.1\r\n${HOST}\r\n`],
  ])('%s: 400 or a closed connection, and no invocation', async (_, request) => {
    const { port, invocations } = await start();
    const answer = await raw(port, request);
    expect(answer).toMatch(/^(?:HTTP\/1\.1 400 |$)/);
    expect(answer).not.toContain('200 OK');
    expect(invocations).toEqual([]);
    expect((await fetch(`${stub.url}/`)).status).toBe(200);
  });

  it.each([
    'fffffffffffffffff\r\n',
    '2\r\nabXX\r\n',
    'zz\r\n',
    '-1\r\n',
    '0x2\r\n',
    ' 2\r\n',
    '2 \r\n',
    '2\nab\n',
    '2\rab',
    '\r\n',
    '2;a=\0\r\n',
    '2;a=b\nGET /smuggled HTTP/1.1\r\n',
  ])('chunk %j breaks the body off', async (chunk) => {
    const { port, invocations } = await start();
    stub.answer = () => {};
    const client = new RawClient(port, `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n`);
    await eventually(() => invocations.length === 1);
    const { event } = invocations[0]!;
    if (event.kind !== 'fetch' || event.body === null || event.body instanceof Uint8Array) throw new Error('no stream');
    client.socket.write(chunk);
    await client.closed;
    const { body } = event;
    await expect((async () => [await body.read(), await body.read()])()).rejects.toMatchObject({
      code: 'client_closed',
    });
    expect(stub.clientClosed).toEqual(['id-1']);
  });

  it('headers above 16 KiB and endless chunk extensions are refused', async () => {
    const { port, invocations } = await start();
    expect(await raw(port, `GET / HTTP/1.1\r\n${HOST}x: ${'y'.repeat(17_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await raw(port, `GET /${'y'.repeat(17_000)} HTTP/1.1\r\n${HOST}\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
    expect(invocations).toEqual([]);
    stub.answer = () => {};
    const extension = `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n1;${'a'.repeat(70_000)}`;
    await new RawClient(port, extension).closed;
  });

  it('sees every header, however many fit', async () => {
    const { port, invocations } = await start();
    await new RawClient(port, `GET / HTTP/1.1\r\n${HOST}${'a:\r\n'.repeat(3000)}last: 1\r\n\r\n`).until('hello');
    const { event } = invocations[0]!;
    expect(event.kind === 'fetch' && event.headers.slice(-2)).toEqual(['last', '1']);
    expect(event.kind === 'fetch' && event.headers.length).toBe(2 * 3002);
  });
});

describe('case 82: targets taken literally', () => {
  it.each([
    ['//evil.com/x', 'http://h//evil.com/x'],
    ['/a%2Fb', 'http://h/a%2Fb'],
    ['/%', 'http://h/%'],
    ['/@x:80', 'http://h/@x:80'],
    ['/a?b#'.slice(0, -1), 'http://h/a?b'],
    ['http://H/a?b', 'http://H/a?b'],
  ])('%s', async (target, url) => {
    const { port, invocations } = await start();
    await new RawClient(port, `GET ${target} HTTP/1.1\r\n${HOST}\r\n`).until('hello');
    expect(invocations[0]!.event).toMatchObject({ url });
  });
});

describe('case 88: what is not supported', () => {
  it.each([
    ['CONNECT', `CONNECT example.com:443 HTTP/1.1\r\n${HOST}\r\n`],
    ['TRACE', `TRACE / HTTP/1.1\r\n${HOST}connection: close\r\n\r\n`],
  ])('%s: 501', async (_, request) => {
    const { port, invocations } = await start();
    expect(await raw(port, request)).toMatch(/^HTTP\/1\.1 501 .*not_supported/s);
    expect(invocations).toEqual([]);
  });

  it('an upgrade to h2c is not made: the answer is HTTP/1.1', async () => {
    const { port, invocations } = await start();
    const upgrade = 'connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ\r\n';
    const client = new RawClient(port, `GET / HTTP/1.1\r\n${HOST}${upgrade}\r\n`);
    expect(await client.until('hello')).toMatch(/^HTTP\/1\.1 200 /);
    const { event } = invocations[0]!;
    expect(event.kind === 'fetch' && event.headers.filter((_, i) => i % 2 === 0)).toEqual(['host']);
  });
});

describe('case 89: functions that call each other in a circle', () => {
  const get = (loop: string) => `GET / HTTP/1.1\r\n${HOST}${loop}connection: close\r\n\r\n`;

  it.each([
    ['', 0],
    ['cdn-loop: other\r\n', 0],
    ['cdn-loop: isolane;depth=3\r\n', 3],
    ['cdn-loop: other;depth=99, isolane ; depth=4, more\r\n', 4],
    ['cdn-loop: isolane;depth=2\r\nCDN-Loop: ISOLANE;depth=5\r\n', 5],
    ['cdn-loop: isolane;depth=16\r\n', 16],
    ['cdn-loop: isolane;depth=x\r\n', 1],
  ])('%j is a depth of %d', async (header, depth) => {
    const { port, invocations } = await start();
    await raw(port, get(header));
    expect(invocations[0]!.depth).toBe(depth);
  });

  it.each(['cdn-loop: isolane;depth=17\r\n', 'cdn-loop: a, isolane;depth=999999\r\n'])('%j: 508', async (header) => {
    const { port, invocations } = await start();
    const answer = await raw(port, get(header));
    expect(answer).toMatch(/^HTTP\/1\.1 508 .*"loop_detected".*more than 16 deep/s);
    expect(invocations).toEqual([]);
  });
});

describe('cases 84 and 86: bodies that are not what they say', () => {
  it('a packed body reaches the function as it came; the host unpacks nothing', async () => {
    const { port, invocations } = await start();
    const packed = gzipSync('x'.repeat(1000));
    const head = `POST / HTTP/1.1\r\n${HOST}connection: close\r\ncontent-encoding: gzip, gzip, br\r\n`;
    const client = new RawClient(port, `${head}content-length: ${packed.length}\r\n\r\n`);
    client.socket.write(packed);
    expect(await client.rest()).toContain('hello');
    const { event } = invocations[0]!;
    if (event.kind !== 'fetch') throw new Error('no fetch');
    expect(Buffer.from(event.body as Uint8Array).equals(packed)).toBe(true);
    expect(event.headers).toContain('gzip, gzip, br');
  });

  it('a length that is too short: the rest is no request', async () => {
    const { port, invocations } = await start();
    const answer = await raw(port, `POST / HTTP/1.1\r\n${HOST}content-length: 2\r\n\r\nabcdef\r\n\r\n`);
    expect(answer).toMatch(/HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n\r\n$/);
    expect(invocations.length).toBeLessThanOrEqual(1);
  });

  it('an expectation the host does not know is refused', async () => {
    const { port, invocations } = await start();
    expect(await raw(port, `POST / HTTP/1.1\r\n${HOST}expect: gold\r\nconnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 417 /,
    );
    expect(invocations).toEqual([]);
  });
});

describe('one connection', () => {
  const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;

  it('has one invocation at a time, however much is pipelined, and answers in order', async () => {
    const { port, invocations } = await start();
    stub.answer = () => {};
    const client = new RawClient(port, GET.repeat(20));
    for (let i = 1; i <= 20; i++) {
      await eventually(() => invocations.length === i);
      await new Promise((resolve) => setImmediate(resolve));
      expect([invocations.length, stub.edge.inFlight]).toEqual([i, 1]);
      invocations[i - 1]!.reply.respond({ status: 200, headers: ['x-n', `n${i};`] }, null);
    }
    await client.until('n20;');
    expect(client.received.match(/n\d+;/g)).toEqual(Array.from({ length: 20 }, (_, i) => `n${i + 1};`));
  });

  it('does not take what follows a malformed request', async () => {
    const { port, invocations } = await start();
    await raw(port, `GET /\\ HTTP/1.1\r\n${HOST}\r\n${GET}`);
    expect(invocations).toEqual([]);
  });

  it('serves HTTP/1.0 without chunks and closes', async () => {
    const { port } = await start();
    const answer = await raw(port, `GET / HTTP/1.0\r\n${HOST}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK.*connection: close.*hello$/is);
    expect(answer).not.toMatch(/chunked/);
  });
});
