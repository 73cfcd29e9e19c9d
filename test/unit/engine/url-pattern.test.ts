/** What the host makes of URL patterns for guests: texts that match as Node's own matching does, and nothing it must run. */
import { describe, expect, it } from 'vitest';
import { COMPONENTS, urlPattern } from '../../../src/engine/url-pattern.ts';

interface Made {
  readonly compiled: readonly {
    readonly pattern: string;
    readonly regexp: string;
    readonly names: readonly string[];
  }[];
  readonly groups: boolean;
}
const make = (input: unknown, base?: string): Made | null => {
  const text = urlPattern(JSON.stringify({ op: 'make', input, base }));
  return text === null ? null : (JSON.parse(text) as Made);
};

const PATTERNS: readonly (string | URLPatternInit)[] = [
  {},
  { pathname: '/foo/:bar' },
  { pathname: '/foo/:bar?' },
  { pathname: '/foo/:bar*' },
  { pathname: '/foo/:bar+' },
  { pathname: '/foo/:bar(\\d+)/{x-:y}?/*' },
  { pathname: '/*/(a|b.*)/{c}+' },
  { pathname: '{/:lang(en|de)}?/:rest*' },
  { pathname: '/a\\:b\\*' },
  { pathname: 'x/:y', protocol: 'data' },
  { hostname: '{*.}?example.com' },
  { hostname: ':sub.:name.org', port: '{8080}?' },
  { protocol: 'http{s}?', pathname: '/:a.:b' },
  { protocol: '(http|ftp)', pathname: '/:a/' },
  { search: '*q=:q', hash: ':f(\\w+)' },
  { pathname: '/\u00e4/:\u00f6', username: 'u*', password: ':p' },
  'https://:sub.example.com/:a/*?x=*#:h',
];
const INPUTS: readonly string[] = [
  'https://example.com/foo/bar',
  'https://a.example.com/foo/1/x-2/rest/of/it',
  'https://a.example.com/p/q/r?x=1#top',
  'http://example.com:8080/x/a1/cc',
  'http://one.two.org/en/a/b/c',
  'https://u1:pw@example.com/?a&q=7#w',
  'ftp://host/name.txt',
  'ftp://host/name/',
  'data:x/123',
  'https://example.com/a:b*',
  'https://example.com/%C3%A4/o',
  'https://example.com/de',
];

describe('patterns', () => {
  it.each(PATTERNS)('%j matches as in Node', (input) => {
    const made = make(input)!;
    const node = new URLPattern(input as string);
    for (const url of INPUTS) {
      const parts = JSON.parse(urlPattern(JSON.stringify({ op: 'input', input: url }))!) as string[];
      const matches = made.compiled.map(({ regexp }, at) => new RegExp(regexp, 'v').exec(parts[at]!));
      const expected = node.exec(url);
      expect(
        matches.every((match) => match !== null),
        url,
      ).toBe(expected !== null);
      if (expected === null) continue;
      COMPONENTS.forEach((component, at) => {
        const { names } = made.compiled[at]!;
        expect(Object.fromEntries(names.map((name, n) => [name, matches[at]![n + 1]]))).toEqual({
          ...expected[component].groups,
        });
      });
    }
  });

  it('that are wrong throw, and inputs that are none are none', () => {
    expect(() => make({ pathname: '/(' })).toThrow(TypeError);
    expect(() => make('relative')).toThrow(TypeError);
    expect(urlPattern(JSON.stringify({ op: 'input', input: { port: 'nope' } }))).toBeNull();
    expect(urlPattern(JSON.stringify({ op: 'make', input: { pathname: 'x'.repeat(20_000) } }))).toBeNull();
  });

  it('never make the host run an expression of the guest', () => {
    for (const evil of [
      '((?:(?:.?){99999}){99999})',
      '((.*)*)',
      '(a{9999})',
      '(||)',
      '{h}?'.repeat(9),
      '*'.repeat(33),
    ]) {
      expect(() => make({ protocol: evil }), evil).toThrow(TypeError);
      expect(() => make(`${evil}://example.com/`), evil).toThrow(TypeError);
    }
    expect(() => make('{((a+)+)}?x{:}?(b*):y')).toThrow(TypeError);
    // Where the host only compiles, anything goes.
    expect(make({ pathname: '/((?:(?:.?){99999}){99999})' })!.groups).toBe(true);
  });
});
