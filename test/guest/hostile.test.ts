/** Guests that attack their own runtime: poisoned prototypes, hidden globals, removed built-ins, forged values. */
import { afterEach, describe, expect, it } from 'vitest';
import { Guest, type GuestOptions, openGuest } from '../support/isolate.ts';

const open: Guest[] = [];
const guestOf = async (code: string, options?: GuestOptions): Promise<Guest> => {
  const guest = await openGuest(code, options);
  open.push(guest);
  return guest;
};
afterEach(() => {
  for (const guest of open.splice(0)) guest.close();
});

const BUSY = `const map = new Map([[1, { x: 1 }]]);
const array = new Uint8Array([7, 1]);
const P = Promise;
async function busy(request, env, ctx) {
  console.log('line', { a: [1, 'x'] }, map);
  const url = new URL('/p?a=1', 'http://h');
  url.searchParams.set('b', '2');
  const headers = new Headers({ A: 'b', C: 'd' });
  headers.append('a', 'e');
  const clone = structuredClone({ a: array, m: map });
  const text = new TextDecoder().decode(new TextEncoder().encode('h\\u00e4llo w\\u00f6rld, a longer text that goes to the host'));
  const timer = new P((f) => setTimeout(f, 1));
  ctx.waitUntil(timer);
  await timer;
  const up = await fetch('http://up/', { method: 'POST', body: 'b', headers: { q: 'r' } });
  const got = await up.text();
  const form = new FormData();
  form.append('f', new Blob(['x']), 'n');
  return new Response(url.href + headers.get('a') + clone.a[1] + text + got + form.get('f').name + request.headers.get('h'),
    { status: 201, headers: { k: 'v' } });
}`;

const EXPECTED = 'http://h/p?a=1&b=2b, e1hällo wörld, a longer text that goes to the hostupstreamnhv';

const drive = (guest: Guest): { text: string; headers: string; status: number; stolen: string } => {
  let turn = guest.fetch('http://x/', { headers: 'h\nhv' });
  turn = guest.ticks(turn, (each) => each.find('fetch') !== undefined);
  const { id, headers } = turn.get('fetch');
  expect(headers).toBe('q\nr\ncontent-type\ntext/plain;charset=UTF-8');
  turn = guest.turn([
    {
      e: 'response',
      id,
      status: 200,
      statusText: '',
      headers: '',
      url: '',
      redirected: false,
      body: { text: 'upstream' },
    },
  ]);
  const head = turn.get('head');
  const stolen = guest.fetch('http://x/stolen').get('head');
  return {
    text: (head.body as { text: string }).text,
    headers: head.headers,
    status: head.status,
    stolen: (stolen.body as { text: string }).text,
  };
};

/** Poisons, then works; `globalThis.loot` collects whatever the poison saw. */
const poisoned = (poison: string): string => `
  globalThis.loot = [];
  const note = (...things) => { const l = globalThis.loot; define(l, l.length, { __proto__: null, value: things, configurable: true }); };
  const define = Object.defineProperty;
  ${BUSY}
  let done = false;
  export default { fetch(request, env, ctx) {
    if (request.url.endsWith('stolen')) return new Response(globalThis.report());
    if (!done) { done = true; ${poison} }
    return busy(request, env, ctx);
  } };
  const types = (x) => typeof x;
  const push = Array.prototype.push, J = JSON.stringify, str = String;
  globalThis.report = () => { let text = ''; for (let i = 0; i < globalThis.loot.length && i < 2000; i++) {
    const things = globalThis.loot[i]; for (let j = 0; j < things.length; j++) { const x = things[j];
      text += typeof x === 'function' ? 'fn:' + str(x.name) + ' ' : typeof x === 'object' && x !== null ? 'obj:' + str(Object.getOwnPropertyNames(x)) + ' ' : ''; } }
    return text; };
`;

describe('poisoned prototypes (catalogue 47, 48, 51, 63)', () => {
  it('works unpoisoned', async () => {
    expect(drive(await guestOf(poisoned('')))).toEqual({
      text: EXPECTED,
      headers: 'k\nv\ncontent-type\ntext/plain;charset=UTF-8',
      status: 201,
      stolen: '',
    });
  });

  it.each([
    [
      'array methods',
      "for (const k of ['push', 'map', 'slice', 'join', 'concat', 'indexOf', 'pop', 'sort', 'splice', 'forEach']) Array.prototype[k] = function (...a) { note(this, ...a); throw new Error('poison ' + k); };",
    ],
    ['array iteration', "Array.prototype[Symbol.iterator] = function () { note(this); throw new Error('poison'); };"],
    [
      'array index setters',
      'for (let i = 0; i < 20; i++) Object.defineProperty(Array.prototype, i, { set(v) { note(this, v); }, get() { return undefined; }, configurable: true });',
    ],
    ['JSON', "JSON.stringify = (v) => { note(v); return 'null'; }; JSON.parse = (t) => { note(t); return null; };"],
    [
      'toJSON',
      "Object.prototype.toJSON = String.prototype.toJSON = Number.prototype.toJSON = function () { note(this); return 'evil'; };",
    ],
    [
      'Function.prototype',
      "const a = Function.prototype.apply; Function.prototype.call = function () { note(this); throw new Error('call'); }; Function.prototype.apply = function () { note(this); throw new Error('apply'); }; Function.prototype.bind = function () { note(this); throw new Error('bind'); };",
    ],
    [
      'Reflect',
      "for (const k of ['apply', 'construct', 'ownKeys', 'get', 'set', 'defineProperty']) Reflect[k] = (...a) => { note(...a); throw new Error('reflect'); };",
    ],
    [
      'Object statics',
      "for (const k of ['keys', 'create', 'hasOwn', 'entries', 'freeze', 'setPrototypeOf', 'getPrototypeOf', 'assign']) Object[k] = (...a) => { note(...a); throw new Error('object'); };",
    ],
    [
      'strings',
      "for (const k of ['slice', 'indexOf', 'toLowerCase', 'split', 'charCodeAt', 'startsWith', 'trim', 'replace', 'toWellFormed']) String.prototype[k] = function () { note(this); throw new Error('string'); };",
    ],
    [
      'maps and sets',
      "for (const C of [Map, Set, WeakMap]) for (const k of ['get', 'set', 'has', 'add', 'delete', 'forEach']) if (C.prototype[k] && !(C === Map && k === 'get')) C.prototype[k] = function (...a) { note(this, ...a); throw new Error('map'); };",
    ],
    [
      'typed arrays',
      "const T = Object.getPrototypeOf(Uint8Array).prototype; for (const k of ['set', 'slice', 'subarray', 'indexOf']) T[k] = function (...a) { note(this, ...a); throw new Error('typed'); }; Object.defineProperty(T, 'length', { get() { return 1e9; } }); Object.defineProperty(T, 'constructor', { get() { note(this); return Array; } });",
    ],
    [
      'regexps',
      "RegExp.prototype.exec = function () { note(this); return null; }; RegExp.prototype.test = () => true; RegExp.prototype[Symbol.replace] = () => 'evil';",
    ],
    [
      'promise then',
      "Promise.prototype.catch = function () { note(this); throw new Error('catch'); }; Promise.resolve = (v) => { note(v); return {}; }; Object.defineProperty(Promise, Symbol.species, { get() { note(this); return Array; } });",
    ],
    [
      'Object.prototype names',
      "for (const k of ['headers', 'status', 'limit', 'chunk', 'sid', 'text', 'get', 'set', 'value', 'out', 'wake', 'chunks', 'c', 'stream', 'list']) Object.defineProperty(Object.prototype, k, { __proto__: null, get() { return undefined; }, set(v) { note(this, v); }, configurable: true });",
    ],
    [
      'globals',
      "globalThis.Uint8Array = globalThis.Promise = globalThis.Error = globalThis.TypeError = undefined; globalThis.String = globalThis.Number = () => { throw new Error('global'); };",
    ],
    [
      'platform classes',
      "Headers.prototype.get2 = Headers.prototype.get; for (const C of [Response, Request]) for (const k of ['status', 'headers', 'body', 'url']) if (!(C === Request && k === 'headers') && !(C === Request && k === 'url')) Object.defineProperty(C.prototype, k, { get() { note(this); return 'evil'; } }); AbortSignal.prototype.addEventListener = () => { throw new Error('abort'); };",
    ],
  ])('%s', async (_name, poison) => {
    const result = drive(await guestOf(poisoned(poison)));
    expect(result).toMatchObject({
      text: EXPECTED,
      headers: 'k\nv\ncontent-type\ntext/plain;charset=UTF-8',
      status: 201,
    });
    // Nothing of the border was seen: no hook, no box, no command text.
    for (const word of ['out,wake', 'encodeUtf8', 'isolane', 'invocationId,deadlineMs', 'fn:boot', 'fn:turn']) {
      expect(result.stolen).not.toContain(word);
    }
  });

  it('a thenable Object.prototype does not take over answers', async () => {
    const guest = await guestOf(`export default { fetch() {
      Object.prototype.then = function (f) { f(new Response('evil')); }; return new Response('good'); } }`);
    expect(guest.fetch().get('head').body).toEqual({ text: 'good' });
  });

  it('reads a Response once and never through its getters (catalogue 49)', async () => {
    const guest =
      await guestOf(`class Evil extends Response { get status() { return 999; } get headers() { throw 1; } get body() { return 'x'; } }
      export default { fetch: () => new Evil('body', { status: 202 }) }`);
    expect(guest.fetch().get('head')).toMatchObject({ status: 202, body: { text: 'body' } });
  });

  it('own keys named __proto__ stay data (catalogue 57)', async () => {
    const guest = await guestOf(
      `export default { async fetch(r, env, ctx) { const b = await r.json(); console.log(b, env);
        return Response.json([Object.keys(b), ({}).polluted ?? null, Object.keys(ctx.params), Object.keys(env)]); } }`,
      { env: JSON.parse('{"__proto__":"x"}') as Record<string, string> },
    );
    const turn = guest.fetch('http://x/', {
      method: 'POST',
      body: { text: '{"__proto__":{"polluted":1}}' },
      ctx: { params: JSON.parse('{"__proto__":"1"}') },
    });
    const text = (turn.get('head').body as { text: string }).text;
    expect(JSON.parse(text)).toEqual([['__proto__'], null, ['__proto__'], ['__proto__']]);
  });
});

describe('hardening (catalogue 26–29, 36, 43–46, 52, 55, 56, 72)', () => {
  it('has removed what no limit holds', async () => {
    expect(
      await Guest.eval(`return [typeof WebAssembly, typeof SharedArrayBuffer, typeof Atomics, typeof Float16Array,
        new ArrayBuffer(1, { maxByteLength: 99 }).resizable,
        new (new Uint8Array(1).buffer.constructor)(8, { maxByteLength: 9 }).resizable,
        new (class extends ArrayBuffer {})(4, { maxByteLength: 9 }).resizable,
        Reflect.construct(ArrayBuffer, [4, { maxByteLength: 9 }], Object).resizable ?? null,
        new (structuredClone(new ArrayBuffer(1)).constructor)(1, { maxByteLength: 2 }).resizable]`),
    ).toEqual(['undefined', 'undefined', 'undefined', 'undefined', false, false, false, null, false]);
  });

  it.each([
    'Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)',
    'Array.prototype.reverse.call({ length: 2 ** 53 - 1 })',
    'new Array(2 ** 32 - 1).lastIndexOf(1)',
    'new Array(2 ** 32 - 1).sort()',
    'new Array(2 ** 27).fill(0)',
    'new Array(2 ** 32 - 1).includes(1)',
    'new Array(2 ** 32 - 1).toSorted()',
    'new Array(2 ** 32 - 1).concat([1])',
    '[].concat(new Array(2 ** 32 - 1))',
    'new Array(2 ** 32 - 1).forEach(() => {})',
    'Array.prototype.every.call({ length: 2 ** 53 - 1 }, () => true)',
    'Array.prototype.filter.call({ length: 2 ** 53 - 1 }, () => true)',
    'Array.prototype.reduce.call({ length: 2 ** 53 - 1 }, () => true)',
    'new Array(2 ** 32 - 2).slice()',
    'new Array(2 ** 32 - 2).map(() => 1)',
    'new Array(2 ** 32 - 2).flat()',
    'Array.prototype.shift.call({ length: 2 ** 53 - 1 })',
    'Array.from({ length: 2 ** 32 - 2 })',
    "'x'.repeat(2 ** 28).split('')",
  ])('%s is a RangeError', async (code) => {
    expect(await Guest.eval(`try { ${code}; return 'ran'; } catch (e) { return e.name; }`)).toBe('RangeError');
  });

  it('leaves guarded methods as they were', async () => {
    expect(
      await Guest.eval(`return [[1, 2].indexOf(2), [2, 1].sort(), [1].concat([2], 3), [].fill.length, [].concat.name,
        Array.prototype.indexOf.call('abc', 'b'), [1, 2, 3].splice(1, 1), [NaN].includes(NaN)]`),
    ).toEqual([1, [1, 2], [1, 2, 3], 1, 'concat', 1, [2], true]);
  });

  it('shows no way to the host', async () => {
    expect(
      await Guest.eval(`const seen = []; Error.prepareStackTrace = (e, sites) => {
          for (const s of sites) seen.push(typeof s.getThis(), typeof s.getFunction()); return ''; };
        try { new Headers([['\\n', '']]); } catch (e) { void e.stack; }
        try { this.constructor.constructor('return process')(); } catch (e) { seen.push(e.name); }
        const F = crypto.getRandomValues.constructor;
        try { F('return require')(); } catch (e) { seen.push(e.name); }
        seen.push(await import('node:fs').then(() => 'imported', () => 'refused'));
        let caller; try { caller = (function f() { return arguments.callee.caller; })(); } catch (e) { caller = e.name; }
        seen.push(String(caller));
        return seen.filter((x) => x !== 'undefined' && x !== 'object')`),
    ).toEqual(
      ['function', 'ReferenceError', 'refused', 'TypeError']
        .filter((x) => x !== 'function')
        .toSpliced(1, 0, 'ReferenceError'),
    );
  });

  it('keeps bridge names out of every function text that can be reached', async () => {
    const found = await Guest.eval(`const seen = new Set(); let bad = []; let n = 0;
      const walk = (v, path, depth) => { if ((typeof v !== 'object' && typeof v !== 'function') || v === null || seen.has(v) || depth > 6) return;
        seen.add(v); n++;
        if (typeof v === 'function') { const t = Function.prototype.toString.call(v); if (t.includes('isolane_register') || t.includes('__isolane')) bad.push(path); }
        for (const k of Reflect.ownKeys(v)) { const d = Reflect.getOwnPropertyDescriptor(v, k); if (!d) continue;
          for (const part of ['value', 'get', 'set']) if (d[part]) walk(d[part], path + '.' + String(k), depth + 1); }
        walk(Object.getPrototypeOf(v), path + '.__proto__', depth + 1); };
      walk(globalThis, 'g', 0); walk(request, 'r', 0); walk(ctx, 'c', 0); walk(env, 'e', 0);
      return [bad, n > 500];`);
    expect(found).toEqual([[], true]);
  });

  it('queues finalizers for a turn and survives their errors', async () => {
    const guest = await guestOf(`const registry = new FinalizationRegistry((held) => {
        console.log('gone'); if (held === 0) throw new Error('in finalizer'); });
      export default { fetch() { for (let i = 0; i < 100; i++) registry.register({}, i);
        globalThis.bulk = Array.from({ length: 300_000 }, (_, i) => ({ i })); return new Response(String(registry instanceof FinalizationRegistry)); } }`);
    let strays: unknown[] = [];
    for (let i = 0; i < 300 && strays.length === 0; i++) {
      const turn = guest.fetch();
      expect(turn.get('head').body).toEqual({ text: 'true' });
      strays = turn.all('stray');
      // The native callback runs between turns, as a task of the isolate's own; asynchronous entries let it.
      await guest.isolate.getHeapStatistics();
    }
    expect(guest.lines.length).toBeGreaterThan(0);
    expect(strays[0]).toMatchObject({ inv: 0, message: 'in finalizer' });
  });

  it('bounds what one turn brings out', async () => {
    const guest = await guestOf(`export default { async fetch() { let n = 0, error;
      try { for (;;) { fetch('http://x/', { method: 'POST', body: 'y'.repeat(100_000) }).catch((e) => { error ??= e; }); if (++n > 1000) break; await null; if (error) break; } } catch (e) { error = e; }
      return new Response(error ? error.name + ': ' + error.message : 'no limit'); } }`);
    const turn = guest.fetch();
    expect(JSON.stringify(turn.commands).length).toBeLessThan(21_000_000);
    expect(turn.get('head').body).toEqual({ text: expect.stringContaining('RangeError: Too much output') });
  });
});
