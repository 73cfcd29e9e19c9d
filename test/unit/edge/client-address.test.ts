import { describe, expect, it } from 'vitest';
import { plainAddress, TrustedProxies } from '../../../src/edge/client-address.ts';

describe('TrustedProxies', () => {
  const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8']);

  it('trusts what the operator named, in either family', () => {
    expect(['10.1.2.3', '192.0.2.7', 'fd12::1', '::ffff:10.0.0.1'].map((a) => proxies.trusts(a))).toEqual(
      Array(4).fill(true),
    );
    expect(['11.0.0.1', '192.0.2.8', '::1', '', 'nonsense'].map((a) => proxies.trusts(a))).toEqual(
      Array(5).fill(false),
    );
  });

  it.each([
    ['203.0.113.9', '203.0.113.9'],
    ['1.1.1.1, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['203.0.113.9:5000', '203.0.113.9'],
    ['[2001:db8::1]:80', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['unknown', '10.0.0.1'],
    ['1.1.1.1, junk, 10.0.0.2', '10.0.0.2'],
    ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['', '10.0.0.1'],
  ])('%j from 10.0.0.1 is %s: the rightmost that is not a proxy', (forwarded, client) => {
    expect(proxies.clientOf('10.0.0.1', forwarded)).toBe(client);
  });

  it('refuses what is no address, with the remedy', () => {
    expect(() => new TrustedProxies(['my-proxy'])).toThrow(/server\.trustedProxies has "my-proxy".*CIDR/);
  });

  it('shows IPv4 plainly', () => {
    expect(plainAddress('::ffff:127.0.0.1')).toBe('127.0.0.1');
    expect(plainAddress('::1')).toBe('::1');
  });
});
