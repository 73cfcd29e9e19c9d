/** crypto: randomness from the host; `subtle` is in the next files. */
import {
  defineProperty,
  isView,
  NativeTypeError,
  typedArrayName,
  typedSet,
  U8,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { DOMException } from './08-errors.ts';
import { host } from './10-box.ts';
import { makeSubtle, type SubtleCrypto } from './64-subtle.ts';

const INTEGER = new Set([
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'BigInt64Array',
  'BigUint64Array',
]);
const has = Set.prototype.has.bind(INTEGER);
const TOKEN = {};

class Crypto {
  readonly #subtle: SubtleCrypto;
  constructor(token?: unknown) {
    if (token !== TOKEN) throw new NativeTypeError('Illegal constructor');
    this.#subtle = makeSubtle();
  }
  get subtle(): SubtleCrypto {
    return this.#subtle;
  }
  getRandomValues<T>(array: T): T {
    this.#subtle;
    const kind = isView(array) ? typedArrayName(array) : undefined;
    if (kind === undefined || !has(kind)) {
      throw new DOMException('getRandomValues: an integer typed array is needed', 'TypeMismatchError');
    }
    const view = array as unknown as Uint8Array;
    const size = viewByteLength(view);
    if (size > 65536) {
      throw new DOMException('getRandomValues: at most 65536 bytes at a time', 'QuotaExceededError');
    }
    if (size > 0) typedSet(new U8(viewBuffer(view), viewByteOffset(view), size), host().random(size));
    return array;
  }
  randomUUID(): string {
    this.#subtle;
    return host().uuid();
  }
}
enumerable(Crypto.prototype, ['subtle', 'getRandomValues', 'randomUUID']);
expose('Crypto', Crypto);
const crypto = new Crypto(TOKEN);
defineProperty(globalThis, 'crypto', {
  get: () => crypto,
  enumerable: true,
  configurable: true,
});
