/** The same expressions in Node and in an isolate, with the same results: values, errors' names, codes and sentences. */
import { describe, expect, it } from 'vitest';
import { bundled } from '../../support/bundled.ts';

/** Each is the body of an async function; `m` is the module, `n` its twin `require` gives. */
type Cases = Readonly<Record<string, readonly string[]>>;

const CASES: Cases = {
  buffer: [
    "return m.Buffer.from('zażółć gęślą jaźń 🦊').toString('base64')",
    'return m.Buffer.from([1, 2, 3]).toJSON()',
    "return m.Buffer.alloc(10, 'abc').toString()",
    "return m.Buffer.alloc(5, 'YQ==', 'base64').toString()",
    "return m.Buffer.concat([m.Buffer.from('a'), m.Buffer.from('bc')], 2).toString()",
    "return m.Buffer.from('abcabc').indexOf('c', -2)",
    "return m.Buffer.from('abcabc').lastIndexOf('ab')",
    "return m.Buffer.from('abc').equals(m.Buffer.from('abc'))",
    "return m.Buffer.compare(m.Buffer.from('a'), m.Buffer.from('b'))",
    "return m.Buffer.byteLength('żółw', 'utf8') + m.Buffer.byteLength('aGk=', 'base64') + m.Buffer.byteLength('abc', 'hex')",
    "return m.Buffer.from('0102zz', 'hex').length",
    "return m.Buffer.alloc(3).write('€€')",
    "return m.Buffer.from('test').fill('ab', 1).toString()",
    "return m.Buffer.from('abcd').swap16().toString()",
    "return m.Buffer.from('abcde').subarray(-3, -1).toString()",
    "return m.Buffer.isBuffer(m.Buffer.from('x').subarray(0)) && m.Buffer.isBuffer(new m.Buffer(3)) && m.Buffer('a') instanceof Uint8Array",
    "return m.transcode(m.Buffer.from('€x'), 'utf8', 'ascii').toString()",
    'return m.Buffer.from({ length: 2, 0: 7, 1: 8 })',
    "return m.Buffer.from(new String('hi')).toString()",
    'return m.Buffer.from(new Uint16Array([1, 256]).buffer)',
    "return m.isUtf8(m.Buffer.from([0xff])) || m.isAscii(m.Buffer.from('é'))",
    'return m.Buffer.from(null)',
    'return m.Buffer.from(5)',
    'return m.Buffer.from({})',
    "return m.Buffer.from('x', 'nope')",
    'return m.Buffer.alloc(-1)',
    "return m.Buffer.alloc('5')",
    'return m.Buffer.alloc(2).readUInt32LE(0)',
    'return m.Buffer.alloc(8).readUInt32LE(5)',
    'return m.Buffer.alloc(8).readUInt32LE(1.5)',
    "return m.Buffer.alloc(8).readUInt32LE('1')",
    'return m.Buffer.alloc(8).writeUInt8(256)',
    'return m.Buffer.alloc(8).writeInt32BE(2 ** 31)',
    'return m.Buffer.alloc(8).writeUIntBE(2 ** 40, 0, 5)',
    'return String(m.Buffer.alloc(8).writeBigInt64LE(2n ** 63n))',
    'return m.Buffer.concat(1)',
    "return m.Buffer.concat(['x'])",
    "return m.Buffer.from('x').equals('x')",
    "return m.Buffer.alloc(2).write('abc', 3)",
    "return m.Buffer.alloc(4).fill('zz', 'hex')",
    "return [...m.Buffer.from('ab').entries()]",
    "return m.Buffer.from('abc').map((x) => x + 1).toString()",
    'return m.Buffer.from([1.9, -1, 300, "4"])',
  ],
  path: [
    "return ['/a/b/../c', 'a//b/.', '', '../..', '/..', './x/'].map(m.normalize)",
    "return [m.join('a', '..', '..', 'b'), m.resolve('/a', '../b', './c'), m.relative('/a/b/c', '/a/d'), m.dirname('/a/b/'), m.basename('/x/y.txt', '.txt'), m.extname('.a.b')]",
    "return m.parse('/home/user/file.tar.gz')",
    "return m.format({ dir: '/x', name: 'a', ext: 'b' })",
    "return ['C:\\\\a\\\\..\\\\b', 'C:a', '\\\\\\\\server\\\\share\\\\x', 'a/b\\\\c'].map((p) => [m.win32.normalize(p), m.win32.parse(p), m.win32.isAbsolute(p)])",
    "return m.win32.relative('C:\\\\a\\\\b', 'C:\\\\a\\\\c\\\\d')",
    'return m.join(1)',
  ],
  util: [
    "return m.format('%s %d %i %f %j %o %O %%', 'a', 1.5, '42abc', '1.5', { a: 1 }, [1], { b: { c: {} } }, 'more')",
    "return m.inspect({ a: [1, 2, { b: new Map([['k', new Set([1])]]) }], f() {}, s: Symbol('x'), d: new Date(0), r: /x/g, n: null })",
    "return m.inspect(new Error('boom').message) + m.inspect('it\\'s') + m.inspect([,1]) + m.inspect(Object.create(null))",
    "const a = { name: 'x' }; a.self = a; return m.inspect(a)",
    'return m.inspect({ a: { b: { c: { d: 1 } } } }, { depth: 0 }) + m.inspect({ a: 1 }, { colors: true })',
    "class A { [m.inspect.custom](depth, options) { return 'custom ' + typeof options.stylize } } return m.inspect([new A()])",
    'return m.inspect(Array.from({ length: 120 }, (_, i) => i))',
    'return m.isDeepStrictEqual({ a: [1, new Map([[{ x: 1 }, 2]])] }, { a: [1, new Map([[{ x: 1 }, 2]])] })',
    'return m.isDeepStrictEqual([1], { 0: 1 })',
    'return m.isDeepStrictEqual(new Set([{ a: 1 }]), new Set([{ a: 1 }])) && !m.isDeepStrictEqual(0, -0)',
    'return m.promisify((a, done) => done(null, a + 1))(1)',
    'return m.promisify((done) => done(new TypeError("no")))()',
    'return new Promise((resolve) => m.callbackify(async (x) => x * 2)(4, (e, v) => resolve([e, v])))',
    'function A() {} function B() {} m.inherits(A, B); return new A() instanceof B && A.super_ === B',
    'return m.inherits(function () {}, undefined)',
    "return [m.types.isDate(new Date()), m.types.isMap(new Map()), m.types.isPromise(Promise.resolve()), m.types.isRegExp(/x/), m.types.isUint8Array(new Uint8Array()), m.types.isBoxedPrimitive(new String('x')), m.types.isNativeError(new RangeError()), m.types.isArgumentsObject((function () { return arguments })()), m.types.isGeneratorFunction(function* () {})]",
    "return m.parseArgs({ args: ['-f', '--bar', 'b', 'pos', '--no-x'], options: { foo: { type: 'boolean', short: 'f' }, bar: { type: 'string' }, x: { type: 'boolean' } }, allowPositionals: true, allowNegative: true })",
    "return m.parseArgs({ args: ['--nope'], options: {} })",
    "return m.parseArgs({ args: ['x'] })",
    "return m.styleText('red', 'x') + m.styleText(['bold', 'underline'], 'y', { validateStream: false })",
    "return m.stripVTControlCharacters('\\u001b[31mx\\u001b[39m')",
    "return m.parseEnv('A=1\\n# c\\nB=\"x\\\\ny\"\\nexport C=\\'q\\' # t')",
    "return m.toUSVString('a\\ud800')",
    "return new m.TextDecoder().decode(new m.TextEncoder().encode('ż'))",
  ],
  assert: [
    'm.ok(1); m.equal(1, "1"); m.deepEqual([1], ["1"]); m.notStrictEqual(1, 2); m.throws(() => { throw new TypeError("x") }, TypeError); await m.rejects(Promise.reject(new Error("a")), /a/); return "fine"',
    'm.strictEqual(1, 2)',
    "m.strictEqual(1, 2, 'own words')",
    'm.equal(1, 2)',
    'm.deepStrictEqual({ a: 1 }, { a: 1 }); m.notDeepEqual([1], [2]); m.match("abc", /b/); m.doesNotMatch("abc", /z/); return 1',
    'm.throws(() => {})',
    'm.doesNotThrow(() => { throw new Error("x") })',
    'm.ifError(new Error("bad"))',
    'm.ifError(null); return 2',
    'm.fail()',
    "m.fail('why')",
    'await m.rejects(async () => 1)',
    'm.throws(() => { throw new Error("x") }, { message: "x" }); return 3',
    'm.partialDeepStrictEqual({ a: 1, b: { c: 2, d: 3 } }, { b: { c: 2 } }); return 4',
    'm.strict.equal(1, "1")',
    'm.notStrictEqual(1, 1)',
    'm.notDeepStrictEqual({ a: 1 }, { a: 1 })',
    'm.match("abc", /x/)',
    'm.deepStrictEqual(new Map([[1, { a: 1 }]]), new Map([[1, { a: 1 }]])); m.deepStrictEqual(new Date(1), new Date(1)); m.deepStrictEqual(NaN, NaN); return 5',
    'return [() => m.deepStrictEqual(new Date(1), new Date(2)), () => m.deepEqual(new Error("a"), new Error("b")), () => m.deepStrictEqual([1], [1, 2]), () => m.deepStrictEqual(-0, 0), () => m.deepEqual(-0, 0)].map((f) => { try { f(); return true } catch (e) { return e.code } })',
  ],
  url: [
    "return m.parse('http://user:pa%20ss@Example.com:8080/p/a?x=1&y#h', true)",
    "return m.parse('//host/path', false, true).host",
    "return m.resolve('http://a.com/b/c', '../d')",
    "return m.format({ protocol: 'https', hostname: 'x.y', pathname: '/p', query: { a: 1 } })",
    "return m.fileURLToPath('file:///a%20b/c')",
    "return m.pathToFileURL('/a b#c?d%').href",
    "return m.urlToHttpOptions(new URL('http://u:p@a.b:81/x?y'))",
    "return [m.domainToASCII('español.com'), m.domainToUnicode('xn--espaol-zwa.com')]",
    "return m.fileURLToPath('http://x')",
    "return m.format(new URL('http://a.b/c?d#e'), { fragment: false, search: false })",
  ],
  querystring: [
    "return m.parse('a=1&a=2&b=%20c+d&e')",
    "return m.stringify({ a: [1, 2], b: 'ż ', c: true, d: null })",
    "return m.escape('a b&ż') + m.unescape('%41%zz')",
  ],
  events: [
    "const e = new m(); const seen = []; e.on('x', (v) => seen.push(v)); e.once('x', (v) => seen.push(-v)); e.prependListener('x', () => seen.push('first')); e.emit('x', 1); e.emit('x', 2); return [seen, e.listenerCount('x'), e.eventNames()]",
    "new m().emit('error', new Error('lost'))",
    "new m().emit('error', 'text')",
    "const e = new m(); setTimeout(() => e.emit('go', 1, 2)); return m.once(e, 'go')",
    "const e = new m(); setTimeout(() => { e.emit('v', 1); e.emit('v', 2); e.emit('end') }); const got = []; for await (const [v] of m.on(e, 'v', { close: ['end'] })) got.push(v); return got",
    "new m().on('x', 5)",
    "function Old() { m.call(this) } require$('util').inherits(Old, m); const o = new Old(); let n = 0; o.on('x', () => n++); o.emit('x'); return n",
    "const e = new m({ captureRejections: true }); const p = new Promise((r) => e.on('error', (err) => r(err.message))); e.on('x', async () => { throw new Error('async') }); e.emit('x'); return p",
    "const e = new m(); const log = []; e.on('newListener', (n) => log.push('+' + n)); e.on('removeListener', (n) => log.push('-' + n)); const f = () => {}; e.on('a', f); e.off('a', f); return log",
    "return m.once(new EventTarget(), 'x', { signal: AbortSignal.abort() })",
    'return [m.defaultMaxListeners, new m().getMaxListeners(), m.listenerCount(new m(), "x"), typeof m.EventEmitter]',
  ],
  string_decoder: [
    "const d = new m.StringDecoder('utf8'); return [d.write(Buffer.from([0xe2, 0x82])), d.write(Buffer.from([0xac])), d.end(Buffer.from([0xe2]))]",
    "const d = new m.StringDecoder('base64'); return [d.write(Buffer.from('a')), d.write(Buffer.from('bcd')), d.end()]",
    "const d = new m.StringDecoder('utf16le'); return [d.write(Buffer.from([0x61])), d.write(Buffer.from([0, 0x62])), d.end(Buffer.from([0]))]",
    "new m.StringDecoder('nope')",
  ],
  stream: [
    "return m.promises.pipeline(m.Readable.from(['a', 'b', 'c']), async function* (s) { for await (const x of s) yield String(x).toUpperCase() }, async (s) => { let t = ''; for await (const x of s) t += x; return t })",
    'return m.Readable.from([1, 2, 3, 4]).filter((x) => x % 2 === 0).map((x) => x * 10).toArray()',
    "const t = new m.PassThrough(); t.end('hi'); return (await t.toArray()).map(String)",
    "return new Promise((r) => m.pipeline(m.Readable.from(['x']), new m.Writable({ write(c, e, d) { d(new Error('full')) } }), (e) => r(e.message)))",
    "return new Promise((r) => m.finished(new m.Readable({ read() { this.destroy(new Error('gone')) } }).resume(), (e) => r(e.message)))",
    "const [a, b] = m.duplexPair(); a.end('ping'); return String(await b.read() ?? (await require$('events').once(b, 'data'))[0])",
    "const r = new m.Readable({ read() {} }); r.push('é'.repeat(3)); r.push(null); r.setEncoding('utf8'); return r.toArray()",
    "return new m() instanceof require$('events')",
    "const w = m.Writable.toWeb(new m.Writable({ write(c, e, d) { d() } })).getWriter(); await w.write(Buffer.from('x')); await w.close(); return 'closed'",
    "const chunks = []; const w = m.Writable.fromWeb(new WritableStream({ write(c) { chunks.push(...c) } })); w.end('ab'); await m.promises.finished(w); return chunks",
  ],
  'timers/promises': [
    "return m.setTimeout(1, 'v')",
    "return m.setImmediate('now')",
    'return m.setTimeout(1, null, { signal: AbortSignal.abort() })',
    'const got = []; for await (const v of m.setInterval(1, 7)) { got.push(v); if (got.length === 2) break } return got',
  ],
  diagnostics_channel: [
    "const c = m.channel('x'); const seen = []; const f = (v, n) => seen.push([v, n]); c.subscribe(f); c.publish(1); c.unsubscribe(f); c.publish(2); return [seen, m.hasSubscribers('x')]",
    "const t = m.tracingChannel('q'); const seen = []; const add = (n) => () => seen.push(n); t.subscribe({ start: add('s'), end: add('e'), asyncStart: add('as'), asyncEnd: add('ae'), error: add('er') }); await t.tracePromise(async () => 1); try { t.traceSync(() => { throw new Error('x') }) } catch {} return seen",
  ],
  punycode: ["return [m.toASCII('mañana.com'), m.decode('maana-pta'), m.ucs2.decode('😀')]"],
  console: [
    "let out = ''; const { Writable } = require$('stream'); new m.Console(new Writable({ write(t, e, done) { out += t; done() } })).log('a', { b: 1 }); return out",
  ],
  process: [
    'return [m.platform, typeof m.hrtime.bigint(), m.hrtime().length, typeof m.uptime(), m.env.NOTHING]',
    'return new Promise((r) => m.nextTick((a, b) => r([a, b]), 1, 2))',
    "m.nextTick('x')",
  ],
  async_hooks: [
    `const als = new m.AsyncLocalStorage(); const seen = [];
     const step = async (n) => { await null; seen.push([n, als.getStore()]); await new Promise((r) => setTimeout(r, 1)); seen.push([n, als.getStore()]); queueMicrotask(() => seen.push([n, als.getStore()])); await 0; await 0 };
     await Promise.all([als.run('a', step, 1), als.run('b', step, 2), step(3)]); return seen.map(String).sort()`,
    'const als = new m.AsyncLocalStorage(); return als.run(1, async () => { const bound = m.AsyncResource.bind(() => als.getStore()); const inner = await als.run(2, async () => { await 0; return [als.getStore(), bound(), als.exit(() => als.getStore() ?? null)] }); return [...inner, als.getStore()] })',
    'const als = new m.AsyncLocalStorage(); const snap = als.run(5, () => m.AsyncLocalStorage.snapshot()); return snap(() => als.getStore())',
    'const als = new m.AsyncLocalStorage(); als.enterWith(9); await 0; return als.getStore()',
    'const als = new m.AsyncLocalStorage({ defaultValue: 3, name: "n" }); return [als.getStore(), als.name]',
    'const als = new m.AsyncLocalStorage(); return als.run(1, async () => { const out = []; for await (const x of (async function* () { yield als.getStore(); await 0; yield als.getStore() })()) out.push(x, als.getStore()); return out })',
    'const als = new m.AsyncLocalStorage(); return als.run(4, async () => { const { promise, resolve } = Promise.withResolvers(); setTimeout(resolve); await promise; return [als.getStore(), await Promise.resolve(1).finally(() => {}).then(() => als.getStore())] })',
    'const als = new m.AsyncLocalStorage(); return als.run(6, async () => await { then(r) { r(als.getStore()) } })',
    'const e = als_emitter(m); return e',
  ],
};

const RUN = `
const plain = (value) => value === undefined ? '(undefined)' : typeof value === 'bigint' ? String(value) : value;
const run = async (fn, m, require$) => {
  try { return { value: plain(await fn(m, require$)) }; }
  catch (error) { return { name: error.name, code: error.code, message: error.message }; }
};`;
const HELP = `
const als_emitter = (m) => { const als = new m.AsyncLocalStorage(); const Emitter = require$1('events').EventEmitterAsyncResource;
  const e = als.run('made', () => new Emitter({ name: 'E' })); let seen; e.on('x', () => { seen = als.getStore() }); als.run('emitted', () => e.emit('x')); return seen };`;

const inNode = async (name: string, bodies: readonly string[]): Promise<unknown[]> => {
  const source = `${RUN}\nreturn (async (m, require$1) => { ${HELP} const out = [];\n${bodies
    .map((body) => `out.push(await run(async (m, require$) => { ${body} }, m, require$1));`)
    .join('\n')}\nreturn out; })(m, require$);`;
  const { createRequire } = await import('node:module');
  const require = createRequire(import.meta.url);
  const module: unknown = require(`node:${name}`);
  return JSON.parse(
    JSON.stringify(await (new Function('m', 'require$', source)(module, require) as Promise<unknown>)),
  ) as unknown[];
};

const inGuest = async (name: string, bodies: readonly string[]): Promise<unknown[]> => {
  const { guest } = await bundled(
    `const m = require('node:${name}'); const known = { util: () => require('util'), events: () => require('events'), stream: () => require('stream') };
     const require$1 = (id) => known[id]();
     ${RUN} ${HELP}
     export default { async fetch() { const out = [];\n${bodies
       .map((body) => `out.push(await run(async (m, require$) => { ${body} }, m, require$1));`)
       .join('\n')}\nreturn Response.json(out); } };`,
    { memoryMiB: 128 },
  );
  try {
    const turn = guest.ticks(
      guest.fetch(),
      (one) => one.find('head') !== undefined || one.find('failed') !== undefined,
    );
    const failed = turn.find('failed');
    if (failed !== undefined) throw new Error(`${failed.message}\n${failed.stack}`);
    return JSON.parse((turn.get('head').body as { text: string }).text) as unknown[];
  } finally {
    guest.close();
  }
};

describe.each(Object.entries(CASES))('node:%s', (name, bodies) => {
  it('answers as in Node', async () => {
    const [node, guest] = [await inNode(name, bodies), await inGuest(name, bodies)];
    const pairs = (results: readonly unknown[]) => bodies.map((body, index) => ({ body, result: results[index] }));
    expect(pairs(guest)).toEqual(pairs(node));
  });
});
