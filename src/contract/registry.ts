/**
 * A table of what is in flight. Like Map, for entries that live for milliseconds and come by the ten thousand a second:
 * V8's Map allocates a new store every time it fills with deletions and links each old store to the next, so one that
 * was promoted keeps all that follow alive, with whole requests in them, until a full garbage collection (seen: a third
 * of all bytes allocated were promoted). Open addressing, linear probing, deletion by moving entries back.
 */
export class Registry<K extends string | number, V> {
  #keys: (K | undefined)[] = new Array<K | undefined>(FIRST);
  #values: (V | undefined)[] = new Array<V | undefined>(FIRST);
  #mask: number = FIRST - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: K): V | undefined {
    return this.#values[this.#find(key)];
  }

  has(key: K): boolean {
    return this.#keys[this.#find(key)] !== undefined;
  }

  set(key: K, value: V): void {
    const at = this.#find(key);
    if (this.#keys[at] === undefined) {
      this.#keys[at] = key;
      this.#size += 1;
    }
    this.#values[at] = value;
    if (this.#size * 2 > this.#mask) this.#grow();
  }

  delete(key: K): boolean {
    let hole = this.#find(key);
    if (this.#keys[hole] === undefined) return false;
    this.#size -= 1;
    // Whoever probed past the hole moves into it, so that no search ends early.
    for (let at = (hole + 1) & this.#mask; this.#keys[at] !== undefined; at = (at + 1) & this.#mask) {
      const home = hash(this.#keys[at]!) & this.#mask;
      if (((at - home) & this.#mask) < ((at - hole) & this.#mask)) continue;
      this.#keys[hole] = this.#keys[at];
      this.#values[hole] = this.#values[at];
      hole = at;
    }
    this.#keys[hole] = undefined;
    this.#values[hole] = undefined;
    return true;
  }

  /** A copy, in no particular order. */
  values(): V[] {
    return this.#values.filter((value) => value !== undefined);
  }

  /** Where `key` is, or the free place where it would go. */
  #find(key: K): number {
    let at = hash(key) & this.#mask;
    while (this.#keys[at] !== undefined && this.#keys[at] !== key) at = (at + 1) & this.#mask;
    return at;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    const room = (this.#mask + 1) * 2;
    this.#keys = new Array<K | undefined>(room);
    this.#values = new Array<V | undefined>(room);
    this.#mask = room - 1;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (key === undefined) continue;
      const at = this.#find(key);
      this.#keys[at] = key;
      this.#values[at] = values[i];
    }
  }
}

const FIRST = 64;

/** Sequence numbers are their own hash; ids are random at their end, so their last characters will do. */
function hash(key: string | number): number {
  if (typeof key === 'number') return key;
  let mixed = 0;
  for (let i = Math.max(0, key.length - 8); i < key.length; i++) mixed = (Math.imul(mixed, 31) + key.charCodeAt(i)) | 0;
  return mixed;
}
