/** Where a guest's fetch may go: addresses in every spelling a URL parser folds, names, ports, schemes. */
import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { isPublic, Machine } from '../../../src/engine/bridge/addresses.ts';
import { checkUrl, EgressError, type EgressPolicy } from '../../../src/engine/bridge/egress.ts';

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
  'http://[::ffff:8.8.8.8]/',
  'http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/',
  'http://[2001:10::1]/',
  'http://[3fff::1]/',
  'http://[100::1]/',
  'http://[64:ff9b:1::1]/',
  'http://[fec0::1]/',
  'http://127.0.0.1./',
  'http://0177.0.0.1/',
  'http://192.0.0.8/',
  'http://192.0.2.1/',
  'http://192.88.99.1/',
  'http://203.0.113.9/',
  'http://168.63.129.16/',
  'http://localhost/',
  'http://localhost./',
  'http://LOCALHOST/',
  'http://a.localhost/',
  'http://metadata.google.internal/computeMetadata/v1/',
  'http://printer.local/',
];

describe('egress', () => {
  it.each(PRIVATE_URLS)('case 90: refuses %s', (url) => {
    expect(() => checkUrl(new URL(url), OPEN)).toThrow(EgressError);
  });

  it.each(['http://1.1.1.1/', 'https://8.8.8.8:8443/', 'http://[2606:4700::1111]/', 'https://example.com/'])(
    'allows %s',
    (url) => {
      expect(() => checkUrl(new URL(url), OPEN)).not.toThrow();
    },
  );

  it.each(['1.1.1.1', '2606:4700::1111'])('%s is public', (address) => expect(isPublic(address)).toBe(true));
  it.each([
    '127.0.0.1',
    '::1',
    '::ffff:10.0.0.1',
    'not an address',
    '',
    '::ffff:169.254.169.254',
    '64:ff9b::7f00:1',
    '2606:4700::1111%eth0',
    '8.8',
    '0x8.8.8.8',
    '[::1]',
  ])('%s is not public', (address) => expect(isPublic(address)).toBe(false));

  it.each([
    'file:///etc/passwd',
    'ftp://1.1.1.1/',
    'data:text/plain,x',
    'blob:http://1.1.1.1/x',
    'gopher://1.1.1.1/',
    'unix:/var/run/docker.sock',
    'ws://1.1.1.1/',
  ])('case 93: refuses the scheme of %s', (url) => {
    expect(() => checkUrl(new URL(url), OPEN)).toThrow(/only http: and https:/);
  });

  it('refuses credentials in the URL without repeating them', () => {
    expect(() => checkUrl(new URL('https://user:hunter2@1.1.1.1/'), OPEN)).toThrow(/credentials/);
    expect(() => checkUrl(new URL('https://user:hunter2@1.1.1.1/'), OPEN)).not.toThrow(/hunter2/);
  });

  it.each([0, 21, 22, 25, 465, 587, 3306, 5432, 6379, 6667, 11_211, 27_017])('refuses port %d', (port) => {
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

  it.each([
    'http://127.0.0.1:8788/',
    'http://127.1:8788/',
    'http://0.0.0.0:8788/',
    'http://[::]:8788/',
    'http://[::1]:8788/',
    'http://[::ffff:127.0.0.1]:8788/',
    ...Object.values(networkInterfaces())
      .flatMap((entries) => entries ?? [])
      .filter(({ scopeid }) => !scopeid)
      .map(({ address, family }) => `http://${family === 'IPv6' ? `[${address}]` : address}:8788/`),
  ])('case 93: the admin port is never lifted: %s', (text) => {
    const url = new URL(text);
    const policy = { ...OPEN, privateHosts: [url.host] };
    expect(() => checkUrl(url, policy, new Machine([8788]))).toThrow(/admin plane/);
    expect(() => checkUrl(url, policy, new Machine([9999]))).not.toThrow();
  });

  it('knows its own machine, in doubt also what is none', () => {
    const isOwn = (address: string): boolean => new Machine().isOwn(address);
    expect(['127.0.0.1', '127.9.9.9', '0.0.0.0', '::', '::1', '::ffff:7f00:1', ''].every(isOwn)).toBe(true);
    expect(['1.1.1.1', '10.255.255.254', '2606:4700::1111'].some(isOwn)).toBe(false);
  });

  it('a public address of this very machine is not public: firewalls trust what comes from inside', () => {
    class Ours extends Machine {
      override isOwn(address: string): boolean {
        return address === '1.1.1.1';
      }
    }
    expect(() => checkUrl(new URL('https://1.1.1.1/'), OPEN, new Ours())).toThrow(/not a public address/);
    expect(() =>
      checkUrl(new URL('https://1.1.1.1/'), { ...OPEN, privateHosts: ['1.1.1.1:443'] }, new Ours()),
    ).not.toThrow();
    expect(() => checkUrl(new URL('https://1.0.0.1/'), OPEN, new Ours())).not.toThrow();
  });

  it('the operator lifts a host and port by name, and nothing beside it', () => {
    const policy = { ...OPEN, privateHosts: ['10.0.0.5:8080'] };
    expect(() => checkUrl(new URL('http://10.0.0.5:8080/'), policy)).not.toThrow();
    expect(() => checkUrl(new URL('http://10.0.0.5:8081/'), policy)).toThrow();
    expect(() => checkUrl(new URL('http://10.0.0.6:8080/'), policy)).toThrow();
  });
});
