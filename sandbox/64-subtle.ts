/**
 * crypto.subtle: reads the arguments once into plain data, hands them to the host, which has Node's own WebCrypto do the
 * work, and settles a promise when the result comes in a later turn. Keys stay with the host; a CryptoKey here is a
 * number and what may be seen of it. Refuses nothing itself but what is no argument at all.
 */
import {
  arrayFrom,
  defineProperty,
  indexOf,
  isObject,
  jsonParse,
  List,
  NativePromise,
  NativeTypeError,
  objectKeys,
  quote,
  reflectApply,
  SafeMap,
  SYM_ITERATOR,
  slice,
  typedArrayName,
  U8,
  viewBuffer,
} from './00-primordials.ts';
import { enumerable } from './04-globals.ts';
import { copyBytes, current, host, mustCross, takeWaiting, tight, type Waiting } from './10-box.ts';
import { once, rare } from './13-rare.ts';
import { DOMException } from './15-dom-exception.ts';
import { bytesOf } from './30-encoding.ts';
import { contextOver } from './49-pipes.ts';

/** As it comes from the host. What is shown of algorithm and usages is made on first touch. */
type KeyParts = readonly [
  id: number,
  type: string,
  extractable: boolean,
  algorithm: unknown,
  usages: readonly unknown[],
];

/** `a` algorithm, `d` data, `k` key, `b` boolean, `s` text, `u` texts, `l` length, `m` key data. */
type Kind = 'a' | 'd' | 'k' | 'b' | 's' | 'u' | 'l' | 'm';

let token: object | null = null;
/** Brand check; `false` while no key was ever made. */
export let isCryptoKey: (value: unknown) => boolean = () => false;
/** structuredClone of a key: another object, the same key. */
export let cloneCryptoKey: (key: object) => object;
/** Results of the host. Nothing comes that nobody asked for. */
export let deliverSubtle: (id: number, value: unknown, first: number, chunks: readonly Uint8Array[]) => void;
export let deliverSubtleError: (id: number, name: string, message: string) => void;
let waitFor: (id: number) => Promise<unknown>;
/** A promise of the result that the host will bring under that number. */
export const resultOf = (id: number): Promise<unknown> => {
  classes();
  return waitFor(id);
};

const classes = rare(
  'subtle>',
  'CryptoKey SubtleCrypto',
  () => {
    let partsOf: (key: unknown) => KeyParts;
    let isSubtle: (value: unknown) => boolean;
    let makeKey: (parts: KeyParts) => object;

    const words = (text: string): List<string> => {
      const list = new List<string>();
      for (let at = 0, end = 0; at < text.length; at = end + 1) {
        end = indexOf(text, ' ', at);
        if (end < 0) end = text.length;
        list.push(slice(text, at, end));
      }
      return list;
    };
    /** How a member of an algorithm is converted. */
    const TEXTS = words('name namedCurve');
    const NUMBERS = words(
      'length modulusLength saltLength tagLength iterations outputLength memory passes parallelism version',
    );
    const BYTES = words(
      'publicExponent iv counter additionalData label salt info context customization functionName domainSeparation nonce secretValue associatedData',
    );
    const JWK = words('kty use key_ops alg ext crv x y d n e p q dp dq qi oth k pub priv');
    const NONE: readonly Uint8Array[] = [];
    const MOST_ITEMS = 1024;
    const ODD = '{"x":1}';

    /** One call as it is being written: its arguments as JSON, its binary data beside it. */
    class Writing {
      json = '';
      readonly chunks = new List<unknown>();
      add(part: string): void {
        this.json = this.json === '' ? part : `${this.json},${part}`;
      }
    }

    const bytesPart = (w: Writing, view: Uint8Array, form: 'b' | 'v'): string => {
      mustCross(view.length);
      w.chunks.push(copyBytes(view));
      return `{"${form}":${w.chunks.length - 1}}`;
    };

    /** A value of no particular kind: primitives as they are, anything else as something that fits nowhere. */
    const loose = (value: unknown): string => {
      if (value === undefined) return '{"u":1}';
      if (typeof value === 'string') return textPart(value);
      return value === null || typeof value === 'boolean'
        ? `${value}`
        : typeof value === 'number'
          ? numberPart(value)
          : ODD;
    };
    const textPart = (value: string): string => {
      mustCross(value.length);
      return quote(value);
    };
    const numberPart = (value: unknown): string => {
      const number = +(value as number);
      return number - number === 0 ? `${number}` : `{"n":"${number}"}`;
    };
    const dataPart = (w: Writing, value: unknown): string => {
      const found = bytesOf(value);
      if (found === null) return loose(value);
      return bytesPart(w, found, typedArrayName(value) === 'Uint8Array' ? 'b' : 'v');
    };
    const keyPart = (value: unknown): string => {
      if (!isCryptoKey(value)) throw new NativeTypeError('crypto.subtle: the key is not a CryptoKey');
      return `{"k":${partsOf(value)[0]}}`;
    };

    const algorithmPart = (w: Writing, value: unknown, depth = 0): string => {
      if (!isObject(value)) return textPart(`${value as string}`);
      const given = value as Record<string, unknown>;
      let members = '';
      const member = (name: string, part: string): void => {
        members += `${members === '' ? '' : ','}"${name}":${part}`;
      };
      const each = (names: List<string>, part: (found: unknown) => string): void => {
        for (let i = 0; i < names.length; i++) {
          const found = given[names[i] as string];
          if (found !== undefined) member(names[i] as string, part(found));
        }
      };
      each(TEXTS, (found) => textPart(`${found as string}`));
      each(NUMBERS, numberPart);
      each(BYTES, (found) => dataPart(w, found));
      const hash = given['hash'];
      if (hash !== undefined) member('hash', depth > 1 ? ODD : algorithmPart(w, hash, depth + 1));
      const other = given['public'];
      if (other !== undefined) member('public', isCryptoKey(other) ? keyPart(other) : loose(other));
      return `{"d":{${members}}}`;
    };

    const textsPart = (value: unknown): string => {
      if (!isObject(value) || typeof (value as Iterable<unknown>)[SYM_ITERATOR] !== 'function') {
        throw new NativeTypeError('crypto.subtle: a list is needed');
      }
      const list = arrayFrom(value as Iterable<unknown>);
      if (list.length > MOST_ITEMS) throw new NativeTypeError(`crypto.subtle: more than ${MOST_ITEMS} items in a list`);
      let items = '';
      for (let i = 0; i < list.length; i++) items += `${i === 0 ? '' : ','}${textPart(`${list[i] as string}`)}`;
      return `{"l":[${items}]}`;
    };

    const jwkPart = (value: object): string => {
      let members = '';
      for (let i = 0; i < JWK.length; i++) {
        const name = JWK[i] as string;
        const found = (value as Record<string, unknown>)[name];
        if (found === undefined) continue;
        const part =
          name === 'ext'
            ? `${!!found}`
            : name === 'key_ops'
              ? textsPart(found)
              : name === 'oth'
                ? '{"l":[]}'
                : textPart(`${found as string}`);
        members += `${members === '' ? '' : ','}"${name}":${part}`;
      }
      return `{"d":{${members}}}`;
    };

    const writePart = (w: Writing, kind: Kind, value: unknown): string => {
      switch (kind) {
        case 'a':
          return algorithmPart(w, value);
        case 'd':
          return dataPart(w, value);
        case 'k':
          return keyPart(value);
        case 'b':
          return `${!!value}`;
        case 's':
          return textPart(`${value as string}`);
        case 'u':
          return textsPart(value);
        case 'l':
          return value === null || value === undefined ? 'null' : numberPart(value);
        case 'm':
          return bytesOf(value) !== null || !isObject(value) ? dataPart(w, value) : jwkPart(value);
        default:
          return kind satisfies never;
      }
    };

    interface Asked extends Waiting {
      readonly resolve: (value: unknown) => void;
      readonly reject: (error: unknown) => void;
    }
    const pending = new SafeMap<number, Asked>();
    const expect = (id: number, resolve: Asked['resolve'], reject: Asked['reject']): void => {
      const inv = current;
      const waiting: Asked = { inv, resolve, reject, release: () => pending.delete(id) };
      pending.set(id, waiting);
      inv.hold(waiting);
    };

    const exception = (name: string, message: string): Error =>
      name === 'TypeError' ? new NativeTypeError(message) : new DOMException(message, name);

    /** One call to the host: the number of an operation, or its result. */
    const ask = (op: string, kinds: string, args: readonly unknown[]): unknown => {
      const inv = current;
      if (inv.over) throw contextOver();
      const w = new Writing();
      for (let i = 0; i < kinds.length; i++) w.add(writePart(w, kinds[i] as Kind, args[i]));
      const call = new List<unknown>();
      call.push(inv.id, op, `[${w.json}]`);
      for (let i = 0; i < w.chunks.length; i++) call.push(w.chunks[i]);
      const got = reflectApply(host().subtle, undefined, call) as number | boolean | string | Uint8Array;
      if (typeof got !== 'string') return isObject(got) ? viewBuffer(tight(got)) : got;
      if (got[0] !== '!') return shown(jsonParse(got), 0, NONE);
      const colon = indexOf(got, ': ');
      throw exception(slice(got, 1, colon), slice(got, colon + 2));
    };

    const perform = (
      self: unknown,
      op: string,
      kinds: string,
      args: readonly unknown[],
      least: number,
    ): Promise<unknown> =>
      new NativePromise((resolve, reject) => {
        if (!isSubtle(self)) throw new NativeTypeError(`crypto.subtle.${op}: Illegal invocation`);
        if (args.length < least) {
          throw new NativeTypeError(
            `crypto.subtle.${op}: ${least} arguments required, but only ${args.length} present`,
          );
        }
        const got = ask(op, kinds, args);
        if (typeof got === 'number') expect(got, resolve, reject);
        else resolve(got);
      });

    const put = (target: object, name: string | number, value: unknown): void => {
      defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
    };

    /** A result in the guest's own objects. `value` is ours, from JSON. */
    const shown = (value: unknown, first: number, chunks: readonly Uint8Array[]): unknown => {
      if (!isObject(value)) return value;
      const form = objectKeys(value)[0] as string;
      const content = (value as Record<string, unknown>)[form];
      switch (form) {
        case 'b':
          return viewBuffer(copyBytes(chunks[first + (content as number)] as Uint8Array));
        case 'k':
          return makeKey(content as KeyParts);
        case 'a': {
          const given = content as number[];
          const out = new U8(given.length);
          for (let i = 0; i < given.length; i++) out[i] = given[i] as number;
          return out;
        }
        case 'l': {
          const out: unknown[] = [];
          const given = content as unknown[];
          for (let i = 0; i < given.length; i++) put(out, i, shown(given[i], first, chunks));
          return out;
        }
        case 'd': {
          const out = {};
          const names = objectKeys(content as object);
          for (let i = 0; i < names.length; i++) {
            const name = names[i] as string;
            put(out, name, shown((content as Record<string, unknown>)[name], first, chunks));
          }
          return out;
        }
        default:
          return undefined;
      }
    };

    deliverSubtle = (id, value, first, chunks) => {
      const found = takeWaiting(pending, id);
      if (found !== undefined) found.resolve(shown(value, first, chunks));
    };

    deliverSubtleError = (id, name, message) => {
      const found = takeWaiting(pending, id);
      if (found !== undefined) found.reject(exception(name, message));
    };

    class CryptoKey {
      readonly #parts: KeyParts;
      #algorithm: unknown;
      #usages: unknown;
      static {
        isCryptoKey = (value) => isObject(value) && #parts in value;
        partsOf = (key) => (key as CryptoKey).#parts;
      }
      constructor(...given: unknown[]) {
        if (token === null || given[0] !== token) throw new NativeTypeError('Illegal constructor');
        this.#parts = token as KeyParts;
      }
      get type(): string {
        return this.#parts[1];
      }
      get extractable(): boolean {
        return this.#parts[2];
      }
      get algorithm(): unknown {
        this.#algorithm ??= shown({ d: this.#parts[3] }, 0, []);
        return this.#algorithm;
      }
      get usages(): unknown {
        this.#usages ??= shown({ l: this.#parts[4] }, 0, []);
        return this.#usages;
      }
    }
    enumerable(CryptoKey.prototype, ['type', 'extractable', 'algorithm', 'usages']);
    makeKey = (parts) => {
      token = parts;
      try {
        return new CryptoKey(parts);
      } finally {
        token = null;
      }
    };

    class SubtleCrypto {
      readonly #brand = true;
      static {
        isSubtle = (value) => isObject(value) && #brand in value;
      }
      constructor(...given: unknown[]) {
        if (token === null || given[0] !== token) throw new NativeTypeError('Illegal constructor');
      }
      static supports(operation: unknown, algorithm: unknown, other: unknown = undefined): boolean {
        const kinds = other === undefined ? 'sa' : typeof other === 'number' || other === null ? 'sal' : 'saa';
        return ask('supports', kinds, [operation, algorithm, other]) === true;
      }
    }
    const define = (name: string, kinds: string): void => {
      const length = name === 'deriveBits' ? 2 : kinds.length;
      const { value } = {
        value(this: unknown, ...args: unknown[]): Promise<unknown> {
          return perform(this, name, kinds, args, length);
        },
      };
      defineProperty(value, 'name', { value: name, configurable: true });
      defineProperty(value, 'length', { value: length, configurable: true });
      put(SubtleCrypto.prototype, name, value);
    };
    const METHODS = words(
      'encrypt akd decrypt akd sign akd verify akdd digest ad generateKey abu deriveKey akabu deriveBits akl importKey smabu exportKey sk ' +
        'wrapKey skka unwrapKey sdkaabu getPublicKey ku encapsulateBits ak encapsulateKey akabu decapsulateBits akd decapsulateKey akdabu',
    );
    for (let i = 0; i < METHODS.length; i += 2) define(METHODS[i] as string, METHODS[i + 1] as string);
    cloneCryptoKey = (key) => makeKey(partsOf(key));
    waitFor = (id) => new NativePromise((resolve, reject) => expect(id, resolve, reject));
    return { CryptoKey, SubtleCrypto };
  },
  '<subtle',
);

export const subtle: () => object = once(() => {
  const { SubtleCrypto } = classes();
  token = {};
  try {
    return new SubtleCrypto(token);
  } finally {
    token = null;
  }
});
