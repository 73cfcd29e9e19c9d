/** A guest's fetch against a real server on loopback: policy, redirects, headers, bodies, aborts. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Path } from '../support/path.ts';

let path: Path;
let origin = '';
const seen: { url: string; method: string; headers: IncomingMessage['headers'] }[] = [];
const server = createServer((request, response) => {
  seen.push({ url: request.url ?? '', method: request.method ?? '', headers: request.headers });
  void answer(request, response);
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const url = request.url ?? '';
  if (url === '/echo') response.end(Buffer.concat(chunks));
  else if (url === '/gzip') response.setHeader('content-encoding', 'gzip').end(gzipSync('unpacked'));
  else if (url === '/slow') setTimeout(() => response.end('late'), 2000).unref();
  else if (url === '/drip') response.write('first');
  else if (url === '/302') response.writeHead(302, { location: '/echo' }).end();
  else if (url === '/307') response.writeHead(307, { location: '/echo' }).end();
  else if (url === '/to-metadata') response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
  else if (url === '/loop') response.writeHead(302, { location: '/loop' }).end();
  else if (url === '/big') response.end(Buffer.alloc(300_000, 'x'));
  else response.writeHead(418, { 'x-one': 'a', 'set-cookie': ['a=1', 'b=2'] }).end('teapot');
}

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  path = await Path.open();
});
afterAll(async () => {
  await path.close();
  server.closeAllConnections();
  server.close();
});

function function_(body: string, lifted = true) {
  return path.handler(
    body.replaceAll('ORIGIN', origin),
    {},
    { privateHosts: lifted ? [origin.slice('http://'.length)] : [] },
  );
}

describe('fetch', () => {
  it('refuses a private address with the reason, and no connection is made', async () => {
    const before = seen.length;
    const { reply, story } = await path.run(
      function_("try { await fetch('ORIGIN/') } catch (e) { return new Response(e.name + ': ' + e.message) }", false),
    );
    expect(reply.text).toMatch(/^TypeError: .*not a public address/);
    expect(seen.length).toBe(before);
    expect(story.subrequests[0]).toMatchObject({ status: 0 });
  });

  it('brings status, headers and body, and sends the trace along', async () => {
    const { reply, story } = await path.run(
      function_(`const r = await fetch('ORIGIN/x?y=1', { headers: { 'x-mine': '1', host: 'evil', 'content-length': '9' } });
        return Response.json([r.status, r.headers.get('x-one'), r.headers.getSetCookie(), await r.text(), r.url])`),
    );
    expect(JSON.parse(reply.text ?? '')).toEqual([418, 'a', ['a=1', 'b=2'], 'teapot', `${origin}/x?y=1`]);
    const { headers } = seen.at(-1)!;
    expect(headers['x-mine']).toBe('1');
    expect(headers.host).toBe(origin.slice('http://'.length));
    expect(headers['traceparent']).toBe(`00-${'a'.repeat(32)}-${story.subrequests[0]!.spanId}-00`);
  });

  it('sends and receives bodies: text, bytes, streams, compressed, large', async () => {
    const post = (body: string) =>
      function_(
        `const r = await fetch('ORIGIN/echo', { method: 'POST', body: ${body} }); return new Response(await r.text())`,
      );
    expect((await path.request(post("'text ü'"))).text).toBe('text ü');
    expect((await path.request(post('new Uint8Array([104, 105])'))).text).toBe('hi');
    expect((await path.request(post("new Blob(['bl', 'ob']).stream(), duplex: 'half'"))).text).toBe('blob');
    expect((await path.request(function_("return new Response(await (await fetch('ORIGIN/gzip')).text())"))).text).toBe(
      'unpacked',
    );
    expect((await path.request(function_("return fetch('ORIGIN/big')"))).bytes?.length).toBe(300_000);
  });

  it('follows redirects hop by hop; each is checked', async () => {
    const go = (what: string) =>
      function_(
        `try { const r = await fetch(${what}); return new Response(r.status + ' ' + r.redirected + ' ' + await r.text()) } catch (e) { return new Response('refused: ' + e.message) }`,
      );
    expect((await path.request(go("'ORIGIN/302', { method: 'POST', body: 'b' }"))).text).toBe('200 true ');
    expect((await path.request(go("'ORIGIN/307', { method: 'POST', body: 'again' }"))).text).toBe('200 true again');
    expect((await path.request(go("'ORIGIN/to-metadata'"))).text).toMatch(/refused: .*169\.254\.169\.254/);
    expect((await path.request(go("'ORIGIN/loop'"))).text).toMatch(/redirected more than 20 times/);
    expect((await path.request(go("'ORIGIN/302', { redirect: 'manual' }"))).text).toBe('302 false ');
    expect((await path.request(go("'ORIGIN/302', { redirect: 'error' }"))).text).toMatch(/refused: /);
  });

  it('counts each hop as a subrequest', async () => {
    const go = (subrequests: number) =>
      path.run(
        path.handler(`return fetch('${origin}/302')`, { subrequests }, { privateHosts: [new URL(origin).host] }),
      );
    const enough = await go(2);
    expect([enough.reply.status, enough.story.record.subrequests]).toEqual([200, 2]);
    const { reply, story } = await go(1);
    expect([reply.status, story.record.outcome, story.record.subrequests]).toEqual([500, 'subrequests_exceeded', 1]);
  });

  it('aborts: by the guest, and when the invocation is over', async () => {
    const aborts = function_(
      "try { await fetch('ORIGIN/slow', { signal: AbortSignal.timeout(30) }) } catch (e) { return new Response(e.name) }",
    );
    expect((await path.request(aborts)).text).toBe('TimeoutError');
    const leaves = function_("fetch('ORIGIN/slow').then(() => console.log('never')); return new Response('gone')");
    const { reply, story } = await path.run(leaves);
    expect(reply.text).toBe('gone');
    expect(story.logs).toEqual([]);
  });

  it('aborts a body that is on its way', async () => {
    const { reply } = await path.run(
      function_(`const abort = new AbortController();
        const r = await fetch('ORIGIN/drip', { signal: abort.signal });
        const reader = r.body.getReader();
        const { value } = await reader.read();
        const next = reader.read();
        abort.abort(new RangeError('enough'));
        return new Response(new TextDecoder().decode(value) + ' ' + await next.catch((e) => e.name + ': ' + e.message));`),
    );
    expect(reply.text).toBe('first RangeError: enough');
  });

  it("says what failed, with the system's code as others have it", async () => {
    const tell = 'catch (e) { return Response.json([e.name, e.message, e.cause?.code ?? null]) }';
    const closed = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const to = `127.0.0.1:${(closed.address() as AddressInfo).port}`;
    await new Promise((resolve) => closed.close(resolve));
    const refused = path.handler(`try { await fetch('http://${to}/') } ${tell}`, {}, { privateHosts: [to] });
    expect(JSON.parse((await path.request(refused)).text ?? '')).toEqual([
      'TypeError',
      `fetch failed: fetch to ${to} failed: ECONNREFUSED (nobody listens there)`,
      'ECONNREFUSED',
    ]);
    const scheme = function_(`try { await fetch('ftp://a/') } ${tell}`);
    expect(JSON.parse((await path.request(scheme)).text ?? '')).toEqual([
      'TypeError',
      'fetch failed: ftp: cannot be fetched; only http:, https: and data: URLs can',
      null,
    ]);
  });

  it('checks integrity', async () => {
    const digest = (kind: string, text: string) => `${kind}-${createHash(kind).update(text).digest('base64')}`;
    const get = async (integrity: string) => {
      const body = `try { const r = await fetch('ORIGIN/big', { integrity: '${integrity}' }); return new Response(String((await r.text()).length)) } catch (e) { return new Response(e.message) }`;
      return (await path.request(function_(body))).text;
    };
    const big = 'x'.repeat(300_000);
    const bad = 'fetch failed: the body is not what integrity says';
    expect(await get(digest('sha256', big))).toBe('300000');
    expect(await get(`${digest('sha512', big)}?x ${digest('sha512', 'y')}`)).toBe('300000');
    expect(await get(digest('sha384', 'y'))).toBe(bad);
    // The strongest kind counts.
    expect(await get(`${digest('sha256', big)} ${digest('sha512', 'y')}`)).toBe(bad);
    expect(await get('md5-x nothing')).toBe('300000');
  });

  it('shows URLs of responses without their fragments', async () => {
    expect((await path.request(function_("return new Response((await fetch('ORIGIN/a#b')).url)"))).text).toBe(
      `${origin}/a`,
    );
  });

  it('belongs inside a handler', async () => {
    const eager = path.deploy(
      `const r = await fetch('${origin}/'); export default { fetch() { return new Response('x') } }`,
      {},
      {
        privateHosts: [origin.slice('http://'.length)],
      },
    );
    expect((await path.request(eager)).outcome).toBe('init_error');
  });
});
