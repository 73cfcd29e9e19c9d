/**
 * Webhook signatures as one declarative table: which headers, what is signed, how it is encoded. Works on the exact
 * bytes received, compares in constant time, tries every secret, and says only why it refused, never what it expected.
 * Does not read the body's meaning and keeps no state: replay protection beyond the timestamp is the inbox's.
 */
import { createHmac, createPublicKey, timingSafeEqual, verify as verifyAsymmetric } from 'node:crypto';
import type { WebhookSpec } from '../contract/config.ts';
import type { HeaderList } from '../contract/invocation.ts';

export type Refusal =
  /** No usable secret is configured: the sender should try again later. */
  | 'secret'
  /** A signature header is missing, repeated or malformed. */
  | 'header'
  /** The signed time is too far from now. */
  | 'timestamp'
  /** No signature matches any secret. */
  | 'signature';

export type Verdict =
  | { readonly ok: true; readonly dedupKey: string; readonly keyId: string }
  | { readonly ok: false; readonly reason: Refusal };

interface Names {
  readonly signature: string;
  readonly id: string;
  /** Unix seconds; `null`: the sender signs no time. */
  readonly timestamp: string | null;
}

interface Scheme {
  /** Alternative sets of header names; the first set of which a header is present counts. */
  readonly names: readonly Names[];
  /** Between several signatures in one header; `null`: there is only ever one. */
  readonly separator: string | null;
  /** How one signature begins, and the check for it. Other beginnings are skipped: they are versions to come. */
  readonly checks: Readonly<Record<string, Check>>;
  /** What is signed in front of the body. */
  readonly prefix: (id: string, timestamp: string) => string;
  readonly idShape: RegExp;
  readonly toleranceMs: number;
}

interface Check {
  /** The key a configured secret stands for; `null`: this secret is not for this check. */
  readonly key: (secret: string) => Buffer | null;
  readonly holds: (key: Buffer, message: readonly Uint8Array[], signature: string) => boolean;
}

const MAX_SIGNATURES = 16;
const TOLERANCE_MS = 300_000;
const ED25519_BYTES = 32;

const hmacSha256 = (encoding: 'hex' | 'base64', key: Check['key']): Check => ({
  key,
  holds: (secret, message, signature) => {
    const hmac = createHmac('sha256', secret);
    for (const part of message) hmac.update(part);
    // As text: a decoder would forgive what the sender never wrote.
    return equal(Buffer.from(hmac.digest(encoding)), Buffer.from(signature));
  },
});

const ed25519: Check = {
  key: (secret) => {
    if (!secret.startsWith('whpk_')) return null;
    const key = Buffer.from(secret.slice(5), 'base64');
    return key.length === ED25519_BYTES ? key : null;
  },
  holds: (key, message, signature) => {
    const bytes = Buffer.from(signature, 'base64');
    if (bytes.toString('base64') !== signature) return false;
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') };
    return verifyAsymmetric(null, Buffer.concat(message), createPublicKey({ key: jwk, format: 'jwk' }), bytes);
  },
};

const SCHEMES: Readonly<Record<WebhookSpec['provider'], Scheme>> = {
  github: {
    names: [{ signature: 'x-hub-signature-256', id: 'x-github-delivery', timestamp: null }],
    separator: null,
    checks: { 'sha256=': hmacSha256('hex', (secret) => Buffer.from(secret, 'utf8')) },
    prefix: () => '',
    idShape: /^[\x21-\x7e]{1,256}$/,
    toleranceMs: TOLERANCE_MS,
  },
  standard: {
    names: [
      { signature: 'webhook-signature', id: 'webhook-id', timestamp: 'webhook-timestamp' },
      { signature: 'svix-signature', id: 'svix-id', timestamp: 'svix-timestamp' },
    ],
    separator: ' ',
    checks: { 'v1,': hmacSha256('base64', standardSecret), 'v1a,': ed25519 },
    prefix: (id, timestamp) => `${id}.${timestamp}.`,
    // No dot: it separates the signed parts, so an id with a dot could be read in two ways.
    idShape: /^[\x21-\x2d\x2f-\x7e]{1,256}$/,
    toleranceMs: TOLERANCE_MS,
  },
};

/** `nowMs`: wall clock, epoch ms. */
export function verifyWebhook(spec: WebhookSpec, headers: HeaderList, body: Uint8Array, nowMs: number): Verdict {
  const scheme = SCHEMES[spec.provider];
  if (spec.secrets.every((secret) => secret.value === '')) return { ok: false, reason: 'secret' };

  const names = scheme.names.find((set) => has(headers, set.signature) || has(headers, set.id)) ?? scheme.names[0]!;
  const id = only(headers, names.id);
  const signatures = only(headers, names.signature);
  const timestamp = names.timestamp === null ? '' : only(headers, names.timestamp);
  if (id === null || signatures === null || timestamp === null || !scheme.idShape.test(id)) {
    return { ok: false, reason: 'header' };
  }
  if (names.timestamp !== null) {
    if (!/^(0|[1-9]\d{0,11})$/.test(timestamp)) return { ok: false, reason: 'header' };
    if (Math.abs(nowMs - Number(timestamp) * 1000) > scheme.toleranceMs) return { ok: false, reason: 'timestamp' };
  }

  const message = [Buffer.from(scheme.prefix(id, timestamp)), body];
  const items = scheme.separator === null ? [signatures] : signatures.split(scheme.separator, MAX_SIGNATURES);
  for (const item of items) {
    const begin = Object.keys(scheme.checks).find((text) => item.startsWith(text));
    if (begin === undefined) continue;
    const keyId = signer(spec, scheme.checks[begin]!, message, item.slice(begin.length));
    if (keyId !== null) return { ok: true, dedupKey: id, keyId };
  }
  return { ok: false, reason: 'signature' };
}

function signer(spec: WebhookSpec, check: Check, message: readonly Uint8Array[], signature: string): string | null {
  for (const secret of spec.secrets) {
    const key = check.key(secret.value);
    // An empty key would let anybody sign.
    if (key === null || key.length === 0) continue;
    if (check.holds(key, message, signature)) return secret.id;
  }
  return null;
}

/** `whsec_` and base64, or bare base64; anything else is taken as the bytes it is (some senders issue such tokens). */
function standardSecret(secret: string): Buffer | null {
  if (secret.startsWith('whpk_')) return null;
  const text = secret.startsWith('whsec_') ? secret.slice(6) : secret;
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  return isBase64 ? Buffer.from(text, 'base64') : Buffer.from(secret, 'utf8');
}

function has(headers: HeaderList, name: string): boolean {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return true;
  return false;
}

/** The value of a header that occurs exactly once. */
function only(headers: HeaderList, name: string): string | null {
  let found: string | null = null;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] !== name) continue;
    if (found !== null) return null;
    found = headers[at + 1] ?? '';
  }
  return found;
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
