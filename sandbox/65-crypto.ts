/** crypto: randomness from the host, never the same in two isolates of one snapshot; `subtle` is the file before. */
import {
  isView,
  NativeTypeError,
  objectCreate,
  typedArrayName,
  typedSet,
  U8,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { host } from './10-box.ts';
import { DOMException } from './15-dom-exception.ts';
import { subtle } from './64-subtle.ts';

// late: Crypto

/** Most bytes of one call (Web Cryptography API, §10.1.1). */
const MOST_BYTES = 65_536;
const INTEGER = objectCreate(null) as Record<string, true>;
for (let bits = 8; bits <= 32; bits *= 2) {
  INTEGER[`Int${bits}Array`] = true;
  INTEGER[`Uint${bits}Array`] = true;
}
INTEGER['Uint8ClampedArray'] = true;
INTEGER['BigInt64Array'] = true;
INTEGER['BigUint64Array'] = true;

let token: object | null = {};

class Crypto {
  readonly #brand = true;
  constructor(...given: unknown[]) {
    if (token === null || given[0] !== token) throw new NativeTypeError('Illegal constructor');
  }
  get subtle(): object {
    this.#brand;
    return subtle();
  }
  getRandomValues<T>(array: T): T {
    this.#brand;
    if (!isView(array)) throw new NativeTypeError('getRandomValues: an integer typed array is needed');
    if (INTEGER[typedArrayName(array) as string] !== true) {
      throw new DOMException('getRandomValues: an integer typed array is needed', 'TypeMismatchError');
    }
    const view = array as unknown as Uint8Array;
    const size = viewByteLength(view);
    if (size > MOST_BYTES) {
      throw new DOMException(`getRandomValues: at most ${MOST_BYTES} bytes at a time`, 'QuotaExceededError');
    }
    if (size > 0) typedSet(new U8(viewBuffer(view), viewByteOffset(view), size), host().random(size));
    return array;
  }
  randomUUID(): string {
    this.#brand;
    return host().uuid();
  }
}
enumerable(Crypto.prototype, ['subtle', 'getRandomValues', 'randomUUID']);
expose('Crypto', Crypto);
export const theCrypto: object = new Crypto(token);
token = null;
