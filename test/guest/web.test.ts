/** The web classes as a function's author meets them: spot checks of the parts that are ours. */
import { expect, it } from 'vitest';
import { Guest } from '../support/isolate.ts';

const rows: [string, string, unknown][] = [
  // URL and URLSearchParams
  [
    'url parts',
    "const u = new URL('https://u:p@EXAMPLE.com:8443/a/../b?x=1#h'); return [u.href, u.host, u.hostname, u.port, u.pathname, u.search, u.hash, u.origin, u.username, u.password, u.protocol]",
    [
      'https://u:p@example.com:8443/b?x=1#h',
      'example.com:8443',
      'example.com',
      '8443',
      '/b',
      '?x=1',
      '#h',
      'https://example.com:8443',
      'u',
      'p',
      'https:',
    ],
  ],
  [
    'url setters',
    "const u = new URL('http://a/'); u.port = '81'; u.pathname = 'ü'; u.search = 'q=1'; u.hash = 'z'; u.protocol = 'https'; u.protocol = 'mailto'; return u.href",
    'https://a:81/%C3%BC?q=1#z',
  ],
  [
    'url base and errors',
    "return [new URL('../c', 'http://a/b/d').href, URL.canParse('x'), URL.parse('x'), (() => { try { new URL('x'); } catch (e) { return [e.name, e.code]; } })()]",
    ['http://a/c', false, null, ['TypeError', 'ERR_INVALID_URL']],
  ],
  ['idna', "return new URL('http://bücher.example/').host", 'xn--bcher-kva.example'],
  [
    'params follow the url and back',
    "const u = new URL('http://a/?a=1'); u.searchParams.append('b', ' &'); const one = u.href; u.search = '?c=3'; return [one, [...u.searchParams], u.searchParams === u.searchParams]",
    ['http://a/?a=1&b=+%26', [['c', '3']], true],
  ],
  [
    'params',
    "const p = new URLSearchParams('?a=1&b=%C3%A4+x&a=2&=&c'); p.sort(); const q = new URLSearchParams({ x: '1' }); q.set('x', 2); q.delete('nope'); return [p.getAll('a'), p.get('b'), p.has('c', ''), p.size, String(p), String(q), String(new URLSearchParams([['k', '*-._ ~']]))]",
    [['1', '2'], 'ä x', true, 5, '=&a=1&a=2&b=%C3%A4+x&c=', 'x=2', 'k=*-._+%7E'],
  ],
  // Headers
  [
    'headers sort and combine',
    "const h = new Headers([['B', '2'], ['a', ' 1\\t']]); h.append('a', '3'); return [[...h], [...h.keys()], h.get('A'), h.has('b'), h.get('no')]",
    [
      [
        ['a', '1, 3'],
        ['b', '2'],
      ],
      ['a', 'b'],
      '1, 3',
      true,
      null,
    ],
  ],
  [
    'headers refuse',
    "const r = []; for (const [k, v] of [['', 'x'], ['a b', 'x'], ['a', 'x\\ny'], ['a', '\\x00'], ['a', '\\x7f'], ['a', '\\u0100'], ['a:', 'x']]) { try { new Headers([[k, v]]); r.push('took ' + k); } catch (e) { r.push(e.name); } } return r",
    Array(7).fill('TypeError'),
  ],
  ['headers take latin-1', "return new Headers({ a: 'é' }).get('a')", 'é'],
  [
    'request headers are immutable',
    "try { request.headers.set('a', 'b'); return 'set'; } catch (e) { return e.name; }",
    'TypeError',
  ],
  // Request and Response
  [
    'response init',
    "const r = new Response('x', { status: 201, statusText: 'Made', headers: { 'content-type': 'a/b' } }); return [r.status, r.ok, r.statusText, r.headers.get('content-type'), r.type, r.url]",
    [201, true, 'Made', 'a/b', 'default', ''],
  ],
  [
    'response refuses',
    "const r = []; for (const s of [0, 99, 101, 199, 600, 1000, NaN, 'x', Infinity]) { try { new Response(null, { status: s }); r.push(s); } catch (e) { r.push(e.name); } } try { new Response('x', { status: 204 }); } catch (e) { r.push(e.name); } try { new Response('', { statusText: 'a\\r\\nb' }); } catch (e) { r.push(e.name); } return r",
    [...Array(9).fill('RangeError'), 'TypeError', 'TypeError'],
  ],
  [
    'response statics',
    "const j = Response.json({ a: 1 }, { status: 202 }); const d = Response.redirect('http://a/b', 307); return [j.status, j.headers.get('content-type'), await j.json(), d.status, d.headers.get('location'), Response.error().type, (() => { try { Response.redirect('/rel'); } catch (e) { return e.name; } })()]",
    [202, 'application/json', { a: 1 }, 307, 'http://a/b', 'error', 'TypeError'],
  ],
  [
    'request init',
    "const a = new Request('http://A/x', { method: 'patch', body: 'b', headers: { k: 'v' } }); const b = new Request(a, { headers: { z: '1' } }); return [a.method, a.url, a.bodyUsed, b.method, await b.text(), b.headers.get('k'), b.headers.get('z')]",
    ['PATCH', 'http://a/x', true, 'PATCH', 'b', null, '1'],
  ],
  [
    'clone of a stream body',
    'const r = new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array([65])); c.enqueue(new Uint8Array([66])); c.close(); } })); const c = r.clone(); return [await r.text(), await c.text(), r.bodyUsed]',
    ['AB', 'AB', true],
  ],
  [
    'body of text as stream',
    "const r = new Response('häh'); const out = []; for await (const c of r.body) out.push(...c); return [new TextDecoder().decode(new Uint8Array(out)), r.bodyUsed]",
    ['häh', true],
  ],
  [
    'subclasses and tags',
    "class R extends Response {} return [new R('x') instanceof Response, String(new R('x')), Object.prototype.toString.call(new Headers()), Object.keys(Response.prototype).includes('json'), Response.name, Response.prototype.json.name]",
    [true, '[object Response]', '[object Headers]', true, 'Response', 'json'],
  ],
  // FormData, Blob, File
  [
    'multipart both ways',
    "const f = new FormData(); f.append('a', 'l1\\nl2'); f.append('q\"', 'x'); f.append('file', new File([new Uint8Array([0, 13, 10, 255])], 'ü\".bin', { type: 'x/y' })); const r = new Response(f); const g = await r.formData(); const file = g.get('file'); return [g.get('a'), g.get('q\"'), file.name, file.type, [...await file.bytes()], [...g.keys()]]",
    ['l1\r\nl2', 'x', 'ü".bin', 'x/y', [0, 13, 10, 255], ['a', 'q"', 'file']],
  ],
  [
    'multipart as curl sends it',
    "const b = '--X\\r\\nContent-Disposition: form-data; name=\"a\"\\r\\n\\r\\n1\\r\\n--X\\r\\nContent-Disposition: form-data; name=\"f\"; filename=\"n.txt\"\\r\\nContent-Type: text/plain\\r\\n\\r\\nhi\\r\\n--X--\\r\\n'; const f = await new Response(b, { headers: { 'content-type': 'multipart/form-data; boundary=X' } }).formData(); return [f.get('a'), f.get('f').name, await f.get('f').text()]",
    ['1', 'n.txt', 'hi'],
  ],
  [
    'multipart refuses',
    "return await new Response('--X\\r\\nnope', { headers: { 'content-type': 'multipart/form-data; boundary=X' } }).formData().catch((e) => e.name)",
    'TypeError',
  ],
  [
    'urlencoded',
    "const f = await new Response(new URLSearchParams('a=1&b=%20')).formData(); return [...f]",
    [
      ['a', '1'],
      ['b', ' '],
    ],
  ],
  ['other forms say so', "return await new Response('x').formData().catch((e) => e.name)", 'TypeError'],
  [
    'blob',
    "const b = new Blob(['ab', new Uint8Array([99]), new Blob(['d'])], { type: 'Text/X' }); return [b.size, b.type, await b.text(), await b.slice(1, -1).text(), (await b.arrayBuffer()).byteLength, await new Response(b.stream()).text()]",
    [4, 'text/x', 'abcd', 'bc', 4, 'abcd'],
  ],
  // Streams
  [
    'transform and encode',
    "return await new Response(new ReadableStream({ start(c) { c.enqueue('a'); c.enqueue('\\ud83d'); c.enqueue('\\ude00'); c.close(); } }).pipeThrough(new TextEncoderStream())).text()",
    'a😀',
  ],
  [
    'decode stream',
    "let t = ''; for await (const s of new Response(new Uint8Array([0xc3, 0xa4])).body.pipeThrough(new TextDecoderStream())) t += s; return t",
    'ä',
  ],
  [
    'byob',
    "const r = new Response('hello').body.getReader({ mode: 'byob' }); const { value } = await r.read(new Uint8Array(3)); return new TextDecoder().decode(value)",
    'hel',
  ],
  ['from', 'const l = []; for await (const x of ReadableStream.from([1, 2])) l.push(x); return l', [1, 2]],
  // Encoding
  [
    'encode and decode',
    "const t = 'aä€😀\\ud800'; const b = new TextEncoder().encode(t); return [b.length, new TextDecoder().decode(b), new TextEncoder().encodeInto('aä€', new Uint8Array(4))]",
    [13, 'aä€😀\ufffd', { read: 2, written: 3 }],
  ],
  [
    'decoder modes',
    "const d = new TextDecoder('utf-8', { fatal: true }); return [(() => { try { d.decode(new Uint8Array([255])); } catch (e) { return e.name; } })(), new TextDecoder('latin1').decode(new Uint8Array([0x80])), new TextDecoder('utf-16le').decode(new Uint8Array([65, 0])), (() => { try { new TextDecoder('nope'); } catch (e) { return e.name; } })()]",
    ['TypeError', '€', 'A', 'RangeError'],
  ],
  [
    'decoder streams',
    'const d = new TextDecoder(); return [d.decode(new Uint8Array([0xef, 0xbb]), { stream: true }), d.decode(new Uint8Array([0xbf, 0xe2, 0x82]), { stream: true }), d.decode(new Uint8Array([0xac]), { stream: true }), d.decode(new Uint8Array([0xe2])), d.decode()]',
    ['', '', '€', '\ufffd', ''],
  ],
  [
    'base64',
    "return [btoa('\\xff\\x00a'), atob(' /wB h\\n'), atob('YQ'), ['a', 'a===', '*', '=a'].map((s) => { try { return atob(s); } catch (e) { return e.name; } }), (() => { try { btoa('ā'); } catch (e) { return e.code; } })()]",
    ['/wBh', '\xff\x00a', 'a', Array(4).fill('InvalidCharacterError'), 5],
  ],
  // Events and aborting
  [
    'events',
    "const t = new EventTarget(); const l = []; const f = (e) => l.push(e.type, e.target === t, e.eventPhase); t.addEventListener('x', f); t.addEventListener('x', f); t.addEventListener('x', { handleEvent(e) { l.push('obj'); e.preventDefault(); } }, { once: true }); const r = t.dispatchEvent(new CustomEvent('x', { cancelable: true, detail: 1 })); t.removeEventListener('x', f); t.dispatchEvent(new Event('x')); return [l, r]",
    [['x', true, 2, 'obj'], false],
  ],
  [
    'abort',
    "const c = new AbortController(); const any = AbortSignal.any([c.signal, new AbortController().signal]); const l = []; any.onabort = (e) => l.push(e.type, e.isTrusted); c.abort('why'); c.abort('again'); return [any.aborted, any.reason, l, (() => { try { any.throwIfAborted(); } catch (e) { return e; } })(), AbortSignal.abort().reason.name]",
    [true, 'why', ['abort', true], 'why', 'AbortError'],
  ],
  [
    'domexception',
    "const e = new DOMException('m', 'AbortError'); return [e instanceof Error, e.code, DOMException.ABORT_ERR, e.name, String(e), e.stack.startsWith('AbortError: m'), Object.prototype.toString.call(e)]",
    [true, 20, 20, 'AbortError', 'AbortError: m', true, '[object DOMException]'],
  ],
  // structuredClone
  [
    'clone',
    "const s = { d: new Date(1), r: /a/gi, m: new Map([[{ k: 1 }, new Set([1])]]), e: new RangeError('x'), b: new Uint8Array([1, 2]).subarray(1), n: Object(5), u: undefined, a: [1, , 3], f: 1n }; s.self = s; const c = structuredClone(s); return [c !== s, c.self === c, +c.d, String(c.r), [...c.m.values()][0].has(1), c.e instanceof RangeError, c.e.message, [...c.b], typeof c.n, 'u' in c, 1 in c.a, c.a.length, String(c.f)]",
    [true, true, 1, '/a/gi', true, true, 'x', [2], 'object', true, false, 3, '1'],
  ],
  [
    'clone refuses',
    "return [() => {}, Symbol(), new WeakMap(), Promise.resolve(), { f() {} }, new Response('x')].map((v) => { try { structuredClone(v); return 'took'; } catch (e) { return e.name; } })",
    Array(6).fill('DataCloneError'),
  ],
  [
    'clone transfers',
    'const b = new ArrayBuffer(4); const c = structuredClone({ b }, { transfer: [b] }); return [b.byteLength, c.b.byteLength, b.detached]',
    [0, 4, true],
  ],
  // crypto
  [
    'random',
    'const a = new Uint32Array(4); return [crypto.getRandomValues(a) === a, a.some((x) => x > 0), /^[0-9a-f-]{36}$/.test(crypto.randomUUID()), [new Float32Array(1), new Uint8Array(65537)].map((v) => { try { crypto.getRandomValues(v); } catch (e) { return e.name; } })]',
    [true, true, true, ['TypeMismatchError', 'QuotaExceededError']],
  ],
  [
    'digest',
    "return [...new Uint8Array(await crypto.subtle.digest('sha-256', new TextEncoder().encode('abc')))].slice(0, 4)",
    [0xba, 0x78, 0x16, 0xbf],
  ],
  [
    'hmac',
    "const d = new TextEncoder().encode('data'); const k = await crypto.subtle.importKey('raw', d, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']); const s = await crypto.subtle.sign('HMAC', k, d); return [s.byteLength, await crypto.subtle.verify('HMAC', k, s, d), await crypto.subtle.verify('HMAC', k, new Uint8Array(32), d), k.type, k.algorithm.hash.name, Object.keys(k), await crypto.subtle.exportKey('raw', k).catch((e) => e.name)]",
    [32, true, false, 'secret', 'SHA-256', [], 'InvalidAccessError'],
  ],
  [
    'keys sign',
    "const d = new Uint8Array([1]); const r = []; for (const a of [{ name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }, { name: 'Ed25519' }]) { const p = await crypto.subtle.generateKey(a, true, ['sign', 'verify']); const s = await crypto.subtle.sign(a, p.privateKey, d); const pub = await crypto.subtle.importKey('jwk', await crypto.subtle.exportKey('jwk', p.publicKey), a, true, ['verify']); const raw = await crypto.subtle.importKey('raw', await crypto.subtle.exportKey('raw', p.publicKey), a, true, ['verify']); r.push(s.byteLength, await crypto.subtle.verify(a, pub, s, d), await crypto.subtle.verify(a, raw, s, new Uint8Array(2))); } return r",
    [64, true, false, 64, true, false],
  ],
  [
    'aes-gcm',
    "const k = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt', 'decrypt']); const a = { name: 'AES-GCM', iv: new Uint8Array(12), additionalData: new Uint8Array([1]) }; const c = await crypto.subtle.encrypt(a, k, new Uint8Array([7])); return [c.byteLength, ...new Uint8Array(await crypto.subtle.decrypt(a, k, c)), await crypto.subtle.decrypt({ ...a, additionalData: new Uint8Array(1) }, k, c).catch((e) => e.name)]",
    [17, 7, 'OperationError'],
  ],
  [
    'pbkdf2 is bounded',
    "const k = await crypto.subtle.importKey('raw', new Uint8Array(4), 'PBKDF2', false, ['deriveBits']); const d = (iterations) => crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations }, k, 256); return [(await d(10)).byteLength, await d(1e9).catch((e) => e.name)]",
    [32, 'NotSupportedError'],
  ],
  // Globals
  [
    'globals',
    "return [self === globalThis, navigator.userAgent, typeof performance.timeOrigin, Object.getOwnPropertyDescriptor(globalThis, 'Response').enumerable, fetch.name, setTimeout.length, typeof process, typeof require]",
    [true, 'isolane', 'number', false, 'fetch', 1, 'undefined', 'undefined'],
  ],
];

it.each(rows)('%s', async (_name, code, expected) => {
  expect(await Guest.eval(code)).toEqual(expected);
});
