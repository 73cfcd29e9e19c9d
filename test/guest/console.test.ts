/** console: what a line looks like, and that no guest can forge, flood or break it (catalogue 98, 99). */
import { expect, it } from 'vitest';
import { type Line, openGuest } from '../support/isolate.ts';

const lines = async (code: string, logBytes = 1_000_000): Promise<Line[]> => {
  const guest = await openGuest(`export default { async fetch() { ${code}; return new Response(''); } }`);
  guest.logBytes = logBytes;
  try {
    const failed = guest.fetch().find('failed');
    if (failed !== undefined) throw new Error(failed.stack);
    return guest.lines;
  } finally {
    guest.close();
  }
};
const text = async (code: string): Promise<string> => (await lines(code)).map((line) => line.text).join('\n');

it.each([
  ["'plain', 1, -0, 2n, true, null, undefined, Symbol('s')", 'plain 1 -0 2n true null undefined Symbol(s)'],
  ["{ a: { b: { c: 1 } }, 'x-y': 'q' }", "{ a: { b: { c: 1 } }, 'x-y': 'q' }"],
  ['[1, , 3], []', '[ 1, <1 empty item>, 3 ] []'],
  ["new Map([['k', { v: 1 }]]), new Set([1])", "Map(1) { 'k' => { v: 1 } } Set(1) { 1 }"],
  [
    'new Uint8Array([1, 2]), new ArrayBuffer(3)',
    'Uint8Array(2) [ 1, 2 ] ArrayBuffer { [Uint8Contents]: <00 00 00>, [byteLength]: 3 }',
  ],
  ['function f() {}, class A {}, () => 1', '[Function: f] [class A] [Function (anonymous)]'],
  ['new Date(0), /x/g, new Date(NaN)', '1970-01-01T00:00:00.000Z /x/g Invalid Date'],
  ['(() => { const o = { n: 1 }; o.self = o; return o; })()', '<ref *1> { n: 1, self: [Circular *1] }'],
  ['new (class Point { x = 1; #y = 2; })()', 'Point { x: 1 }'],
  ['Object.create(null)', '[Object: null prototype] {}'],
  ['{ get a() { throw 1; }, set b(v) {} }', '{ a: [Getter], b: [Setter] }'],
  ["'%s=%d %i %f %j %% %o %c|', 'a', 1.5, 1.5, 2, { x: 1 }, [1], 'css', 'rest'", 'a=1.5 1 2 {"x":1} % [ 1 ] | rest'],
  ["new URL('http://h/'), new Headers({ a: 'b' })", "Headers { a: 'b' }"],
  ['{ a: { b: { c: { d: { e: { f: { g: 1 } } } } } } }', '[Object]'],
  ["'it\\'s', [\"it's\"]", `it's [ "it's" ]`],
])('console.log(%s)', async (args, expected) => {
  expect(await text(`console.log(${args})`)).toContain(expected);
});

it('shows errors with stack, properties and cause', async () => {
  const shown = await text(
    "console.error(Object.assign(new TypeError('bad', { cause: new Error('why') }), { code: 7 }))",
  );
  expect(shown).toContain('TypeError: bad\n    at');
  expect(shown).toContain('code: 7');
  expect(shown).toContain('[cause]: Error: why');
});

it('has the usual methods and levels', async () => {
  const all =
    await lines(`console.debug('d'); console.info('i'); console.warn('w'); console.error('e'); console.assert(1 === 2, 'odd');
    console.count(); console.count('x'); console.count(); console.group('g'); console.log('in'); console.groupEnd(); console.log('out');
    console.time('t'); console.timeEnd('t'); console.dir({ a: 1 }); console.table([{ a: 1 }])`);
  expect(all.map((line) => `${line.level} ${line.text}`)).toEqual([
    'debug d',
    'info i',
    'warn w',
    'error e',
    'error Assertion failed: odd',
    'info default: 1',
    'info x: 1',
    'info default: 2',
    'info g',
    'info   in',
    'info out',
    'info t: 0ms',
    'info { a: 1 }',
    'info ┌─────────┬───┐\n│ (index) │ a │\n├─────────┼───┤\n│ 0       │ 1 │\n└─────────┴───┘',
  ]);
});

it('escapes what could forge a line or move a cursor', async () => {
  expect(await text("console.log('a\\u0000b\\u001b[31mc\\rd\\u2028e\\u009bf\\n\\tg\\ud800')")).toBe(
    'a\\x00b\\x1b[31mc\\x0dd\\u2028e\\x9bf\n\tg\ufffd',
  );
});

it.each([
  [
    'a Proxy that throws',
    'new Proxy({}, { ownKeys() { throw 1; }, get() { throw 2; }, getPrototypeOf() { throw 3; } })',
  ],
  ['a hostile toStringTag', '({ get [Symbol.toStringTag]() { throw 1; } })'],
  [
    'a hostile error',
    'Object.create(Error.prototype, { stack: { get() { throw 1; } }, message: { get() { throw 1; } } })',
  ],
  ['a revoked Proxy', '(() => { const p = Proxy.revocable({}, {}); p.revoke(); return p.proxy; })()'],
])('survives %s', async (_name, value) => {
  expect(await lines(`console.log('x', ${value})`)).toHaveLength(1);
});

it.each([
  ['a long string', "'x'.repeat(2 ** 24)"],
  ['many keys', 'Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [i, i]))'],
  ['a wide tree', "(() => { let a = 'leaf'; for (let i = 0; i < 40; i++) a = [a, a, a]; return a; })()"],
  ['a deep tree', '(() => { let a = {}; for (let i = 0; i < 1e5; i++) a = { a }; return a; })()'],
])('cuts %s', async (_name, value) => {
  const [line] = await lines(`console.log(${value})`);
  expect(line?.text.length).toBeLessThanOrEqual(65_536);
});

it('stops formatting once limits.logBytes is used up', async () => {
  const all = await lines(
    "for (let i = 0; i < 1000; i++) console.log('0123456789', { get: i }); console.log(new Proxy({}, { ownKeys() { throw new Error('formatted'); } }))",
    100,
  );
  expect(all.length).toBeLessThan(10);
});
