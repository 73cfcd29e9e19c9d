import { describe, expect, it } from 'vitest';
import { clientOf, codeOf, fakePorts, messageOf, withScopes } from './fakes.ts';

const all = () => clientOf(fakePorts().ports);
const asHost = (adminHost: string) => clientOf(fakePorts({ adminHost }).ports);

describe('the Host check', () => {
  it.each(['localhost', 'LOCALHOST:8788', 'localhost.', '127.0.0.1:8788', '127.9.9.9', '[::1]:8788', '10.0.0.5:8788'])(
    'lets %s in',
    async (host) => {
      expect((await asHost('10.0.0.5')('/healthz', { headers: { host } })).status).toBe(200);
    },
  );

  it.each([
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evil@localhost',
    '10.0.0.6',
    '[::2]',
    'a b',
  ])('keeps %j out, also with a token and on every path', async (host) => {
    const client = asHost('10.0.0.5');
    for (const path of ['/', '/healthz', '/v1/functions']) {
      const answer = await client(path, { headers: { host } });
      expect([answer.status, codeOf(answer)]).toEqual([403, 'FORBIDDEN']);
    }
  });

  it('lets addresses in, and no names, where the host listens everywhere', async () => {
    const client = asHost('0.0.0.0');
    expect((await client('/healthz', { headers: { host: '192.0.2.7:8788' } })).status).toBe(200);
    expect((await client('/healthz', { headers: { host: '[2001:db8::7]:8788' } })).status).toBe(200);
    expect((await client('/healthz', { headers: { host: 'rebound.example' } })).status).toBe(403);
  });
});

describe('the token', () => {
  it.each(['/metrics', '/v1/functions', '/v1/nothing', '/v1', '//', '/healthz/', '/readyz/x'])(
    'is needed for %s',
    async (path) => {
      for (const authorization of ['', 'Bearer', 'Bearer wrong', 'Basic iso_x', `Token iso_${'a'.repeat(43)}`]) {
        const answer = await all()(path, { headers: { authorization } });
        expect([answer.status, codeOf(answer)]).toEqual([401, 'UNAUTHORIZED']);
        expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
      }
    },
  );

  it('does not count in a URL', async () => {
    const answer = await all()(`/v1/functions?token=iso_${'a'.repeat(43)}`, { headers: { authorization: '' } });
    expect(answer.status).toBe(401);
  });

  it.each(['/', '/healthz', '/readyz'])('is not needed for %s', async (path) => {
    expect((await all()(path, { headers: { authorization: '' } })).status).toBe(200);
  });

  it.each([
    '/metrics',
    '/v1/functions',
    '/v1/functions/hello',
    '/v1/invocations',
    '/v1/usage',
    '/v1/usage/records',
    '/v1/deliveries',
    '/v1/traces',
    '/v1/stats',
  ])('needs scope read for %s', async (path) => {
    expect((await withScopes('read')(path)).status).toBe(200);
    const refused = await withScopes('invoke', 'debug', 'deploy')(path);
    expect([refused.status, codeOf(refused)]).toEqual([403, 'FORBIDDEN']);
    expect(messageOf(refused)).toContain('`read`');
  });

  it('needs scope invoke to invoke', async () => {
    const path = '/v1/functions/hello/invoke';
    expect((await withScopes('invoke')(path, { method: 'POST' })).status).toBe(200);
    expect((await withScopes('read')(path, { method: 'POST' })).status).toBe(403);
  });
});

describe('every answer', () => {
  it.each(['/', '/healthz', '/v1/functions', '/v1/nothing'])(
    'of %s carries the security headers, and no CORS',
    async (path) => {
      const { headers } = await all()(path, { headers: { origin: 'https://evil.example' } });
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'.*frame-ancestors 'none'$/);
      expect(headers.get('access-control-allow-origin')).toBeNull();
    },
  );

  it('to a preflight is a refusal', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST', authorization: '' };
    const answer = await all()('/v1/functions', { method: 'OPTIONS', headers });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('to more than 1 MiB is 413, declared or not', async () => {
    const { ports, asked } = fakePorts();
    const client = clientOf(ports);
    const body = new Uint8Array(1_048_577);
    const path = '/v1/functions/hello/invoke';
    const declared = await client(path, { method: 'POST', body, headers: { 'content-length': '1048577' } });
    expect([declared.status, codeOf(declared)]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const stream = new Blob([body]).stream();
    const streamed = await client(path, { method: 'POST', body: stream, duplex: 'half' } as RequestInit);
    expect(streamed.status).toBe(413);
    expect(asked.invoked).toEqual([]);
    expect((await client(path, { method: 'POST', body: body.subarray(1) })).status).toBe(200);
  });

  it('to a fault says nothing of it, and tells the operator', async () => {
    const stats = () => {
      throw new Error('secret path /var/lib');
    };
    const { ports, asked } = fakePorts({ stats });
    const answer = await clientOf(ports)('/v1/stats');
    expect([answer.status, codeOf(answer)]).toEqual([500, 'INTERNAL']);
    expect(answer.text).not.toContain('secret');
    expect(asked.faults).toHaveLength(1);
  });
});
