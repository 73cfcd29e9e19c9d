/**
 * Collects every refusal and warning while a configuration is read, so that one start names all of them. Each is one
 * sentence: key path, value, remedy. Never carries the value of anything that may be a secret.
 */
import { HostError } from '../contract/errors.ts';

export type KeyPath = readonly (string | number)[];

export class Problems {
  readonly #file: string;
  readonly #refusals: string[] = [];
  readonly #warnings: string[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  refuse(sentence: string): void {
    if (!this.#refusals.includes(sentence)) this.#refusals.push(sentence);
  }

  warn(sentence: string): void {
    if (!this.#warnings.includes(sentence)) this.#warnings.push(sentence);
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** Throws CONFIG_INVALID, one sentence a line, if anything was refused. */
  throwIfAny(): void {
    const count = this.#refusals.length;
    if (count === 0) return;
    const [first] = this.#refusals;
    const message =
      count === 1
        ? `${this.#file}: ${first}`
        : `${this.#file} has ${count} problems:\n${this.#refusals.map((line) => `  ${line}`).join('\n')}`;
    throw new HostError('CONFIG_INVALID', message);
  }
}

/** `functions.hello.routes[0]` */
export function pathText(path: KeyPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_$][\w$-]*$|^[a-z0-9][a-z0-9-]*$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += text === '' ? shown(part) : `[${shown(part)}]`;
  }
  return text === '' ? 'The configuration' : text;
}

/** A value as it stands in a sentence: JSON, at most 60 characters. */
export function shown(value: unknown): string {
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** What kind of thing a value is, for places where the value itself may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object of another shape';
  return value === '' ? 'empty text' : typeof value === 'string' ? 'text' : `a ${typeof value}`;
}
