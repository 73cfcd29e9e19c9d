import { describe, expect, it } from 'vitest';
import { contentLength, isStatus, ownHeaders } from '../../../src/edge/response-head.ts';
import { bytes, FedStream } from './stub-host.ts';

describe('the head of a guest response', () => {
  it('takes whole statuses from 200 to 599 only', () => {
    expect([200, 204, 599].every(isStatus)).toBe(true);
    expect([99, 0, 101, 199, 600, 1000, 200.5, Number.NaN, Number.POSITIVE_INFINITY, '200', null].some(isStatus)).toBe(
      false,
    );
  });

  it('drops framing and hop-by-hop headers in any case and keeps repeats', () => {
    const given = ['Transfer-Encoding', 'chunked', 'X-A', '1', 'set-cookie', 'a', 'SET-COOKIE', 'b', 'Proxy-Foo', 'x'];
    expect(ownHeaders([...given, 'content-length', '9', 'Date', 'now', 'X-Invocation-Id', 'fake'])).toEqual([
      'x-a',
      '1',
      'set-cookie',
      'a',
      'set-cookie',
      'b',
    ]);
  });

  it('is bounded in number and bytes', () => {
    expect(ownHeaders(Array.from({ length: 1024 }, () => 'a'))).toHaveLength(1024);
    expect(ownHeaders(Array.from({ length: 1026 }, () => 'a'))).toBeNull();
    expect(ownHeaders(['a', 'x'.repeat(65_000)])).not.toBeNull();
    expect(ownHeaders(['a', 'x'.repeat(66_000)])).toBeNull();
  });

  it('knows the true length', () => {
    const lie = ['Content-Length', '99'];
    expect(contentLength('GET', 200, lie, bytes('abc'))).toBe(3);
    expect(contentLength('GET', 200, lie, null)).toBe(0);
    expect(contentLength('GET', 200, lie, new FedStream(async () => null))).toBeNull();
    expect(contentLength('GET', 200, lie, new FedStream(async () => null, 7))).toBe(7);
    expect(contentLength('GET', 204, lie, bytes('abc'))).toBeNull();
    expect(contentLength('GET', 304, lie, bytes('abc'))).toBeNull();
    expect(contentLength('GET', 205, lie, bytes('abc'))).toBe(0);
    expect(contentLength('HEAD', 200, lie, null)).toBe(99);
    expect(contentLength('HEAD', 200, lie, bytes('abc'))).toBe(3);
    expect(contentLength('HEAD', 200, ['content-length', '-1'], null)).toBeNull();
  });
});
