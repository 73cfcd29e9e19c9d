import { describe, expect, it } from 'vitest';
import { Hosts, parseTarget } from '../../../src/edge/target.ts';

describe('parseTarget', () => {
  it.each([
    ['/', '/', ''],
    ['/a/b?x=1&y=?', '/a/b', 'x=1&y=?'],
    ['/?', '/', ''],
    ['//evil.com/x', '//evil.com/x', ''],
    ['/a%2Fb', '/a%2Fb', ''],
    ['/%zz', '/%zz', ''],
    ['/.well-known/x', '/.well-known/x', ''],
    ['/a/...', '/a/...', ''],
    ['/a?b=/../c', '/a', 'b=/../c'],
    ['/a?b=\\', '/a', 'b=\\'],
    ['/{a|b}"', '/{a|b}"', ''],
  ])('%s is taken literally', (raw, path, query) => {
    expect(parseTarget(raw)).toEqual({ path, query, authority: null });
  });

  it('encodes raw UTF-8 byte by byte', () => {
    expect(parseTarget(Buffer.from('/é?ü').toString('latin1'))).toMatchObject({ path: '/%C3%A9', query: '%C3%BC' });
  });

  it.each([
    '/a/../b',
    '/..',
    '/a/.',
    '/a/%2e%2E/b',
    '/a/.%2e',
    '/./a',
    '/a\\b',
    '/a#b',
    '/a\tb',
    '/a\0b',
    '*',
    '',
    'a',
    'ftp://h/x',
    'example.com:443',
    'http://',
    'http:///x',
  ])('%j is malformed: a URL parser would read another path', (raw) => {
    expect(parseTarget(raw)).toBeNull();
  });

  it('takes the authority from an absolute form', () => {
    expect(parseTarget('http://api.example.com:81/a?b')).toEqual({
      path: '/a',
      query: 'b',
      authority: 'api.example.com:81',
    });
    expect(parseTarget('HTTPS://h')).toEqual({ path: '/', query: '', authority: 'h' });
    expect(parseTarget('http://h?q')).toEqual({ path: '/', query: 'q', authority: 'h' });
  });

  it('agrees with the URL parser about the path of everything it accepts', () => {
    for (const raw of ['/a%2Fb', '//x/y', '/a/...', '/.a', '/a;b=c', '/:x', "/'", '/a%2e', '/%2e.a']) {
      expect(new URL(`http://h${parseTarget(raw)!.path}`).pathname).toBe(raw);
    }
  });
});

describe('Hosts', () => {
  it.each([
    ['Example.COM:8787', 'example.com'],
    ['localhost', 'localhost'],
    ['a_b.example.com.', 'a_b.example.com'],
    ['[::1]:80', '[::1]'],
    ['127.0.0.1:1', '127.0.0.1'],
  ])('%s is matched as %s', (host, name) => {
    expect(new Hosts().nameOf(host)).toBe(name);
  });

  it.each([
    '',
    ':80',
    'a b',
    'a/b',
    'u@h',
    'h:99999',
    'h:x',
    '1.2.3.999',
    '127.1',
    '0x7f.1',
    'é',
    '[::1',
    'a%41',
    'h#',
  ])('%j is no host', (host) => {
    expect(new Hosts().nameOf(host)).toBeNull();
  });

  it('answers the same after a flood of made-up hosts', () => {
    const hosts = new Hosts();
    for (let i = 0; i < 3000; i++) hosts.nameOf(`h${i}.example`);
    expect(hosts.nameOf('new.example:80')).toBe('new.example');
    expect(hosts.nameOf('')).toBeNull();
  });
});
