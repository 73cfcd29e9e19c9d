/** Signatures, RSA by itself, and comparing in constant time. */
import {
  constants,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import type { Answer, Call } from './call.ts';
import { absurd, unfit } from './call.ts';
import { keyOf } from './key-input.ts';
import { SLOW_KINDS } from './key-ops.ts';

const OPTIONS = ['padding', 'saltLength', 'dsaEncoding'];

const algorithmOf = (call: Call): string | null => (call.has('algorithm') ? call.text('algorithm') : null);

function keyed(call: Call, wanted: 'public' | 'private'): never {
  const key = keyOf(call.key('key'), call.bytes, wanted);
  return { key, ...call.options(OPTIONS), ...(call.has('context') ? { context: call.data('context') } : {}) } as never;
}

export function signData(call: Call): Answer {
  const { asymmetricKeyType: kind = '' } = keyOf(call.key('key'), call.bytes, 'private');
  absurd(`a signature of ${kind}`, SLOW_KINDS.test(kind) ? 1 : 0, 0);
  return sign(algorithmOf(call), call.data('data'), keyed(call, 'private'));
}

export function verifyData(call: Call): Answer {
  return verify(algorithmOf(call), call.data('data'), keyed(call, 'public'), call.data('signature'));
}

export function rsa(call: Call): Answer {
  const options = call.options(['padding', 'oaepHash']);
  const given = (wanted: 'public' | 'private'): never =>
    ({
      key: keyOf(call.key('key'), call.bytes, wanted),
      ...options,
      ...(call.has('oaepLabel') ? { oaepLabel: call.data('oaepLabel') } : {}),
    }) as never;
  const data = call.data('data');
  switch (call.text('method')) {
    case 'publicEncrypt':
      return publicEncrypt(given('public'), data);
    case 'privateDecrypt':
      return privateDecrypt(given('private'), data);
    case 'privateEncrypt':
      return privateEncrypt(given('private'), data);
    case 'publicDecrypt':
      return publicDecrypt(given('public'), data);
    default:
      throw unfit();
  }
}

export function equal(call: Call): Answer {
  return timingSafeEqual(call.data('a'), call.data('b'));
}

export const CONSTANTS: Readonly<Record<string, unknown>> = { ...constants };
