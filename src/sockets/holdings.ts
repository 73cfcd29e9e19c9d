/** Bytes that all sockets of the host hold together: messages half arrived, not yet taken, or waiting for a slow reader. */

export class Holdings {
  readonly #limit: number;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /** A holder that changes what it holds; false: it may not hold that much more. */
  change(byBytes: number): boolean {
    this.#bytes += byBytes;
    return byBytes <= 0 || this.#bytes <= this.#limit;
  }

  get bytes(): number {
    return this.#bytes;
  }
}
