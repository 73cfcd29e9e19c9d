/** EventSource against a real server: the format, connecting again where it left off, and where it ends. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Limits } from '../../src/contract/limits.ts';
import { Path } from '../support/path.ts';

let path: Path;
let origin = '';
const lastIds: (string | undefined)[] = [];
const accepts: (string | undefined)[] = [];
const open = new Set<ServerResponse>();
const server = createServer((request, response) => {
  const url = request.url ?? '';
  const stream = (...pieces: (string | Buffer)[]): ServerResponse => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    for (const piece of pieces) response.write(piece);
    return response;
  };
  accepts.push(request.headers.accept);
  if (url === '/format') {
    stream(
      Buffer.from(
        '\uFEFFdata: one\n\n: comment\nevent: add\r\ndata:two\rdata: lines\r\n\r\nevent: none\n\nid: 7\ndata\n\n',
      ),
      Buffer.from('data: \u00e4').subarray(0, 7),
      Buffer.from('data: \u00e4').subarray(7),
      '\n\nid: bad\0\ndata: last\n\nevent: end\ndata:\n\ndata: never',
    ).end();
  } else if (url === '/again') {
    lastIds.push(request.headers['last-event-id'] as string | undefined);
    const at = lastIds.length;
    stream(`retry: 1\nid: ä${at}\ndata: ${at}\n\n`).end();
  } else if (url === '/long') {
    const body = stream();
    open.add(body);
    body.on('close', () => open.delete(body));
    body.write('data: x\n\n');
  } else if (url === '/huge') stream(`data: ${'x'.repeat(5_000_000)}`);
  else if (url === '/wrong') response.writeHead(200, { 'content-type': 'text/html' }).end('data: x\n\n');
  else response.writeHead(204).end();
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  path = await Path.open({ lanes: 1, snapshot: false });
});
afterAll(async () => {
  await path.close();
  server.closeAllConnections();
  server.close();
});

const run = (body: string, limits: Partial<Limits> = {}) =>
  path.run(path.handler(body.replaceAll('ORIGIN', origin), limits, { privateHosts: [origin.slice('http://'.length)] }));
const json = async (body: string): Promise<unknown> => JSON.parse((await run(body)).reply.text ?? '');

describe('EventSource', () => {
  it('reads the format', async () => {
    const got = await json(`
      const source = new EventSource('ORIGIN/format'), got = [];
      const note = (event) => got.push([event.type, event.data, event.lastEventId, event.origin === 'ORIGIN', event.isTrusted, event instanceof MessageEvent]);
      source.addEventListener('add', note); source.addEventListener('none', note); source.onmessage = note;
      let opened; source.onopen = () => { opened = source.readyState; };
      await new Promise((resolve) => source.addEventListener('end', resolve));
      source.close();
      return Response.json([opened, source.readyState, got]);`);
    const rest = [true, true, true];
    expect(got).toEqual([
      1,
      2,
      [
        ['message', 'one', '', ...rest],
        ['add', 'two\nlines', '', ...rest],
        ['message', '', '7', ...rest],
        ['message', 'ä', '7', ...rest],
        ['message', 'last', '7', ...rest],
      ],
    ]);
    expect(accepts).toEqual(['text/event-stream']);
  });

  it('connects again where it left off', async () => {
    const got = await json(`
      const source = new EventSource('ORIGIN/again'), got = [];
      await new Promise((resolve) => {
        source.onerror = () => got.push(source.readyState);
        source.onmessage = (event) => { got.push(event.data); if (event.data === '3') resolve(); };
      });
      source.close();
      return Response.json(got);`);
    expect(got).toEqual(['1', 0, '2', 0, '3']);
    expect(lastIds.map((id) => id && Buffer.from(id, 'latin1').toString())).toEqual([undefined, 'ä1', 'ä2']);
  });

  it('stops at the limit of subrequests, and says so', async () => {
    const { reply, story } = await run(
      `const source = new EventSource('ORIGIN/again');
      await new Promise((resolve) => { source.onerror = () => source.readyState === EventSource.CLOSED && resolve(); });
      return new Response('closed');`,
      { subrequests: 3 },
    );
    expect(reply.text).toBe('closed');
    expect(story.record.subrequests).toBe(3);
    expect(story.logs.map(({ text }) => text)).toEqual([
      `EventSource ${origin}/again is closed: limits.subrequests is used up`,
    ]);
  });

  it.each([
    ['/wrong', /answered 200, text\/html$/],
    ['/none', /answered 204, without a content-type$/],
    ['/huge', /longer than 4194304 characters$/],
  ])('gives %s up', async (url, why) => {
    const { reply, story } = await run(
      `const source = new EventSource('ORIGIN${url}');
      await new Promise((resolve) => { source.onerror = resolve; });
      return new Response(String(source.readyState));`,
    );
    expect(reply.text).toBe('2');
    expect(story.logs[0]?.text).toMatch(why);
  });

  it('ends with its invocation', async () => {
    const { reply, story } = await run(
      `const source = new EventSource('ORIGIN/long');
      await new Promise((resolve) => { source.onmessage = resolve; });
      return new Response('done');`,
    );
    expect(reply.text).toBe('done');
    expect(story.record.outcome).toBe('ok');
    await expect.poll(() => open.size).toBe(0);
  });

  it('obeys the rules of egress', async () => {
    const { reply, story } = await path.run(
      path.handler(
        `const source = new EventSource('${origin}/format');
        await new Promise((resolve) => { source.onerror = resolve; source.onopen = resolve; });
        return new Response(String(source.readyState));`,
      ),
    );
    expect(reply.text).toBe('0');
    expect(story.subrequests[0]?.error).toMatch(/not a public address/);
  });

  it('has the shape of the platform', async () => {
    const got = await json(`
      const source = new EventSource('ORIGIN/none', { withCredentials: true });
      const bad = (() => { try { new EventSource('/x'); } catch (e) { return [e.name, e instanceof DOMException]; } })();
      source.close();
      return Response.json([source.url === 'ORIGIN/none', source.withCredentials, EventSource.OPEN, source.CLOSED, String(source), bad, EventSource.length, Object.keys(EventSource.prototype).sort()]);`);
    expect(got).toEqual([
      true,
      true,
      1,
      2,
      '[object EventSource]',
      ['SyntaxError', true],
      1,
      [
        'CLOSED',
        'CONNECTING',
        'OPEN',
        'close',
        'onerror',
        'onmessage',
        'onopen',
        'readyState',
        'url',
        'withCredentials',
      ],
    ]);
  });
});
