/** KeyObject and the ways to one. A KeyObject holds its key as bytes here: it may always be exported, so nothing is hidden. */

import { missing } from '../absent.ts';
import { Buffer } from '../buffer/buffer.ts';
import { coded, invalidArgType, invalidArgValue } from '../errors.ts';
import {
  askBytes,
  askJson,
  askLater,
  Bytes,
  type Callback,
  type Fields,
  looseBytesOf,
  toCallback,
  unbase64,
} from './ask.ts';

type KeyType = 'secret' | 'public' | 'private';

/** As the host describes an asymmetric key. */
export interface Described {
  readonly type: 'public' | 'private';
  readonly kind: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly der: string;
}

const TOKEN = {};
let bytesIn: (key: KeyObject) => Uint8Array;

export class KeyObject {
  readonly #type: KeyType;
  readonly #bytes: Uint8Array;
  static {
    bytesIn = (key) => key.#bytes;
  }
  constructor(type: KeyType, bytes: Uint8Array, token?: object) {
    if (token !== TOKEN) throw invalidArgValue('type', type);
    this.#type = type;
    this.#bytes = bytes;
  }
  get type(): KeyType {
    return this.#type;
  }
  static from(_key: unknown): KeyObject {
    return missing(
      'node:crypto.KeyObject.from',
      'export the CryptoKey and import it with createSecretKey or createPrivateKey',
    )();
  }
  equals(other: unknown): boolean {
    if (!(other instanceof KeyObject)) throw invalidArgType('otherKeyObject', 'KeyObject', other);
    if (other.#type !== this.#type || other.#bytes.length !== this.#bytes.length) return false;
    return same(this.#bytes, other.#bytes);
  }
  get [Symbol.toStringTag](): string {
    return 'KeyObject';
  }
  toCryptoKey(): never {
    return missing('node:crypto.KeyObject.toCryptoKey', 'use crypto.subtle.importKey')();
  }
}

class SecretKeyObject extends KeyObject {
  get symmetricKeySize(): number {
    return bytesIn(this).length;
  }
  export(options?: { format?: string }): unknown {
    const bytes = bytesIn(this);
    if (options?.format === 'jwk') return { kty: 'oct', k: Buffer.from(bytes).toString('base64url') };
    return Buffer.from(bytes);
  }
}

class AsymmetricKeyObject extends KeyObject {
  readonly #kind: string;
  readonly #details: Readonly<Record<string, unknown>>;
  constructor(type: KeyType, bytes: Uint8Array, token: object, described: Described) {
    super(type, bytes, token);
    this.#kind = described.kind;
    this.#details = described.details;
  }
  get asymmetricKeyType(): string {
    return this.#kind;
  }
  get asymmetricKeyDetails(): Record<string, unknown> {
    const details: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(this.#details)) {
      details[name] = typeof value === 'object' && value !== null ? BigInt((value as { n: string }).n) : value;
    }
    return details;
  }
  export(options?: { format?: string; type?: string; cipher?: string; passphrase?: unknown }): unknown {
    if (options === undefined || options === null) throw invalidArgType('options', 'Object', options);
    return exported(this, options);
  }
}
class PublicKeyObject extends AsymmetricKeyObject {}
class PrivateKeyObject extends AsymmetricKeyObject {}
for (const Class of [SecretKeyObject, PublicKeyObject, PrivateKeyObject]) {
  Object.defineProperty(Class, 'name', { value: Class.name });
}

/** Compares in constant time. */
export const same = (a: Uint8Array, b: Uint8Array): boolean => {
  const bytes = new Bytes();
  return askJson<boolean>('equal', { a: bytes.add(a), b: bytes.add(b) }, bytes);
};

export const keyObject = (described: Described): AsymmetricKeyObject => {
  const Class = described.type === 'public' ? PublicKeyObject : PrivateKeyObject;
  return new Class(described.type, unbase64(described.der), TOKEN, described);
};

export const createSecretKey = (key: unknown, encoding?: unknown): SecretKeyObject =>
  new SecretKeyObject('secret', looseBytesOf(key, 'key', encoding).slice(), TOKEN);

/** The bytes of a secret key in any of its forms. */
export const secretOf = (key: unknown, encoding?: unknown): Uint8Array => {
  if (key instanceof KeyObject) {
    if (key.type !== 'secret') {
      throw coded(
        TypeError,
        'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE',
        `Invalid key object type ${key.type}, expected secret.`,
      );
    }
    return bytesIn(key);
  }
  if (typeof key === 'string' || ArrayBuffer.isView(key) || key instanceof ArrayBuffer) {
    return looseBytesOf(key, 'key', encoding).slice();
  }
  throw invalidArgType(
    'key',
    ['string', 'ArrayBuffer', 'Buffer', 'TypedArray', 'DataView', 'KeyObject', 'CryptoKey'],
    key,
  );
};
export const keyField = (secret: Uint8Array, bytes: Bytes): Fields => ({ form: 'secret', at: bytes.add(secret) });

interface Given {
  key?: unknown;
  format?: string;
  type?: string;
  passphrase?: unknown;
  encoding?: unknown;
}

const isText = (value: unknown): boolean =>
  typeof value === 'string' || ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

/** An asymmetric key in any of the forms Node takes, as the host reads it. */
export const keyInput = (key: unknown, bytes: Bytes): Fields => {
  if (key instanceof KeyObject) {
    if (key.type === 'secret') {
      throw coded(
        TypeError,
        'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE',
        'Invalid key object type secret, expected private or public.',
      );
    }
    return { form: 'held', type: key.type, at: bytes.add(bytesIn(key)) };
  }
  if (isText(key)) return { form: 'pem', at: bytes.add(looseBytesOf(key, 'key')) };
  if (typeof key !== 'object' || key === null) {
    throw invalidArgType(
      'key',
      ['string', 'ArrayBuffer', 'Buffer', 'TypedArray', 'DataView', 'KeyObject', 'CryptoKey'],
      key,
    );
  }
  const given = key as Given;
  if (given.key instanceof KeyObject) return keyInput(given.key, bytes);
  if (given.format === 'jwk') {
    const jwk = Object.fromEntries(
      Object.entries((given.key ?? {}) as object).filter(([, value]) => typeof value === 'string'),
    );
    return { form: 'jwk', jwk };
  }
  if (!isText(given.key))
    throw invalidArgType(
      'key.key',
      ['string', 'ArrayBuffer', 'Buffer', 'TypedArray', 'DataView', 'KeyObject', 'CryptoKey'],
      given.key,
    );
  const { passphrase } = given;
  return {
    form: given.format === 'der' ? 'der' : 'pem',
    type: given.type,
    at: bytes.add(looseBytesOf(given.key, 'key.key', given.encoding)),
    ...(passphrase === undefined || passphrase === null
      ? {}
      : { passphrase: bytes.add(looseBytesOf(passphrase, 'key.passphrase', given.encoding)) }),
  };
};

const imported = (key: unknown, wanted: 'public' | 'private'): AsymmetricKeyObject => {
  const bytes = new Bytes();
  return keyObject(askJson<Described>('importKey', { key: keyInput(key, bytes), wanted }, bytes));
};
export const createPrivateKey = (key: unknown): AsymmetricKeyObject => {
  if (key instanceof KeyObject)
    throw invalidArgType('key', ['string', 'ArrayBuffer', 'Buffer', 'TypedArray', 'DataView'], key);
  return imported(key, 'private');
};
export const createPublicKey = (key: unknown): AsymmetricKeyObject => {
  if (key instanceof KeyObject && key.type === 'public') {
    throw coded(TypeError, 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE', 'Invalid key object type public, expected private.');
  }
  return imported(key, 'public');
};

function exported(
  key: KeyObject,
  {
    format = 'pem',
    type,
    cipher,
    passphrase,
  }: { format?: string; type?: string; cipher?: string; passphrase?: unknown },
): unknown {
  const bytes = new Bytes();
  const fields = {
    key: keyInput(key, bytes),
    format,
    type: type ?? (format === 'jwk' ? undefined : key.type === 'public' ? 'spki' : 'pkcs8'),
    cipher,
    ...(passphrase === undefined ? {} : { passphrase: bytes.add(looseBytesOf(passphrase, 'options.passphrase')) }),
  };
  return format === 'der' ? askBytes('exportKey', fields, bytes) : askJson('exportKey', fields, bytes);
}

interface PairOptions {
  publicKeyEncoding?: { format?: string; type?: string };
  privateKeyEncoding?: { format?: string; type?: string; cipher?: string; passphrase?: unknown };
  [name: string]: unknown;
}
interface Pair {
  readonly publicKey: Described;
  readonly privateKey: Described;
}

const pairFields = (kind: unknown, options: PairOptions = {}): Fields => {
  if (typeof kind !== 'string') throw invalidArgType('type', 'string', kind);
  const { publicKeyEncoding, privateKeyEncoding, ...rest } = options;
  return { ...rest, kind };
};
const pairOf = (pair: Pair, { publicKeyEncoding, privateKeyEncoding }: PairOptions = {}): Record<string, unknown> => {
  const publicKey = keyObject(pair.publicKey);
  const privateKey = keyObject(pair.privateKey);
  return {
    publicKey: publicKeyEncoding === undefined ? publicKey : exported(publicKey, publicKeyEncoding),
    privateKey: privateKeyEncoding === undefined ? privateKey : exported(privateKey, privateKeyEncoding),
  };
};

export const generateKeyPairSync = (kind: unknown, options?: PairOptions): Record<string, unknown> =>
  pairOf(askJson<Pair>('newKeys', pairFields(kind, options)), options);

const later = async (kind: unknown, options?: PairOptions): Promise<Record<string, unknown>> =>
  pairOf((await askLater('newKeys', pairFields(kind, options), new Bytes())) as Pair, options);

export const generateKeyPair = (kind: unknown, options: unknown, callback?: unknown): void => {
  const done = (typeof options === 'function' ? options : callback) as Callback;
  if (typeof done !== 'function') throw invalidArgType('callback', 'function', done);
  const given = typeof options === 'function' ? undefined : (options as PairOptions);
  pairFields(kind, given);
  const both = later(kind, given).then(({ publicKey, privateKey }) => [publicKey, privateKey]);
  toCallback(both, done, true);
};
Object.defineProperty(generateKeyPair, Symbol.for('nodejs.util.promisify.custom'), { value: later });
