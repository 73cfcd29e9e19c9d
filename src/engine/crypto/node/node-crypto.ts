/**
 * The host half of node:crypto for guests. What is quick is one synchronous call in the guest's turn, counted as its CPU: a
 * native call cannot be ended, so what may take longer than a tenth of a second is refused there and done in the thread
 * pool. Nothing but ciphers and long hashes is kept between calls; keys are the guest's own bytes.
 */
import { constants, getCiphers, getCurves, getHashes } from 'node:crypto';
import { Refusal } from '../marshal.ts';
import { agree, decapsulated, dh, ecdhConvert, ecdhKeys, ecdhPublic, ecdhSecret, encapsulated } from './agreement.ts';
import { type Answer, absurd, answered, Call } from './call.ts';
import { cipherInfo, closeCipher, openCipher, updateCipher } from './ciphers.ts';
import { argon2Later, argon2Now, hkdfNow, pbkdf2Later, pbkdf2Now, scryptLater, scryptNow } from './derive.ts';
import { Handles } from './handles.ts';
import { closeHash, copyHash, hashAll, openHash, updateHash } from './hashes.ts';
import { exportKey, importKey, isPrime, newKeys, newKeysNow, newPrime, newPrimeLater } from './key-ops.ts';
import { equal, rsa, signData, verifyData } from './signatures.ts';

const NOW: ReadonlyMap<string, (call: Call) => Answer> = new Map(
  Object.entries({
    constants: () => constants,
    hashes: () => getHashes(),
    ciphers: () => getCiphers(),
    curves: () => getCurves(),
    cipherInfo,
    hash: hashAll,
    openHash,
    updateHash,
    copyHash,
    closeHash,
    openCipher,
    updateCipher,
    closeCipher,
    sign: signData,
    verify: verifyData,
    rsa,
    equal,
    importKey,
    exportKey,
    newKeys: newKeysNow,
    newPrime,
    isPrime,
    pbkdf2: pbkdf2Now,
    scrypt: scryptNow,
    hkdf: hkdfNow,
    argon2: argon2Now,
    ecdhKeys,
    ecdhPublic,
    ecdhSecret,
    ecdhConvert,
    dh,
    agree,
    encapsulate: encapsulated,
    decapsulate: decapsulated,
  }),
);

const MIB = 1024 * 1024;
/** Bytes of one call in the turn: the slowest hash takes 60 ms for 16 MiB. Ciphers have bounds of their own. */
const MOST_BYTES = 4 * MIB;
const MOST_SIGNED = 16 * MIB;

function boundBytes(op: string, bytes: readonly Uint8Array[]): void {
  const most = op === 'sign' || op === 'verify' ? MOST_SIGNED : MOST_BYTES;
  const given = bytes.reduce((sum, one) => sum + one.byteLength, 0);
  absurd('the data of one call, in bytes,', given, most, '; work in parts');
}

interface Later {
  /** About what it costs, ns; throws what refuses it. */
  price(call: Call): number;
  run(call: Call): Promise<Answer>;
}
const LATER: ReadonlyMap<string, Later> = new Map(
  Object.entries({ newKeys, newPrime: newPrimeLater, pbkdf2: pbkdf2Later, scrypt: scryptLater, argon2: argon2Later }),
);

const unknown = (): never => {
  throw new Refusal('TypeError', 'crypto: the operation is not known');
};

export class NodeCrypto {
  readonly #handles: Handles = new Handles();

  /** Bytes, JSON, or a refusal. */
  now(op: string, json: string, bytes: readonly Uint8Array[]): Uint8Array | string {
    return answered(() => {
      boundBytes(op, bytes);
      return (NOW.get(op) ?? unknown())(new Call(json, bytes, this.#handles));
    });
  }

  /** Throws what refuses it. */
  later(op: string, json: string, bytes: readonly Uint8Array[]): { priceNs: number; run: () => Promise<Answer> } {
    const operation = LATER.get(op) ?? unknown();
    boundBytes(op, bytes);
    const call = new Call(json, bytes, this.#handles);
    return { priceNs: operation.price(call), run: () => operation.run(call) };
  }
}
