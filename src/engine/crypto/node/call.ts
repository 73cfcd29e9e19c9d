/** What one call of node:crypto's guest half brings, and how answers and refusals go back. */
import { Refusal } from '../marshal.ts';
import type { Handles } from './handles.ts';
import { bytesAt, type KeyInput } from './key-input.ts';

export type Answer = Uint8Array | string | number | boolean | object | null;

const MESSAGE_CHARS = 300;

export class Call {
  readonly bytes: readonly Uint8Array[];
  readonly handles: Handles;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(json: string, bytes: readonly Uint8Array[], handles: Handles) {
    const fields: unknown = JSON.parse(json);
    if (typeof fields !== 'object' || fields === null) throw unfit();
    this.#fields = fields as Readonly<Record<string, unknown>>;
    this.bytes = bytes;
    this.handles = handles;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#fields, name) && this.#fields[name] !== null;
  }

  text(name: string): string {
    const value = this.#value(name);
    if (typeof value !== 'string') throw unfit();
    return value;
  }

  number(name: string): number {
    const value = this.#value(name);
    if (typeof value !== 'number') throw unfit();
    return value;
  }

  flag(name: string): boolean {
    return this.#value(name) === true;
  }

  /** Binary data by its index. */
  data(name: string): Buffer {
    return bytesAt(this.bytes, this.#value(name));
  }

  key(name: string): KeyInput {
    const value = this.#value(name);
    if (typeof value !== 'object' || value === null) throw unfit();
    return value as KeyInput;
  }

  /** Those of `names` that are there, texts and numbers only. */
  options(names: readonly string[]): Record<string, string | number | boolean> {
    const found: Record<string, string | number | boolean> = {};
    for (const name of names) {
      const value = this.#value(name);
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') found[name] = value;
    }
    return found;
  }

  #value(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }
}

export const unfit = (): Refusal => new Refusal('TypeError', 'crypto: the arguments do not fit');

/** Refuses what is beyond reason, in one sentence. */
export function absurd(what: string, given: number, most: number, remedy = ''): void {
  if (given <= most) return;
  throw new Refusal('RangeError', `crypto: ${what} is ${given}, at most ${most} is done here${remedy}`);
}

/** Bytes as they are, everything else as JSON; a refusal as `"!"` and JSON of name, code and message. */
export function answered(work: () => Answer): Uint8Array | string {
  try {
    return encoded(work());
  } catch (error) {
    return refused(error);
  }
}

export function encoded(answer: Answer): Uint8Array | string {
  if (!(answer instanceof Uint8Array)) return JSON.stringify(answer);
  // A Buffer is mostly a window on a pool.
  return answer.byteLength === answer.buffer.byteLength && !(answer instanceof Buffer)
    ? answer
    : new Uint8Array(answer);
}

const NAMES: ReadonlySet<string> = new Set(['Error', 'TypeError', 'RangeError', 'SyntaxError']);

export function refused(error: unknown): string {
  const { name, message, code }: NodeJS.ErrnoException = error instanceof Error ? error : new Error('failed');
  // Words of the file system or of a loader have no business there.
  const known = code === undefined || /^ERR_/.test(code);
  const text = known ? message.slice(0, MESSAGE_CHARS) : 'the operation failed';
  return `!${JSON.stringify([NAMES.has(name) ? name : 'Error', code ?? null, text])}`;
}
