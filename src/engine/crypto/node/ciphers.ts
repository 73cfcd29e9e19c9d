/**
 * Ciphers at work, by handle. A native call cannot be ended, and the slowest of them take 1 ms for a KiB (the shift by
 * single bits of CFB1): so each takes little at a time, and the guest half cuts what is long.
 */
import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM, getCipherInfo } from 'node:crypto';
import type { Answer, Call } from './call.ts';
import { absurd } from './call.ts';
import { keyOf } from './key-input.ts';

const KIB = 1024;
/** Bytes of one update. */
const MOST = 32 * KIB;
/** Of one that takes its data whole. */
const MOST_WHOLE = 1024 * KIB;
const WHOLE = /ccm|wrap|siv|xts|cts/i;

export interface OpenCipher {
  readonly cipher: CipherGCM & DecipherGCM;
  readonly mostBytes: number;
}

export function cipherInfo(call: Call): Answer {
  const name = call.has('nid') ? call.number('nid') : call.text('name');
  return getCipherInfo(name as string, call.options(['keyLength', 'ivLength'])) ?? null;
}

/** Its handle, and into pieces of how many bytes its data is to be cut; 0: it takes it whole. */
export function openCipher(call: Call): Answer {
  const create = (call.flag('decrypt') ? createDecipheriv : createCipheriv) as typeof createCipheriv;
  const key = keyOf(call.key('key'), call.bytes, 'private');
  const iv = call.has('iv') ? call.data('iv') : null;
  const algorithm = call.text('algorithm');
  const cipher = create(algorithm, key, iv, call.options(['authTagLength']) as never) as never;
  const isWhole = WHOLE.test(algorithm);
  const handle = call.handles.add({ cipher, mostBytes: isWhole ? MOST_WHOLE : MOST });
  return { handle, pieces: isWhole ? 0 : MOST };
}

/** One method of it. */
export function updateCipher(call: Call): Answer {
  const { cipher, mostBytes } = call.handles.get(call.number('handle')) as OpenCipher;
  switch (call.text('method')) {
    case 'update': {
      const data = call.data('data');
      absurd('the data of one update, in bytes,', data.length, mostBytes, '; work in parts');
      return cipher.update(data);
    }
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
  const { cipher } = call.handles.get(handle) as OpenCipher;
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
