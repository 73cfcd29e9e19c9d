/**
 * Every built-in function a guest can reach, found by walking its globals, and what each is called with: small receivers
 * for loops that must end on time, hostile ones for single calls. New built-ins of a new V8 come in by themselves.
 */

/** One callable, as text a guest can evaluate. */
export interface BuiltIn {
  /** `Array.prototype.map`, `get Map.prototype.size`, `new Date`. */
  readonly name: string;
  /** Expression of the function. */
  readonly code: string;
  /** Expression of the object it hangs on, `Array.prototype`. */
  readonly owner: string;
  readonly key: string;
  readonly kind: 'method' | 'accessor' | 'construct';
}

/** Prototypes no global names. */
const HIDDEN: Readonly<Record<string, string>> = {
  TypedArray: 'Object.getPrototypeOf(Uint8Array)',
  ArrayIterator: 'Object.getPrototypeOf([][Symbol.iterator]())',
  StringIterator: "Object.getPrototypeOf(''[Symbol.iterator]())",
  MapIterator: 'Object.getPrototypeOf(new Map().keys())',
  SetIterator: 'Object.getPrototypeOf(new Set().keys())',
  RegExpIterator: "Object.getPrototypeOf('a'.matchAll(/a/g))",
  IteratorHelper: 'Object.getPrototypeOf([].values().map((x) => x))',
  WrapIterator: 'Object.getPrototypeOf(Iterator.from({ next() {} }))',
  Generator: 'Object.getPrototypeOf((function* () {})())',
  AsyncGenerator: 'Object.getPrototypeOf((async function* () {})())',
  GeneratorFunction: '(function* () {}).constructor',
  AsyncFunction: '(async () => {}).constructor',
};

/** Evaluated in a guest: the JSON of all `BuiltIn`s. */
export const ENUMERATE: string = `(() => {
  const out = [], seen = new Set();
  const part = (k) => typeof k === 'symbol' ? '[' + k.description + ']' : /^[A-Za-z_$][\\w$]*$/.test(k) ? '.' + k : '[' + JSON.stringify(k) + ']';
  const walk = (value, code) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) {
      if (key === 'constructor' || key === 'caller' || key === 'callee' || key === 'arguments' || key === 'isolaneSurvey') continue;
      const d = Reflect.getOwnPropertyDescriptor(value, key);
      const at = code === 'globalThis' && typeof key === 'string' ? key : code + part(key);
      const text = String(typeof key === 'symbol' ? key.description : key);
      for (const side of ['get', 'set']) if (typeof d[side] === 'function') {
        const mark = typeof key === 'symbol' ? key.description : JSON.stringify(key);
        out.push({ name: side + ' ' + at, code: 'Object.getOwnPropertyDescriptor(' + code + ', ' + mark + ').' + side, owner: code, key: text, kind: 'accessor' });
      }
      if (typeof d.value === 'function' && !seen.has(d.value)) {
        out.push({ name: at, code: at, owner: code, key: text, kind: 'method' });
        try { Reflect.construct(Object, [], d.value); out.push({ name: 'new ' + at, code: at, owner: code, key: text, kind: 'construct' }); } catch {}
      }
      if (d.value !== globalThis) walk(d.value, at);
    }
  };
  const hidden = ${JSON.stringify(Object.entries(HIDDEN))};
  walk(globalThis, 'globalThis');
  for (const [, code] of hidden) walk((0, eval)(code), code);
  return JSON.stringify(out);
})()`;

/** What a loop must not do: end the test by itself. */
const SKIPPED: ReadonlySet<string> = new Set(['eval', 'isolaneSurvey']);
export const surveyed = (found: BuiltIn): boolean => !SKIPPED.has(found.key);

const TYPED = /^(Int|Uint|Float|BigInt|BigUint)\w*Array(\.prototype)?$/;
const hidden = (name: keyof typeof HIDDEN): string => HIDDEN[name] ?? '';

/** Small, ordinary receivers of the methods on `owner`. */
export function receivers(owner: string): readonly string[] {
  const known: Readonly<Record<string, readonly string[]>> = {
    'Array.prototype': ['[3, 1, 2]', 'new Array(100)', 'new Array(100).fill(1)'],
    'String.prototype': ["'hello, w\\u00f6rld'", "'x'.repeat(100)"],
    'Object.prototype': ['({ a: 1 })'],
    'Function.prototype': ['((x) => x)'],
    'Number.prototype': ['1.5'],
    'Boolean.prototype': ['true'],
    'Symbol.prototype': ["Symbol('s')"],
    'BigInt.prototype': ['12345678901234567890n'],
    'Date.prototype': ['new Date(0)'],
    'RegExp.prototype': ['/(a+)b?/g', '/x/y'],
    'Map.prototype': ['new Map([[1, 2], [3, 4]])'],
    'Set.prototype': ['new Set([1, 2, 3])'],
    'WeakMap.prototype': ['new WeakMap()'],
    'WeakSet.prototype': ['new WeakSet()'],
    'WeakRef.prototype': ['new WeakRef({})'],
    'Promise.prototype': ['Promise.resolve(1)'],
    'Error.prototype': ["new Error('e')"],
    'ArrayBuffer.prototype': ['new ArrayBuffer(64)'],
    'DataView.prototype': ['new DataView(new ArrayBuffer(64))'],
    'Iterator.prototype': ['[1, 2, 3].values()'],
    'Intl.Collator.prototype': ["new Intl.Collator('en')"],
    'Intl.DateTimeFormat.prototype': ["new Intl.DateTimeFormat('en')"],
    'Intl.NumberFormat.prototype': ["new Intl.NumberFormat('en')"],
    'Intl.PluralRules.prototype': ["new Intl.PluralRules('en')"],
    'Intl.RelativeTimeFormat.prototype': ["new Intl.RelativeTimeFormat('en')"],
    'Intl.ListFormat.prototype': ["new Intl.ListFormat('en')"],
    'Intl.DisplayNames.prototype': ["new Intl.DisplayNames('en', { type: 'region' })"],
    'Intl.Segmenter.prototype': ["new Intl.Segmenter('en')"],
    'Intl.Locale.prototype': ["new Intl.Locale('en-GB')"],
    'Intl.DurationFormat.prototype': ["new Intl.DurationFormat('en')"],
    [`${hidden('TypedArray')}.prototype`]: ['new Uint8Array(100)', 'new Float64Array([3, 1, 2])'],
    [hidden('ArrayIterator')]: ['[1, 2].values()'],
    [hidden('StringIterator')]: ["'ab'[Symbol.iterator]()"],
    [hidden('MapIterator')]: ['new Map([[1, 2]]).keys()'],
    [hidden('SetIterator')]: ['new Set([1]).keys()'],
    [hidden('RegExpIterator')]: ["'aa'.matchAll(/a/g)"],
    [hidden('IteratorHelper')]: ['[1, 2].values().map((x) => x)'],
    [hidden('WrapIterator')]: ['Iterator.from({ next: () => ({ done: true }) })'],
    [hidden('Generator')]: ['(function* () { yield 1; })()'],
    [hidden('AsyncGenerator')]: ['(async function* () { yield 1; })()'],
    'Headers.prototype': ["new Headers({ a: 'b' })"],
    'URL.prototype': ["new URL('http://h/p?q')"],
    'URLSearchParams.prototype': ["new URLSearchParams('a=1&b=2')"],
    'Blob.prototype': ["new Blob(['x'])"],
    'FormData.prototype': ['new FormData()'],
    'Response.prototype': ["new Response('x')"],
    'Request.prototype': ["new Request('http://h/')"],
    'TextEncoder.prototype': ['new TextEncoder()'],
    'TextDecoder.prototype': ['new TextDecoder()'],
    'Crypto.prototype': ['crypto'],
    'SubtleCrypto.prototype': ['crypto.subtle'],
    'EventTarget.prototype': ['new EventTarget()'],
  };
  if (known[owner] !== undefined) return known[owner];
  if (TYPED.test(owner)) return [owner.replace('.prototype', '')];
  if (owner.startsWith('Temporal.')) return [temporal(owner)];
  return owner.endsWith('.prototype') ? [owner, '({})'] : [owner === 'globalThis' ? 'undefined' : owner];
}

function temporal(owner: string): string {
  const kind = owner.split('.')[1] ?? '';
  const now: Readonly<Record<string, string>> = {
    Instant: 'Temporal.Now.instant()',
    ZonedDateTime: "Temporal.Now.zonedDateTimeISO('UTC')",
    PlainDateTime: "Temporal.Now.plainDateTimeISO('UTC')",
    PlainDate: "Temporal.Now.plainDateISO('UTC')",
    PlainTime: "Temporal.Now.plainTimeISO('UTC')",
    Duration: 'new Temporal.Duration(1, 2, 3)',
    PlainYearMonth: 'new Temporal.PlainYearMonth(2026, 1)',
    PlainMonthDay: 'new Temporal.PlainMonthDay(1, 1)',
  };
  return owner.endsWith('.prototype') ? (now[kind] ?? owner) : owner;
}

/** Argument lists worth trying, the most fitting first. */
export const ARGUMENTS: readonly string[] = [
  '',
  '1',
  '(x) => x',
  "'a'",
  '[1, 2]',
  '1, 2',
  '{}',
  "'a', 'b'",
  '(x) => x, 0',
  '0, 1n',
  'new Set([1])',
  "['en']",
  "'2026-01-01'",
  'new Uint8Array(8)',
  '() => 1, undefined, []',
];

/** Receivers and arguments out of all proportion. Getters and proxies lie about their length the second time. */
export const HOSTILE: readonly string[] = [
  '{ length: 2 ** 53 - 1 }',
  "{ length: '9007199254740991' }",
  '{ n: 0, get length() { return this.n++ < 1 ? 1 : 2 ** 53 - 1; } }',
  "new Proxy([], { n: 0, get(t, k) { return k === 'length' ? (this.n++ < 1 ? 1 : 2 ** 53 - 1) : t[k]; } })",
  'new Array(2 ** 32 - 1)',
  'new Array(2 ** 22)',
  'new Proxy(new Array(2 ** 32 - 1), {})',
  'Array(2 ** 20).fill(0)',
  "'x'.repeat(2 ** 28)",
  "new String('x'.repeat(2 ** 28))",
  "('ab'.repeat(2 ** 24) + '\\u0101')",
  '2n ** (2n ** 20n)',
  'new Uint8Array(2 ** 24)',
  '2 ** 53 - 1',
  '2 ** 31',
  '1e21',
];
/** One iterable per kind of endlessness; used as arguments only. */
export const ENDLESS: readonly string[] = [
  '(function* () { for (;;) yield 1; })()',
  '{ [Symbol.iterator]: () => ({ next: () => ({ value: [1, 2], done: false }) }) }',
  '{ size: 2 ** 53 - 1, has: () => true, keys: () => ({ next: () => ({ done: false }) }) }',
];

/** The call of one built-in with one receiver and argument list, as a statement. */
export function call(found: BuiltIn, receiver: string, args: string): string {
  if (found.kind === 'construct') return `new (${found.code})(${args})`;
  const plain = /^[A-Za-z_$][\w$]*$/.test(found.key);
  if (found.kind === 'method' && plain && found.owner.endsWith('.prototype'))
    return `(${receiver}).${found.key}(${args})`;
  if (found.kind === 'method' && found.owner === receiver && plain) return `${receiver}.${found.key}(${args})`;
  return `(${found.code}).call(${args === '' ? receiver : `${receiver}, ${args}`})`;
}
