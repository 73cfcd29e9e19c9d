/**
 * A queue of bytes in shared memory with one writer and one reader: what main thread and lane say to each other while
 * both are awake costs no system call. Only a reader that sleeps is woken, by whatever its side is woken with. Frames are
 * whole and contiguous, aligned to eight bytes; a frame that does not fit is refused, never split and never dropped.
 */

const HEADER_BYTES = 64;
const WRITTEN = 0;
const READ = 1;
const DOZING = 2;
/** In place of a length: the rest up to the end is empty. */
const SKIP = -1;

export const RING_BYTES: number = 1 << 20;

export class Ring {
  readonly words: Int32Array;
  readonly floats: Float64Array;
  readonly bytes: Buffer;
  readonly #control: Int32Array;
  readonly #size: number;
  readonly #mask: number;
  /** The writer's or the reader's own place; both only grow, modulo 2^32. */
  #place = 0;
  /** Last seen of the other side, so that its cache line is left alone while there is room, or work. */
  #other = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.#size = buffer.byteLength - HEADER_BYTES;
    if ((this.#size & (this.#size - 1)) !== 0) throw new Error('the size of a ring is a power of two');
    this.#mask = this.#size - 1;
    this.#control = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.words = new Int32Array(buffer, HEADER_BYTES, this.#size / 4);
    this.floats = new Float64Array(buffer, HEADER_BYTES, this.#size / 8);
    this.bytes = Buffer.from(buffer, HEADER_BYTES, this.#size);
  }

  static memory(size: number = RING_BYTES): SharedArrayBuffer {
    return new SharedArrayBuffer(HEADER_BYTES + size);
  }

  /** Writer: where a frame of up to `most` bytes may be written (the first eight are the ring's own), or -1. */
  reserve(most: number): number {
    const need = aligned(most);
    let at = this.#place & this.#mask;
    const toEnd = this.#size - at;
    const skipped = toEnd < need ? toEnd : 0;
    if (!this.#hasRoom(need + skipped)) return -1;
    if (skipped > 0) {
      this.words[at / 4] = SKIP;
      this.#place = (this.#place + skipped) | 0;
      at = 0;
    }
    return at;
  }

  /** Writer: the frame at the reserved place is whole. */
  commit(bytes: number): void {
    const size = aligned(bytes);
    this.words[(this.#place & this.#mask) / 4] = size;
    this.#place = (this.#place + size) | 0;
    Atomics.store(this.#control, WRITTEN, this.#place);
  }

  /** Writer: true when the reader sleeps; it is the caller's to wake. */
  rouse(): boolean {
    return Atomics.load(this.#control, DOZING) === 1 && Atomics.compareExchange(this.#control, DOZING, 1, 0) === 1;
  }

  /** Writer: wakes a reader that sleeps in `wait`. */
  notify(): void {
    Atomics.notify(this.#control, DOZING);
  }

  /** Reader: where the next frame begins, or -1. */
  next(): number {
    for (;;) {
      if (this.#place === this.#other) {
        this.#other = Atomics.load(this.#control, WRITTEN);
        if (this.#place === this.#other) return -1;
      }
      const at = this.#place & this.#mask;
      if (this.words[at / 4] !== SKIP) return at;
      this.#place = (this.#place + this.#size - at) | 0;
    }
  }

  /** Reader: done with the frame `next` gave. */
  release(): void {
    const at = this.#place & this.#mask;
    this.#place = (this.#place + this.words[at / 4]!) | 0;
    Atomics.store(this.#control, READ, this.#place);
  }

  /** Reader: true as soon as a frame is there, false after `ms` of looking. */
  look(ms: number): boolean {
    const untilMs = performance.now() + ms;
    do if (this.next() >= 0) return true;
    while (performance.now() < untilMs);
    return false;
  }

  /** Reader: about to sleep. False: something has come. */
  doze(): boolean {
    Atomics.store(this.#control, DOZING, 1);
    if (this.next() < 0) return true;
    this.stir();
    return false;
  }

  /** Reader: awake, needs no waking. */
  stir(): void {
    Atomics.store(this.#control, DOZING, 0);
  }

  /** Reader, off the main thread: sleeps until a frame comes, or for `ms`. */
  wait(ms: number): void {
    if (this.doze()) Atomics.wait(this.#control, DOZING, 1, ms);
    this.stir();
  }

  /** Reader that has dozed off: resolves when it is notified. The caller stirs it. */
  notified(): Promise<unknown> | null {
    const { async, value } = Atomics.waitAsync(this.#control, DOZING, 1);
    return async ? value : null;
  }

  #hasRoom(bytes: number): boolean {
    if (this.#size - ((this.#place - this.#other) | 0) >= bytes) return true;
    this.#other = Atomics.load(this.#control, READ);
    return this.#size - ((this.#place - this.#other) | 0) >= bytes;
  }
}

function aligned(bytes: number): number {
  return (bytes + 7) & ~7;
}
