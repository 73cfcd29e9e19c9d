/**
 * The keys of one isolate: real CryptoKey objects, which the guest knows by number only. They die with the isolate.
 * A guest's garbage is not seen from here, so the table keeps the most recently used; keys that a later invocation has used
 * again, and those made while the module loaded, are plainly kept on purpose and go last.
 */
import { type CryptoKey, Refusal } from './marshal.ts';

const MOST_KEYS = 1024;
const MOST_BYTES = 4 * 1024 * 1024;

interface Entry {
  readonly key: CryptoKey;
  readonly bytes: number;
  /** Who made it, while nobody else has used it; 0: it is kept. */
  maker: number;
}

export class Keys {
  readonly #fresh: Map<number, Entry> = new Map();
  readonly #kept: Map<number, Entry> = new Map();
  #last = 0;
  #bytes = 0;

  get size(): number {
    return this.#fresh.size + this.#kept.size;
  }

  /** Throws `Refusal` when the table has given it up. */
  get(id: unknown, inv: number): CryptoKey {
    const number = id as number;
    const entry = this.#fresh.get(number) ?? this.#kept.get(number);
    if (entry === undefined) {
      throw new Refusal(
        'InvalidStateError',
        `the key is no longer kept: an isolate keeps the ${MOST_KEYS} keys (${MOST_BYTES} bytes) it used last; import it again`,
      );
    }
    (entry.maker === 0 ? this.#kept : this.#fresh).delete(number);
    if (entry.maker !== inv) entry.maker = 0;
    (entry.maker === 0 ? this.#kept : this.#fresh).set(number, entry);
    return entry.key;
  }

  /** `bytes`: what its material is about. */
  put(key: CryptoKey, inv: number, bytes: number): number {
    this.#last += 1;
    this.#bytes += bytes;
    (inv === 0 ? this.#kept : this.#fresh).set(this.#last, { key, bytes, maker: inv });
    while (this.size > 1 && (this.size > MOST_KEYS || this.#bytes > MOST_BYTES)) this.#giveUp();
    return this.#last;
  }

  #giveUp(): void {
    const from = this.#fresh.size > 0 ? this.#fresh : this.#kept;
    for (const [id, entry] of from) {
      from.delete(id);
      this.#bytes -= entry.bytes;
      return;
    }
  }
}
