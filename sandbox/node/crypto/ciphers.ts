/** createCipheriv and createDecipheriv, with what authenticates (GCM, CCM, OCB, ChaCha20-Poly1305). The state is on the host. */
import { Buffer } from '../buffer/buffer.ts';
import { checkString, coded, invalidArgType } from '../errors.ts';
import { askBytes, askJson, Bytes, bytesOf, looseBytesOf, shown, unbase64 } from './ask.ts';
import { callable, Flow } from './flow.ts';
import { keyField, secretOf } from './keys.ts';

interface Options {
  authTagLength?: number;
}

abstract class Coder extends Flow {
  #handle: number;
  /** Bytes the host takes at a time; 0: it takes all at once. */
  #pieces: number;
  #done = false;
  protected tag: Buffer | null = null;
  readonly #decrypts: boolean;

  constructor(decrypts: boolean, algorithm: unknown, key: unknown, iv: unknown, options?: Options) {
    super();
    checkString(algorithm, 'cipher');
    this.#decrypts = decrypts;
    const bytes = new Bytes();
    const fields = {
      algorithm,
      decrypt: decrypts,
      key: keyField(secretOf(key), bytes),
      ...(iv === null ? {} : { iv: bytes.add(looseBytesOf(iv, 'iv')) }),
      authTagLength: options?.authTagLength,
    };
    const { handle, pieces } = askJson<{ handle: number; pieces: number }>('openCipher', fields, bytes);
    this.#handle = handle;
    this.#pieces = pieces;
  }

  update(data: unknown, inputEncoding?: unknown, outputEncoding?: unknown): Buffer | string {
    const given = bytesOf(data, 'data', inputEncoding);
    if (this.#done) throw new Error('Trying to add data in unsupported state');
    if (this.#pieces === 0 || given.length <= this.#pieces) return shown(this.#piece(given), outputEncoding);
    const parts: Buffer[] = [];
    for (let at = 0; at < given.length; at += this.#pieces) {
      parts.push(this.#piece(given.subarray(at, at + this.#pieces)));
    }
    return shown(Buffer.concat(parts), outputEncoding);
  }

  #piece(data: Uint8Array): Buffer {
    const bytes = new Bytes();
    const at = bytes.add(data);
    return askBytes('updateCipher', { handle: this.#handle, method: 'update', data: at }, bytes);
  }

  final(outputEncoding?: unknown): Buffer | string {
    if (this.#done) throw coded(Error, 'ERR_CRYPTO_INVALID_STATE', 'Invalid state');
    this.#done = true;
    if (this.#decrypts) return shown(askBytes('closeCipher', { handle: this.#handle }), outputEncoding);
    const { last, tag } = askJson<{ last: string; tag: string | null }>('closeCipher', {
      handle: this.#handle,
      tag: true,
    });
    this.tag = tag === null ? null : unbase64(tag);
    return shown(unbase64(last), outputEncoding);
  }

  setAutoPadding(padding: unknown = true): this {
    this.#check('setAutoPadding');
    askJson('updateCipher', { handle: this.#handle, method: 'setAutoPadding', padding: Boolean(padding) });
    return this;
  }

  setAAD(data: unknown, options?: { plaintextLength?: number; encoding?: unknown }): this {
    this.#check('setAAD');
    const bytes = new Bytes();
    const at = bytes.add(looseBytesOf(data, 'aadbuf', options?.encoding));
    const { plaintextLength } = options ?? {};
    askJson('updateCipher', { handle: this.#handle, method: 'setAAD', data: at, plaintextLength }, bytes);
    return this;
  }

  protected giveTag(tag: unknown, encoding?: unknown): void {
    this.#check('setAuthTag');
    const bytes = new Bytes();
    const at = bytes.add(looseBytesOf(tag, 'buffer', encoding));
    askJson('updateCipher', { handle: this.#handle, method: 'setAuthTag', data: at }, bytes);
  }

  protected override pass(chunk: unknown, encoding: unknown): Buffer {
    return this.update(chunk, encoding) as Buffer;
  }
  protected override finish(): Buffer {
    return this.final() as Buffer;
  }

  #check(method: string): void {
    if (this.#done) throw coded(Error, 'ERR_CRYPTO_INVALID_STATE', `Invalid state for operation ${method}`);
  }
}

class CipherivClass extends Coder {
  constructor(algorithm: unknown, key: unknown, iv: unknown, options?: Options) {
    super(false, algorithm, key, iv, options);
  }
  getAuthTag(): Buffer {
    if (this.tag === null) {
      throw coded(Error, 'ERR_CRYPTO_INVALID_STATE', 'Invalid state for operation getAuthTag');
    }
    return Buffer.from(this.tag);
  }
}

class DecipherivClass extends Coder {
  constructor(algorithm: unknown, key: unknown, iv: unknown, options?: Options) {
    super(true, algorithm, key, iv, options);
  }
  setAuthTag(tag: unknown, encoding?: unknown): this {
    this.giveTag(tag, encoding);
    return this;
  }
}
Object.defineProperty(CipherivClass, 'name', { value: 'Cipheriv' });
Object.defineProperty(DecipherivClass, 'name', { value: 'Decipheriv' });
export const Cipheriv = callable(CipherivClass);
export const Decipheriv = callable(DecipherivClass);

export const createCipheriv = (algorithm: unknown, key: unknown, iv: unknown, options?: Options): CipherivClass =>
  new CipherivClass(algorithm, key, iv, options);
export const createDecipheriv = (algorithm: unknown, key: unknown, iv: unknown, options?: Options): DecipherivClass =>
  new DecipherivClass(algorithm, key, iv, options);

export const getCipherInfo = (nameOrNid: unknown, options?: { keyLength?: number; ivLength?: number }): unknown => {
  if (typeof nameOrNid !== 'string' && typeof nameOrNid !== 'number') {
    throw invalidArgType('nameOrNid', ['string', 'number'], nameOrNid);
  }
  const which = typeof nameOrNid === 'string' ? { name: nameOrNid } : { nid: nameOrNid };
  return askJson<object | null>('cipherInfo', { ...which, ...options }) ?? undefined;
};
