/** createHash, createHmac, hash. Little data is gathered here and crosses once; what is long has its state on the host. */

import { Buffer } from '../buffer/buffer.ts';
import { checkString, coded, invalidArgType } from '../errors.ts';
import { askBytes, askJson, Bytes, bytesOf, join, looseBytesOf, shown } from './ask.ts';
import { callable, Flow } from './flow.ts';
import { keyField, secretOf } from './keys.ts';

/** Bytes gathered before they cross. */
const GATHERED = 64 * 1024;
/** Most bytes of one call. */
const AT_ONCE = 4 * 1024 * 1024;

type Options = { outputLength?: unknown } | undefined;

abstract class Digest extends Flow {
  #parts: Uint8Array[] = [];
  #size = 0;
  #handle: number | null = null;
  #done = false;

  /** What names it to the host: algorithm, key. */
  protected abstract naming(bytes: Bytes): Record<string, unknown>;

  update(data: unknown, encoding?: unknown): this {
    if (this.#done) throw coded(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
    const given = bytesOf(data, 'data', encoding);
    if (given.length < GATHERED) {
      // The caller may write over it before it crosses; a text's bytes are nobody else's.
      this.#parts.push(typeof data === 'string' ? given : given.slice());
      this.#size += given.length;
      if (this.#size >= GATHERED) this.#send();
      return this;
    }
    for (let at = 0; at < given.length; at += AT_ONCE) {
      this.#parts.push(given.subarray(at, at + AT_ONCE));
      this.#send();
    }
    return this;
  }

  digest(encoding?: unknown): Buffer | string {
    if (this.#done) throw coded(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
    this.#done = true;
    return shown(this.#last(), encoding);
  }

  protected copyInto(other: Digest): void {
    if (this.#done) throw coded(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
    other.#parts = [...this.#parts];
    other.#size = this.#size;
    if (this.#handle !== null) other.#handle = askJson<number>('copyHash', { handle: this.#handle });
  }

  protected override pass(chunk: unknown, encoding: unknown): null {
    this.update(chunk, encoding);
    return null;
  }
  protected override finish(): Buffer {
    return this.digest() as Buffer;
  }

  #send(): void {
    const bytes = new Bytes();
    const data = bytes.add(join(this.#parts));
    this.#parts = [];
    this.#size = 0;
    if (this.#handle === null) this.#handle = askJson<number>('openHash', { ...this.naming(bytes), data }, bytes);
    else askJson('updateHash', { handle: this.#handle, data }, bytes);
  }

  #last(): Buffer {
    const bytes = new Bytes();
    const data = bytes.add(join(this.#parts));
    this.#parts = [];
    if (this.#handle !== null) return askBytes('closeHash', { handle: this.#handle, data }, bytes);
    return askBytes('hash', { ...this.naming(bytes), data }, bytes);
  }
}

const EMPTY = new Uint8Array(0);
const known = new Set<string>();
/** Refuses an unknown algorithm where Node does: when the hash is made. */
const check = (algorithm: string, fields: object): void => {
  if (known.has(algorithm)) return;
  const bytes = new Bytes();
  askBytes('hash', { algorithm, ...fields, data: bytes.add(EMPTY) }, bytes);
  known.add(algorithm);
};

class HashClass extends Digest {
  readonly #algorithm: string;
  readonly #outputLength: unknown;
  constructor(algorithm: unknown, options?: Options) {
    super();
    if (algorithm instanceof HashClass) {
      this.#algorithm = algorithm.#algorithm;
      this.#outputLength = options?.outputLength ?? algorithm.#outputLength;
      algorithm.copyInto(this);
      return;
    }
    checkString(algorithm, 'algorithm');
    this.#algorithm = algorithm;
    this.#outputLength = options?.outputLength;
    if (this.#outputLength === undefined) check(algorithm, {});
    else askBytes('hash', { ...this.naming(), data: 0 }, once());
  }
  copy(options?: Options): HashClass {
    return new HashClass(this, options);
  }
  protected override naming(): Record<string, unknown> {
    return { algorithm: this.#algorithm, outputLength: this.#outputLength };
  }
}
const once = (): Bytes => {
  const bytes = new Bytes();
  bytes.add(EMPTY);
  return bytes;
};

class HmacClass extends Digest {
  readonly #algorithm: string;
  readonly #key: Uint8Array;
  #spent = false;
  constructor(algorithm: unknown, key: unknown, options?: { encoding?: unknown }) {
    super();
    checkString(algorithm, 'hmac');
    this.#algorithm = algorithm;
    this.#key = secretOf(key, options?.encoding);
    if (!known.has(algorithm)) {
      const bytes = new Bytes();
      try {
        askBytes('hash', { algorithm, key: keyField(EMPTY, bytes), data: bytes.add(EMPTY) }, bytes);
      } catch {
        throw coded(TypeError, 'ERR_CRYPTO_INVALID_DIGEST', `Invalid digest: ${algorithm}`);
      }
      known.add(algorithm);
    }
  }
  /** A second time it is empty, as in Node. */
  override digest(encoding?: unknown): Buffer | string {
    if (this.#spent) return shown(Buffer.alloc(0), encoding);
    this.#spent = true;
    return super.digest(encoding);
  }
  protected override naming(bytes: Bytes): Record<string, unknown> {
    return { algorithm: this.#algorithm, key: keyField(this.#key, bytes) };
  }
}

for (const [Class, name] of [
  [HashClass, 'Hash'],
  [HmacClass, 'Hmac'],
] as const) {
  Object.defineProperty(Class, 'name', { value: name });
}
export const Hash = callable(HashClass);
export const Hmac = callable(HmacClass);

export const createHash = (algorithm: unknown, options?: Options): HashClass => new HashClass(algorithm, options);
export const createHmac = (algorithm: unknown, key: unknown, options?: { encoding?: unknown }): HmacClass =>
  new HmacClass(algorithm, key, options);

/** All at once; hexadecimal unless said otherwise. */
export const hash = (algorithm: unknown, data: unknown, options: unknown = 'hex'): Buffer | string => {
  checkString(algorithm, 'algorithm');
  const given = (typeof options === 'string' ? { outputEncoding: options } : (options ?? {})) as {
    outputEncoding?: unknown;
    outputLength?: unknown;
  };
  if (typeof data !== 'string' && !ArrayBuffer.isView(data)) {
    throw invalidArgType('input', ['string', 'Buffer', 'TypedArray', 'DataView'], data);
  }
  const bytes = new Bytes();
  const fields = { algorithm, outputLength: given.outputLength, data: bytes.add(looseBytesOf(data, 'input')) };
  return shown(askBytes('hash', fields, bytes), given.outputEncoding ?? 'hex');
};
