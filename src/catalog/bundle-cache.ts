/**
 * Which bundle came out of which inputs, so that a start or reload bundles only what changed. Trusts an entry only
 * while every file that went in, and every file beside them that steers how imports resolve, is as it was (size,
 * inode, mtime, ctime), and the stored bytes still have their hash. Losing it costs time, nothing else.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Bundle } from './bundle.ts';
import type { BundleStore } from './bundle-store.ts';

export const CACHE_FILE = 'bundles/cache.json';
const ENTRIES_MAX = 1000;
const STEERING: readonly string[] = ['package.json', 'tsconfig.json', 'node_modules'];

interface Entry {
  readonly recipe: string;
  readonly stamp: string;
  readonly hash: string;
  readonly mapHash: string;
  readonly inputs: readonly string[];
  readonly warnings: readonly string[];
}

const cacheSchema: z.ZodType<readonly Entry[]> = z.array(
  z.object({
    recipe: z.string(),
    stamp: z.string(),
    hash: z.string(),
    mapHash: z.string(),
    inputs: z.array(z.string()),
    warnings: z.array(z.string()),
  }),
);

export class BundleCache {
  readonly #store: BundleStore;
  readonly #entries: Map<string, Entry>;
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
  async find(recipe: string): Promise<Bundle | null> {
    const entry = this.#entries.get(recipe);
    if (entry === undefined || (await stampOf(entry.inputs)) !== entry.stamp) return null;
    const stored = await this.#store.get(entry.hash);
    if (stored === null || sha256(stored.code) !== entry.hash || sha256(stored.map) !== entry.mapHash) return null;
    return { ...stored, hash: entry.hash, inputs: entry.inputs, warnings: entry.warnings };
  }

  /** `startedMs`: epoch ms when bundling began; inputs that changed since then are not to be trusted. */
  async remember(recipe: string, bundle: Bundle, startedMs: number): Promise<void> {
    const stamp = await stampOf(bundle.inputs, startedMs);
    this.#entries.delete(recipe);
    this.#changed = true;
    if (stamp === null) return;
    const { hash, map, inputs, warnings } = bundle;
    this.#entries.set(recipe, { recipe, stamp, hash, mapHash: sha256(map), inputs, warnings });
  }

  async save(): Promise<void> {
    if (!this.#changed) return;
    await this.#store.write(CACHE_FILE, JSON.stringify([...this.#entries.values()].slice(-ENTRIES_MAX)));
    this.#changed = false;
  }
}

/** `null`: an input changed at or after `sinceMs`. */
async function stampOf(inputs: readonly string[], sinceMs = Number.POSITIVE_INFINITY): Promise<string | null> {
  const steering = new Set<string>();
  const directories = new Set<string>();
  for (const input of inputs) {
    for (let directory = dirname(input); !directories.has(directory); directory = dirname(directory)) {
      directories.add(directory);
      for (const name of STEERING) steering.add(join(directory, name));
    }
  }
  const own = new Set(inputs);
  let touched = false;
  const lines = [...own, ...steering].map(async (file) => {
    const found = await stat(file, { bigint: true }).catch(() => null);
    if (found !== null && own.has(file) && Number(found.ctimeNs / 1_000_000n) >= sinceMs) touched = true;
    return found === null ? '-' : `${found.size} ${found.ino} ${found.mtimeNs} ${found.ctimeNs}`;
  });
  const stamp = sha256((await Promise.all(lines)).join('\n'));
  return touched ? null : stamp;
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
