/** pbkdf2, scrypt, hkdf, argon2: the synchronous forms within the turn and bounded for it, the others outside of it. */
import { checkFunction, checkInteger, checkString, invalidArgType } from '../errors.ts';
import { askBytes, askLater, Bytes, type Callback, type Fields, looseBytesOf, toCallback } from './ask.ts';
import { KeyObject, secretOf } from './keys.ts';

type Prepared = readonly [Fields, Bytes];
const MOST = 2 ** 31 - 1;

const both = (op: string, prepare: (...args: never[]) => Prepared) => ({
  now: (...args: unknown[]): Buffer => askBytes(op, ...prepare(...(args as never[]))),
  later: (...args: unknown[]): void => {
    const callback = args[args.length - 1];
    const prepared = prepare(...(args.slice(0, -1) as never[]));
    checkFunction(callback, 'callback');
    toCallback(askLater(op, ...prepared), callback as Callback);
  },
});

const pbkdf2s = both(
  'pbkdf2',
  (password: unknown, salt: unknown, iterations: unknown, length: unknown, digest: unknown) => {
    checkString(digest, 'digest');
    const bytes = new Bytes();
    const given = {
      password: bytes.add(looseBytesOf(password, 'password')),
      salt: bytes.add(looseBytesOf(salt, 'salt')),
    };
    checkInteger(iterations, 'iterations', 1, MOST);
    checkInteger(length, 'keylen', 0, MOST);
    return [{ ...given, iterations, length, digest }, bytes];
  },
);
export const pbkdf2 = pbkdf2s.later;
export const pbkdf2Sync = pbkdf2s.now;

interface ScryptOptions {
  N?: number;
  cost?: number;
  r?: number;
  blockSize?: number;
  p?: number;
  parallelization?: number;
  maxmem?: number;
}
const scrypts = both('scrypt', (password: unknown, salt: unknown, length: unknown, options?: ScryptOptions) => {
  const bytes = new Bytes();
  const given = {
    password: bytes.add(looseBytesOf(password, 'password')),
    salt: bytes.add(looseBytesOf(salt, 'salt')),
  };
  checkInteger(length, 'keylen', 0, MOST);
  const { N, cost = N, r, blockSize = r, p, parallelization = p, maxmem } = options ?? {};
  return [{ ...given, length, cost, blockSize, parallelization, maxmem }, bytes];
});
export const scrypt = scrypts.later;
export const scryptSync = scrypts.now;

const prepareHkdf = (
  digest: unknown,
  key: unknown,
  ...rest: [salt: unknown, info: unknown, length: unknown]
): Prepared => {
  checkString(digest, 'digest');
  const bytes = new Bytes();
  const given = {
    key: bytes.add(key instanceof KeyObject ? secretOf(key) : looseBytesOf(key, 'ikm')),
    salt: bytes.add(looseBytesOf(rest[0], 'salt')),
    info: bytes.add(looseBytesOf(rest[1], 'info')),
  };
  checkInteger(rest[2], 'length', 0, MOST);
  return [{ ...given, length: rest[2], digest }, bytes];
};
const tight = ({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer =>
  buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
export const hkdfSync = (...args: Parameters<typeof prepareHkdf>): ArrayBuffer =>
  tight(askBytes('hkdf', ...prepareHkdf(...args)));
export const hkdf = (...args: [...Parameters<typeof prepareHkdf>, callback: unknown]): void => {
  const [digest, key, salt, info, length, callback] = args;
  const prepared = prepareHkdf(digest, key, salt, info, length);
  checkFunction(callback, 'callback');
  // It is quick whatever is asked of it: 255 blocks of a hash at most.
  toCallback(new Promise((resolve) => resolve(tight(askBytes('hkdf', ...prepared)))), callback as Callback);
};

interface ArgonOptions {
  message?: unknown;
  nonce?: unknown;
  secret?: unknown;
  associatedData?: unknown;
  parallelism?: unknown;
  memory?: unknown;
  passes?: unknown;
  tagLength?: unknown;
}
const argons = both('argon2', (algorithm: unknown, options: ArgonOptions) => {
  checkString(algorithm, 'algorithm');
  if (typeof options !== 'object' || options === null) throw invalidArgType('parameters', 'Object', options);
  const bytes = new Bytes();
  const { message, nonce, secret, associatedData, parallelism, memory, passes, tagLength } = options;
  const given = {
    message: bytes.add(looseBytesOf(message, 'parameters.message')),
    nonce: bytes.add(looseBytesOf(nonce, 'parameters.nonce')),
    ...(secret === undefined ? {} : { secret: bytes.add(looseBytesOf(secret, 'parameters.secret')) }),
    ...(associatedData === undefined
      ? {}
      : { associatedData: bytes.add(looseBytesOf(associatedData, 'parameters.associatedData')) }),
  };
  checkInteger(parallelism, 'parameters.parallelism', 1);
  checkInteger(memory, 'parameters.memory', 8);
  checkInteger(passes, 'parameters.passes', 1);
  checkInteger(tagLength, 'parameters.tagLength', 4);
  return [{ ...given, algorithm, parallelism, memory, passes, tagLength }, bytes];
});
export const argon2 = argons.later;
export const argon2Sync = argons.now;
