/** Ciphers at work, by handle. */
import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM, getCipherInfo } from 'node:crypto';
import type { Answer, Call } from './call.ts';
import { keyOf } from './key-input.ts';

export function cipherInfo(call: Call): Answer {
  const name = call.has('nid') ? call.number('nid') : call.text('name');
  return getCipherInfo(name as string, call.options(['keyLength', 'ivLength'])) ?? null;
}

export function openCipher(call: Call): Answer {
  const create = (call.flag('decrypt') ? createDecipheriv : createCipheriv) as typeof createCipheriv;
  const key = keyOf(call.key('key'), call.bytes, 'private');
  const iv = call.has('iv') ? call.data('iv') : null;
  return call.handles.add(create(call.text('algorithm'), key, iv, call.options(['authTagLength']) as never) as never);
}

/** One method of it. */
export function updateCipher(call: Call): Answer {
  const cipher = call.handles.get(call.number('handle')) as CipherGCM & DecipherGCM;
  switch (call.text('method')) {
    case 'update':
      return cipher.update(call.data('data'));
    case 'setAAD':
      cipher.setAAD(call.data('data'), call.options(['plaintextLength']) as never);
      return null;
    case 'setAuthTag':
      cipher.setAuthTag(call.data('data'));
      return null;
    default:
      cipher.setAutoPadding(call.flag('padding'));
      return null;
  }
}

/** The last bytes, and the tag of one that authenticates; it is gone then. */
export function closeCipher(call: Call): Answer {
  const handle = call.number('handle');
  const cipher = call.handles.get(handle) as CipherGCM;
  call.handles.drop(handle);
  const last = cipher.final();
  if (!call.flag('tag')) return last;
  let tag: Buffer | null = null;
  try {
    tag = cipher.getAuthTag();
  } catch {
    // Not one of those.
  }
  return { last: last.toString('base64'), tag: tag?.toString('base64') ?? null };
}
