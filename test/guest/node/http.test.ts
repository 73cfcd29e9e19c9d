/** node:http's client, on the guest's fetch: what goes out, what comes back, how it ends. */
import { afterEach, describe, expect, it } from 'vitest';
import { bundled } from '../../support/bundled.ts';
import { bodyText, type Guest, type Turn } from '../../support/isolate.ts';

let guest: Guest;
afterEach(() => guest.close());

const open = async (body: string): Promise<Turn> => {
  ({ guest } = await bundled(
    `import http from 'node:http'; import https from 'https'; import { text } from 'node:stream/consumers';
    export default { async fetch() { return Response.json(await new Promise((resolve, reject) => { ${body} })); } };`,
  ));
  return guest.ticks(guest.fetch(), (turn) => turn.find('fetch') !== undefined);
};
const answer = (turn: Turn, status: number, headers: string, body: string): unknown => {
  const { id } = turn.get('fetch');
  const event = {
    e: 'response',
    id,
    status,
    statusText: 'Fine',
    headers,
    url: '',
    redirected: false,
    body: { text: body },
  };
  let last = guest.turn([event as never]);
  last = guest.ticks(last, (one) => one.find('head') !== undefined);
  return JSON.parse((last.get('head').body as { text: string }).text);
};

describe('request', () => {
  it('sends what was written and gives the response', async () => {
    const turn = await open(`
      const request = http.request({ hostname: 'api.example.com', port: 8080, path: '/a?b=c', method: 'POST', auth: 'u:p',
        headers: { 'X-One': '1', 'Content-Type': 'text/plain', 'Content-Length': 5 } }, async (response) => {
        resolve([response.statusCode, response.statusMessage, response.headers, response.rawHeaders, await text(response), response.complete]);
      });
      request.write('he'); request.end('llo');`);
    const sent = turn.get('fetch');
    expect(sent).toMatchObject({ url: 'http://api.example.com:8080/a?b=c', method: 'POST', redirect: 'manual' });
    expect(sent.headers.split('\n')).toEqual(
      expect.arrayContaining(['x-one', '1', 'content-type', 'text/plain', 'authorization', 'Basic dTpw']),
    );
    expect(bodyText(turn, sent.body)).toBe('hello');
    expect(answer(turn, 201, 'a\nb\nset-cookie\nx=1\nset-cookie\ny=2', 'body')).toEqual([
      201,
      'Fine',
      { a: 'b', 'set-cookie': ['x=1', 'y=2'] },
      ['a', 'b', 'set-cookie', 'x=1', 'set-cookie', 'y=2'],
      'body',
      true,
    ]);
  });

  it('has get, for URLs and for TLS, and a body as a stream', async () => {
    const turn = await open(`
      https.get(new URL('https://x.example/p'), { headers: { accept: '*/*' } }, (response) => {
        let seen = ''; response.setEncoding('utf8'); response.on('data', (chunk) => { seen += chunk; }); response.on('end', () => resolve(seen));
      }).on('error', reject);`);
    expect(turn.get('fetch')).toMatchObject({ url: 'https://x.example/p', method: 'GET' });
    expect(answer(turn, 200, '', 'żółw')).toBe('żółw');
  });

  it('fails as Node does: one error event with a code', async () => {
    const turn = await open(`
      http.get('http://nobody.example/').on('error', (error) => resolve([error.code, typeof error.message]));`);
    const { id } = turn.get('fetch');
    const failed = guest.turn([{ e: 'response-error', id, message: 'no such host' }]);
    const last = guest.ticks(failed, (one) => one.find('head') !== undefined);
    expect(JSON.parse((last.get('head').body as { text: string }).text)).toEqual(['ECONNRESET', 'string']);
  });

  it('can be given up, by hand and by a timeout', async () => {
    const turn = await open(`
      const request = http.get('http://slow.example/', { timeout: 5 });
      const seen = [];
      request.on('timeout', () => { seen.push('timeout'); request.destroy(); });
      request.on('error', (error) => seen.push(error.code));
      request.on('close', () => resolve(seen));`);
    const last = guest.ticks(turn, (one) => one.find('head') !== undefined);
    expect(JSON.parse((last.get('head').body as { text: string }).text)).toEqual(['timeout', 'ECONNRESET']);
  });
});

it('throws by name for servers, and lets them be extended', async () => {
  const turn = await open(`
    class Own extends http.ServerResponse {}
    const refusals = [() => http.createServer(), () => new http.Server(), () => new Own(), () => https.createServer()];
    resolve(refusals.map((one) => { try { one(); return 'nothing'; } catch (error) { return error.message.slice(0, 66); } }));`);
  expect(JSON.parse((turn.get('head').body as { text: string }).text)).toEqual([
    'node:http.createServer is not available in an isolate: export defa',
    'node:http.Server is not available in an isolate: export default { ',
    'node:http.ServerResponse is not available in an isolate: export de',
    'node:https.createServer is not available in an isolate: export def',
  ]);
});
