/** Bodies and subrequests across the border: whole and streamed, both ways, with backpressure and early ends. */
import { afterEach, describe, expect, it } from 'vitest';
import type { TurnEvent } from '../../src/contract/turn.ts';
import { bodyText, type Guest, type GuestOptions, openGuest, type Turn } from '../support/isolate.ts';

const open: Guest[] = [];
const guestOf = async (body: string, options?: GuestOptions): Promise<Guest> => {
  const guest = await openGuest(`export default { async fetch(request, env, ctx) { ${body} } };`, options);
  open.push(guest);
  return guest;
};
afterEach(() => {
  for (const guest of open.splice(0)) guest.close();
});
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (turn: Turn): unknown => JSON.parse(bodyText(turn, turn.get('head').body));

const answer = (id: number, rest: object = {}): TurnEvent =>
  ({
    e: 'response',
    id,
    status: 200,
    statusText: 'OK',
    headers: '',
    url: 'http://up/',
    redirected: false,
    body: null,
    ...rest,
  }) as TurnEvent;

describe('request bodies', () => {
  it('read a whole body as text, json, bytes, form and blob', async () => {
    const guest = await guestOf(`const c = () => request.clone();
      return Response.json([await c().text(), await c().json(), (await c().bytes()).length,
        (await c().arrayBuffer()).byteLength, (await c().blob()).type, request.bodyUsed])`);
    const turn = guest.fetch('http://x/', {
      method: 'POST',
      headers: 'content-type\tapplication/json'.replace('\t', '\n'),
      body: { chunk: 0 },
      chunks: [bytes('{"a":"ä"}')],
    });
    expect(json(turn)).toEqual(['{"a":"ä"}', { a: 'ä' }, 10, 10, 'application/json', false]);
  });

  it('refuse a second reading', async () => {
    const guest = await guestOf(`await request.text();
      return Response.json([request.bodyUsed, await request.text().catch((e) => e.name)])`);
    expect(json(guest.fetch('http://x/', { method: 'POST', body: { text: 'b' } }))).toEqual([true, 'TypeError']);
  });

  it('ask again when what came has been read', async () => {
    const guest = await guestOf('return new Response(await request.text())');
    let turn = guest.fetch('http://x/', { method: 'POST', body: { sid: 2, length: null } });
    expect(turn.commands).toEqual([{ c: 'read', sid: 2 }]);
    turn = guest.turn([{ e: 'data', sid: 2, end: false }], [bytes('ab\u00e4').subarray(0, 3)]);
    expect(turn.commands).toEqual([{ c: 'read', sid: 2 }]);
    turn = guest.turn([{ e: 'data', sid: 2, end: true }], [bytes('\u00e4').subarray(1), bytes('!')]);
    expect(turn.get('head').body).toEqual({ text: 'abä!' });
  });

  it('stream through request.body and tell when nobody reads on', async () => {
    const guest = await guestOf(`const reader = request.body.getReader(); const { value } = await reader.read();
      await reader.cancel(); return new Response(value)`);
    let turn = guest.fetch('http://x/', { method: 'POST', body: { sid: 2, length: null } });
    expect(turn.commands).toEqual([{ c: 'read', sid: 2 }]);
    turn = guest.turn([{ e: 'data', sid: 2, end: false }], [bytes('first')]);
    expect(turn.all('cancel')).toEqual([{ c: 'cancel', sid: 2 }]);
    expect(bodyText(turn, turn.get('head').body)).toBe('first');
  });

  it('surface a broken upload where it is read', async () => {
    const guest = await guestOf('return new Response(await request.text().catch((e) => e.name + ": " + e.message))');
    guest.fetch('http://x/', { method: 'POST', body: { sid: 2, length: null } });
    const turn = guest.turn([{ e: 'broken', sid: 2, message: 'too large' }]);
    expect(turn.get('head').body).toEqual({ text: 'TypeError: too large' });
  });

  it('cancel what was not read when the invocation is done', async () => {
    const guest = await guestOf("return new Response('early')");
    const turn = guest.fetch('http://x/', { method: 'POST', body: { sid: 2, length: 10 } });
    expect(turn.commands.map((each) => each.c)).toEqual(['head', 'cancel']);
  });

  it('are over with their invocation (catalogue 66)', async () => {
    const guest = await openGuest(`let old; export default { async fetch(request) {
      if (old === undefined) { old = request; return new Response('1'); }
      return new Response(await old.text().catch((e) => e.message)); } }`);
    open.push(guest);
    guest.fetch('http://x/', { method: 'POST', body: { sid: 2, length: 10 } });
    expect(guest.fetch().get('head').body).toEqual({ text: expect.stringContaining('request context is over') });
  });
});

describe('response streams', () => {
  it('send the head first, then chunks as far as the host lets them', async () => {
    const guest = await guestOf(`let n = 0; return new Response(new ReadableStream({
      pull(c) { n++; if (n > 5) c.close(); else c.enqueue(new TextEncoder().encode('part' + n)); } }, { highWaterMark: 0 }))`);
    let turn = guest.fetch();
    const { sid } = turn.get('head').body as { sid: number };
    expect(sid % 2).toBe(1);
    expect(turn.commands).toHaveLength(1);
    turn = guest.turn([{ e: 'pull', sid, until: 1 }]);
    expect(turn.commands).toEqual([{ c: 'data', sid, chunk: 0 }]);
    expect(turn.text(0)).toBe('part1');
    turn = guest.turn([{ e: 'pull', sid, until: 11 }]);
    expect(turn.all('data').map(({ chunk }) => turn.text(chunk ?? -1))).toEqual(['part2', 'part3']);
    expect(guest.turn([{ e: 'pull', sid, until: 15 }]).commands).toEqual([]);
    expect(guest.turn([{ e: 'pull', sid, until: 1000 }]).commands.map((each) => each.c)).toEqual([
      'data',
      'data',
      'eof',
      'done',
    ]);
  });

  it('do not run ahead of the reader', async () => {
    const guest = await guestOf(`let n = 0; return new Response(new ReadableStream({
      pull(c) { console.log('pull'); c.enqueue(new Uint8Array(1)); } }))`);
    const { sid } = guest.fetch().get('head').body as { sid: number };
    expect(guest.lines).toHaveLength(1);
    guest.turn([{ e: 'pull', sid, until: 1 }]);
    guest.turn([{ e: 'pull', sid, until: 2 }]);
    expect(guest.lines.length).toBeLessThanOrEqual(3);
  });

  it('work from a writer that goes on after the head', async () => {
    const guest = await guestOf(`const { readable, writable } = new TransformStream();
      const writer = writable.getWriter();
      (async () => { for (const s of ['a', 'b']) { await writer.write(new TextEncoder().encode(s));
        await new Promise((f) => setTimeout(f, 5)); } await writer.close(); })();
      return new Response(readable)`);
    const first = guest.fetch();
    const { sid } = first.get('head').body as { sid: number };
    let turn = guest.turn([{ e: 'pull', sid, until: 100 }]);
    expect(turn.text(0)).toBe('a');
    guest.nowMs += 5;
    turn = guest.turn([{ e: 'tick' }]);
    expect(turn.text(0)).toBe('b');
    guest.nowMs += 5;
    expect(guest.turn([{ e: 'tick' }]).commands.map((each) => each.c)).toEqual(['eof', 'done']);
  });

  it('are cancelled when the reader goes', async () => {
    const guest = await guestOf(
      "return new Response(new ReadableStream({ cancel(why) { console.log('cancelled', why.name); } }))",
    );
    const { sid } = guest.fetch().get('head').body as { sid: number };
    guest.turn([{ e: 'pull', sid, until: 1 }]);
    const turn = guest.turn([{ e: 'stop', sid }]);
    expect(turn.commands).toEqual([{ c: 'done', inv: 1 }]);
    expect(guest.lines[0]?.text).toBe('cancelled AbortError');
  });

  it.each([
    ['an error', 'c.error(new Error("mid"))', 'mid'],
    ['text instead of bytes', 'c.enqueue("text")', 'Uint8Array'],
    ['a number', 'c.enqueue(5)', 'Uint8Array'],
  ])('break on %s', async (_name, code, part) => {
    const guest = await guestOf(
      `return new Response(new ReadableStream({ pull(c) { ${code} } }, { highWaterMark: 0 }))`,
    );
    const { sid } = guest.fetch().get('head').body as { sid: number };
    const turn = guest.turn([{ e: 'pull', sid, until: 1 }]);
    expect(turn.get('broken')).toMatchObject({ sid, message: expect.stringContaining(part) });
    expect(turn.get('done').inv).toBe(1);
  });

  it('refuse a chunk that is too large for one turn', async () => {
    const guest = await guestOf(
      'return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(18 * 2 ** 20)); } }))',
      { responseBytes: 1000 },
    );
    const { sid } = guest.fetch().get('head').body as { sid: number };
    expect(guest.turn([{ e: 'pull', sid, until: 1 }]).get('broken').message).toContain('Too much output');
  });
});

describe('a body handed from one Response to another', () => {
  it('stays whole, and the first counts as read', async () => {
    const guest =
      await guestOf(`const a = new Response('text', { headers: { x: 'y' } }); const b = new Response(a.body, a);
      ctx.waitUntil((async () => { await new Promise((f) => setTimeout(f, 1)); console.log(a.bodyUsed, await a.text().catch((e) => e.name)); })()); return b;`);
    const turn = guest.fetch();
    expect(turn.get('head')).toMatchObject({
      body: { text: 'text' },
      headers: 'x\ny\ncontent-type\ntext/plain;charset=UTF-8',
    });
    guest.ticks(turn);
    expect(guest.lines[0]?.text).toBe('true TypeError');
  });

  it('goes through the stream once somebody has read from it', async () => {
    const guest = await guestOf(`const a = new Response(new Uint8Array([65, 66])); const [one, two] = a.body.tee();
      return Response.json([await new Response(one).text(), await new Response(two).text()]);`);
    expect(json(guest.fetch())).toEqual(['AB', 'AB']);
  });
});

describe('fetch', () => {
  it('goes out as a command and comes back as a Response', async () => {
    const guest =
      await guestOf(`const r = await fetch('https://API.example/p?x=1', { method: 'post', body: 'hi', headers: { A: 'b' } });
      return Response.json([r.status, r.ok, r.statusText, r.url, r.redirected, r.headers.get('x-y'), await r.json()])`);
    const out = guest.fetch();
    const command = out.get('fetch');
    expect(command).toEqual({
      c: 'fetch',
      id: 1,
      inv: 1,
      url: 'https://api.example/p?x=1',
      method: 'POST',
      headers: 'a\nb\ncontent-type\ntext/plain;charset=UTF-8',
      body: { text: 'hi' },
      redirect: 'follow',
    });
    const back = answer(1, { status: 418, statusText: 'tea', headers: 'X-Y\nz', redirected: true, body: { chunk: 0 } });
    expect(json(guest.turn([back], [bytes('{"k":1}')]))).toEqual([
      418,
      false,
      'tea',
      'http://up/',
      true,
      'z',
      { k: 1 },
    ]);
  });

  it('passes a response on without reading it', async () => {
    const guest = await guestOf("return fetch('http://up/')");
    guest.fetch();
    const turn = guest.turn([answer(1, { headers: 'x\ny', body: { sid: 4, length: null } })]);
    expect(turn.commands).toMatchObject([{ c: 'head', headers: 'x\ny', body: { pipe: 4 }, done: true }]);
  });

  it.each([
    ['new Response(request.body)', { pipe: 2 }],
    ['new Response(new Response(request.body).body)', { pipe: 2 }],
    ['new Response(request.body.pipeThrough(new TransformStream()))', { sid: 1, length: null }],
    ['new Response(request.clone().body)', { sid: 1, length: null }],
  ])('%s: what of it is handed on', async (code, body) => {
    const guest = await guestOf(`return ${code}`);
    const turn = guest.fetch('http://x/', { method: 'POST', body: { sid: 2, length: null } });
    expect(turn.get('head').body).toEqual(body);
    expect(turn.all('cancel')).toEqual([]);
  });

  it('a body handed on is read no more', async () => {
    const guest = await guestOf(`const answer = new Response(request.body);
      ctx.waitUntil((async () => { await new Promise((f) => setTimeout(f, 1));
        console.log(request.bodyUsed, await request.text().catch((e) => e.name), await answer.text().catch((e) => e.name)); })());
      return answer;`);
    const turn = guest.fetch('http://x/', { method: 'POST', body: { sid: 2, length: null } });
    expect(turn.commands.map((each) => each.c)).toEqual(['head']);
    expect(guest.ticks(turn).commands.map((each) => each.c)).toEqual(['done']);
    expect(guest.lines[0]?.text).toBe('true TypeError TypeError');
  });

  it('streams a request body out as the host asks', async () => {
    const guest =
      await guestOf(`const body = new ReadableStream({ start(c) { c.enqueue(new Uint8Array([65])); c.close(); } });
      const r = await fetch('http://up/', { method: 'PUT', body, duplex: 'half' }); return new Response(String(r.status))`);
    const { sid } = guest.fetch().get('fetch').body as { sid: number };
    const turn = guest.turn([{ e: 'pull', sid, until: 100 }]);
    expect(turn.text(0)).toBe('A');
    expect(turn.get('eof')).toEqual({ c: 'eof', sid });
    expect(guest.turn([answer(1)]).get('head').body).toEqual({ text: '200' });
  });

  it('rejects with TypeError when the host says so', async () => {
    const guest = await guestOf(
      "return new Response(await fetch('http://up/').catch((e) => e.name + ': ' + e.message))",
    );
    guest.fetch();
    const turn = guest.turn([{ e: 'response-error', id: 1, message: 'address is private' }]);
    expect(turn.get('head').body).toEqual({ text: 'TypeError: fetch failed: address is private' });
  });

  it('marks the subrequest limit only when it is the host’s own error', async () => {
    const guest = await guestOf("await fetch('http://up/')");
    guest.fetch();
    const turn = guest.turn([{ e: 'response-error', id: 1, message: 'limits.subrequests', limit: true }]);
    expect(turn.get('failed')).toMatchObject({ name: 'SubrequestLimitError', limit: true });
    const forged = await guestOf("const e = new Error('x'); e.name = 'SubrequestLimitError'; e.limit = true; throw e");
    expect(forged.fetch().get('failed').limit).toBeUndefined();
  });

  it.each([
    ["fetch('file:///etc/passwd')", 'TypeError'],
    ["fetch('data:x')", 'TypeError'],
    ["fetch('blob:null/x')", 'TypeError'],
    ["fetch('/relative')", 'TypeError'],
    ["fetch('http://u:p@h/')", 'TypeError'],
    ["fetch('http://h/', { method: 'CONNECT' })", 'TypeError'],
    ["fetch('http://h/', { method: 'a b' })", 'TypeError'],
    ["fetch('http://h/', { body: 'x' })", 'TypeError'],
    ["fetch('http://h/', { headers: { a: 'b\\r\\nc: d' } })", 'TypeError'],
    ["fetch('http://h/', { headers: { a: '\\x01' } })", 'TypeError'],
    ["fetch('http://h/', { redirect: 'maybe' })", 'TypeError'],
    ["fetch('http://h/', { signal: AbortSignal.abort() })", 'AbortError'],
  ])('%s never leaves', async (code, name) => {
    const guest = await guestOf(`return new Response(await ${code}.catch((e) => e.name))`);
    const turn = guest.fetch();
    expect(turn.all('fetch')).toEqual([]);
    expect(turn.get('head').body).toEqual({ text: name });
  });

  it('is aborted by its signal, and by a timeout signal', async () => {
    const guest = await guestOf(`const c = new AbortController(); setTimeout(() => c.abort(new Error('mine')), 5);
      const a = await fetch('http://a/', { signal: c.signal }).catch((e) => e.message);
      const b = await fetch('http://b/', { signal: AbortSignal.timeout(7) }).catch((e) => e.name);
      return Response.json([a, b])`);
    const turn = guest.ticks(guest.fetch(), (each) => each.find('fetch-abort') !== undefined);
    expect(turn.get('fetch-abort')).toEqual({ c: 'fetch-abort', id: 1 });
    expect(json(guest.ticks(turn))).toEqual(['mine', 'TimeoutError']);
  });

  it('is dropped when its invocation is done (catalogue 96)', async () => {
    const guest = await guestOf("fetch('http://up/').then(() => console.log('zombie')); return new Response('x')");
    const turn = guest.fetch();
    expect(turn.commands.map((each) => each.c)).toEqual(['fetch', 'head', 'fetch-abort']);
    guest.turn([answer(1)]);
    expect(guest.lines).toEqual([]);
  });

  it('calls another function through a service binding', async () => {
    const guest = await guestOf("return env.USERS.fetch(new Request('http://users/1', { headers: { a: 'b' } }))", {
      services: ['USERS'],
    });
    expect(guest.fetch().get('fetch')).toMatchObject({ service: 'USERS', url: 'http://users/1', headers: 'a\nb' });
    expect(guest.turn([answer(1, { body: { text: 'user 1' } })]).get('head').body).toEqual({ text: 'user 1' });
  });

  it('makes no binding of another name', async () => {
    const guest = await guestOf(
      'const f = new env.USERS.constructor("OTHER").fetch; return new Response(typeof f + (env.USERS.constructor === Object))',
      { services: ['USERS'] },
    );
    expect(guest.fetch().get('head').body).toEqual({ text: 'undefinedtrue' });
  });
});

describe('a client that goes away', () => {
  it('aborts request.signal, and the invocation goes on', async () => {
    const guest =
      await guestOf(`request.signal.addEventListener('abort', () => console.log(request.signal.reason.name));
      await new Promise((f) => setTimeout(f, 5)); return new Response(String(request.signal.aborted))`);
    const turn = guest.fetch();
    guest.turn([{ e: 'abort', inv: 1 }]);
    expect(guest.lines[0]?.text).toBe('AbortError');
    guest.nowMs = turn.wake;
    expect(guest.turn([{ e: 'tick' }]).get('head').body).toEqual({ text: 'true' });
  });

  it('shows an aborted signal also to those who ask late', async () => {
    const guest = await guestOf(
      `await new Promise((f) => setTimeout(f, 5)); return new Response(String(request.signal.aborted))`,
    );
    const turn = guest.fetch();
    guest.turn([{ e: 'abort', inv: 1 }]);
    guest.nowMs = turn.wake;
    expect(guest.turn([{ e: 'tick' }]).get('head').body).toEqual({ text: 'true' });
  });
});
