/**
 * Whether files are as they were: size, inode, mtime, ctime. Each file is looked at once, however many functions it
 * went into, so ten thousand functions of one project cost one look each and one at what they share.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What decides how the imports of a file resolve, in its directory and in every one above. */
const STEERING: readonly string[] = ['package.json', 'tsconfig.json', 'node_modules'];
const GONE = '-';

interface Look {
  readonly line: string;
  /** Epoch ms. */
  readonly changedMs: number;
}

export class FileStamps {
  readonly #looks: Map<string, Look> = new Map();
  /** Of what steers resolution from a directory upwards. */
  readonly #chains: Map<string, string> = new Map();

  /** Of these files alone. */
  of(files: readonly string[]): string {
    return files.map((file) => this.#look(file).line).join('\n');
  }

  /** Of source files and of what steers how their imports resolve. */
  ofInputs(inputs: readonly string[]): string {
    const directories = new Set(inputs.map((input) => dirname(input)));
    const chains = [...directories].map((directory) => this.#chain(directory));
    return digest(`${this.of(inputs)}\n\n${chains.join('\n')}`);
  }

  /** One of them changed at or after `sinceMs`. */
  hasChanged(files: readonly string[], sinceMs: number): boolean {
    return files.some((file) => this.#look(file).changedMs >= sinceMs);
  }

  #chain(directory: string): string {
    const known = this.#chains.get(directory);
    if (known !== undefined) return known;
    const above = dirname(directory);
    const own = this.of(STEERING.map((name) => join(directory, name)));
    const chain = digest(`${own}\n${above === directory ? '' : this.#chain(above)}`);
    this.#chains.set(directory, chain);
    return chain;
  }

  #look(file: string): Look {
    let look = this.#looks.get(file);
    if (look === undefined) this.#looks.set(file, (look = lookAt(file)));
    return look;
  }
}

function lookAt(file: string): Look {
  try {
    const found = statSync(file, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) return { line: GONE, changedMs: 0 };
    const { size, ino, mtimeNs, ctimeNs } = found;
    return { line: `${size} ${ino} ${mtimeNs} ${ctimeNs}`, changedMs: Number(ctimeNs / 1_000_000n) };
  } catch {
    return { line: GONE, changedMs: 0 };
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
