/** The life of an invocation across turns: answers, failures, timers, waitUntil, what is dropped at the end. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Guest, type GuestOptions, openGuest, START_MS, type Turn } from '../support/isolate.ts';

const open: Guest[] = [];
const guestOf = async (code: string, options?: GuestOptions): Promise<Guest> => {
  const guest = await openGuest(code, options);
  open.push(guest);
  return guest;
};
afterEach(() => {
  for (const guest of open.splice(0)) guest.close();
});

const handler = (body: string): string => `export default { async fetch(request, env, ctx) { ${body} } };`;

describe('loading', () => {
  it('says which handlers there are', async () => {
    const guest = await guestOf('export default { fetch() {}, scheduled() {} }');
    expect(guest.ready).toEqual({ c: 'ready', handlers: ['fetch', 'scheduled'] });
  });

  it.each([
    ['a function', 'export default () => new Response("f")', 'f'],
    ['a class instance', 'class A { x = "i"; fetch() { return new Response(this.x); } } export default new A();', 'i'],
    ['an app with a fetch property', 'export default { x: "p", fetch: () => new Response("p") }', 'p'],
  ])('takes %s as default export', async (_name, code, text) => {
    const guest = await guestOf(code);
    expect(guest.ready?.handlers).toEqual(['fetch']);
    expect(guest.fetch().get('head').body).toEqual({ text });
  });

  it.each([
    ['export const x = 1;', 'no default export'],
    ['export default 5;', 'number'],
    ['export default {};', 'neither fetch nor scheduled'],
    ['export default { get fetch() { throw new Error("sly"); } };', 'sly'],
  ])('names the remedy for %s', async (code, part) => {
    const guest = await guestOf(code);
    expect(guest.ready?.handlers).toEqual([]);
    expect(guest.ready?.problem).toContain(part);
  });

  it('hides the register function and the boot function from the module', async () => {
    const guest = await guestOf(`
      const seen = Object.getOwnPropertyNames(globalThis).filter((name) => name.includes('isolane'));
      export default { fetch: () => Response.json(seen) };`);
    expect(guest.fetch().get('head').body).toEqual({ text: '[]' });
  });

  it('keeps what loading wrote', async () => {
    const guest = await guestOf('console.log("top"); export default { fetch() {} };');
    expect(guest.lines).toEqual([{ inv: 0, level: 'info', text: 'top' }]);
  });

  it('waits for top-level await, timers included, and lets later ones sleep', async () => {
    const guest = await guestOf(`await new Promise((f) => setTimeout(f, 20)); setInterval(() => {}, 10);
      export default { fetch: () => new Response('up') };`);
    expect(guest.ready).toBeNull();
    const turn = guest.ticks(guest.early as Turn, (each) => each.find('ready') !== undefined);
    expect(turn.get('ready').handlers).toEqual(['fetch']);
    expect(guest.fetch().wake).toBe(0);
  });

  it('refuses fetch while loading', async () => {
    const guest = await guestOf(`
      let why; await fetch('http://x/').catch((error) => { why = error.message; });
      export default { fetch: () => new Response(why) };`);
    expect(guest.fetch().get('head').body).toEqual({ text: expect.stringContaining('inside a handler') });
  });
});

describe('answers', () => {
  it('sends head, body and done in one command, in one turn', async () => {
    const guest = await guestOf(handler("return new Response('hello')"));
    expect(guest.fetch().commands).toEqual([
      {
        c: 'head',
        inv: 1,
        status: 200,
        headers: 'content-type\ntext/plain;charset=UTF-8',
        body: { text: 'hello' },
        done: true,
      },
    ]);
  });

  it('hands over request, env and ctx', async () => {
    const guest = await guestOf(
      handler(`return Response.json([request.method, request.url, request.headers.get('X-A'), env.K, ctx.invocationId,
        ctx.params.id, ctx.clientAddress, ctx.webhook.endpoint, ctx.getRemainingTimeInMillis()])`),
      { env: { K: 'v' } },
    );
    const turn = guest.fetch('http://h/p?q', {
      method: 'PUT',
      headers: 'x-a\n1\nx-a\n2',
      ctx: { params: { id: '7' }, webhook: { endpoint: 'gh' } },
    });
    expect(JSON.parse((turn.get('head').body as { text: string }).text)).toEqual([
      'PUT',
      'http://h/p?q',
      '1, 2',
      'v',
      'inv-1',
      '7',
      '192.0.2.1',
      'gh',
      30_000,
    ]);
  });

  it('sends repeated headers as they are', async () => {
    const guest = await guestOf(
      handler(`const r = new Response(null, { status: 204, headers: [['set-cookie', 'a=1'], ['X', 'y']] });
        r.headers.append('Set-Cookie', 'b=2'); return r;`),
    );
    const head = guest.fetch().get('head');
    expect(head.status).toBe(204);
    expect(head.body).toBeNull();
    expect(head.headers).toBe('set-cookie\na=1\nx\ny\nset-cookie\nb=2');
  });

  it('sends bytes as a chunk of exactly their size', async () => {
    const guest = await guestOf(handler('return new Response(new Uint8Array([9, 1, 2, 9]).subarray(1, 3))'));
    const turn = guest.fetch();
    expect(turn.get('head').body).toEqual({ chunk: 0 });
    expect([...(turn.chunks[0] as Uint8Array)]).toEqual([1, 2]);
    expect(turn.chunks[0]?.buffer.byteLength).toBe(2);
  });

  it('only announces a body beyond limits.responseBytes', async () => {
    const guest = await guestOf(handler("return new Response('x'.repeat(101))"), { responseBytes: 100 });
    expect(guest.fetch().get('head').body).toEqual({ sid: -1, length: 101 });
  });

  it('runs scheduled', async () => {
    const guest = await guestOf('export default { async scheduled(e) { console.log(e.cron, e.scheduledTime); } }');
    const ctx = { invocationId: 'i', params: {}, clientAddress: '', deadlineMs: START_MS + 1000 };
    const turn = guest.turn([{ e: 'scheduled', inv: 4, cron: '* * * * *', scheduledTime: 5, ctx }]);
    expect(turn.commands).toEqual([{ c: 'done', inv: 4 }]);
    expect(guest.lines[0]).toEqual({ inv: 4, level: 'info', text: '* * * * * 5' });
  });
});

describe('failures (catalogue 50, 53, 54)', () => {
  it.each([
    ['throw null', 'null'],
    ['throw undefined', 'undefined'],
    ['throw 1', '1'],
    ['throw Symbol("s")', 'Symbol(s)'],
    [
      'throw new Proxy({}, { get() { throw 1; }, getPrototypeOf() { throw 2; }, ownKeys() { throw 3; } })',
      'cannot be shown',
    ],
    ['throw Object.create(null)', '[Object: null prototype] {}'],
    ['throw { toString() { throw 1; } }', '{ toString: [Function: toString] }'],
    ['throw { get message() { throw 1; }, get stack() { throw 2; }, get name() { throw 3; } }', 'name: [Getter]'],
    ['throw Object.freeze(new Error("frozen"))', 'frozen'],
    ['const e = new Error("cyclic"); e.cause = e; throw e', 'cyclic'],
    ['throw new Error("Isolate was disposed during execution due to memory limit")', 'Isolate was disposed'],
    ['Error.prepareStackTrace = () => { throw 1; }; null.x', 'null'],
    ['return', 'undefined'],
    ['return "text"', 'string'],
    ['return { status: 200 }', 'not a Response'],
    ['return new Proxy(new Response("x"), {})', 'not a Response'],
    ['return Response.error()', 'Response.error'],
    ['const r = new Response("x"); await r.text(); return r', 'already read'],
    ['const r = new Response(new ReadableStream()); r.body.getReader(); return r', 'already read'],
    ['return { then(resolve, reject) { reject(new Error("sly")); resolve(1); } }', 'sly'],
  ])('%s', async (code, part) => {
    const guest = await guestOf(handler(code));
    const { commands } = guest.fetch();
    expect(commands).toHaveLength(1);
    expect(commands[0]).toMatchObject({ c: 'failed', inv: 1, done: true, message: expect.stringContaining(part) });
    // The isolate is none the worse: the next invocation gets its own answer.
    expect(guest.fetch().get('failed').inv).toBe(2);
  });

  it('bounds message and stack', async () => {
    const guest = await guestOf(handler('throw new Error("x".repeat(10_000_000))'));
    const failed = guest.fetch().get('failed');
    expect(failed.message.length).toBeLessThan(9_000);
    expect(failed.stack.length).toBeLessThan(17_000);
  });

  it('shows no frame of the runtime', async () => {
    const guest = await guestOf('export default { fetch() { return new Headers([["\\n", ""]]) } }');
    const failed = guest.fetch().get('failed');
    expect(failed.stack).toContain('user.js');
    expect(failed.stack).not.toContain('isolane');
  });

  it('does not wait for a promise that never settles', async () => {
    const guest = await guestOf(handler('await new Promise(() => {})'));
    expect(guest.fetch().commands).toEqual([]);
    expect(guest.turn([{ e: 'forget', inv: 1 }]).commands).toEqual([]);
  });

  it('ignores an answer after forget', async () => {
    const guest = await guestOf(
      handler('await new Promise((f) => { globalThis.go = f; }); return new Response("late")'),
    );
    guest.fetch();
    guest.turn([{ e: 'forget', inv: 1 }]);
    const second = guest.turn([['fetch', 2, 'GET', 'http://x/', '', null, 'b', '', 0, [], null]]);
    expect(second.commands).toEqual([]);
  });
});

describe('waitUntil', () => {
  it('holds done back until everything has settled', async () => {
    const guest = await guestOf(
      handler(`ctx.waitUntil(new Promise((f) => setTimeout(f, 50)).then(() => console.log('late')));
        return new Response('now')`),
    );
    const turn = guest.fetch();
    expect(turn.get('head').done).toBeUndefined();
    expect(turn.find('done')).toBeUndefined();
    expect(guest.ticks(turn).get('done')).toEqual({ c: 'done', inv: 1 });
    expect(guest.lines.map((line) => line.text)).toEqual(['late']);
  });

  it('logs a rejection and fails nothing', async () => {
    const guest = await guestOf(handler("ctx.waitUntil(Promise.reject(new Error('bg'))); return new Response('ok')"));
    const turn = guest.fetch();
    expect(turn.commands).toMatchObject([{ c: 'head', status: 200, done: true }]);
    expect(guest.lines[0]).toMatchObject({ inv: 1, level: 'error', text: expect.stringContaining('bg') });
  });

  it('follows a failure', async () => {
    const guest = await guestOf(
      handler("ctx.waitUntil(new Promise((f) => setTimeout(f, 5))); throw new Error('first')"),
    );
    const turn = guest.fetch();
    expect(turn.get('failed').done).toBeUndefined();
    expect(guest.ticks(turn).get('done').inv).toBe(1);
  });

  it('is refused once the invocation is over', async () => {
    const guest = await guestOf(`let old; export default { fetch(request, env, ctx) {
      if (old === undefined) { old = ctx; return new Response('1'); }
      try { old.waitUntil(Promise.resolve()); return new Response('no'); } catch (e) { return new Response(e.message); } } }`);
    guest.fetch();
    expect(guest.fetch().get('head').body).toEqual({ text: expect.stringContaining('request context is over') });
  });
});

describe('timers', () => {
  it('fire in order of due time, then of arming, one to a tick', async () => {
    const guest = await guestOf(
      handler(`const seen = []; const at = (ms) => new Promise((f) => setTimeout(() => { seen.push(ms); f(); }, ms));
        await Promise.all([at(20), at(10), at(10.9), at(NaN), at(-1), at('5')]); return Response.json(seen);`),
    );
    const last = guest.ticks(guest.fetch());
    expect(last.get('head').body).toEqual({ text: '[null,-1,"5",10,10.9,20]' });
    expect(guest.nowMs).toBe(START_MS + 20);
  });

  it('take a delay as a long: what is too large wraps around', async () => {
    const guest = await guestOf(
      handler('setTimeout(() => {}, 2 ** 32 + 5); setTimeout(() => {}, 2 ** 31 - 1); await new Promise(() => {})'),
    );
    expect(guest.fetch().wake).toBe(START_MS + 5);
  });

  it('run microtasks between two timers', async () => {
    const guest = await guestOf(
      handler(`const seen = []; setTimeout(() => { seen.push(1); Promise.resolve().then(() => {}).then(() => seen.push(2)); });
        await new Promise((f) => setTimeout(() => { seen.push(3); f(); })); return Response.json(seen);`),
    );
    expect(guest.ticks(guest.fetch()).get('head').body).toEqual({ text: '[1,2,3]' });
  });

  it('repeat until cleared, and pass arguments', async () => {
    const guest = await guestOf(
      handler(`let n = 0; await new Promise((f) => { const id = setInterval((step) => { n += step;
        if (n === 6) { clearInterval(id); f(); } }, 10, 2); }); return new Response(String(n));`),
    );
    expect(guest.ticks(guest.fetch()).get('head').body).toEqual({ text: '6' });
    expect(guest.nowMs).toBe(START_MS + 30);
  });

  it('count against limits.timers by name', async () => {
    const guest = await guestOf(handler('for (;;) setTimeout(() => {}, 1000)'), { timers: 10 });
    expect(guest.fetch().get('failed')).toMatchObject({
      name: 'RangeError',
      message: expect.stringContaining('limits.timers'),
    });
    // They went with their invocation: the next one has the whole limit again.
    expect(guest.fetch().get('failed').name).toBe('RangeError');
  });

  it('die with their invocation', async () => {
    const guest = await guestOf(
      handler("setTimeout(() => console.log('zombie'), 5); setInterval(() => {}, 1); return new Response('x')"),
    );
    const turn = guest.fetch();
    expect(turn.wake).toBe(0);
    guest.nowMs += 100;
    guest.turn([{ e: 'tick' }]);
    expect(guest.lines).toEqual([]);
  });

  it('report an error as stray and go on', async () => {
    const guest = await guestOf(
      handler(`setTimeout(() => { throw new Error('in timer'); }, 1);
        await new Promise((f) => setTimeout(f, 2)); return new Response('ok');`),
    );
    const turn = guest.ticks(guest.fetch(), (each) => each.find('stray') !== undefined);
    expect(turn.get('stray')).toMatchObject({ inv: 1, message: expect.stringContaining('in timer') });
    expect(guest.ticks(turn).get('head').status).toBe(200);
  });

  it('clamp deep nesting to 4 ms', async () => {
    const guest = await guestOf(
      handler(
        'let n = 0; await new Promise((f) => { const go = () => (++n < 10 ? setTimeout(go, 0) : f()); go(); }); return new Response("")',
      ),
    );
    guest.ticks(guest.fetch());
    expect(guest.nowMs).toBe(START_MS + 16);
  });
});

describe('the clock', () => {
  it('stands still within a turn and moves between turns', async () => {
    const guest = await guestOf(
      handler(`const a = [Date.now(), performance.now(), +new Date()]; for (let i = 0; i < 3e6; i++);
        const b = [Date.now(), performance.now(), +new Date()]; await new Promise((f) => setTimeout(f, 7));
        return Response.json([a, b, [Date.now(), performance.now(), +new Date()]]);`),
    );
    guest.nowMs += 3;
    const [a, b, c] = JSON.parse((guest.ticks(guest.fetch()).get('head').body as { text: string }).text);
    expect(a).toEqual([START_MS + 3, 3, START_MS + 3]);
    expect(b).toEqual(a);
    expect(c).toEqual([START_MS + 10, 10, START_MS + 10]);
  });

  it('shows no real time through Date(), Intl or Temporal', async () => {
    const guest = await guestOf(
      handler(`const f = new Intl.DateTimeFormat('en', { dateStyle: 'short', timeStyle: 'medium', timeZone: 'UTC' });
        return Response.json([f.format(), f.formatToParts().map((p) => p.value).join(''), Date(),
          typeof Temporal === 'object' ? Temporal.Now.instant().epochMilliseconds : ${START_MS}])`),
    );
    const [a, b, c, d] = JSON.parse((guest.fetch().get('head').body as { text: string }).text);
    const expected = new Intl.DateTimeFormat('en', { dateStyle: 'short', timeStyle: 'medium', timeZone: 'UTC' });
    expect(a).toBe(expected.format(START_MS));
    const parts = expected.formatToParts(START_MS).map(({ value }) => value);
    expect(b).toBe(parts.join(''));
    expect(new Date(c).getTime()).toBe(START_MS);
    expect(d).toBe(START_MS);
  });

  it('leaves Date a proper Date', async () => {
    const guest = await guestOf(
      handler(`class D extends Date { plus() { return this.getTime() + 1; } }
        return Response.json([new Date(0) instanceof Date, new D(5).plus(), new D() instanceof D, Date.UTC(1970, 0, 2),
          Date.parse('1970-01-01'), Date.length, Date.name, new Date(2020, 1, 2, 3).getHours(), Date.prototype.constructor === Date])`),
    );
    expect(JSON.parse((guest.fetch().get('head').body as { text: string }).text)).toEqual([
      true,
      6,
      true,
      86_400_000,
      0,
      7,
      'Date',
      3,
      true,
    ]);
  });
});
