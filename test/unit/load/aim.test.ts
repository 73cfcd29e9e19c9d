/** A load tool must not be a weapon: whom it refuses. */
import { describe, expect, it } from 'vitest';
import { isOwn, takeAim } from '../../../src/load/aim.ts';

describe('aim', () => {
  it.each(['127.0.0.1', '127.9.9.9', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '::1', 'fd00::1'])(
    '%s is of this machine or a private network',
    (address) => expect(isOwn(address)).toBe(true),
  );

  it.each(['8.8.8.8', '172.32.0.1', '169.254.169.254', '0.0.0.0', '::', '2606:4700::1111', 'fe80::1', 'localhost', ''])(
    '%s is not',
    (address) => expect(isOwn(address)).toBe(false),
  );

  it('refuses a stranger by name, and lets the owner say so', async () => {
    await expect(takeAim(['http://8.8.8.8/'], false)).rejects.toThrow('8.8.8.8 is not on this machine');
    await expect(takeAim(['http://169.254.169.254/latest'], false)).rejects.toThrow('--yes-this-is-mine');
    expect((await takeAim(['https://8.8.8.8/x?y'], true)).origin).toEqual({
      ...{ host: '8.8.8.8', port: 443, tls: true, name: '8.8.8.8' },
    });
  });

  it('takes several paths of one server', async () => {
    const aim = await takeAim(['http://127.0.0.1:99/a?b=c', 'http://127.0.0.1:99/d'], false);
    expect(aim.paths).toEqual(['/a?b=c', '/d']);
    expect(aim.origin.port).toBe(99);
    await expect(takeAim(['http://127.0.0.1:1/', 'http://127.0.0.1:2/'], false)).rejects.toThrow('two servers');
  });

  it.each(['nonsense', 'ftp://127.0.0.1/', 'http://user:pass@127.0.0.1/'])('refuses %s', async (url) => {
    await expect(takeAim([url], false)).rejects.toThrow(/no http or https URL|holds a password/);
  });
});
