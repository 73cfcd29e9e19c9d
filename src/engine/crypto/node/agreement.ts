/** Two parties and one secret: ECDH, Diffie-Hellman in the groups that have names, KEMs. */
import {
  createECDH,
  type DiffieHellmanGroup,
  decapsulate,
  diffieHellman,
  ECDH,
  encapsulate,
  getDiffieHellman,
} from 'node:crypto';
import { Refusal } from '../marshal.ts';
import type { Answer, Call } from './call.ts';
import { keyOf } from './key-input.ts';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

export function ecdhKeys(call: Call): Answer {
  const ecdh = createECDH(call.text('curve'));
  const publicKey = ecdh.generateKeys();
  return { publicKey: base64(publicKey), privateKey: base64(ecdh.getPrivateKey()) };
}

/** The public key that belongs to a private one. */
export function ecdhPublic(call: Call): Answer {
  const ecdh = createECDH(call.text('curve'));
  ecdh.setPrivateKey(call.data('privateKey'));
  return ecdh.getPublicKey();
}

export function ecdhSecret(call: Call): Answer {
  const ecdh = createECDH(call.text('curve'));
  ecdh.setPrivateKey(call.data('privateKey'));
  return ecdh.computeSecret(call.data('other'));
}

export function ecdhConvert(call: Call): Answer {
  const form = call.text('form') as 'compressed';
  return ECDH.convertKey(call.data('key'), call.text('curve'), undefined, undefined, form) as Buffer;
}

const GROUPS: ReadonlySet<string> = new Set(['modp14', 'modp15', 'modp16']);

/** `method` of a group with a name. It keeps its private key, so it is one of the handles. */
export function dh(call: Call): Answer {
  const method = call.text('method');
  if (method === 'open') {
    const name = call.text('group');
    if (!GROUPS.has(name)) throw new Refusal('RangeError', `crypto: of the groups, ${[...GROUPS].join(', ')} are here`);
    const group = getDiffieHellman(name);
    const handle = call.handles.add(group);
    return { handle, prime: base64(group.getPrime()), generator: base64(group.getGenerator()) };
  }
  const group = call.handles.get(call.number('handle')) as DiffieHellmanGroup;
  if (method === 'secret') return group.computeSecret(call.data('other'));
  return { publicKey: base64(group.generateKeys()), privateKey: base64(group.getPrivateKey()) };
}

export function agree(call: Call): Answer {
  const privateKey = keyOf(call.key('privateKey'), call.bytes, 'private');
  return diffieHellman({ privateKey, publicKey: keyOf(call.key('publicKey'), call.bytes, 'public') });
}

export function encapsulated(call: Call): Answer {
  const { sharedKey, ciphertext } = encapsulate(keyOf(call.key('key'), call.bytes, 'public')) as unknown as Record<
    'sharedKey' | 'ciphertext',
    Buffer
  >;
  return { sharedKey: base64(sharedKey), ciphertext: base64(ciphertext) };
}

export function decapsulated(call: Call): Answer {
  return decapsulate(keyOf(call.key('key'), call.bytes, 'private'), call.data('ciphertext')) as Buffer;
}
