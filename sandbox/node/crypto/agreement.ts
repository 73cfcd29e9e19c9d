/** createECDH, Diffie-Hellman in named groups, diffieHellman with KeyObjects, key encapsulation. */

import { missing } from '../absent.ts';
import { Buffer } from '../buffer/buffer.ts';
import { checkString, coded, invalidArgType } from '../errors.ts';
import { askBytes, askJson, Bytes, type Callback, looseBytesOf, shown, toCallback, unbase64 } from './ask.ts';
import { callable } from './flow.ts';
import { KeyObject, keyInput } from './keys.ts';

const noKey = (): Error => coded(Error, 'ERR_CRYPTO_ECDH_INVALID_KEY', 'No key has been generated or set');

interface Keys {
  publicKey: string;
  privateKey: string;
}

class ECDHClass {
  readonly #curve: string;
  #private: Uint8Array | null = null;
  #public: Buffer | null = null;

  constructor(curve: unknown) {
    checkString(curve, 'curve');
    if (!askJson<string[]>('curves', {}).includes(curve)) {
      throw coded(TypeError, 'ERR_CRYPTO_INVALID_CURVE', 'Invalid EC curve name');
    }
    this.#curve = curve;
  }
  static convertKey(
    key: unknown,
    curve: unknown,
    ...rest: [input?: unknown, output?: unknown, form?: string]
  ): unknown {
    checkString(curve, 'curve');
    return shown(converted(looseBytesOf(key, 'key', rest[0]), curve, rest[2]), rest[1]);
  }
  generateKeys(encoding?: unknown, form?: string): unknown {
    const { publicKey, privateKey } = askJson<Keys>('ecdhKeys', { curve: this.#curve });
    this.#private = unbase64(privateKey);
    this.#public = unbase64(publicKey);
    return this.getPublicKey(encoding, form);
  }
  computeSecret(other: unknown, inputEncoding?: unknown, outputEncoding?: unknown): unknown {
    if (this.#private === null) throw noKey();
    const bytes = new Bytes();
    const fields = {
      curve: this.#curve,
      privateKey: bytes.add(this.#private),
      other: bytes.add(looseBytesOf(other, 'otherPublicKey', inputEncoding)),
    };
    return shown(askBytes('ecdhSecret', fields, bytes), outputEncoding);
  }
  getPublicKey(encoding?: unknown, form?: string): unknown {
    if (this.#public === null) throw noKey();
    const key =
      form === undefined || form === 'uncompressed' ? this.#public : converted(this.#public, this.#curve, form);
    return shown(Buffer.from(key), encoding);
  }
  getPrivateKey(encoding?: unknown): unknown {
    if (this.#private === null) throw noKey();
    return shown(Buffer.from(this.#private), encoding);
  }
  setPrivateKey(key: unknown, encoding?: unknown): this {
    const bytes = new Bytes();
    const given = looseBytesOf(key, 'key', encoding).slice();
    this.#public = askBytes('ecdhPublic', { curve: this.#curve, privateKey: bytes.add(given) }, bytes);
    this.#private = given;
    return this;
  }
  setPublicKey(key: unknown, encoding?: unknown): this {
    this.#public = Buffer.from(looseBytesOf(key, 'key', encoding));
    return this;
  }
}
const converted = (key: Uint8Array, curve: string, form = 'uncompressed'): Buffer => {
  const bytes = new Bytes();
  return askBytes('ecdhConvert', { curve, key: bytes.add(key), form }, bytes);
};
Object.defineProperty(ECDHClass, 'name', { value: 'ECDH' });
export const ECDH = callable(ECDHClass);
export const createECDH = (curve: unknown): ECDHClass => new ECDHClass(curve);

interface Group {
  handle: number;
  prime: string;
  generator: string;
}
class DiffieHellmanGroupClass {
  readonly #group: Group;
  #keys: Keys | null = null;
  readonly verifyError = 0;
  constructor(name: unknown) {
    checkString(name, 'name');
    this.#group = askJson<Group>('dh', { method: 'open', group: name });
  }
  generateKeys(encoding?: unknown): unknown {
    this.#keys = askJson<Keys>('dh', { method: 'keys', handle: this.#group.handle });
    return this.getPublicKey(encoding);
  }
  computeSecret(other: unknown, inputEncoding?: unknown, outputEncoding?: unknown): unknown {
    const bytes = new Bytes();
    const at = bytes.add(looseBytesOf(other, 'otherPublicKey', inputEncoding));
    return shown(askBytes('dh', { method: 'secret', handle: this.#group.handle, other: at }, bytes), outputEncoding);
  }
  getPrime(encoding?: unknown): unknown {
    return shown(unbase64(this.#group.prime), encoding);
  }
  getGenerator(encoding?: unknown): unknown {
    return shown(unbase64(this.#group.generator), encoding);
  }
  getPublicKey(encoding?: unknown): unknown {
    if (this.#keys === null)
      throw coded(Error, 'ERR_CRYPTO_INVALID_STATE', 'No public key - did you forget to generate one?');
    return shown(unbase64(this.#keys.publicKey), encoding);
  }
  getPrivateKey(encoding?: unknown): unknown {
    if (this.#keys === null)
      throw coded(Error, 'ERR_CRYPTO_INVALID_STATE', 'No private key - did you forget to generate one?');
    return shown(unbase64(this.#keys.privateKey), encoding);
  }
}
Object.defineProperty(DiffieHellmanGroupClass, 'name', { value: 'DiffieHellmanGroup' });
export const DiffieHellmanGroup = callable(DiffieHellmanGroupClass);
export const getDiffieHellman = (name: unknown): DiffieHellmanGroupClass => new DiffieHellmanGroupClass(name);
export const createDiffieHellmanGroup = getDiffieHellman;
const NAMED = 'use getDiffieHellman with a group that has a name, or createECDH';
export const createDiffieHellman = missing('node:crypto.createDiffieHellman', NAMED);
export class DiffieHellman {
  constructor() {
    missing('node:crypto.DiffieHellman', NAMED)();
  }
}

/** With a callback the result comes after what runs now. */
const result = (work: () => unknown, callback: unknown): unknown => {
  if (callback === undefined) return work();
  toCallback(new Promise((resolve) => resolve(work())), callback as Callback);
  return undefined;
};

export const diffieHellman = (options: { privateKey?: unknown; publicKey?: unknown }, callback?: unknown): unknown => {
  const { privateKey, publicKey } = options;
  if (!(privateKey instanceof KeyObject)) throw invalidArgType('options.privateKey', 'KeyObject', privateKey);
  if (!(publicKey instanceof KeyObject)) throw invalidArgType('options.publicKey', 'KeyObject', publicKey);
  return result(() => {
    const bytes = new Bytes();
    return askBytes('agree', { privateKey: keyInput(privateKey, bytes), publicKey: keyInput(publicKey, bytes) }, bytes);
  }, callback);
};

export const encapsulate = (key: unknown, callback?: unknown): unknown =>
  result(() => {
    const bytes = new Bytes();
    const got = askJson<{ sharedKey: string; ciphertext: string }>('encapsulate', { key: keyInput(key, bytes) }, bytes);
    return { sharedKey: unbase64(got.sharedKey), ciphertext: unbase64(got.ciphertext) };
  }, callback);
export const decapsulate = (key: unknown, ciphertext: unknown, callback?: unknown): unknown =>
  result(() => {
    const bytes = new Bytes();
    const at = bytes.add(looseBytesOf(ciphertext, 'ciphertext'));
    return askBytes('decapsulate', { key: keyInput(key, bytes), ciphertext: at }, bytes);
  }, callback);
