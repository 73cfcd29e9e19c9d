/** Keys made, read and written. A KeyObject of the guest is its DER with what may be asked about it. */
import {
  checkPrimeSync,
  generateKeyPair,
  generateKeyPairSync,
  generatePrime,
  generatePrimeSync,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import type { Answer, Call } from './call.ts';
import { absurd } from './call.ts';
import { type KeyInput, keyOf } from './key-input.ts';

const IN_TURN = '; use the asynchronous form';
const MOST_MODULUS_NOW = 2048;
const MOST_MODULUS = 4096;
const MOST_PRIME_NOW = 512;
const MOST_PRIME = 2048;
const MOST_SAFE_PRIME = 512;
const MOST_CHECKED = 4096;
/** Rounds of a test at 1024 bits; at twice the bits a round takes eight times as long. */
const MOST_ROUNDS = 128;
const USUAL_ROUNDS = 64;
/** SLH-DSA with small signatures: a tenth of a second for a pair of keys, up to a second for a signature. */
export const SLOW_KINDS: RegExp = /^slh-dsa-.*s$/;

function described(key: KeyObject): object {
  const isPublic = key.type === 'public';
  const der = isPublic ? key.export({ format: 'der', type: 'spki' }) : key.export({ format: 'der', type: 'pkcs8' });
  const details = Object.entries(key.asymmetricKeyDetails ?? {}).map(([name, value]) => [
    name,
    typeof value === 'bigint' ? { n: String(value) } : value,
  ]);
  return {
    type: key.type,
    kind: key.asymmetricKeyType,
    details: Object.fromEntries(details),
    der: der.toString('base64'),
  };
}

export function importKey(call: Call): Answer {
  return described(keyOf(call.key('key'), call.bytes, call.text('wanted') === 'private' ? 'private' : 'public'));
}

export function exportKey(call: Call): Answer {
  const input: KeyInput = call.key('key');
  const key = keyOf(input, call.bytes, input.type === 'public' ? 'public' : 'private');
  const options = call.options(['format', 'type', 'cipher']);
  const passphrase = call.has('passphrase') ? { passphrase: call.data('passphrase') } : {};
  return key.export({ ...options, ...passphrase } as never) as Answer;
}

const PAIR = [
  'modulusLength',
  'publicExponent',
  'hashAlgorithm',
  'mgf1HashAlgorithm',
  'saltLength',
  'namedCurve',
  'paramEncoding',
  'divisorLength',
  'group',
  'groupName',
];

function pairOptions(call: Call, mostModulus: number, remedy: string): Record<string, unknown> {
  const options = call.options(PAIR);
  const kind = call.text('kind');
  absurd('modulusLength', Number(options['modulusLength'] ?? 0), mostModulus, remedy);
  const exponent = Number(options['publicExponent'] ?? 65_537);
  // No prime fits an even exponent, or one: it would be looked for without end.
  if (exponent < 3 || exponent % 2 === 0) absurd('an even publicExponent or 1', 1, 0);
  if (remedy !== '') absurd(`a pair of keys of ${kind}`, SLOW_KINDS.test(kind) ? 1 : 0, 0, remedy);
  if (kind === 'dsa' || kind === 'dh') absurd(`a new group for ${kind}`, options['group'] === undefined ? 1 : 0, 0);
  return options;
}

export function newKeysNow(call: Call): Answer {
  const options = pairOptions(call, MOST_MODULUS_NOW, IN_TURN);
  const { publicKey, privateKey } = generateKeyPairSync(
    call.text('kind') as 'rsa',
    options as never,
  ) as never as Record<'publicKey' | 'privateKey', KeyObject>;
  return { publicKey: described(publicKey), privateKey: described(privateKey) };
}

const newPair = promisify(generateKeyPair) as unknown as (
  kind: string,
  options: object,
) => Promise<Record<'publicKey' | 'privateKey', KeyObject>>;

/** Of RSA: what a core needs for a modulus of so many bits, about, ns. */
export const newKeys = {
  price: (call: Call): number => {
    const { modulusLength = 0 } = pairOptions(call, MOST_MODULUS, '');
    if (call.text('kind').startsWith('slh-dsa')) return 250e6;
    return 100_000 + 200e6 * (Number(modulusLength) / 2048) ** 4;
  },
  run: async (call: Call): Promise<Answer> => {
    const { publicKey, privateKey } = await newPair(call.text('kind'), pairOptions(call, MOST_MODULUS, ''));
    return { publicKey: described(publicKey), privateKey: described(privateKey) };
  },
};

function primeOptions(call: Call, most: number, remedy: string): { bits: number; options: object } {
  const bits = call.number('bits');
  const safe = call.flag('safe');
  absurd(safe ? 'the size of a safe prime' : 'the size of a prime', bits, safe ? MOST_SAFE_PRIME / 2 : most, remedy);
  if (!call.has('add')) return { bits, options: { safe } };
  const [add, rem] = [call.data('add'), call.has('rem') ? call.data('rem') : Buffer.from([1])];
  // Where there is no such prime, OpenSSL looks for one without end.
  absurd('a safe prime by add and rem', safe ? 1 : 0, 0);
  absurd(
    'add, in bits of so short a prime,',
    bits < LEAST_BY_ADD ? 1 : add.length * 8,
    bits < LEAST_BY_ADD ? 0 : bits / 2,
  );
  absurd('the common divisor of add and rem', Number(divisor(whole(add), whole(rem))), 1);
  return { bits, options: { safe, add, rem } };
}

const LEAST_BY_ADD = 64;
const whole = (bytes: Buffer): bigint => BigInt(`0x0${bytes.toString('hex')}`);
function divisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : divisor(b, a % b);
}

export function newPrime(call: Call): Answer {
  const { bits, options } = primeOptions(call, MOST_PRIME_NOW, IN_TURN);
  return new Uint8Array(generatePrimeSync(bits, options) as ArrayBuffer);
}

const primeOf = promisify(generatePrime) as unknown as (bits: number, options: object) => Promise<ArrayBuffer>;

export const newPrimeLater = {
  price: (call: Call): number => 20e6 * (primeOptions(call, MOST_PRIME, '').bits / 1024) ** 4 + 100_000,
  run: async (call: Call): Promise<Answer> => {
    const { bits, options } = primeOptions(call, MOST_PRIME, '');
    return new Uint8Array(await primeOf(bits, options));
  },
};

export function isPrime(call: Call): Answer {
  const candidate = call.data('candidate');
  absurd('the size of the candidate', candidate.length * 8, MOST_CHECKED);
  const checks = call.has('checks') ? call.number('checks') : 0;
  absurd('checks', checks, 64);
  const rounds = (checks || USUAL_ROUNDS) * ((candidate.length * 8) / 1024) ** 3;
  absurd('the rounds of the test, at 1024 bits,', Math.ceil(rounds), MOST_ROUNDS, '; ask for fewer checks');
  return checkPrimeSync(candidate, { checks });
}
