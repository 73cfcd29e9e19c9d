/** node:crypto. The work is done by the host (`src/engine/crypto/node`); this is its interface, as far as it goes. */
import { missing } from './absent.ts';
import {
  createDiffieHellman,
  createDiffieHellmanGroup,
  createECDH,
  DiffieHellman,
  DiffieHellmanGroup,
  decapsulate,
  diffieHellman,
  ECDH,
  encapsulate,
  getDiffieHellman,
} from './crypto/agreement.ts';
import { askJson, looseBytesOf } from './crypto/ask.ts';
import { Cipheriv, createCipheriv, createDecipheriv, Decipheriv, getCipherInfo } from './crypto/ciphers.ts';
import { argon2, argon2Sync, hkdf, hkdfSync, pbkdf2, pbkdf2Sync, scrypt, scryptSync } from './crypto/derive.ts';
import { createHash, createHmac, Hash, Hmac, hash } from './crypto/hashes.ts';
import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPair,
  generateKeyPairSync,
  KeyObject,
  same,
} from './crypto/keys.ts';
import {
  checkPrime,
  checkPrimeSync,
  generateKey,
  generateKeySync,
  generatePrime,
  generatePrimeSync,
  prng,
  pseudoRandomBytes,
  randomBytes,
  randomFill,
  randomFillSync,
  randomInt,
  randomUUID,
  randomUUIDv7,
  rng,
} from './crypto/random.ts';
import {
  createSign,
  createVerify,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
  Sign,
  sign,
  Verify,
  verify,
} from './crypto/signatures.ts';
import { coded, invalidArgType } from './errors.ts';

export const timingSafeEqual = (a: unknown, b: unknown): boolean => {
  const view = (value: unknown, name: string): Uint8Array => {
    if (typeof value === 'string') {
      throw invalidArgType(name, ['ArrayBuffer', 'Buffer', 'TypedArray', 'DataView'], value);
    }
    return looseBytesOf(value, name);
  };
  const [first, second] = [view(a, 'buf1'), view(b, 'buf2')];
  if (first.length !== second.length) {
    throw coded(RangeError, 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH', 'Input buffers must have the same byte length');
  }
  return same(first, second);
};

export const getHashes = (): string[] => askJson('hashes', {});
export const getCiphers = (): string[] => askJson('ciphers', {});
export const getCurves = (): string[] => askJson('curves', {});
export const getMacs = missing('node:crypto.getMacs', 'use createHmac');
export const createMac = missing('node:crypto.createMac', 'use createHmac, or crypto.subtle with KMAC');
const theConstants = (): Record<string, unknown> =>
  Object.freeze(Object.assign(Object.create(null) as object, askJson<Record<string, unknown>>('constants', {})));
export const constants: Record<string, unknown> = /* @__PURE__ */ theConstants();

export const webcrypto = globalThis.crypto;
const theSubtle = (): SubtleCrypto => webcrypto.subtle;
export const subtle: SubtleCrypto = /* @__PURE__ */ theSubtle();
export const getRandomValues = <T extends ArrayBufferView | null>(array: T): T =>
  webcrypto.getRandomValues(array as never);

export const getFips = (): number => 0;
export const setFips = missing('node:crypto.setFips');
export const setEngine = missing('node:crypto.setEngine');
export const secureHeapUsed = (): Record<string, number> => ({ total: 0, used: 0, utilization: 0, min: 0 });
const CERTIFICATES = 'use a package in JavaScript, such as @peculiar/x509';
export class X509Certificate {
  constructor() {
    missing('node:crypto.X509Certificate', CERTIFICATES)();
  }
}
export class Certificate {
  constructor() {
    missing('node:crypto.Certificate', CERTIFICATES)();
  }
}
export const parsePKCS12 = missing('node:crypto.parsePKCS12', CERTIFICATES);

export {
  argon2,
  argon2Sync,
  Cipheriv,
  checkPrime,
  checkPrimeSync,
  createCipheriv,
  createDecipheriv,
  createDiffieHellman,
  createDiffieHellmanGroup,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  createSign,
  createVerify,
  Decipheriv,
  DiffieHellman,
  DiffieHellmanGroup,
  decapsulate,
  diffieHellman,
  ECDH,
  encapsulate,
  generateKey,
  generateKeyPair,
  generateKeyPairSync,
  generateKeySync,
  generatePrime,
  generatePrimeSync,
  getCipherInfo,
  getDiffieHellman,
  Hash,
  Hmac,
  hash,
  hkdf,
  hkdfSync,
  KeyObject,
  pbkdf2,
  pbkdf2Sync,
  privateDecrypt,
  privateEncrypt,
  prng,
  pseudoRandomBytes,
  publicDecrypt,
  publicEncrypt,
  randomBytes,
  randomFill,
  randomFillSync,
  randomInt,
  randomUUID,
  randomUUIDv7,
  rng,
  Sign,
  scrypt,
  scryptSync,
  sign,
  Verify,
  verify,
};

export default {
  argon2,
  argon2Sync,
  Certificate,
  checkPrime,
  checkPrimeSync,
  Cipheriv,
  get constants() {
    return theConstants();
  },
  createCipheriv,
  createDecipheriv,
  createDiffieHellman,
  createDiffieHellmanGroup,
  createECDH,
  createHash,
  createHmac,
  createMac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  createSign,
  createVerify,
  decapsulate,
  Decipheriv,
  DiffieHellman,
  diffieHellman,
  DiffieHellmanGroup,
  ECDH,
  encapsulate,
  generateKey,
  generateKeyPair,
  generateKeyPairSync,
  generateKeySync,
  generatePrime,
  generatePrimeSync,
  getCipherInfo,
  getCiphers,
  getCurves,
  getDiffieHellman,
  getFips,
  getHashes,
  getMacs,
  getRandomValues,
  Hash,
  hash,
  hkdf,
  hkdfSync,
  Hmac,
  KeyObject,
  parsePKCS12,
  pbkdf2,
  pbkdf2Sync,
  privateDecrypt,
  privateEncrypt,
  prng,
  pseudoRandomBytes,
  publicDecrypt,
  publicEncrypt,
  randomBytes,
  randomFill,
  randomFillSync,
  randomInt,
  randomUUID,
  randomUUIDv7,
  rng,
  scrypt,
  scryptSync,
  secureHeapUsed,
  setEngine,
  setFips,
  Sign,
  sign,
  get subtle() {
    return theSubtle();
  },
  timingSafeEqual,
  Verify,
  verify,
  webcrypto,
  X509Certificate,
};
