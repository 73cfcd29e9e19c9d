/**
 * crypto.subtle: keys live here as opaque text, the work is one synchronous call to the host (node:crypto). What it does
 * not do yet throws NotSupportedError by name. Key material never shows on a CryptoKey object.
 */
import {
  defineProperty,
  freeze,
  hasOwn,
  indexOf,
  isArray,
  isObject,
  jsonParse,
  NativeTypeError,
  objectCreate,
  setPrototypeOf,
  slice,
  stringify,
  toLowerCase,
  toNum,
} from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { DOMException } from './08-errors.ts';
import { copyBytes, host, mustCross } from './10-box.ts';
import { bytesOf, utf8Encode } from './30-encoding.ts';

const TOKEN = {};
const NAMES = [
  'SHA-1',
  'SHA-256',
  'SHA-384',
  'SHA-512',
  'HMAC',
  'RSASSA-PKCS1-v1_5',
  'RSA-PSS',
  'ECDSA',
  'Ed25519',
  'AES-GCM',
  'PBKDF2',
  'HKDF',
];
const USAGES = ['encrypt', 'decrypt', 'sign', 'verify', 'deriveKey', 'deriveBits', 'wrapKey', 'unwrapKey'];

/** A null-prototype record: `stringify` of it consults nothing the guest can reach. */
type Params = Record<string, unknown>;
const record = (): Params => objectCreate(null) as Params;

const notSupported = (what: string): DOMException =>
  new DOMException(`crypto.subtle: ${what} arrives with the complete guest runtime`, 'NotSupportedError');

const nameOf = (algorithm: unknown): string => {
  const given = isObject(algorithm) ? (algorithm as { name?: unknown }).name : algorithm;
  if (given === undefined) throw new NativeTypeError('crypto.subtle: the algorithm has no name');
  const text = `${given as string}`;
  const lower = toLowerCase(text);
  for (let i = 0; i < NAMES.length; i++) if (toLowerCase(NAMES[i] as string) === lower) return NAMES[i] as string;
  throw notSupported(`the algorithm '${slice(text, 0, 64)}'`);
};

const bytes = (value: unknown, what: string): Uint8Array => {
  const found = bytesOf(value);
  if (found === null) throw new NativeTypeError(`crypto.subtle: ${what} must be a buffer or a view on one`);
  return copyBytes(found);
};

const numbers = (data: Uint8Array): number[] => {
  const list: number[] = [];
  for (let i = 0; i < data.length; i++) {
    defineProperty(list, i, { value: data[i], writable: true, enumerable: true, configurable: true });
  }
  return setPrototypeOf(list, null) as number[];
};

/** Reads what the host needs of an algorithm, each member once. */
const normalize = (algorithm: unknown): Params => {
  const out = record();
  out['name'] = nameOf(algorithm);
  if (!isObject(algorithm)) return out;
  const given = algorithm as Record<string, unknown>;
  const { hash, namedCurve, length, saltLength, iv, additionalData, tagLength, salt, info, iterations } = given;
  if (hash !== undefined) out['hash'] = nameOf(hash);
  if (namedCurve !== undefined) out['namedCurve'] = `${namedCurve as string}`;
  if (length !== undefined) out['length'] = toNum(length);
  if (saltLength !== undefined) out['saltLength'] = toNum(saltLength);
  if (tagLength !== undefined) out['tagLength'] = toNum(tagLength);
  if (iterations !== undefined) out['iterations'] = toNum(iterations);
  if (iv !== undefined) out['iv'] = small(iv, 'iv');
  if (additionalData !== undefined) out['additionalData'] = small(additionalData, 'additionalData');
  if (salt !== undefined) out['salt'] = small(salt, 'salt');
  if (info !== undefined) out['info'] = small(info, 'info');
  return out;
};
const small = (value: unknown, what: string): number[] => {
  const data = bytes(value, what);
  if (data.length > 65536) throw new DOMException(`crypto.subtle: ${what} is too long`, 'OperationError');
  return numbers(data);
};

/** One call to the host; a refusal comes back as text that begins with "!". */
const ask = (op: string, args: Params, ...data: Uint8Array[]): Uint8Array | string | boolean => {
  const json = stringify(args) as string;
  for (let i = 0; i < data.length; i++) mustCross((data[i] as Uint8Array).length);
  const { subtle } = host();
  const result =
    data.length === 0
      ? subtle(op, json)
      : data.length === 1
        ? subtle(op, json, data[0] as Uint8Array)
        : subtle(op, json, data[0] as Uint8Array, data[1] as Uint8Array);
  if (result === null) throw new DOMException(`crypto.subtle: ${op} failed`, 'OperationError');
  if (typeof result === 'string' && result[0] === '!') {
    const colon = indexOf(result, ': ');
    throw new DOMException(slice(result, colon + 2), slice(result, 1, colon));
  }
  return result;
};

interface KeyParts {
  readonly type: string;
  readonly extractable: boolean;
  readonly algorithm: Params;
  readonly usages: readonly string[];
  readonly material: string;
}
let partsOf: (key: unknown) => KeyParts;

export class CryptoKey {
  readonly #parts: KeyParts;
  readonly #algorithm: object;
  static {
    partsOf = (key) => {
      if (!isObject(key) || !(#parts in key)) throw new NativeTypeError('crypto.subtle: the key is not a CryptoKey');
      return (key as CryptoKey).#parts;
    };
  }
  constructor(token?: unknown, parts?: KeyParts) {
    if (token !== TOKEN) throw new NativeTypeError('Illegal constructor');
    this.#parts = parts as KeyParts;
    this.#algorithm = shown((parts as KeyParts).algorithm);
  }
  get type(): string {
    return this.#parts.type;
  }
  get extractable(): boolean {
    return this.#parts.extractable;
  }
  get algorithm(): object {
    return this.#algorithm;
  }
  get usages(): string[] {
    const { usages } = this.#parts;
    const list: string[] = [];
    for (let i = 0; i < usages.length; i++) {
      defineProperty(list, i, { value: usages[i], writable: true, enumerable: true, configurable: true });
    }
    return list;
  }
}
enumerable(CryptoKey.prototype, ['type', 'extractable', 'algorithm', 'usages']);
expose('CryptoKey', CryptoKey);

const put = (target: object, name: string, value: unknown): void => {
  defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
};

/** `key.algorithm` as WebCrypto shapes it. */
const shown = (algorithm: Params): object => {
  const out = {};
  const names = ['name', 'length', 'namedCurve', 'modulusLength'];
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (algorithm[name] !== undefined) put(out, name, algorithm[name]);
  }
  if (algorithm['modulusLength'] !== undefined) put(out, 'publicExponent', utf8Encode('\x01\x00\x01'));
  if (algorithm['hash'] !== undefined) {
    const hash = {};
    put(hash, 'name', algorithm['hash']);
    put(out, 'hash', hash);
  }
  return freeze(out);
};

const readUsages = (value: unknown): string[] => {
  if (!isArray(value)) throw new NativeTypeError('crypto.subtle: the usages must be an array');
  const list: string[] = [];
  for (let i = 0; i < value.length && i < 64; i++) {
    const usage = `${value[i] as string}`;
    let known = false;
    for (let j = 0; j < USAGES.length; j++) known ||= USAGES[j] === usage;
    if (!known) throw new NativeTypeError(`crypto.subtle: '${slice(usage, 0, 64)}' is not a key usage`);
    put(list, `${i}`, usage);
  }
  return list;
};

interface Imported {
  type: string;
  material: string;
  length?: number;
  modulusLength?: number;
}

const keyOf = (json: string, algorithm: Params, extractable: boolean, usages: readonly string[]): CryptoKey => {
  const got = setPrototypeOf(jsonParse(json), null) as Imported;
  const full = record();
  full['name'] = algorithm['name'];
  if (algorithm['hash'] !== undefined) full['hash'] = algorithm['hash'];
  if (algorithm['namedCurve'] !== undefined) full['namedCurve'] = algorithm['namedCurve'];
  if (got.length !== undefined) full['length'] = got.length;
  if (got.modulusLength !== undefined) full['modulusLength'] = got.modulusLength;
  const parts = { type: got.type, extractable, algorithm: full, usages, material: got.material };
  return new CryptoKey(TOKEN, parts);
};

/** Arguments for an operation with a key, after the checks WebCrypto asks for. */
const withKey = (algorithm: unknown, key: unknown, usage: string): Params => {
  const params = normalize(algorithm);
  const parts = partsOf(key);
  if (parts.algorithm['name'] !== params['name']) {
    throw new DOMException('crypto.subtle: the key is of another algorithm', 'InvalidAccessError');
  }
  let allowed = false;
  for (let i = 0; i < parts.usages.length; i++) allowed ||= parts.usages[i] === usage;
  if (!allowed) throw new DOMException(`crypto.subtle: the key's usages do not include ${usage}`, 'InvalidAccessError');
  if (params['hash'] === undefined && parts.algorithm['hash'] !== undefined) params['hash'] = parts.algorithm['hash'];
  if (parts.algorithm['namedCurve'] !== undefined) params['namedCurve'] = parts.algorithm['namedCurve'];
  params['type'] = parts.type;
  params['material'] = parts.material;
  return params;
};

const buffer = (result: Uint8Array | string | boolean): ArrayBuffer =>
  copyBytes(result as Uint8Array).buffer as ArrayBuffer;

export class SubtleCrypto {
  constructor(token?: unknown) {
    if (token !== TOKEN) throw new NativeTypeError('Illegal constructor');
  }
  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    const args = record();
    args['name'] = nameOf(algorithm);
    return buffer(ask('digest', args, bytes(data, 'the data')));
  }
  async importKey(
    format: unknown,
    keyData: unknown,
    algorithm: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<CryptoKey> {
    const params = normalize(algorithm);
    params['format'] = `${format as string}`;
    const list = readUsages(usages);
    let data: Uint8Array;
    if (params['format'] === 'jwk') {
      if (!isObject(keyData)) throw new NativeTypeError('crypto.subtle: a jwk must be an object');
      const jwk = record();
      const names = ['kty', 'k', 'alg', 'crv', 'x', 'y', 'd', 'n', 'e', 'p', 'q', 'dp', 'dq', 'qi'];
      for (let i = 0; i < names.length; i++) {
        const name = names[i] as string;
        const value = (keyData as Params)[name];
        if (value !== undefined) jwk[name] = `${value as string}`;
      }
      data = utf8Encode(stringify(jwk) as string);
    } else data = bytes(keyData, 'the key data');
    return keyOf(ask('import', params, data) as string, params, !!extractable, list);
  }
  async exportKey(format: unknown, key: unknown): Promise<unknown> {
    const parts = partsOf(key);
    if (!parts.extractable) throw new DOMException('crypto.subtle: the key is not extractable', 'InvalidAccessError');
    const args = record();
    args['format'] = `${format as string}`;
    args['name'] = parts.algorithm['name'];
    args['hash'] = parts.algorithm['hash'];
    args['type'] = parts.type;
    args['material'] = parts.material;
    const result = ask('export', args);
    if (typeof result !== 'string') return buffer(result);
    const jwk = jsonParse(result) as object;
    put(jwk, 'ext', true);
    put(jwk, 'key_ops', (key as CryptoKey).usages);
    return jwk;
  }
  async generateKey(algorithm: unknown, extractable: unknown, usages: unknown): Promise<unknown> {
    const params = normalize(algorithm);
    const list = readUsages(usages);
    const got = jsonParse(ask('generate', params) as string) as { publicKey: string; privateKey: string };
    if (!hasOwn(got, 'publicKey')) return keyOf(stringify(got) as string, params, !!extractable, list);
    const pair = {};
    const of = (wanted: 'sign' | 'verify'): string[] => {
      const kept: string[] = [];
      for (let i = 0; i < list.length; i++) if (list[i] === wanted) put(kept, `${kept.length}`, wanted);
      return kept;
    };
    put(pair, 'publicKey', keyOf(got.publicKey, params, true, of('verify')));
    put(pair, 'privateKey', keyOf(got.privateKey, params, !!extractable, of('sign')));
    return pair;
  }
  async sign(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    return buffer(ask('sign', withKey(algorithm, key, 'sign'), bytes(data, 'the data')));
  }
  async verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<boolean> {
    const args = withKey(algorithm, key, 'verify');
    return ask('verify', args, bytes(data, 'the data'), bytes(signature, 'the signature')) === true;
  }
  async encrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    return buffer(ask('encrypt', withKey(algorithm, key, 'encrypt'), bytes(data, 'the data')));
  }
  async decrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    return buffer(ask('decrypt', withKey(algorithm, key, 'decrypt'), bytes(data, 'the data')));
  }
  async deriveBits(algorithm: unknown, key: unknown, length: unknown): Promise<ArrayBuffer> {
    const args = withKey(algorithm, key, 'deriveBits');
    args['length'] = toNum(length);
    return buffer(ask('derive', args));
  }
  async deriveKey(): Promise<never> {
    throw notSupported('deriveKey');
  }
  async wrapKey(): Promise<never> {
    throw notSupported('wrapKey');
  }
  async unwrapKey(): Promise<never> {
    throw notSupported('unwrapKey');
  }
}
enumerable(SubtleCrypto.prototype, [
  'digest',
  'importKey',
  'exportKey',
  'generateKey',
  'sign',
  'verify',
  'encrypt',
  'decrypt',
  'deriveBits',
  'deriveKey',
  'wrapKey',
  'unwrapKey',
]);
expose('SubtleCrypto', SubtleCrypto);
export const makeSubtle = (): SubtleCrypto => new SubtleCrypto(TOKEN);
