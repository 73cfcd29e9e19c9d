/** Where a guest's fetch may go: addresses in every spelling a URL parser folds, names, ports, schemes. */
import { describe, expect, it } from 'vitest';
import { checkUrl, EgressError, type EgressPolicy, isPublic } from '../../../src/engine/bridge/egress.ts';

const OPEN: EgressPolicy = { tenant: 'default', allow: null, privateHosts: [] };

const PRIVATE_URLS = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://0x7f.1/',
  'http://2130706433/',
  'http://017700000001/',
  'http://①②⑦.⓪.⓪.①/',
  'http://0.0.0.0/',
  'http://10.1.2.3/',
  'http://100.100.100.200/',
  'http://169.254.169.254/latest/meta-data/',
  'http://172.31.0.1/',
  'http://192.168.1.1/',
  'http://198.18.0.1/',
  'http://224.0.0.1/',
  'http://255.255.255.255/',
  'http://[::]/',
  'http://[::1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::127.0.0.1]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://[fd00:ec2::254]/',
  'http://[fe80::1]/',
  'http://[ff02::1]/',
  'http://[2001:db8::1]/',
];

describe('egress', () => {
  it.each(PRIVATE_URLS)('refuses %s', (url) => {
    expect(() => checkUrl(new URL(url), OPEN)).toThrow(EgressError);
  });

  it.each(['http://1.1.1.1/', 'https://8.8.8.8:8443/', 'http://[2606:4700::1111]/', 'https://example.com/'])(
    'allows %s',
    (url) => {
      expect(() => checkUrl(new URL(url), OPEN)).not.toThrow();
    },
  );

  it.each(['1.1.1.1', '2606:4700::1111'])('%s is public', (address) => expect(isPublic(address)).toBe(true));
  it.each(['127.0.0.1', '::1', '::ffff:10.0.0.1', 'not an address', '', '::ffff:169.254.169.254', '64:ff9b::7f00:1'])(
    '%s is not public',
    (address) => expect(isPublic(address)).toBe(false),
  );

  it.each(['file:///etc/passwd', 'ftp://1.1.1.1/', 'data:text/plain,x', 'ws://1.1.1.1/'])(
    'refuses the scheme of %s',
    (url) => {
      expect(() => checkUrl(new URL(url), OPEN)).toThrow(/only http: and https:/);
    },
  );

  it('refuses credentials in the URL without repeating them', () => {
    expect(() => checkUrl(new URL('https://user:hunter2@1.1.1.1/'), OPEN)).toThrow(/credentials/);
    expect(() => checkUrl(new URL('https://user:hunter2@1.1.1.1/'), OPEN)).not.toThrow(/hunter2/);
  });

  it.each([22, 25, 6379])('refuses port %d', (port) => {
    expect(() => checkUrl(new URL(`http://1.1.1.1:${port}/`), OPEN)).toThrow(/port/);
  });

  it('keeps to the allow list, with wildcards for subdomains only', () => {
    const policy = { ...OPEN, allow: ['api.github.com', '*.example.com'] };
    expect(() => checkUrl(new URL('https://api.github.com/'), policy)).not.toThrow();
    expect(() => checkUrl(new URL('https://a.example.com/'), policy)).not.toThrow();
    expect(() => checkUrl(new URL('https://example.com/'), policy)).toThrow(/egress\.allow/);
    expect(() => checkUrl(new URL('https://evil-example.com/'), policy)).toThrow(/egress\.allow/);
  });

  it('a name in the allow list does not lift the private-address check', () => {
    expect(() => checkUrl(new URL('http://127.0.0.1/'), { ...OPEN, allow: ['127.0.0.1'] })).toThrow(/public/);
  });

  it('the operator lifts a host and port by name, and nothing beside it', () => {
    const policy = { ...OPEN, privateHosts: ['10.0.0.5:8080'] };
    expect(() => checkUrl(new URL('http://10.0.0.5:8080/'), policy)).not.toThrow();
    expect(() => checkUrl(new URL('http://10.0.0.5:8081/'), policy)).toThrow();
    expect(() => checkUrl(new URL('http://10.0.0.6:8080/'), policy)).toThrow();
  });
});
