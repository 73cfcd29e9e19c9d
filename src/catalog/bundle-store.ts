/**
 * Bundles on disk by content hash, and other files of the catalog: each appears whole or not at all (temporary file,
 * fsync, rename, fsync of the directory). Refuses nothing about content; says in one sentence when it cannot write.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HostError } from '../contract/errors.ts';
import type { Bundle } from './bundle.ts';

const TEMPORARY = /\.\d+\.tmp$/;
/** Files written at once. */
const OPEN_MAX = 32;

export class BundleStore {
  readonly #dataDir: string;
  readonly #directory: string;
  #serial = 0;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.#directory = join(dataDir, 'bundles');
  }

  /** Creates the directory and clears what an interrupted write left. */
  prepare(): Promise<void> {
    return this.#guard(async () => {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      const left = (await readdir(this.#directory)).filter((name) => TEMPORARY.test(name));
      await Promise.all(left.map((name) => rm(join(this.#directory, name), { force: true })));
    });
  }

  path(hash: string): string {
    return join(this.#directory, `${hash}.mjs`);
  }

  mapPath(hash: string): string {
    return `${this.path(hash)}.map`;
  }

  /** `null`: not both files are there. */
  get(hash: string): Promise<{ readonly code: Uint8Array; readonly map: Uint8Array } | null> {
    return this.#guard(async () => {
      const [code, map] = await Promise.all([readOrNull(this.path(hash)), readOrNull(this.mapPath(hash))]);
      return code === null || map === null ? null : { code, map };
    });
  }

  /** Stores what is not there yet. A map can change under one code: comments move lines. */
  async put(bundles: readonly Bundle[]): Promise<void> {
    const files = new Map<string, { readonly bytes: Uint8Array; readonly durable: boolean }>();
    for (const { hash, code, map } of bundles) {
      // A map that a power failure takes is made anew; thousands of them cost their fsync each.
      files
        .set(this.mapPath(hash), { bytes: map, durable: false })
        .set(this.path(hash), { bytes: code, durable: true });
    }
    const left = files.entries();
    let written = false;
    const work = async (): Promise<void> => {
      for (const [file, { bytes, durable }] of left) written = (await this.#replace(file, bytes, durable)) || written;
    };
    await this.#guard(async () => {
      const results = await Promise.allSettled(Array.from({ length: OPEN_MAX }, work));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      if (written) await syncDirectory(this.#directory);
    });
  }

  /** One file below the data dir, replaced atomically. */
  write(name: string, text: string): Promise<void> {
    return this.#guard(async () => {
      const file = join(this.#dataDir, name);
      await this.#replace(file, Buffer.from(text), true);
      await syncDirectory(dirname(file));
    });
  }

  /** `null`: there is none. */
  read(name: string): Promise<string | null> {
    return this.#guard(() => readOrNull(join(this.#dataDir, name)).then((bytes) => bytes?.toString('utf8') ?? null));
  }

  /** False: the same bytes were there already. */
  async #replace(file: string, bytes: Uint8Array, durable: boolean): Promise<boolean> {
    if ((await readOrNull(file))?.equals(bytes) === true) return false;
    const temporary = `${file}.${process.pid}${this.#serial++}.tmp`;
    try {
      const handle = await open(temporary, 'wx', 0o600);
      try {
        await handle.writeFile(bytes);
        if (durable) await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    return true;
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown reason';
      throw new HostError(
        'DATA_DIR_UNUSABLE',
        `The data directory ${this.#dataDir} cannot be used (${code}); make it writable or choose another with --data-dir.`,
        { cause: error },
      );
    }
  }
}

async function readOrNull(file: string): Promise<Buffer | null> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** A rename is durable only once its directory is. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
