/** The caches of tenants: who is answered, what is refused, what gives way, and that tenants never meet. */
import { describe, expect, it } from 'vitest';
import { CacheError, type CacheOptions, CacheQuery, keptUntil } from '../../../src/engine/bridge/cache-entry.ts';
import { CACHE_BOUNDS, type CacheBounds, CacheStore } from '../../../src/engine/bridge/cache-store.ts';

const at = (tenant = 'acme', cache = ':') => ({ tenant, cache });
const get = (url: string, headers: string[] = [], rest: Partial<CacheOptions & { method: string }> = {}): CacheQuery =>
  new CacheQuery(url, rest.method ?? 'GET', headers, {
    ignoreSearch: false,
    ignoreMethod: false,
    ignoreVary: false,
    ...rest,
  });
const ok = (size: number, headers: string[] = []) => ({
  status: 200,
  statusText: '',
  headers,
  body: new Uint8Array(size),
});
const open = (bounds: Partial<CacheBounds> = {}, nowMs: () => number = () => 0) =>
  new CacheStore(nowMs, { ...CACHE_BOUNDS, ...bounds });
const has = (store: CacheStore, url: string, tenant = 'acme') => store.match(at(tenant), get(url), 1).length === 1;

describe('CacheStore', () => {
  it('answers by URL, method and what vary names', () => {
    const store = open();
    store.put(at(), get('http://a/?x=1', ['accept-language', 'de']), ok(1, ['vary', 'Accept-Language']));
    store.put(at(), get('http://a/?x=1', ['accept-language', 'en']), ok(2, ['vary', 'Accept-Language']));
    const sizes = (query: CacheQuery) => store.match(at(), query, 9).map(({ response }) => response.body?.byteLength);
    expect(sizes(get('http://a/?x=1', ['Accept-Language', 'en']))).toEqual([2]);
    expect(sizes(get('http://a/?x=1'))).toEqual([]);
    expect(sizes(get('http://a/?x=1', [], { ignoreVary: true }))).toEqual([1, 2]);
    expect(sizes(get('http://a/?y', ['accept-language', 'de'], { ignoreSearch: true }))).toEqual([1]);
    expect(sizes(get('http://a/?x=1', ['accept-language', 'en'], { method: 'HEAD' }))).toEqual([]);
    expect(sizes(get('http://a/?x=1', ['accept-language', 'en'], { method: 'HEAD', ignoreMethod: true }))).toEqual([2]);
  });

  it('looks at so many entries of a path and no more', () => {
    const store = open({ searched: 10 });
    for (let n = 0; n < 11; n++) store.put(at(), get(`http://a/?${n}`, ['x', 'y']), ok(1, ['vary', 'x']));
    expect(store.match(at(), get('http://a/?10', ['x', 'y']), 1)).toHaveLength(1);
    expect(() => store.match(at(), get('http://a/', ['x', 'z'], { ignoreSearch: true }), 1)).toThrow(/more than 10/);
    expect(() => store.delete(at(), get('http://a/', ['x', 'z'], { ignoreSearch: true }))).toThrow(CacheError);
  });

  it('replaces what answers the same request, and counts it once', () => {
    const store = open();
    store.put(at(), get('http://a/'), ok(1000));
    const before = store.bytes('acme');
    store.put(at(), get('http://a/'), ok(1000));
    expect(store.bytes('acme')).toBe(before);
    expect(store.delete(at(), get('http://a/'))).toBe(true);
    expect(store.delete(at(), get('http://a/'))).toBe(false);
    expect(store.bytes()).toBe(0);
  });

  it('keeps tenants and caches apart', () => {
    const store = open();
    store.put(at('acme'), get('http://a/'), ok(1));
    expect(has(store, 'http://a/', 'other')).toBe(false);
    expect(store.match(at('acme', '=x'), get('http://a/'), 1)).toEqual([]);
    expect(store.names('other')).toEqual([]);
    expect([store.has(at()), store.drop(at()), store.has(at()), store.drop(at())]).toEqual([true, true, false, false]);
  });

  it('lets the least recently used give way', () => {
    const store = open({ tenantEntries: 2 });
    store.put(at(), get('http://a/1'), ok(1));
    store.put(at(), get('http://a/2'), ok(1));
    expect(has(store, 'http://a/1')).toBe(true);
    store.put(at(), get('http://a/3'), ok(1));
    expect([has(store, 'http://a/1'), has(store, 'http://a/2'), has(store, 'http://a/3')]).toEqual([true, false, true]);
  });

  it('takes room from the tenant that holds most', () => {
    const store = open({ hostBytes: 10_000 });
    store.put(at('small'), get('http://a/'), ok(2000));
    store.put(at('big'), get('http://a/1'), ok(3000));
    store.put(at('big'), get('http://a/2'), ok(2500));
    store.put(at('small'), get('http://a/2'), ok(1000));
    expect(has(store, 'http://a/', 'small')).toBe(true);
    expect([has(store, 'http://a/1', 'big'), has(store, 'http://a/2', 'big')]).toEqual([false, true]);
    expect(store.bytes()).toBeLessThanOrEqual(10_000);
  });

  it('counts a body that is read on after its entry is gone', async () => {
    const store = open({ tenantBytes: 200_000 });
    store.put(at(), get('http://a/'), ok(150_000));
    const body = store.read(store.match(at(), get('http://a/'), 1)[0]!);
    expect((await body.read())?.byteLength).toBe(65_536);
    store.delete(at(), get('http://a/'));
    expect(store.bytes('acme')).toBeGreaterThan(150_000);
    store.put(at(), get('http://a/2'), ok(150_000));
    expect(has(store, 'http://a/2')).toBe(false);
    body.cancel();
    body.cancel();
    expect(store.bytes()).toBe(0);
  });

  it('collects what arrives within its bounds', async () => {
    const store = open({ bodyBytes: 100, arrivingBytes: 150 });
    const stream = (chunks: number[], wait?: Promise<void>) => {
      const left = chunks.map((size) => new Uint8Array(size));
      return { length: null, read: async () => left.shift() ?? (await wait) ?? null, cancel: () => undefined };
    };
    expect((await store.collect('acme', stream([40, 60]))).byteLength).toBe(100);
    await expect(store.collect('acme', stream([101]))).rejects.toThrow(CacheError);
    let go = (): void => undefined;
    const held = store.collect('acme', stream([80], new Promise<void>((resolve) => (go = resolve))));
    await expect(store.collect('acme', stream([80]))).rejects.toThrow(/on their way/);
    expect((await store.collect('other', stream([80]))).byteLength).toBe(80);
    go();
    expect((await held).byteLength).toBe(80);
  });

  it.each([
    [get('http://a/', [], { method: 'POST' }), ok(1), /GET/],
    [get('http://a/', ['Range', 'bytes=0-1']), ok(1), /range/],
    [get('http://a/'), { ...ok(1), status: 206 }, /206/],
    [get('http://a/'), ok(1, ['Vary', 'accept, *']), /vary/],
    [get('http://a/'), ok(CACHE_BOUNDS.bodyBytes + 1), /8 MiB/],
  ])('refuses %#', (query, stored, why) => {
    expect(() => open().put(at(), query, stored)).toThrow(why);
  });

  it('bounds names and lists', () => {
    const store = open({ names: 1, listed: 1 });
    store.put(at('acme', '=1'), get('http://a/'), ok(1));
    expect(() => store.put(at('acme', '=2'), get('http://a/'), ok(1))).toThrow(/1 caches/);
    store.put(at('acme', '=1'), get('http://a/2'), ok(1));
    expect(() => store.all(at('acme', '=1'))).toThrow(/more than 1/);
  });

  it('bounds what a URL has of variants, and what they vary by', () => {
    const store = open({ variants: 2 });
    const put = (a: string) => store.put(at(), get('http://a/', ['a', a]), ok(1, ['vary', 'a']));
    for (const a of ['1', '2', '3']) put(a);
    const found = (a: string) => store.match(at(), get('http://a/', ['A', a]), 1).length;
    expect([found('1'), found('2'), found('3')]).toEqual([0, 1, 1]);
    const names = Array.from({ length: 17 }, (_, i) => `x${i}`).join(',');
    expect(() => store.put(at(), get('http://a/'), ok(1, ['vary', names]))).toThrow(/16 names/);
  });

  it('forgets what is no longer fresh, and the room it took', () => {
    let now = 1000;
    const store = open({}, () => now);
    store.put(at(), get('http://a/'), ok(1, ['cache-control', 'public, max-age=10']));
    now = 10_999;
    expect(has(store, 'http://a/')).toBe(true);
    now = 11_000;
    expect(has(store, 'http://a/')).toBe(false);
    expect(store.bytes()).toBe(0);
  });
});

describe('how long a response is kept', () => {
  it.each([
    [[], Number.POSITIVE_INFINITY],
    [['Cache-Control', 'no-store'], 0],
    [['Cache-Control', 'public,no-cache'], 0],
    [['Cache-Control', 'private, max-age=5'], 0],
    [['Cache-Control', 'max-age=0'], 0],
    [['Cache-Control', 'max-age=60, s-maxage=5'], 6000],
    [['Cache-Control', 's-maxage="7"'], 8000],
    [['Set-Cookie', 'a=1'], 0],
    [['Expires', new Date(5000).toUTCString()], 5000],
    [['Expires', '0'], 0],
    [['Expires', '0', 'Cache-Control', 'max-age=1'], 2000],
  ] as [string[], number][])('%j', (headers, until) => {
    expect(keptUntil(headers, 1000)).toBe(until);
  });
});
