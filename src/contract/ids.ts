/**
 * Identifiers every door needs: invocation ids (UUIDv7, RFC 9562) and W3C trace and span ids. Called once per
 * request, so random bytes come from a pool and no BigInt is involved. Ids are unguessable within a process, but they
 * are names, not secrets: nothing may be authorised by knowing one.
 */
import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';

const HEX: Uint8Array = Buffer.from('0123456789abcdef', 'latin1');
const DASH = 0x2d;
const POOL_BYTES = 4096;
/** A wall clock that steps back by more than this is believed; below, ids go on from the latest time seen. */
const CLOCK_STEP_MS = 10_000;
const LOW_BITS_LIMIT = 2 ** 30;
/** Random bytes written out as hexadecimal digits at a time: ids are pieces of such a text and keep it alive. */
const HEX_BYTES = 192;
/** Of an invocation's id: what stays the same until the counter is set anew. */
const FIXED_CHARS = 19;

/** One source per process; a simulator may build its own with a seeded `fill`. */
export class IdSource {
  readonly #fill: (bytes: Uint8Array) => void;
  readonly #pool: Buffer = Buffer.alloc(POOL_BYTES);
  #next: number = POOL_BYTES;
  /** Ids are written here digit by digit: strings joined from pieces are flattened later, at more cost. */
  readonly #text: Buffer = Buffer.alloc(36);
  #at = 0;
  #digits = '';
  #digit = 0;
  #lastMs = -1;
  /** 42-bit counter within one millisecond, as RFC 9562 §6.2 method 1: 12 bits of rand_a, 30 of rand_b. */
  #high = 0;
  #low = 0;

  constructor(fill: (bytes: Uint8Array) => void = (bytes) => void randomFillSync(bytes)) {
    this.#fill = fill;
  }

  /** UUIDv7 at `epochMs`; later calls sort after earlier ones. */
  invocation(epochMs: number): string {
    const ms = Math.trunc(epochMs);
    if (ms > this.#lastMs || ms < this.#lastMs - CLOCK_STEP_MS) this.#restart(ms);
    else this.#advance();
    this.#at = FIXED_CHARS;
    this.#hex16(0x8000 | (this.#low >>> 16));
    this.#dash();
    this.#hex16(this.#low & 0xffff);
    for (let i = 0; i < 4; i++) this.#hex8(this.#byte());
    return this.#text.toString('latin1', 0, this.#at);
  }

  /** 32 lower-case hex digits, never all zero. */
  trace(): string {
    for (;;) {
      const id = this.#random(32);
      if (id !== '00000000000000000000000000000000') return id;
    }
  }

  /** 16 lower-case hex digits, never all zero. */
  span(): string {
    for (;;) {
      const id = this.#random(16);
      if (id !== '0000000000000000') return id;
    }
  }

  #restart(ms: number): void {
    this.#lastMs = ms;
    // The top bit stays clear so that a busy millisecond cannot overflow at once.
    this.#high = ((this.#byte() << 8) | this.#byte()) & 0x7ff;
    this.#low = ((this.#byte() << 22) | (this.#byte() << 14) | (this.#byte() << 6) | (this.#byte() & 0x3f)) >>> 0;
    this.#writeFixed();
  }

  #writeFixed(): void {
    const time = this.#lastMs;
    const upper = Math.floor(time / 65_536);
    this.#at = 0;
    this.#hex16(upper >>> 16);
    this.#hex16(upper & 0xffff);
    this.#dash();
    this.#hex16(time % 65_536);
    this.#dash();
    this.#hex16(0x7000 | this.#high);
    this.#dash();
  }

  #advance(): void {
    this.#low += 1 + this.#byte();
    if (this.#low < LOW_BITS_LIMIT) return;
    this.#low -= LOW_BITS_LIMIT;
    this.#high += 1;
    if (this.#high > 0xfff) this.#restart(this.#lastMs + 1);
    else this.#writeFixed();
  }

  #byte(): number {
    if (this.#next === POOL_BYTES) {
      this.#fill(this.#pool);
      this.#next = 0;
    }
    return this.#pool[this.#next++]!;
  }

  /** `count` of them, until the next call of anything. */
  #bytes(count: number): Buffer {
    if (this.#next + count > POOL_BYTES) {
      this.#fill(this.#pool);
      this.#next = 0;
    }
    this.#next += count;
    return this.#pool.subarray(this.#next - count, this.#next);
  }

  #random(digits: number): string {
    if (this.#digit + digits > this.#digits.length) {
      this.#digits = this.#bytes(HEX_BYTES).toString('hex');
      this.#digit = 0;
    }
    this.#digit += digits;
    return this.#digits.slice(this.#digit - digits, this.#digit);
  }

  #hex16(value: number): void {
    this.#hex8(value >>> 8);
    this.#hex8(value & 0xff);
  }

  #hex8(value: number): void {
    this.#text[this.#at++] = HEX[value >>> 4]!;
    this.#text[this.#at++] = HEX[value & 15]!;
  }

  #dash(): void {
    this.#text[this.#at++] = DASH;
  }
}

const SOURCE: IdSource = new IdSource();

/** UUIDv7 for an invocation or a delivery accepted at `epochMs`; monotonic within the process. */
export const newInvocationId = (epochMs: number): string => SOURCE.invocation(epochMs);
export const newTraceId = (): string => SOURCE.trace();
export const newSpanId = (): string => SOURCE.span();
