/** caches in functions on a real engine: shared by a tenant's isolates, in whatever process, and by nobody else's. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Path } from '../support/path.ts';

const KEEP = `
  const { pathname } = new URL(request.url);
  const cache = pathname === '/named' ? await caches.open('v1') : caches.default;
  if (request.method === 'POST') {
    await cache.put('http://cache.test' + pathname, new Response(request.body, { status: 203, headers: { 'x-kept': 'yes' } }));
    return new Response('kept');
  }
  const hit = await cache.match('http://cache.test' + pathname + '#fragment');
  return hit === undefined ? new Response('miss', { status: 404 }) : new Response(hit.body, hit);`;

describe.each([
  ['lanes', ''],
  ['an engine process', '@default'],
] as const)('caches in %s', (_, realm) => {
  let path: Path;
  beforeAll(async () => {
    path = await Path.open({ realm, lanes: 1, snapshot: false });
  });
  afterAll(() => path.close());

  it('is shared by the functions of a tenant and by no other tenant', async () => {
    const one = path.handler(KEEP);
    const two = path.handler(KEEP);
    const other = path.handler(KEEP, {}, { tenant: 'other' });
    expect((await path.request(one, { path: '/a' })).status).toBe(404);
    expect((await path.request(one, { path: '/a', body: 'text' })).text).toBe('kept');
    const hit = await path.request(two, { path: '/a' });
    expect([hit.status, hit.text, hit.headers.get('x-kept')]).toEqual([203, 'text', 'yes']);
    expect((await path.request(other, { path: '/a' })).status).toBe(404);
    expect((await path.request(two, { path: '/named' })).status).toBe(404);
    expect((await path.request(two, { path: '/named', body: 'other' })).text).toBe('kept');
    expect((await path.request(one, { path: '/named' })).text).toBe('other');
  });

  it('takes and gives large bodies as streams', async () => {
    const function_ = path.handler(KEEP);
    const piece = Buffer.alloc(100_000, 'x');
    const stream = async function* () {
      for (let i = 0; i < 20; i++) yield piece;
    };
    expect((await path.request(function_, { path: '/big', body: { stream: stream() } })).text).toBe('kept');
    for (let i = 0; i < 2; i++) {
      const hit = await path.request(function_, { path: '/big' });
      expect(hit.bytes?.byteLength).toBe(2_000_000);
      expect(hit.bytes?.every((byte) => byte === 120)).toBe(true);
    }
  });

  it('counts each call as a subrequest, and ends at their limit', async () => {
    const function_ = path.handler("for (let i = 0; i < 9; i++) await caches.default.match('http://cache.test/');", {
      subrequests: 5,
    });
    const { reply, story } = await path.run(function_);
    expect([reply.status, reply.outcome]).toEqual([500, 'subrequests_exceeded']);
    expect(story.record.subrequests).toBe(5);
  });

  it('says why it refuses', async () => {
    const function_ = path.handler(`
      const refusals = [];
      const put = async (input, response) => { try { await caches.default.put(input, response); refusals.push('kept'); } catch (e) { refusals.push(e.name + ': ' + e.message); } };
      await put('ftp://a/', new Response(''));
      await put(new Request('http://a/', { method: 'POST' }), new Response(''));
      await put(new Request('http://a/', { headers: { range: 'bytes=0-1' } }), new Response(''));
      await put('http://a/', new Response('', { status: 206 }));
      await put('http://a/', new Response('', { headers: { vary: 'accept, *' } }));
      const read = new Response('x'); await read.text(); await put('http://a/', read);
      await put('http://a/', new Response(new Uint8Array(9 * 1024 * 1024)));
      await put('http://a/', new Response('', { headers: { 'x-long': 'x'.repeat(70_000) } }));
      return Response.json(refusals);`);
    expect(JSON.parse((await path.request(function_)).text ?? '')).toEqual([
      'TypeError: cache.put: only http: and https: URLs can be cached',
      'TypeError: cache.put: only GET requests can be cached, not POST',
      'TypeError: cache.put: a request with a range header cannot be cached',
      'TypeError: cache.put: a partial response (206) cannot be cached',
      'TypeError: cache.put: a response with "vary: *" cannot be cached',
      'TypeError: cache.put: the response body was already read; put response.clone()',
      'TypeError: a response in the cache may have a body of 8 MiB',
      'TypeError: the cache takes headers of 65536 characters in all',
    ]);
  });

  it('has what the Service Worker standard has', async () => {
    const function_ = path.handler(`
      const cache = await caches.open('sw');
      await cache.put('http://a/?1', new Response('one'));
      await cache.put('http://a/?2', new Response('two'));
      const texts = async (list) => Promise.all(list.map((each) => each.text()));
      const out = {
        keys: (await cache.keys()).map((each) => each instanceof Request && each.url),
        some: (await cache.keys('http://a/?2')).length,
        all: await texts(await cache.matchAll()),
        search: await texts(await cache.matchAll('http://a/', { ignoreSearch: true })),
        any: await (await caches.match('http://a/?2')).text(),
        named: await caches.match('http://a/?2', { cacheName: 'none' }) ?? null,
        has: [await caches.has('sw'), await caches.has('none')],
        names: (await caches.keys()).includes('sw'),
        deleted: [await cache.delete('http://a/?1'), await cache.delete('http://a/?1')],
        dropped: [await caches.delete('sw'), await caches.has('sw')],
        immutable: await (async () => { await cache.put('http://a/', new Response('')); try { (await cache.match('http://a/')).headers.set('a', 'b'); } catch (e) { return e.name; } })(),
        tags: [String(caches), String(cache), typeof Cache, typeof CacheStorage],
        brand: await Cache.prototype.match.call({}, 'http://a/').catch((e) => e.name),
        made: (() => { try { new Cache(); } catch (e) { return e.name; } })(),
      };
      return Response.json(out);`);
    expect(JSON.parse((await path.request(function_)).text ?? '')).toEqual({
      keys: ['http://a/?1', 'http://a/?2'],
      some: 1,
      all: ['one', 'two'],
      search: ['one', 'two'],
      any: 'two',
      named: null,
      has: [true, false],
      names: true,
      deleted: [true, false],
      dropped: [true, false],
      immutable: 'TypeError',
      tags: ['[object CacheStorage]', '[object Cache]', 'function', 'function'],
      brand: 'TypeError',
      made: 'TypeError',
    });
  });

  it('shows nothing of the runtime to a prototype', async () => {
    const function_ = path.handler(`
      const seen = [];
      Object.defineProperty(Object.prototype, 'then', { configurable: true, get() { seen.push(Object.keys(this).join()); return undefined; } });
      try {
        await caches.default.put('http://cache.test/then', new Response('x'));
        await caches.default.match('http://cache.test/then');
        await caches.default.keys();
        await caches.default.delete('http://cache.test/then');
      } finally { delete Object.prototype.then; }
      return new Response(seen.filter((keys) => keys !== '' && !/^[0-9,]*$/.test(keys)).join(' | '));`);
    expect((await path.request(function_)).text).toBe('');
  });

  it('is not for the top level', async () => {
    const function_ = path.deploy(`
      let said; const asked = caches.default.match('http://a/').catch((e) => { said = e.message; });
      export default { async fetch() { await asked; return new Response(said); } }`);
    expect((await path.request(function_)).text).toMatch(/inside a handler/);
  });
});
