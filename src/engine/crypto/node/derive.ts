/** Keys from passwords and secrets: in the turn what is quick, in the thread pool what is not. */
import { argon2, argon2Sync, hkdfSync, pbkdf2, pbkdf2Sync, scrypt, scryptSync } from 'node:crypto';
import { promisify } from 'node:util';
import { type Answer, absurd, type Call } from './call.ts';

const MOST_BYTES = 65_536;
const IN_TURN = '; use the asynchronous form';
const MOST_MEMORY = 128 * 1024 * 1024;

const lengthOf = (call: Call): number => {
  const length = call.number('length');
  absurd('the key length', length, MOST_BYTES);
  return length;
};

const SIZES: Readonly<Record<string, number>> = { sha1: 20, sha384: 48, sha512: 64 };

/** A salt is hashed once a block of what it gives: 128 bytes take as long as an iteration. */
const SALT_BYTES = 128;

function pbkdf2Work(call: Call, most: number, remedy: string): number {
  const blocks = Math.max(
    1,
    Math.ceil(lengthOf(call) / (SIZES[call.text('digest').toLowerCase().replace('-', '')] ?? 32)),
  );
  const work = (call.number('iterations') + call.data('salt').length / SALT_BYTES) * blocks;
  absurd('PBKDF2 over all blocks of the key: iterations', work, most, remedy);
  return work;
}

export function pbkdf2Now(call: Call): Answer {
  pbkdf2Work(call, 250_000, IN_TURN);
  return pbkdf2Sync(
    call.data('password'),
    call.data('salt'),
    call.number('iterations'),
    lengthOf(call),
    call.text('digest'),
  );
}

export const pbkdf2Later = {
  price: (call: Call): number => 20_000 + 500 * pbkdf2Work(call, 2_000_000, ''),
  run: (call: Call): Promise<Answer> =>
    promisify(pbkdf2)(
      call.data('password'),
      call.data('salt'),
      call.number('iterations'),
      lengthOf(call),
      call.text('digest'),
    ),
};

function scryptWork(call: Call, most: number, remedy: string): number {
  // To Node 0 means the same as nothing.
  const given = (name: string, otherwise: number): number => (call.has(name) && call.number(name)) || otherwise;
  const cost = given('cost', 16_384);
  const blockSize = given('blockSize', 8);
  const parallelization = given('parallelization', 1);
  absurd('the memory of scrypt', 128 * cost * blockSize, MOST_MEMORY);
  // Beside the mixing, all its memory is hashed for each block of the key, and the salt for each of its memory.
  const hashed = lengthOf(call) / 32 + (4 * call.data('salt').length) / SALT_BYTES;
  const work = (cost + hashed) * blockSize * parallelization;
  absurd('the work of scrypt (cost × blockSize × parallelization, and the key length)', Math.ceil(work), most, remedy);
  return work;
}

const scryptOptions = (call: Call): object => {
  const options = call.options(['cost', 'blockSize', 'parallelization', 'maxmem']);
  if (typeof options['maxmem'] === 'number') options['maxmem'] = Math.min(options['maxmem'], 2 * MOST_MEMORY);
  return options;
};

export function scryptNow(call: Call): Answer {
  scryptWork(call, 140_000, IN_TURN);
  return scryptSync(call.data('password'), call.data('salt'), lengthOf(call), scryptOptions(call));
}

const scryptLater1 = promisify(scrypt) as unknown as (
  password: Buffer,
  salt: Buffer,
  length: number,
  options: object,
) => Promise<Buffer>;

export const scryptLater = {
  price: (call: Call): number => 20_000 + 400 * scryptWork(call, 2 ** 20, ''),
  run: (call: Call): Promise<Answer> =>
    scryptLater1(call.data('password'), call.data('salt'), lengthOf(call), scryptOptions(call)),
};

export function hkdfNow(call: Call): Answer {
  return new Uint8Array(
    hkdfSync(call.text('digest'), call.data('key'), call.data('salt'), call.data('info'), lengthOf(call)),
  );
}

function argonWork(call: Call, most: number, remedy: string): number {
  const memory = call.number('memory');
  absurd('the memory of Argon2, KiB', memory, 65_536);
  absurd('the parallelism of Argon2', call.number('parallelism'), 64);
  const work = memory * Math.max(1, call.number('passes'));
  absurd('memory × passes of Argon2, KiB', work, most, remedy);
  return work;
}

function argonOptions(call: Call): never {
  const tagLength = call.number('tagLength');
  absurd('tagLength', tagLength, MOST_BYTES);
  const { secret, associatedData } = {
    secret: call.has('secret') ? { secret: call.data('secret') } : {},
    associatedData: call.has('associatedData') ? { associatedData: call.data('associatedData') } : {},
  };
  return {
    message: call.data('message'),
    nonce: call.data('nonce'),
    tagLength,
    ...call.options(['memory', 'passes', 'parallelism']),
    ...secret,
    ...associatedData,
  } as never;
}

export function argon2Now(call: Call): Answer {
  argonWork(call, 32_768, IN_TURN);
  return argon2Sync(call.text('algorithm') as 'argon2id', argonOptions(call));
}

export const argon2Later = {
  price: (call: Call): number => 20_000 + 1500 * argonWork(call, 4 * 65_536, ''),
  run: (call: Call): Promise<Answer> =>
    promisify(argon2)(call.text('algorithm') as 'argon2id', argonOptions(call)) as Promise<Answer>,
};
