import { describe, expect, it } from 'vitest';
import { redactQuery, redactText, redactUrl } from '../../../src/telemetry/redact.ts';
import { routeOf, spanName, splitHost } from '../../../src/telemetry/route.ts';

describe('redaction', () => {
  it.each([
    ['?a=1&sig=xyz&b=2', 'a=1&sig=REDACTED&b=2'],
    ['X-Amz-Signature=abc', 'X-Amz-Signature=REDACTED'],
    ['%73ig=abc', '%73ig=REDACTED'],
    ['access%5Ftoken=abc', 'access%5Ftoken=REDACTED'],
    ['%zz=abc', '%zz=REDACTED'],
    ['token', 'token'],
    ['', ''],
  ])('of the query %s', (query, expected) => {
    expect(redactQuery(query)).toBe(expected);
  });

  it('of a URL removes credentials and fragment', () => {
    expect(redactUrl('https://user:pw@api.example.com:8443/p/a?token=t&x=1#frag')).toBe(
      'https://api.example.com:8443/p/a?token=REDACTED&x=1',
    );
    expect(redactUrl('user:pw@nowhere')).toBe('user:');
    expect(redactUrl('data:text/plain,private')).toBe('data:');
    expect(redactUrl('not a url')).toBe('invalid-url');
  });

  it('of a sentence reaches the URLs in it', () => {
    const text = redactText('connect to https://u:secret@db.example.com/x?key=k1 failed', 200);
    expect(text).toBe('connect to https://db.example.com/x?key=REDACTED failed');
  });
});

describe('names', () => {
  it('come from the route template', () => {
    expect(spanName('GET', routeOf('GET api.example.com/v1/:id'))).toBe('GET /v1/:id');
    expect(spanName('BREW', routeOf('/fn/tea/*'))).toBe('HTTP /fn/tea/*');
    expect(spanName('GET', routeOf('run-17'))).toBe('GET');
  });

  it.each([
    ['localhost:8787', 'localhost', 8787],
    ['[::1]:8787', '::1', 8787],
    ['example.com', 'example.com', null],
    ['a:b:c', '', null],
  ])('host %s', (host, address, port) => {
    expect(splitHost(host)).toEqual({ address, port });
  });
});
