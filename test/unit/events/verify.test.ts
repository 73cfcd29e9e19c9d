import { createHmac, generateKeyPairSync, sign as signAsymmetric } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { sign as signGithub } from '@octokit/webhooks-methods';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import type { WebhookSpec } from '../../../src/contract/config.ts';
import { verifyWebhook } from '../../../src/events/verify.ts';

const examples: readonly { readonly name: string; readonly examples: readonly unknown[] }[] = createRequire(
  import.meta.url,
)('@octokit/webhooks-examples');

interface Vector {
  readonly name: string;
  readonly secret: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dedupKey: string;
}

const vectorsOf = (provider: string): Vector[] =>
  JSON.parse(readFileSync(new URL(`../../../fixtures/webhooks/${provider}/vectors.json`, import.meta.url), 'utf8'));

const spec = (provider: 'github' | 'standard', ...secrets: string[]): WebhookSpec => ({
  name: 'hook',
  provider,
  secrets: secrets.map((value, index) => ({ id: `key-${index}`, value })),
  function: 'f',
  mode: 'async',
  dedupHours: 72,
  attempts: 8,
  maxBodyBytes: 1000,
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const list = (headers: Readonly<Record<string, string>>): string[] => Object.entries(headers).flat();
const NOW = 1_764_500_000_000;
const SECRET = `whsec_${Buffer.from('a secret of at least 24 bytes').toString('base64')}`;

const standard = (body: Uint8Array, over: Readonly<Record<string, string>> = {}, secret = SECRET): string[] => {
  const id = over['webhook-id'] ?? 'msg_1';
  const timestamp = over['webhook-timestamp'] ?? String(NOW / 1000);
  const key = Buffer.from(secret.slice(6), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return list({ 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}`, ...over });
};

describe.each(['github', 'standard'] as const)('published vectors of %s', (provider) => {
  it.each(vectorsOf(provider))('$name', (vector) => {
    const timestamp = vector.headers['webhook-timestamp'] ?? vector.headers['svix-timestamp'] ?? '0';
    const verify = (secret: string, body: string) =>
      verifyWebhook(spec(provider, secret), list(vector.headers), bytes(body), Number(timestamp) * 1000);
    expect(verify(vector.secret, vector.body)).toEqual({ ok: true, dedupKey: vector.dedupKey, keyId: 'key-0' });
    expect(verify(vector.secret, `${vector.body}\n`)).toEqual({ ok: false, reason: 'signature' });
  });
});

describe('against the senders’ own libraries', () => {
  it('accepts every GitHub example event signed by octokit, and not with another secret', async () => {
    expect(examples.length).toBeGreaterThan(10);
    for (const { name, examples: payloads } of examples) {
      const body = JSON.stringify(payloads[0]);
      const signature = await signGithub('a secret', body);
      const headers = list({ 'x-github-event': name, 'x-github-delivery': name, 'x-hub-signature-256': signature });
      expect(verifyWebhook(spec('github', 'a secret'), headers, bytes(body), NOW).ok).toBe(true);
      expect(verifyWebhook(spec('github', 'another'), headers, bytes(body), NOW).ok).toBe(false);
    }
  });

  it('accepts what standardwebhooks signs', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.uint8Array({ minLength: 24, maxLength: 64 }), (body, key) => {
        const secret = `whsec_${Buffer.from(key).toString('base64')}`;
        const signature = new Webhook(secret).sign('msg_2', new Date(NOW), body);
        const over = { 'webhook-id': 'msg_2', 'webhook-signature': signature };
        expect(verifyWebhook(spec('standard', secret), standard(bytes(body), over), bytes(body), NOW).ok).toBe(true);
      }),
    );
  });
});

describe('case 87: exact bytes', () => {
  const anyBody = fc.uint8Array({ minLength: 1, maxLength: 200 });

  it('a single changed bit of the body is refused', () => {
    fc.assert(
      fc.property(anyBody, fc.nat(), fc.constantFrom('github' as const, 'standard' as const), (body, at, provider) => {
        const hex = createHmac('sha256', SECRET).update(body).digest('hex');
        const headers =
          provider === 'github'
            ? list({ 'x-github-delivery': 'd', 'x-hub-signature-256': `sha256=${hex}` })
            : standard(body);
        expect(verifyWebhook(spec(provider, SECRET), headers, body, NOW).ok).toBe(true);
        const changed = Uint8Array.from(body);
        changed[at % body.length]! ^= 1 << (at % 8);
        expect(verifyWebhook(spec(provider, SECRET), headers, changed, NOW)).toEqual({
          ok: false,
          reason: 'signature',
        });
      }),
    );
  });

  it('a single changed character of what is signed, or of the signature, is refused', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 3, 5), fc.nat(), fc.integer({ min: 0x21, max: 0x7e }), (field, at, code) => {
        const body = bytes('{}');
        const headers = standard(body);
        const value = headers[field]!;
        const index = at % value.length;
        const changed = value.slice(0, index) + String.fromCharCode(code) + value.slice(index + 1);
        fc.pre(changed !== value);
        headers[field] = changed;
        expect(verifyWebhook(spec('standard', SECRET), headers, body, NOW).ok).toBe(false);
      }),
    );
  });

  it('takes bodies that are not UTF-8', () => {
    const body = Uint8Array.of(0xff, 0x00, 0xfe);
    expect(verifyWebhook(spec('standard', SECRET), standard(body), body, NOW).ok).toBe(true);
  });
});

describe('case 87: time', () => {
  const at = (seconds: number) => {
    const headers = standard(bytes('{}'), { 'webhook-timestamp': String(NOW / 1000 + seconds) });
    return verifyWebhook(spec('standard', SECRET), headers, bytes('{}'), NOW);
  };

  it.each([-300, 0, 300])('accepts %i s from now', (seconds) => {
    expect(at(seconds).ok).toBe(true);
  });

  it.each([-301, 301, -1e6])('refuses %i s from now, although signed', (seconds) => {
    expect(at(seconds)).toEqual({ ok: false, reason: 'timestamp' });
  });

  it.each(['', ' 1764500000', '1764500000.0', '01764500000', '1e9', '-1'])('refuses the time "%s"', (timestamp) => {
    const headers = standard(bytes('{}'), { 'webhook-timestamp': timestamp });
    expect(verifyWebhook(spec('standard', SECRET), headers, bytes('{}'), NOW)).toEqual({ ok: false, reason: 'header' });
  });
});

describe('case 87: several secrets and signatures', () => {
  const body = bytes('{"n":1}');
  const other = `whsec_${Buffer.from('another secret, longer than 24').toString('base64')}`;
  const verify = (headers: string[], ...secrets: string[]) =>
    verifyWebhook(spec('standard', ...secrets), headers, body, NOW);

  it('says which secret it was', () => {
    expect(verify(standard(body), other, SECRET)).toMatchObject({ ok: true, keyId: 'key-1' });
  });

  it('accepts any of several signatures and skips versions it does not know', () => {
    const good = standard(body)[5]!;
    const signature = `v2,AAAA v1,${Buffer.alloc(32).toString('base64')} v1a,x junk ${good}`;
    expect(verify(standard(body, { 'webhook-signature': signature }), SECRET).ok).toBe(true);
  });

  it('looks at sixteen signatures and no more', () => {
    const good = standard(body)[5]!;
    const behind = (count: number) => standard(body, { 'webhook-signature': `${'v1,x '.repeat(count)}${good}` });
    expect(verify(behind(15), SECRET).ok).toBe(true);
    expect(verify(behind(16), SECRET).ok).toBe(false);
  });

  it('keeps symmetric and asymmetric secrets apart', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const raw = publicKey.export({ format: 'jwk' }).x!;
    const whpk = `whpk_${Buffer.from(raw, 'base64url').toString('base64')}`;
    const signed = signAsymmetric(null, Buffer.concat([bytes(`msg_1.${NOW / 1000}.`), body]), privateKey);
    const headers = standard(body, { 'webhook-signature': `v1a,${signed.toString('base64')}` });
    expect(verify(headers, SECRET, whpk)).toMatchObject({ ok: true, keyId: 'key-1' });
    expect(verify(headers, SECRET).ok).toBe(false);
    // One signature has one spelling: a decoder would accept the unused bits or a missing padding.
    const unpadded = standard(body, { 'webhook-signature': `v1a,${signed.toString('base64').replace(/=+$/, '')}` });
    expect(verify(unpadded, whpk).ok).toBe(false);
    // A public key is public: nobody may use it as the key of an HMAC.
    const forged = standard(body, {}, `whsec_${whpk.slice(5)}`);
    expect(verify(forged, whpk).ok).toBe(false);
    const asText = createHmac('sha256', whpk)
      .update(`msg_1.${NOW / 1000}.`)
      .update(body)
      .digest('base64');
    expect(verify(standard(body, { 'webhook-signature': `v1,${asText}` }), whpk).ok).toBe(false);
  });

  it('never takes an empty secret', () => {
    expect(verify(standard(body, {}, 'whsec_'), '')).toEqual({ ok: false, reason: 'secret' });
    expect(verify(standard(body, {}, 'whsec_')).ok).toBe(false);
    expect(verify(standard(body, {}, 'whsec_'), '', SECRET)).toEqual({ ok: false, reason: 'signature' });
  });
});

describe('headers', () => {
  const body = bytes('{}');
  const verify = (headers: string[]) => verifyWebhook(spec('standard', SECRET), headers, body, NOW);

  it.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'])('refuses a repeated %s', (name) => {
    const headers = standard(body);
    headers.push(name, headers[headers.indexOf(name) + 1]!);
    expect(verify(headers)).toEqual({ ok: false, reason: 'header' });
  });

  it.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'])('refuses a missing %s', (name) => {
    const headers = standard(body);
    headers.splice(headers.indexOf(name), 2);
    expect(verify(headers)).toEqual({ ok: false, reason: 'header' });
  });

  it('refuses an id with a dot, which could shift bytes between id, time and body', () => {
    expect(verify(standard(body, { 'webhook-id': 'msg.1' }))).toEqual({ ok: false, reason: 'header' });
  });

  it('reads the svix- names when the webhook- names are absent', () => {
    expect(verify(standard(body).map((text) => text.replace(/^webhook-/, 'svix-'))).ok).toBe(true);
  });

  it('does not take GitHub’s old SHA-1 signature, an upper-case one, or a delivery without an id', () => {
    const sha1 = createHmac('sha1', 's').update(body).digest('hex');
    const sha256 = createHmac('sha256', 's').update(body).digest('hex');
    const github = (headers: Readonly<Record<string, string>>) =>
      verifyWebhook(spec('github', 's'), list(headers), body, NOW).ok;
    const id = { 'x-github-delivery': 'd' };
    expect(github({ ...id, 'x-hub-signature-256': `sha256=${sha256}` })).toBe(true);
    expect(github({ 'x-hub-signature-256': `sha256=${sha256}` })).toBe(false);
    expect(github({ ...id, 'x-hub-signature': `sha1=${sha1}` })).toBe(false);
    expect(github({ ...id, 'x-hub-signature-256': `sha1=${sha1}` })).toBe(false);
    expect(github({ ...id, 'x-hub-signature-256': `sha256=${sha256.toUpperCase()}` })).toBe(false);
  });
});
