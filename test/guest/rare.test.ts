/** Globals that are built on first touch, from text that the host gives out, look and behave as if they had always been there. */
import { describe, expect, it } from 'vitest';
import { preludeParts, preludeSource } from '../../src/engine/prelude.ts';
import { Guest } from '../support/isolate.ts';

describe.each([false, true])('from a snapshot: %s', (snapshot) => {
  const inGuest = (code: string): Promise<unknown> => Guest.eval(code, { snapshot });

  it('is an accessor until it is touched, a plain property afterwards', async () => {
    const code = `
      const before = globalThis.__lookupGetter__('CustomEvent');
      const made = CustomEvent;
      const after = globalThis.__lookupGetter__('CustomEvent');
      return [typeof before, after === undefined, new made('x').type];`;
    expect(await inGuest(code)).toEqual(['function', true, 'x']);
  });

  it.each([
    ['Object', "Object.getOwnPropertyDescriptor(globalThis, 'CustomEvent')"],
    ['Reflect', "Reflect.getOwnPropertyDescriptor(globalThis, 'CustomEvent')"],
    ['all at once', 'Object.getOwnPropertyDescriptors(globalThis).CustomEvent'],
  ])('is a plain property to who asks for its descriptor: %s', async (_how, ask) => {
    const code = `
      const found = ${ask};
      return [found.value === CustomEvent, typeof found.value, found.writable, found.configurable, found.enumerable, 'get' in found];`;
    expect(await inGuest(code)).toEqual([true, 'function', true, true, false, false]);
  });

  it('leaves those accessors among all descriptors that are accessors on the web', async () => {
    const code = `
      const accessors = Object.entries(Object.getOwnPropertyDescriptors(globalThis)).filter(([, { get }]) => get !== undefined);
      return accessors.map(([name]) => name).sort();`;
    expect(await inGuest(code)).toEqual([
      'crypto',
      'navigator',
      'onerror',
      'onrejectionhandled',
      'onunhandledrejection',
    ]);
  });

  it('shows no source of the runtime', async () => {
    const code = `
      const get = globalThis.__lookupGetter__('CustomEvent');
      const set = globalThis.__lookupSetter__('CustomEvent');
      return [get, set, CustomEvent, Object.getOwnPropertyDescriptor(CustomEvent.prototype, 'detail').get, Object.getOwnPropertyDescriptor]
        .map((f) => Function.prototype.toString.call(f).endsWith('{ [native code] }'));`;
    expect(await inGuest(code)).toEqual([true, true, true, true, true]);
  });

  it('can be replaced before it was ever touched, and stays replaced', async () => {
    const code = `globalThis.CustomEvent = 7; const { FormData: f } = globalThis; return [CustomEvent, typeof f];`;
    expect(await inGuest(code)).toEqual([7, 'function']);
  });

  it('is left alone by an assignment to what inherits from the global object', async () => {
    const code = `
      const heir = Object.create(globalThis);
      heir.fetch = 7;
      const own = Object.getOwnPropertyDescriptor(heir, 'fetch');
      return [typeof fetch, own.value, own.writable, own.enumerable];`;
    expect(await inGuest(code)).toEqual(['function', 7, true, true]);
  });

  it.each([
    ['a function', 'globalThis.eval = () => { seen = true; };'],
    ['a getter', "Object.defineProperty(globalThis, 'eval', { get() { seen = true; }, configurable: true });"],
    ['nothing', 'delete globalThis.eval;'],
  ])('is built by V8 even where the guest has made eval %s', async (_what, replace) => {
    const code = `
      let seen = false;
      ${replace}
      const before = JSON.stringify(Object.getOwnPropertyDescriptor(globalThis, 'eval') ?? null);
      const { type } = new CustomEvent('built');
      const after = JSON.stringify(Object.getOwnPropertyDescriptor(globalThis, 'eval') ?? null);
      return [type, seen, before === after];`;
    expect(await inGuest(code)).toEqual(['built', false, true]);
  });

  it('is built of captured built-ins, whatever has become of the others', async () => {
    const code = `
      const { prototype } = Array;
      prototype.push = prototype.map = Object.defineProperty = Reflect.ownKeys = () => { throw new Error('tampered'); };
      Object.prototype.get = () => 'tampered';
      const { type } = new CustomEvent('built');
      delete Object.prototype.get;
      return type;`;
    expect(await inGuest(code)).toBe('built');
  });
});

it('weighs texts to be cut and locales without changing what they are', async () => {
  const code = `
    const segments = new Intl.Segmenter('en', { granularity: 'word' }).segment('one, two');
    const proto = Object.getPrototypeOf(segments);
    const { value: walk } = Object.getOwnPropertyDescriptor(proto, Symbol.iterator);
    const { value: segment, enumerable } = Object.getOwnPropertyDescriptor(Intl.Segmenter.prototype, 'segment');
    const refused = (f) => { try { f(); } catch (error) { return error.name; } };
    return [
      [...segments].map((one) => one.segment), segments.containing(5).segment, [...segments[Symbol.iterator]()].length,
      walk.name, walk.length, segment.name, segment.length, enumerable, new Intl.Segmenter().segment(12).containing(0).input,
      [walk, segment, Intl.Locale, Intl.Locale.prototype.maximize].every((f) => Function.prototype.toString.call(f).endsWith('{ [native code] }')),
      refused(() => segment.call({}, 'x')), refused(() => walk.call({})), refused(() => new Intl.Segmenter().segment(Symbol())),
      refused(() => Intl.Locale('de')), refused(() => new Intl.Locale()), refused(() => new Intl.Locale({})),
      new Intl.Locale(new Intl.Locale('de'), { region: 'AT' }).toString(), new Intl.Locale('zh').maximize().minimize().baseName,
      Intl.Locale.length, new (class extends Intl.Locale {})('fr') instanceof Intl.Locale,
    ];`;
  expect(await Guest.eval(code)).toEqual([
    ...[['one', ',', ' ', 'two'], 'two', 4],
    ...['[Symbol.iterator]', 0, 'segment', 1, false, '12', true],
    ...['TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError', 'RangeError'],
    ...['de-AT', 'zh', 1, true],
  ]);
});

it('leaves the text of late parts out of the script', async () => {
  const { script, late } = preludeParts(await preludeSource());
  expect(late.length).toBeGreaterThan(5);
  expect(late.some((part) => part.includes('CustomEvent'))).toBe(true);
  expect(script).not.toMatch(
    /class \w+ extends \w+\{#\w+;constructor\(\w+,\w+\)\{super\(\w+,\w+\),this\.#\w+=\w+\?\.detail/,
  );
  for (const part of late) expect(part).toMatch(/\n\/\/# sourceURL=isolane:prelude$/);
});
