/** createSign and createVerify, sign and verify in one step, RSA by itself. */
import { checkString, coded, invalidArgType } from '../errors.ts';
import { askBytes, askJson, Bytes, bytesOf, type Callback, join, looseBytesOf, shown, toCallback } from './ask.ts';
import { callable, Flow } from './flow.ts';
import { keyInput } from './keys.ts';

const NOTHING = new Uint8Array(0);

interface KeyOptions {
  padding?: number;
  saltLength?: number;
  dsaEncoding?: string;
  context?: unknown;
}

const optionsOf = (key: unknown, bytes: Bytes): Record<string, unknown> => {
  const { padding, saltLength, dsaEncoding, context } = (
    typeof key === 'object' && key !== null && !ArrayBuffer.isView(key) ? key : {}
  ) as KeyOptions;
  return {
    padding,
    saltLength,
    dsaEncoding,
    ...(context === undefined ? {} : { context: bytes.add(looseBytesOf(context, 'context')) }),
  };
};

const signed = (algorithm: unknown, data: Uint8Array, key: unknown): Buffer => {
  if (key === undefined || key === null) {
    throw coded(Error, 'ERR_CRYPTO_SIGN_KEY_REQUIRED', 'No key provided to sign');
  }
  const bytes = new Bytes();
  const fields = { algorithm, key: keyInput(key, bytes), data: bytes.add(data), ...optionsOf(key, bytes) };
  return askBytes('sign', fields, bytes);
};
const verified = (algorithm: unknown, data: Uint8Array, key: unknown, signature: Uint8Array): boolean => {
  const bytes = new Bytes();
  const fields = {
    algorithm,
    key: keyInput(key, bytes),
    data: bytes.add(data),
    signature: bytes.add(signature),
    ...optionsOf(key, bytes),
  };
  return askJson<boolean>('verify', fields, bytes);
};

/** `RSA-SHA256` is what `sha256` means to a key of RSA. */
const digestOf = (name: string): string => name.replace(/^(RSA|DSA|ecdsa-with)-/i, '');

abstract class Gathering extends Flow {
  #parts: Uint8Array[] = [];
  protected readonly algorithm: string;
  constructor(algorithm: unknown) {
    super();
    checkString(algorithm, 'algorithm');
    this.algorithm = digestOf(algorithm);
    const bytes = new Bytes();
    try {
      askBytes('hash', { algorithm: this.algorithm, data: bytes.add(NOTHING) }, bytes);
    } catch {
      throw coded(TypeError, 'ERR_CRYPTO_INVALID_DIGEST', `Invalid digest: ${algorithm}`);
    }
  }
  update(data: unknown, encoding?: unknown): this {
    const given = bytesOf(data, 'data', encoding);
    this.#parts.push(typeof data === 'string' ? given : given.slice());
    return this;
  }
  protected all(): Uint8Array {
    const all = join(this.#parts);
    this.#parts = [];
    return all;
  }
  protected override pass(chunk: unknown, encoding: unknown): null {
    this.update(chunk, encoding);
    return null;
  }
  protected override finish(): Uint8Array {
    return NOTHING;
  }
}

class SignClass extends Gathering {
  sign(key: unknown, outputEncoding?: unknown): Buffer | string {
    return shown(signed(this.algorithm, this.all(), key), outputEncoding);
  }
}
class VerifyClass extends Gathering {
  verify(key: unknown, signature: unknown, encoding?: unknown): boolean {
    return verified(this.algorithm, this.all(), key, looseBytesOf(signature, 'signature', encoding));
  }
}
Object.defineProperty(SignClass, 'name', { value: 'Sign' });
Object.defineProperty(VerifyClass, 'name', { value: 'Verify' });
export const Sign = callable(SignClass);
export const Verify = callable(VerifyClass);
export const createSign = (algorithm: unknown): SignClass => new SignClass(algorithm);
export const createVerify = (algorithm: unknown): VerifyClass => new VerifyClass(algorithm);

const named = (algorithm: unknown): string | null => {
  if (algorithm === null || algorithm === undefined) return null;
  checkString(algorithm, 'algorithm');
  return digestOf(algorithm);
};
/** With a callback the result comes after the present turn of events, as everywhere in Node. */
const result = (work: () => unknown, callback: unknown): unknown => {
  if (callback === undefined) return work();
  if (typeof callback !== 'function') throw invalidArgType('callback', 'function', callback);
  toCallback(new Promise((resolve) => resolve(work())), callback as Callback);
  return undefined;
};

export const sign = (algorithm: unknown, data: unknown, key: unknown, callback?: unknown): unknown => {
  const name = named(algorithm);
  const given = looseBytesOf(data, 'data');
  return result(() => signed(name, given, key), callback);
};
export const verify = (
  algorithm: unknown,
  data: unknown,
  key: unknown,
  ...rest: [signature: unknown, callback?: unknown]
): unknown => {
  const name = named(algorithm);
  const given = looseBytesOf(data, 'data');
  const signature = looseBytesOf(rest[0], 'signature');
  return result(() => verified(name, given, key, signature), rest[1]);
};

interface RsaOptions {
  padding?: number;
  oaepHash?: string;
  oaepLabel?: unknown;
  encoding?: unknown;
}
const rsa =
  (method: string) =>
  (key: unknown, data: unknown): Buffer => {
    const bytes = new Bytes();
    const { padding, oaepHash, oaepLabel, encoding } = (
      typeof key === 'object' && key !== null && !ArrayBuffer.isView(key) ? key : {}
    ) as RsaOptions;
    const fields = {
      method,
      key: keyInput(key, bytes),
      data: bytes.add(looseBytesOf(data, 'buffer', encoding)),
      padding,
      oaepHash,
      ...(oaepLabel === undefined ? {} : { oaepLabel: bytes.add(looseBytesOf(oaepLabel, 'key.oaepLabel')) }),
    };
    return askBytes('rsa', fields, bytes);
  };
export const publicEncrypt = rsa('publicEncrypt');
export const publicDecrypt = rsa('publicDecrypt');
export const privateEncrypt = rsa('privateEncrypt');
export const privateDecrypt = rsa('privateDecrypt');
