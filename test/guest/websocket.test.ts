/** WebSocket, WebSocketPair and CloseEvent inside an isolate: what a guest sees, and what crosses the border. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SocketCommand, SocketEvent } from '../../src/contract/turn.ts';
import { Guest, openGuest, type Turn } from '../support/isolate.ts';

async function open(code: string, options = {}): Promise<Guest> {
  const guest = await openGuest(code, options);
  onTestFinished(() => guest.close());
  return guest;
}

/** A handler that accepts, and what it does with the server's end `s`. */
const accepting = (body: string, more = '') => `
  export default { fetch(request, env, ctx) {
    const { 0: client, 1: s } = new WebSocketPair();
    s.accept();
    ${body}
    return new Response(null, { status: 101, webSocket: client${more} });
  } };`;

const said = (turn: Turn): SocketCommand[] => turn.all('socket') as SocketCommand[];
const texts = (turn: Turn): string[] => said(turn).flatMap((one) => (one.do === 'text' ? [one.text] : []));
const text = (id: number, of: string): SocketEvent => ({ e: 'socket', on: 'text', id, text: of });
const end = (id: number, code = 1000, reason = '', error: string | null = null): SocketEvent => ({
  ...{ e: 'socket', on: 'end', id, code, reason },
  ...{ clean: error === null, error },
});

describe('a server', () => {
  it('answers with a socket, says what it said before, hears, and is done when the socket has ended', async () => {
    const guest = await open(
      accepting(
        `s.send('first'); s.addEventListener('message', (e) => s.send('re: ' + e.data));
         s.onclose = (e) => console.log(e.type, e.code, e.reason, e.wasClean, e instanceof CloseEvent, s.readyState);`,
        `, headers: { 'sec-websocket-protocol': 'chat' }`,
      ),
    );
    const first = guest.fetch();
    const head = first.get('head');
    expect(head).toMatchObject({ status: 101, body: null, socket: 1, headers: 'sec-websocket-protocol\nchat' });
    expect(head.done).toBeUndefined();
    expect(first.commands.map((one) => one.c)).toEqual(['head', 'socket']);
    expect(texts(first)).toEqual(['first']);
    const second = guest.turn([text(1, 'hello')]);
    expect(said(second).map((one) => one.do)).toEqual(['taken', 'text']);
    expect(texts(second)).toEqual(['re: hello']);
    const last = guest.turn([end(1, 3001, 'bye')]);
    expect(guest.lines.map((line) => line.text)).toEqual(['close 3001 bye true true 3']);
    expect(last.find('done')).toEqual({ c: 'done', inv: 1 });
    expect(guest.turn([text(1, 'late')]).commands).toEqual([]);
  });

  it('sends and gets bytes', async () => {
    const guest = await open(
      accepting(`s.onmessage = (e) => { const b = new Uint8Array(e.data); b[0] = 7; s.send(b.subarray(0, 2)); s.send(e.data);
        s.send(new DataView(e.data, 1)); s.send(new Blob(['ä'])); console.log(s.binaryType, s.bufferedAmount); };`),
    );
    guest.fetch();
    const turn = guest.turn([{ e: 'socket', on: 'bytes', id: 1, chunk: 0 }], [Uint8Array.of(1, 2, 3)]);
    const chunks = said(turn).flatMap((one) => (one.do === 'bytes' ? [[...(turn.chunks[one.chunk] ?? [])]] : []));
    expect(chunks).toEqual([[7, 2], [7, 2, 3], [2, 3], [...Buffer.from('ä')]]);
    expect(guest.lines[0]?.text).toBe('arraybuffer 9');
  });

  it('knows what waits: of this turn, and what the host says', async () => {
    const guest = await open(
      accepting(
        `s.onmessage = (e) => { console.log(s.bufferedAmount); s.send('äx'); console.log(s.bufferedAmount); };`,
      ),
    );
    guest.fetch();
    guest.turn([text(1, '')]);
    guest.turn([{ e: 'socket', on: 'held', id: 1, bytes: 100 }]);
    guest.turn([text(1, '')]);
    expect(guest.lines.map((line) => line.text)).toEqual(['0', '3', '100', '103']);
  });

  it('closes with the codes of a server, and no others', async () => {
    const guest = await open(
      accepting(`for (const code of [999, 1001, 1004, 1005, 1006, 1011, 1015, 2999, 3000, 5000]) {
          const { 0: a, 1: b } = new WebSocketPair(); a.accept();
          try { a.close(code); console.log(code, 'closes'); } catch (error) { console.log(code, error.name); }
        }
        try { s.close(1000, 'x'.repeat(124)); } catch (error) { console.log(error.name); }
        s.onmessage = () => { s.close(1011, 'why'); s.close(3000); s.send('too late'); console.log(s.readyState, s.bufferedAmount); };`),
    );
    guest.fetch();
    expect(guest.lines.map((line) => line.text)).toEqual([
      ...['999 InvalidAccessError', '1001 closes', '1004 InvalidAccessError', '1005 InvalidAccessError'],
      ...['1006 InvalidAccessError', '1011 closes', '1015 InvalidAccessError', '2999 InvalidAccessError'],
      ...['3000 closes', '5000 InvalidAccessError', 'SyntaxError'],
    ]);
    const turn = guest.turn([text(1, '')]);
    expect(said(turn).slice(1)).toEqual([{ c: 'socket', do: 'close', id: 1, code: 1011, reason: 'why' }]);
    expect(guest.lines.at(-1)?.text).toBe('2 8');
  });

  it('may close in the handler itself, or never accept', async () => {
    const guest = await open(accepting(`s.send('only'); s.close();`));
    const turn = guest.fetch();
    expect(said(turn).map((one) => one.do)).toEqual(['text', 'close']);
    const silent = await open(
      `export default { fetch: () => new Response(null, { status: 101, webSocket: new WebSocketPair()[0] }) };`,
    );
    silent.fetch();
    silent.turn([text(1, 'x')]);
    expect(silent.turn([end(1)]).find('done')).toBeDefined();
  });

  it('goes on after the end with waitUntil', async () => {
    const guest = await open(
      accepting(
        `s.onclose = () => ctx.waitUntil(new Promise((done) => setTimeout(done, 10)).then(() => console.log('late')));`,
      ),
    );
    guest.fetch();
    const last = guest.turn([end(1)]);
    expect(last.find('done')).toBeUndefined();
    expect(guest.ticks(last, (turn) => turn.find('done') !== undefined).find('done')).toBeDefined();
    expect(guest.lines.map((line) => line.text)).toEqual(['late']);
  });

  it('is gone with its invocation', async () => {
    const guest = await open(
      accepting(
        `globalThis.kept = s; s.onmessage = () => console.log('heard'); s.onclose = () => console.log('closed');`,
      ).replace(
        'const {',
        `if (globalThis.kept) { kept.send('x'); return new Response(String(kept.readyState)); } const {`,
      ),
    );
    guest.fetch();
    expect(guest.turn([{ e: 'forget', inv: 1 }, text(1, 'x'), end(1)]).commands).toEqual([]);
    expect(guest.lines).toEqual([]);
    const next = guest.fetch();
    expect(next.get('head').body).toEqual({ text: '3' });
    expect(said(next)).toEqual([]);
  });

  it.each([
    [
      'one that was accepted',
      'p[0].accept(); return new Response(null, { status: 101, webSocket: p[0] })',
      /cannot be an answer/,
    ],
    ['no socket', 'return new Response(null, { status: 101, webSocket: {} })', /not a WebSocket/],
    ['no socket at all', 'return new Response(null, { status: 101 })', /101 and webSocket/],
    ['another status', 'return new Response(null, { status: 200, webSocket: p[0] })', /101 and webSocket/],
    ['a copy', 'const r = new Response(null, { status: 101, webSocket: p[0] }); r.clone(); return r', /cloned/],
  ])('cannot answer with %s', async (_, body, message) => {
    const guest = await open(`export default { fetch() { const p = new WebSocketPair(); ${body} } };`);
    expect(guest.fetch().get('failed').message).toMatch(message);
  });

  it('bounds what is said before there is anybody', async () => {
    const guest = await open(accepting(`for (let i = 0; i < 1001; i++) s.send('x');`));
    expect(guest.fetch().get('failed')).toMatchObject({ name: 'RangeError', done: true });
  });
});

describe('a pair within one isolate', () => {
  it('talks to itself', async () => {
    const run = `const [a, b] = Object.values(new WebSocketPair()); const log = [];
      a.accept(); a.send('early');
      b.onmessage = (e) => { log.push('b', e.data); b.send('back'); };
      a.onmessage = (e) => { log.push('a', e.data); a.close(3000, 'enough'); };
      const over = Promise.all([a, b].map((s) => new Promise((done) => s.addEventListener('close', (e) => { log.push(e.code, e.reason); done(); }))));
      b.accept(); await over; return [...log, a.readyState, b.readyState];`;
    expect(await Guest.eval(run)).toEqual(['b', 'early', 'a', 'back', 3000, 'enough', 3000, 'enough', 3, 3]);
  });

  it('must be accepted before it speaks', async () => {
    const run = `const p = new WebSocketPair(); try { p[1].send('x'); } catch (error) { return [error.name, p[1].readyState, Object.keys(p)]; }`;
    expect(await Guest.eval(run)).toEqual(['InvalidStateError', 1, ['0', '1']]);
  });
});

describe('a client', () => {
  const client = (body: string, made = `new WebSocket('wss://example.com/a?b', ['one', 'two'])`) =>
    `export default { fetch() { const ws = ${made}; return new Promise((resolve) => { ${body} }); } };`;

  it('asks, opens, speaks, hears, closes', async () => {
    const guest = await open(
      client(`const log = [ws.readyState, ws.url, ws.protocol, ws.binaryType, ws.extensions];
        try { ws.send('x'); } catch (error) { log.push(error.name); }
        ws.onopen = () => { log.push(ws.readyState, ws.protocol); ws.send('hi'); };
        ws.onmessage = async (e) => { log.push(e.origin, e.data instanceof Blob ? await e.data.text() : e.data); if (typeof e.data !== 'string') ws.close(); };
        ws.onclose = (e) => { log.push(e.code, e.wasClean); resolve(Response.json(log)); };`),
    );
    const asked = guest.fetch();
    expect(said(asked)).toEqual([
      { c: 'socket', do: 'open', id: 1, inv: 1, url: 'wss://example.com/a?b', protocols: 'one,two', headers: '' },
    ]);
    expect(texts(guest.turn([{ e: 'socket', on: 'open', id: 1, protocol: 'two', headers: '' }]))).toEqual(['hi']);
    guest.turn([text(1, 'yo')]);
    const bytes = guest.turn([{ e: 'socket', on: 'bytes', id: 1, chunk: 0 }], [Buffer.from('blob')]);
    expect(said(bytes).at(-1)).toEqual({ c: 'socket', do: 'close', id: 1, code: 0, reason: '' });
    const last = guest.turn([end(1, 1005)]);
    const origin = 'wss://example.com';
    expect(JSON.parse((last.get('head').body as { text: string }).text)).toEqual([
      ...[0, 'wss://example.com/a?b', '', 'blob', '', 'InvalidStateError', 1, 'two'],
      ...[origin, 'yo', origin, 'blob', 1005, true],
    ]);
  });

  it('hears why there is none', async () => {
    const guest = await open(
      client(`const log = []; ws.onerror = (e) => log.push(e.type, e.message, ws.readyState);
        ws.onclose = (e) => { log.push(e.code, e.wasClean); resolve(Response.json(log)); };`),
    );
    guest.fetch();
    const turn = guest.turn([end(1, 1006, '', 'no way')]);
    expect(JSON.parse((turn.get('head').body as { text: string }).text)).toEqual(['error', 'no way', 3, 1006, false]);
  });

  it('is made of WebIDL', async () => {
    const run = `
      const outcome = (make) => { try { make(); return 'ok'; } catch (error) { return error.name; } };
      const proto = WebSocket.prototype;
      return [
        outcome(() => WebSocket('ws://a/')), outcome(() => new WebSocket()), outcome(() => new WebSocket('nonsense')),
        outcome(() => new WebSocket('ftp://a/')), outcome(() => new WebSocket('ws://a/#b')), outcome(() => new WebSocket('ws://a/', ['x', 'X'])),
        outcome(() => new WebSocket('ws://a/', 'a b')), outcome(() => new WebSocket('ws://a/', '')), outcome(() => new WebSocket('ws://a/', [])),
        outcome(() => proto.readyState), outcome(() => new CloseEvent()),
        WebSocket.length, WebSocket.OPEN, proto.CLOSED, String(proto), String(new CloseEvent('x')),
        Object.keys(proto), new WebSocket('http://a/').url,
        [{}, { code: 65536 + 7 }, { code: 3000, reason: 'r', wasClean: 1 }].map((init) => { const e = new CloseEvent('x', init); return [e.code, e.reason, e.wasClean]; }),
      ];`;
    const constants = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];
    const attributes = ['onopen', 'onerror', 'onclose', 'onmessage'];
    const members = ['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol', 'binaryType', 'send', 'close'];
    const result = (await Guest.eval(run)) as unknown[];
    expect(result.slice(0, 11)).toEqual([
      ...['TypeError', 'TypeError', 'SyntaxError', 'SyntaxError', 'SyntaxError', 'SyntaxError'],
      ...['SyntaxError', 'SyntaxError', 'ok', 'TypeError', 'TypeError'],
    ]);
    expect(result.slice(11, 16)).toEqual([1, 1, 3, '[object WebSocket]', '[object CloseEvent]']);
    expect((result[16] as string[]).toSorted()).toEqual([...constants, ...attributes, ...members].toSorted());
    expect(result.slice(17)).toEqual([
      'ws://a/',
      [
        [0, '', false],
        [7, '', false],
        [3000, 'r', true],
      ],
    ]);
  });

  it('belongs inside a handler', async () => {
    const guest = await open(`let why; try { new WebSocket('ws://a/'); } catch (error) { why = error.message; }
      export default { fetch: () => new Response(why) };`);
    expect((guest.fetch().get('head').body as { text: string }).text).toMatch(/inside a handler/);
  });

  it('comes from fetch, too, as in Workers', async () => {
    const guest = await open(
      `export default { async fetch() {
        const response = await fetch('https://example.com/', { headers: { Upgrade: 'websocket', 'x-a': 'b', 'Sec-WebSocket-Protocol': 'p, q' } });
        const ws = response.webSocket; ws.accept();
        const heard = new Promise((done) => { ws.onmessage = (e) => done(e.data); });
        return Response.json([response.status, response.headers.get('x-r'), await heard]);
      } };`,
    );
    expect(said(guest.fetch())).toEqual([
      {
        ...{ c: 'socket', do: 'open', id: 1, inv: 1, url: 'wss://example.com/' },
        protocols: 'p, q',
        headers: 'x-a\nb',
      },
    ]);
    guest.turn([{ e: 'socket', on: 'open', id: 1, protocol: 'p', headers: 'x-r\n1' }]);
    const last = guest.turn([text(1, 'hi')]);
    expect((last.get('head').body as { text: string }).text).toBe('[101,"1","hi"]');
  });

  it('that fetch did not get rejects', async () => {
    const guest = await open(
      `export default { fetch: () => fetch('https://example.com/', { headers: { upgrade: 'WebSocket' } }).catch((error) => new Response(error.message)) };`,
    );
    guest.fetch();
    const turn = guest.turn([end(1, 1006, '', 'no way')]);
    expect((turn.get('head').body as { text: string }).text).toBe('fetch failed: no way');
  });

  it('handed on as the answer, is heard by the client and hears it', async () => {
    const guest = await open(`export default { fetch: (request) => fetch('https://example.com/', request) };`);
    guest.fetch('http://h/', { headers: 'upgrade\nwebsocket\nconnection\nUpgrade\nsec-websocket-key\nk' });
    const opened = guest.turn([{ e: 'socket', on: 'open', id: 1, protocol: '', headers: 'x-r\n1' }]);
    expect(opened.get('head')).toMatchObject({ status: 101, socket: 2 });
    expect(said(guest.turn([text(1, 'down')])).slice(1)).toEqual([{ c: 'socket', do: 'text', id: 2, text: 'down' }]);
    expect(said(guest.turn([text(2, 'up')])).slice(1)).toEqual([{ c: 'socket', do: 'text', id: 1, text: 'up' }]);
    const left = guest.turn([end(2, 1001, 'tired')]);
    expect(said(left)).toEqual([{ c: 'socket', do: 'close', id: 1, code: 1001, reason: 'tired' }]);
    expect(left.find('done')).toBeDefined();
  });

  it('does not go through a service binding', async () => {
    const run = `return env.OTHER.fetch('http://h/', { headers: { upgrade: 'websocket' } }).catch((error) => error.message);`;
    expect(await Guest.eval(run, { services: ['OTHER'] })).toMatch(/service binding carries no WebSocket/);
  });
});

describe('above one invocation at a time', () => {
  it('each socket is its own invocation', async () => {
    const guest = await open(accepting(`s.onmessage = async () => { await null; console.log(ctx.invocationId); };`), {
      concurrency: 5,
    });
    guest.fetch();
    guest.fetch();
    guest.turn([text(2, '')]);
    guest.turn([text(1, '')]);
    expect(guest.lines.map((line) => [line.inv, line.text])).toEqual([
      [2, 'inv-2'],
      [1, 'inv-1'],
    ]);
  });
});
