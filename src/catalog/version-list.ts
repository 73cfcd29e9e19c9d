/**
 * Which version number which code and configuration has: `catalog.json` below the data dir. A version is immutable:
 * the same key always has the same number, also after other versions came between.
 */
import { z } from 'zod';
import { HostError } from '../contract/errors.ts';

export const CATALOG_FILE = 'catalog.json';
/** Remembered per function; older keys would get a new number if they came back. */
const REMEMBERED_MAX = 1000;

interface Entry {
  readonly version: number;
  readonly hash: string;
  readonly key: string;
  /** ISO 8601 UTC. */
  readonly at: string;
}

const entrySchema: z.ZodType<Entry> = z.object({
  version: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  key: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.string(),
});
const listSchema = z.object({
  format: z.literal(1),
  functions: z.array(z.object({ name: z.string(), versions: z.array(entrySchema) })),
});

export class VersionList {
  readonly #functions: Map<string, readonly Entry[]>;
  #changed = false;

  private constructor(functions: Map<string, readonly Entry[]>) {
    this.#functions = functions;
  }

  /** `text`: the file's content, `null` if there is none. Throws DATA_DIR_UNUSABLE on anything it did not write. */
  static parse(text: string | null, dataDir: string): VersionList {
    if (text === null) return new VersionList(new Map());
    try {
      const { functions } = listSchema.parse(JSON.parse(text));
      return new VersionList(new Map(functions.map(({ name, versions }) => [name, versions])));
    } catch (cause) {
      throw new HostError(
        'DATA_DIR_UNUSABLE',
        `${dataDir}/${CATALOG_FILE} is damaged or of another isolane; restore it, or remove it to number versions from 1 again.`,
        { cause },
      );
    }
  }

  get changed(): boolean {
    return this.#changed;
  }

  /** The number of this key: the one it has, or the next. */
  number(name: string, version: { readonly hash: string; readonly key: string }, at: string): number {
    const known = this.#functions.get(name) ?? [];
    const same = known.find((entry) => entry.key === version.key);
    if (same !== undefined) return same.version;
    const next = (known.at(-1)?.version ?? 0) + 1;
    this.#functions.set(name, [...known, { version: next, ...version, at }].slice(-REMEMBERED_MAX));
    this.#changed = true;
    return next;
  }

  toString(): string {
    const functions = [...this.#functions].map(([name, versions]) => ({ name, versions }));
    return `${JSON.stringify({ format: 1, functions }, null, 1)}\n`;
  }
}
