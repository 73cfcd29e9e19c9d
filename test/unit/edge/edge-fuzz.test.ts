/**
 * Generated senders and generated answers. Whatever is sent, the edge answers HTTP or closes, reports no fault of its
 * own, and serves the next. Whatever a function answers, a strict client can read it, and the connection is still in step.
 */
import { Agent, request as httpRequest } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, FedStream, RawClient, startEdge } from './stub-host.ts';

const nasty = fc.constantFrom(
  ...[
    '',
    ' ',
    '\t',
    '\r',
    '\n',
    '\r\n',
    '\0',
    '\x01',
    '\x7f',
    'é',
    '日',
    '%',
    '%2e%2e',
    '..',
    '\\',
    '//',
    '#',
    '@',
    ':',
  ],
  ...['chunked', 'gzip, chunked', '0', '4', '-1', '99999999999999999999', 'h', '[::1]', 'a:b@c', 'close', 'upgrade'],
  ...['isolane;depth=99', 'x'.repeat(20_000)],
);
const word = fc.oneof(nasty, fc.string({ maxLength: 12, unit: 'binary' }), fc.constantFrom('a', 'b', 'hello'));
const headerName = fc.constantFrom(
  ...['Host', 'host ', 'Content-Length', 'Transfer-Encoding', 'Transfer-Encoding ', 'Connection', 'Upgrade', 'Expect'],
  ...['TE', 'Trailer', 'Cookie', 'x', '', 'a b', 'cdn-loop', 'x-forwarded-for', 'x-isolane-debug', 'authorization'],
);
const eol = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r', '');
const message = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'TRACE', 'CONNECT', 'get', 'PRI', ''),
    target: fc.oneof(fc.constantFrom('/', '/fn/hello', '*', 'http://h/', 'h:80', '/hooks/github'), word),
    version: fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9.9', ''),
    headers: fc.array(fc.tuple(headerName, word, eol), { maxLength: 6 }),
    host: fc.boolean(),
    body: fc.oneof(
      word,
      fc.constant('5\r\nhello\r\n0\r\n\r\n'),
      fc.constant('GET /smuggled HTTP/1.1\r\nhost: h\r\n\r\n'),
    ),
  })
  .map(({ method, target, version, headers, host, body }) => {
    const lines = headers.map(([name, value, end]) => `${name}: ${value}${end}`).join('');
    return `${method} ${target} ${version}\r\n${host ? 'host: h\r\n' : ''}${lines}\r\n${body}`;
  });

describe('generated', () => {
  it('senders: an answer or a closed connection, and the next is served', async () => {
    const timeouts = { headersMs: 150, bodyMs: 150, idleMs: 150, lingerMs: 20, drainMs: 1000 };
    const stub = await startEdge([{ url: true, routes: ['/*'] }], { options: { timeouts } });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 3 }), async (messages) => {
        const client = new RawClient(stub.port);
        client.socket.end(Buffer.from(messages.join(''), 'latin1'));
        const received = await client.rest();
        expect(received).toMatch(/^(?:HTTP\/1\.1 \d{3} |$)/);
        expect(received.match(/HTTP\/1\.1 \d{3} /g)?.length ?? 0).toBeLessThanOrEqual(8);
        expect(stub.faults).toEqual([]);
      }),
      { numRuns: 150 },
    );
    expect((await fetch(`${stub.url}/fn/hello`)).status).toBe(200);
  });

  it('answers: readable by a strict client, and the connection stays in step', async () => {
    const stub = await startEdge([{ url: true, routes: ['/*'] }]);
    const ask = (agent: Agent, method: string): Promise<{ status: number; body: string; marker: unknown }> =>
      new Promise((resolve, reject) => {
        const outgoing = httpRequest(
          `${stub.url}/`,
          { agent, method, insecureHTTPParser: false, maxHeaderSize: 1 << 20 },
          (incoming) => {
            let body = '';
            incoming.setEncoding('latin1').on('data', (text: string) => {
              body += text;
            });
            incoming.on('end', () =>
              resolve({ status: incoming.statusCode ?? 0, body, marker: incoming.headers['x-marker'] }),
            );
            incoming.on('error', reject);
          },
        );
        outgoing.on('error', reject).end();
      });
    const body = fc.oneof(
      fc.constant(null),
      fc.string({ maxLength: 40 }).map(bytes),
      fc.tuple(fc.array(fc.string({ minLength: 1, maxLength: 20 }), { maxLength: 4 }), fc.boolean()),
    );
    const answer = fc.record({
      status: fc.oneof(fc.constantFrom(200, 204, 205, 304, 101, 100, 99, 600, 0, Number.NaN), fc.integer()),
      headers: fc.array(fc.tuple(fc.oneof(headerName, word), word), { maxLength: 6 }),
      body,
      method: fc.constantFrom('GET', 'HEAD', 'OPTIONS'),
    });
    await fc.assert(
      fc.asyncProperty(answer, async ({ status, headers, body: given, method }) => {
        stub.answer = ({ reply }) => {
          const made = Array.isArray(given) ? streamOf(given[0], given[1]) : given;
          reply.respond({ status, headers: headers.flat() }, made);
        };
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        const first = await ask(agent, method);
        expect(first.status).toBeGreaterThanOrEqual(200);
        if (method === 'HEAD' || [204, 304].includes(first.status)) expect(first.body).toBe('');
        stub.answer = ({ reply }) => reply.respond({ status: 200, headers: ['x-marker', 'in step'] }, bytes('in step'));
        expect(await ask(agent, 'GET')).toEqual({ status: 200, body: 'in step', marker: 'in step' });
        agent.destroy();
        expect(stub.faults).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

/** A stream of known or unknown length. */
function streamOf(texts: readonly string[], known: boolean): FedStream {
  const chunks = texts.map(bytes);
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return new FedStream(async (pull) => chunks[pull - 1] ?? null, known ? length : null);
}
