/** Ciphers, long hashes and Diffie-Hellman groups at work for one isolate, by number. The oldest goes when there are too many. */
import type { DiffieHellmanGroup, Hash, Hmac } from 'node:crypto';
import { Refusal } from '../marshal.ts';
import type { OpenCipher } from './ciphers.ts';

const MOST = 256;

export type Handle = Hash | Hmac | OpenCipher | DiffieHellmanGroup;

export class Handles {
  readonly #open: Map<number, Handle> = new Map();
  #last = 0;

  add(handle: Handle): number {
    if (this.#open.size >= MOST) this.#open.delete(this.#open.keys().next().value!);
    this.#last += 1;
    this.#open.set(this.#last, handle);
    return this.#last;
  }

  get(id: unknown): Handle {
    const found = this.#open.get(id as number);
    if (found === undefined) {
      throw new Refusal(
        'Error',
        `crypto: it was given up: an isolate has the ${MOST} ciphers, long hashes and groups it opened last`,
      );
    }
    return found;
  }

  drop(id: unknown): void {
    this.#open.delete(id as number);
  }
}
