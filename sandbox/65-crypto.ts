/** crypto: randomness from the host, never the same in two isolates of one snapshot; `subtle` is the file before. */
import {
  defineProperty,
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
import { enumerable } from './04-globals.ts';
import { DOMException } from './08-errors.ts';
import { host } from './10-box.ts';
import { once, rare } from './13-rare.ts';
import { subtle } from './64-subtle.ts';

/** Most bytes of one call (Web Cryptography API, §10.1.1). */
const MOST_BYTES = 65_536;
let token: object | null = null;
const classes = rare(
  'crypto>',
  ['Crypto'],
  () => {
    const INTEGER = objectCreate(null) as Record<string, true>;
    const kinds = [
      'Int8Array',
      'Uint8Array',
      'Uint8ClampedArray',
      'Int16Array',
      'Uint16Array',
      'Int32Array',
      'Uint32Array',
      'BigInt64Array',
      'BigUint64Array',
    ];
    for (let i = 0; i < kinds.length; i++) INTEGER[kinds[i] as string] = true;
    class Crypto {
      readonly #brand = true;
      constructor(given?: unknown) {
        if (token === null || given !== token) throw new NativeTypeError('Illegal constructor');
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
    return { Crypto };
  },
  '<crypto',
);

const theOne = once(() => {
  const { Crypto } = classes();
  token = {};
  try {
    return new Crypto(token);
  } finally {
    token = null;
  }
});
defineProperty(globalThis, 'crypto', { get: () => theOne(), enumerable: true, configurable: true });
