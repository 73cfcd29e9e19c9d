/** Headers, Request, Response, FormData, data: and blob: URLs as the standards have them, where a conformance run does not look. */
import { expect, it } from 'vitest';
import { Guest } from '../support/isolate.ts';

const rows: [string, string, unknown][] = [
  [
    'arguments are counted',
    `const calls = [() => new Headers().append('a'), () => new Headers().get(), () => new Headers().set('a'), () => new FormData().append('a'),
      () => new FormData().has(), () => new Request(), () => Response.json(), () => Response.redirect(), () => URL.createObjectURL()];
    return calls.map((call) => { try { call(); return 'took'; } catch (e) { return e.name; } })`,
    Array(9).fill('TypeError'),
  ],
  [
    'lengths are those of WebIDL',
    'return [Headers, Request, Response, FormData, fetch, Response.json, Response.redirect, Headers.prototype.append, Headers.prototype.forEach, FormData.prototype.set].map((f) => f.length)',
    [0, 1, 0, 0, 1, 1, 1, 2, 1, 2],
  ],
  [
    'members belong to their own class',
    `const odd = { __proto__: Request.prototype };
    const say = (f) => { try { f(); return 'took'; } catch (e) { return e.name; } };
    return [say(() => odd.url), say(() => odd.mode), say(() => odd.destination), say(() => odd.duplex), say(() => odd.body), say(() => Headers.prototype.get.call({}, 'a')), say(() => FormData.prototype.keys.call({})), await Response.prototype.text.call({}).catch((e) => e.name)]`,
    Array(8).fill('TypeError'),
  ],
  [
    'a request says how it is to be made',
    `const r = new Request('http://a/#x', { mode: 'same-origin', credentials: 'omit', cache: 'only-if-cached', redirect: 'error', referrer: 'http://r/', referrerPolicy: 'origin', integrity: 'sha256-x', keepalive: true, duplex: 'half', priority: 'high', window: null });
    const show = (x) => [x.mode, x.credentials, x.cache, x.redirect, x.referrer, x.referrerPolicy, x.integrity, x.keepalive, x.duplex, x.destination, x.url];
    return [show(r), show(r.clone())[0], show(new Request(r))[3], show(new Request(r, {}))[4], show(new Request('http://b/'))]`,
    [
      [
        'same-origin',
        'omit',
        'only-if-cached',
        'error',
        'http://r/',
        'origin',
        'sha256-x',
        true,
        'half',
        '',
        'http://a/#x',
      ],
      'same-origin',
      'error',
      'http://r/',
      ['cors', 'same-origin', 'default', 'follow', 'about:client', '', '', false, 'half', '', 'http://b/'],
    ],
  ],
  [
    'a request refuses what it cannot mean',
    `const inits = [{ mode: 'navigate' }, { mode: 'x' }, { credentials: 'x' }, { cache: 'x' }, { cache: 'only-if-cached' }, { redirect: 'x' }, { referrer: 'http://' }, { referrerPolicy: 'x' }, { duplex: 'full' }, { window: 'client' }, { signal: {} }, { mode: 'no-cors', method: 'PUT' }];
    return inits.filter((init) => { try { new Request('http://a/', init); return true; } catch (e) { return !(e instanceof TypeError); } })`,
    [],
  ],
  [
    'a URL object cannot smuggle credentials',
    "try { new Request(new URL('http://u:p@a/')); return 'took'; } catch (e) { return e.name; }",
    'TypeError',
  ],
  [
    'signals of copies follow, also when they are asked for late',
    `const c = new AbortController(); const a = new Request('http://a/', { signal: c.signal }); const b = new Request(a), d = b.clone();
    c.abort('why'); const own = new Request(a, { signal: null });
    return [a.signal.reason, b.signal.reason, d.signal.reason, own.signal.aborted, a.signal !== c.signal]`,
    ['why', 'why', 'why', false, true],
  ],
  [
    'a moved body',
    `const a = new Request('http://a/', { method: 'POST', body: new ReadableStream({ start(c) { c.enqueue(new Uint8Array([104, 105])); c.close(); } }), duplex: 'half' });
    const stream = a.body, b = new Request(a);
    return [a.body === stream, a.bodyUsed, stream.locked, b.body === stream, await b.text()]`,
    [true, true, true, false, 'hi'],
  ],
  [
    'clones of a stream share no bytes',
    `const bytes = new Uint8Array([1, 2]); const a = new Response(new ReadableStream({ start(c) { c.enqueue(bytes); c.close(); } })), b = a.clone();
    const one = (await a.body.getReader().read()).value, two = (await b.body.getReader().read()).value; one[0] = 9;
    return [one === bytes, two[0]]`,
    [true, 1],
  ],
  [
    'bytes are whose they are',
    `const a = new Response(new Uint8Array([1, 2, 3])), b = a.clone(); const one = await a.bytes(); one[0] = 9;
    const blob = new Blob(['abc']); const two = new Uint8Array(await new Response(blob).arrayBuffer()); two[0] = 120;
    return [(await b.bytes())[0], await blob.text()]`,
    [1, 'abc'],
  ],
  [
    'a byte order mark goes',
    "return [(await new Response('\\ufeffa').text()).length, await new Response('\\ufeff{}').json(), (await new Response(new Uint8Array([0xef, 0xbb, 0xbf, 97])).text()).length]",
    [1, {}, 1],
  ],
  [
    'types of blobs are serialised MIME types',
    `const type = async (value) => (await new Response('', { headers: { 'content-type': value } }).blob()).type;
    return [await type('Text/Plain;Charset=UTF-8'), await type('a/b; c="d e"'), await type('nothing'), await type('text/html, a/b;charset=x, a/b'), await type('text/html;x="a,b", */*')]`,
    ['text/plain;charset=UTF-8', 'a/b;c="d e"', '', 'a/b;charset=x', 'text/html;x="a,b"'],
  ],
  [
    'a form through a blob and back',
    `const form = new FormData(); form.append('a"\\n', 'x\\r\\ny\\n'); form.append('f', new File(['\\u00fc'], 'n\\\\"me.txt', { type: 'text/x' })); form.append('e', ''); form.append('bom', '\\ufeffx');
    const blob = await new Response(form).blob(); const back = await new Response(blob).formData(); const file = back.get('f');
    return [[...back.keys()], back.get('a"\\r\\n'), file.name, file.type, await file.text(), back.get('e'), back.get('bom').length]`,
    [['a"\r\n', 'f', 'e', 'bom'], 'x\r\ny\r\n', 'n\\"me.txt', 'text/x', 'ü', '', 2],
  ],
  [
    'forms of other senders',
    `const read = async (text, type = 'multipart/form-data; boundary="a b"') => { try { const f = await new Response(text, { headers: { 'content-type': type } }).formData(); return [...f].map(([k, v]) => [k, typeof v === 'string' ? v : v.name + ':' + v.type]); } catch (e) { return e.name; } };
    const part = (head, body) => '--a b\\r\\n' + head + '\\r\\n\\r\\n' + body + '\\r\\n';
    return [
      await read('preamble\\r\\n' + part('content-disposition: form-data; name=plain', '--a') + '--a b--'),
      await read(part('Content-Disposition: form-data; filename="a.b"; name="x"\\r\\nX-Other: 1', 'y') + '--a b--\\r\\nepilogue'),
      await read(part('Content-Disposition: form-data', 'y') + '--a b--'),
      await read(part('Content-Disposition: form-data; name="x"', 'y')),
      await read('--a b--'),
      await read('x', 'multipart/form-data'),
      await read('a=%C3%BC+1&b', 'application/x-www-form-urlencoded;charset=utf-8'),
    ]`,
    [
      [['plain', '--a']],
      [['x', 'a.b:text/plain']],
      'TypeError',
      'TypeError',
      [],
      'TypeError',
      [
        ['a', 'ü 1'],
        ['b', ''],
      ],
    ],
  ],
  [
    'form entries',
    `const f = new FormData(); f.append('a', 1); f.append('b', new Blob(['x'])); f.set('a', 2); f.append('n', new File(['y'], 'one'), 'two');
    const bad = (() => { try { f.append('a', 'text', 'name'); return 'took'; } catch (e) { return e.name; } })();
    f.constructor.prototype.get = () => 'patched';
    return [f.getAll('a'), f.getAll('b')[0].name, f.getAll('n')[0].name, bad, f.has('none'), Object.prototype.toString.call(f), [...f.values()].length]`,
    [['2'], 'blob', 'two', 'TypeError', false, '[object FormData]', 3],
  ],
  [
    'data: URLs stay here',
    `const r = await fetch('data:text/html;charset=utf-8;base64,PGI%2B#frag');
    const failed = await fetch('data:x').catch((e) => [e.name, e.message]);
    return [r.status, r.statusText, r.type, r.url, r.headers.get('content-type'), (await r.bytes()).length, failed, await (await fetch('data:,a%20b', { method: 'HEAD' })).text(), await (await fetch('data:,a%20b', { method: 'POST', body: 'x' })).text()]`,
    [
      200,
      'OK',
      'basic',
      'data:text/html;charset=utf-8;base64,PGI%2B',
      'text/html;charset=utf-8',
      3,
      ['TypeError', 'fetch failed: the data: URL has no comma or is not valid base64'],
      '',
      'a b',
    ],
  ],
  [
    'blob: URLs live here until they are revoked',
    `const url = URL.createObjectURL(new Blob(['abc'], { type: 'a/b' })); const r = await fetch(url + '#x');
    const got = [url.startsWith('blob:null/'), r.headers.get('content-type'), r.headers.get('content-length'), await r.text()];
    const post = await fetch(url, { method: 'POST' }).catch((e) => e.name);
    URL.revokeObjectURL(url);
    return [...got, post, await fetch(url).catch((e) => e.name)]`,
    [true, 'a/b', '3', 'abc', 'TypeError', 'TypeError'],
  ],
  [
    'promises of the runtime show nothing of it to a prototype',
    `const seen = new Set();
    Object.defineProperty(Object.prototype, 'then', { configurable: true, get() { seen.add(Object.keys(this).sort().join()); return undefined; } });
    const stream = () => new ReadableStream({ start(c) { c.enqueue(new Uint8Array([123, 125])); c.close(); } });
    try {
      const r = new Response(stream()), c = r.clone(); await r.text(); await c.json();
      await new Response(new FormData()).formData(); await new Response('x').blob(); await (await fetch('data:,x')).bytes();
      for await (const chunk of new Request('http://a/', { method: 'POST', body: stream() }).body) void chunk;
    } finally { delete Object.prototype.then; }
    return [...seen].filter((keys) => !/^[0-9,]*$/.test(keys)).sort()`,
    ['done,value'],
  ],
  [
    'headers are converted before they are judged',
    `const log = []; const init = new Proxy({ a: '1', 'b b': '2', c: '3' }, { get(t, k) { log.push(k.toString()); return t[k]; } });
    try { new Headers(init); } catch (e) { log.push(e.name); }
    const own = new Headers({ x: '1' }); own[Symbol.iterator] = function* () { yield ['y', '2']; };
    return [log, [...new Headers(own).keys()], [...new Headers(new Headers({ z: '1' })).keys()]]`,
    [['Symbol(Symbol.iterator)', 'a', 'b b', 'c', 'TypeError'], ['y'], ['z']],
  ],
  [
    'header values: trimmed, one by one',
    "const bad = ['a\\nb', 'a\\rb', 'a\\0b', '\\u0100'].filter((v) => { try { new Headers({ a: v }); return true; } catch { return false; } }); return [new Headers({ a: '\\t \\r\\n' }).get('a'), new Headers({ a: ' \\tx y\\n' }).get('a'), bad]",
    ['', 'x y', []],
  ],
];

it.each(rows)('%s', async (_name, code, expected) => {
  expect(await Guest.eval(code)).toEqual(expected);
});

it('blob: URLs end with the invocation that made them', async () => {
  const { openGuest, bodyText } = await import('../support/isolate.ts');
  const guest = await openGuest(`let url; const kept = URL.createObjectURL(new Blob(['k']));
    export default { async fetch() {
      const got = await Promise.all([url, kept].map((each) => each && fetch(each).then((r) => r.text(), (e) => e.name)));
      url = URL.createObjectURL(new Blob(['x']));
      return Response.json(got);
    } }`);
  const texts = [guest.fetch(), guest.fetch()].map((turn) => bodyText(turn, turn.get('head').body));
  guest.close();
  expect(texts).toEqual(['[null,"k"]', '["TypeError","k"]']);
});
