/**
 * Which bundle came out of which inputs, so that a start or reload bundles only what changed, and reads none of what
 * did not. Trusts an entry only while every file that went in, every file beside them that steers how imports resolve,
 * and the stored bundle are as they were (size, inode, mtime, ctime; a stored bundle also by its hash). Losing it costs
 * time, nothing else.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Bundle } from './bundle.ts';
import type { BundleStore } from './bundle-store.ts';
import { FileStamps } from './file-stamps.ts';

export const CACHE_FILE = 'bundles/cache.json';
/** Kept beside what the last publication used. */
const SPARE_ENTRIES_MAX = 1000;

/** A bundle that lies in the store. */
export interface StoredBundle {
  /** SHA-256 of its code, hex. */
  readonly hash: string;
  readonly bytes: number;
  readonly inputs: readonly string[];
  readonly warnings: readonly string[];
}

interface Entry extends StoredBundle {
  readonly recipe: string;
  readonly stamp: string;
  readonly mapHash: string;
  /** Of the files in the store; '': not known, they are to be read. */
  readonly stored: string;
}

const cacheSchema: z.ZodType<readonly Entry[]> = z.array(
  z.object({
    recipe: z.string(),
    stamp: z.string(),
    hash: z.string(),
    bytes: z.number(),
    mapHash: z.string(),
    stored: z.string(),
    inputs: z.array(z.string()),
    warnings: z.array(z.string()),
  }),
);

/** The cache as one publication sees it: what it asks of a file it asks once. */
export class BundleCache {
  readonly #store: BundleStore;
  readonly #entries: Map<string, Entry>;
  readonly #used: Set<string> = new Set();
  readonly #stamps: FileStamps = new FileStamps();
  #changed = false;

  private constructor(store: BundleStore, entries: readonly Entry[]) {
    this.#store = store;
    this.#entries = new Map(entries.map((entry) => [entry.recipe, entry]));
  }

  static async open(store: BundleStore): Promise<BundleCache> {
    const text = await store.read(CACHE_FILE);
    const parsed = text === null ? null : cacheSchema.safeParse(parseJson(text));
    return new BundleCache(store, parsed?.success === true ? parsed.data : []);
  }

  /** `null`: it has to be bundled. */
  async find(recipe: string): Promise<StoredBundle | null> {
    const entry = this.#entries.get(recipe);
    if (entry === undefined || this.#stamps.ofInputs(entry.inputs) !== entry.stamp) return null;
    if (entry.stored === '' || entry.stored !== this.#stored(entry.hash)) {
      if (!(await this.#isWhole(entry))) return null;
      this.#entries.set(recipe, { ...entry, stored: '' });
      this.#changed = true;
    }
    this.#used.add(recipe);
    return entry;
  }

  /** `startedMs`: epoch ms when bundling began; inputs that changed since then are not to be trusted. */
  remember(recipe: string, bundle: Bundle, startedMs: number): void {
    const { hash, map, inputs, warnings } = bundle;
    this.#entries.delete(recipe);
    this.#changed = true;
    const stamp = this.#stamps.ofInputs(inputs);
    if (this.#stamps.hasChanged(inputs, startedMs)) return;
    const bytes = bundle.code.byteLength;
    this.#entries.set(recipe, { recipe, stamp, hash, bytes, mapHash: sha256(map), stored: '', inputs, warnings });
    this.#used.add(recipe);
  }

  /** To be called when what was remembered lies in the store. */
  async save(): Promise<void> {
    if (!this.#changed) return;
    const stamps = new FileStamps();
    const entries = [...this.#entries.values()].map((entry) =>
      entry.stored === '' ? { ...entry, stored: stamps.of(this.#files(entry.hash)) } : entry,
    );
    const spare = entries.filter(({ recipe }) => !this.#used.has(recipe)).slice(-SPARE_ENTRIES_MAX);
    const used = entries.filter(({ recipe }) => this.#used.has(recipe));
    await this.#store.write(CACHE_FILE, JSON.stringify([...spare, ...used]));
    this.#changed = false;
  }

  #files(hash: string): readonly string[] {
    return [this.#store.path(hash), this.#store.mapPath(hash)];
  }

  #stored(hash: string): string {
    return this.#stamps.of(this.#files(hash));
  }

  /** The files in the store are those that were written. Functions with one code share its map, each made one of its own. */
  async #isWhole({ hash, mapHash }: Entry): Promise<boolean> {
    const stored = await this.#store.get(hash);
    if (stored === null || sha256(stored.code) !== hash) return false;
    const found = sha256(stored.map);
    if (found === mapHash) return true;
    for (const other of this.#entries.values()) if (other.hash === hash && other.mapHash === found) return true;
    return false;
  }
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
