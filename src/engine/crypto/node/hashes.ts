/** Hashes and HMACs: all at once, or by handle where the data is long. */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import type { Answer, Call } from './call.ts';
import { absurd } from './call.ts';
import { keyOf } from './key-input.ts';

const MOST_OUTPUT = 1024 * 1024;

function made(call: Call): Hash | Hmac {
  const algorithm = call.text('algorithm');
  if (call.has('key')) return createHmac(algorithm, keyOf(call.key('key'), call.bytes, 'private'));
  if (!call.has('outputLength')) return createHash(algorithm);
  const outputLength = call.number('outputLength');
  absurd('outputLength', outputLength, MOST_OUTPUT);
  return createHash(algorithm, { outputLength });
}

/** Of all of `data`. */
export function hashAll(call: Call): Answer {
  return made(call).update(call.data('data')).digest();
}

export function openHash(call: Call): Answer {
  return call.handles.add(made(call).update(call.data('data')));
}

export function updateHash(call: Call): Answer {
  (call.handles.get(call.number('handle')) as Hash).update(call.data('data'));
  return null;
}

export function copyHash(call: Call): Answer {
  return call.handles.add((call.handles.get(call.number('handle')) as Hash).copy());
}

/** The rest of the data, and the end. */
export function closeHash(call: Call): Answer {
  const handle = call.number('handle');
  const hash = call.handles.get(handle) as Hash;
  call.handles.drop(handle);
  return hash.update(call.data('data')).digest();
}
