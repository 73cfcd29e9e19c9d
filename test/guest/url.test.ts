/** The fast way of URL past the host, against Node's parser: it may refuse, it may never differ. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { authorityEnd, plainAuthority, plainPath, writtenRest } from '../../sandbox/34-url-text.ts';
import { Guest } from '../support/isolate.ts';

const PARTS = [
  'href',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
  'origin',
] as const;

const bit = (...options: string[]): fc.Arbitrary<string> => fc.constantFrom(...options);
const sprinkle = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[a-z0-9]{0,6}$/) },
  fc.string({ unit: 'grapheme', maxLength: 4 }),
  bit('.', '..', '/', '//', '\\', '%', '%2e', '%2E', '%zz', '?', '#', '@', ':', '-', '--', 'xn--', '|', '[', ']', ' '),
  bit('\t', '\n', '\0', '^', '`', '{', '}', '"', "'", '<', '>', '\u00ad', '\u0130', '\ud800', '~', '!', '$', '&', '+'),
);
const mixed = (most: number): fc.Arbitrary<string> =>
  fc.array(sprinkle, { maxLength: most }).map((bits) => bits.join(''));
const host = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z]{1,6}\.(com|org|test)$/) },
  fc.stringMatching(/^[a-z0-9-]{1,8}(\.[a-z0-9-]{0,8}){0,3}$/),
  bit(
    'localhost',
    '127.0.0.1',
    '0x7f.1',
    '1.2.3',
    'a.0x',
    'a.b.',
    '.a',
    'a..b',
    'EXAMPLE.com',
    'b\u00fccher.de',
    '[::1]',
    '',
  ),
  bit('example.com', 'xn--bcher-kva.de', 'a.xn--x', 'a_b.c', `${'a'.repeat(300)}.com`, 'a.1a', '1a.a'),
  mixed(3),
);
const port = fc.oneof(
  fc.constant(''),
  bit(':', ':80', ':443', ':0', ':00', ':8080', ':65535', ':65536', ':080', ':8a', ':999999', ':21'),
);
const scheme = bit(
  'https://',
  'https://',
  'http://',
  'https://',
  'http:',
  'HTTP://',
  'ftp://',
  'ws://',
  'file://',
  'blob:http://',
  'data:',
  'x:',
  'x://',
);
const rest = fc.oneof(
  mixed(8),
  mixed(6).map((text) => `/${text}`),
);
const url = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(scheme, host, port, rest).map((parts) => parts.join('')) },
  fc
    .tuple(bit('http://', 'https://'), mixed(2), bit('@', ':@', ':x@'), host, port, rest)
    .map((parts) => parts.join('')),
  mixed(8),
);
const inputs = (count: number, seed: number): readonly string[] => fc.sample(url, { numRuns: count, seed });

const RUNS = 30_000;

describe('the fast way', () => {
  it('leaves a URL as Node would', () => {
    let taken = 0;
    fc.assert(
      fc.property(url, (text) => {
        const path = plainPath(text);
        if (path < 0) return;
        taken++;
        expect(new URL(text).href).toBe(path === text.length ? `${text}/` : text);
      }),
      { numRuns: RUNS },
    );
    expect(taken).toBeGreaterThan(RUNS / 100);
  });

  it('writes what is behind an authority as Node would', () => {
    let taken = 0;
    let changed = 0;
    fc.assert(
      fc.property(url, (text) => {
        const end = authorityEnd(text);
        const own = end < 0 ? null : writtenRest(text, end);
        if (own === null) return;
        const authority = text.slice(0, end);
        const node = URL.parse(text);
        expect(node?.href ?? null).toBe(node === null ? null : `${URL.parse(authority)?.href.slice(0, -1)}${own}`);
        if (plainAuthority(text) === end) expect(node?.href).toBe(authority + own);
        else if (node === null) expect(URL.canParse(authority)).toBe(false);
        taken++;
        if (!text.endsWith(own)) changed++;
      }),
      { numRuns: RUNS },
    );
    expect(taken).toBeGreaterThan(RUNS / 100);
    expect(changed).toBeGreaterThan(RUNS / 100);
  });

  it('puts a path behind a base as Node would', () => {
    let taken = 0;
    fc.assert(
      fc.property(rest, (text) => {
        const own = text[0] !== '/' || text[1] === '/' || text[1] === '\\' ? null : writtenRest(text, 0);
        if (own === null) return;
        taken++;
        expect(new URL(text, 'https://example.com/a/b?c#d').href).toBe(`https://example.com${own}`);
      }),
      { numRuns: RUNS },
    );
    expect(taken).toBeGreaterThan(RUNS / 100);
  });
});

describe('URL in an isolate', () => {
  it('has the parts that Node has', async () => {
    const texts = inputs(4000, 7);
    const program = `const parts = ${JSON.stringify(PARTS)};
      return ${JSON.stringify(texts)}.map((text) => {
        const found = URL.parse(text);
        return found === null ? null : parts.map((part) => found[part]);
      });`;
    const own = (await Guest.eval(program)) as (readonly string[] | null)[];
    let valid = 0;
    texts.forEach((text, at) => {
      const node = URL.parse(text);
      if (node !== null) valid++;
      expect(own[at], JSON.stringify(text)).toEqual(node === null ? null : PARTS.map((part) => node[part]));
    });
    expect(valid).toBeGreaterThan(texts.length / 4);
  });

  it('resolves against a base and sets parts as Node does', async () => {
    const texts = inputs(600, 11);
    const bases = [
      'https://example.com',
      'http://h/a/b?c#d',
      'data:x',
      'file:///a',
      '',
      'nope',
      'https://b\u00fccher.de/x',
    ];
    const parts = PARTS.filter((part) => part !== 'origin');
    const values = ['', 'a', ':8', '81', '//x', '?q', '#f', 'b\u00fccher.de', 'http', 'a b', '[::1]:9'];
    const run = (): unknown => {
      const of = (make: () => string): string | null => {
        try {
          return make();
        } catch {
          return null;
        }
      };
      return [
        texts.map((text) => bases.map((base) => of(() => new URL(text, base).href))),
        parts.map((part) =>
          values.map((value) =>
            of(() => {
              const url = new URL('https://u:p@example.com:8080/a/b?c=d#e');
              url.searchParams.append('f', 'g');
              (url as unknown as Record<string, string>)[part] = value;
              url.searchParams.append('h', 'i j');
              return `${url.href} ${url.searchParams} ${url.host} ${url.pathname}`;
            }),
          ),
        ),
      ];
    };
    const told = `const texts = ${JSON.stringify(texts)}, bases = ${JSON.stringify(bases)},
      parts = ${JSON.stringify(parts)}, values = ${JSON.stringify(values)};`;
    expect(await Guest.eval(`${told} return (${run})();`)).toEqual(run());
  });
});
