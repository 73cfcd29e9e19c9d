/**
 * Tells when files of a project changed, once per burst of saves. Follows the project's directory whole (without
 * node_modules, data dir and dot files) and the directories of files elsewhere that functions import.
 */
import { type FSWatcher, watch } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** Editors save in several steps, ms. */
const SETTLE_MS = 25;
const IGNORED = /(^|[\\/])(node_modules|\.[^\\/]+|[^\\/]+~|[^\\/]+\.sw[a-z]|4913)([\\/]|$)/;

export interface WatcherOptions {
  readonly root: string;
  /** Absolute path of a directory the host itself writes to. */
  readonly dataDir: string;
  /** Whether a change of this absolute path matters. A log that the shell writes here, say, does not. */
  readonly concerns: (path: string) => boolean;
  /** Paths relative to `root`. Not called again before its promise settles; changes meanwhile follow in one call. */
  readonly changed: (files: readonly string[]) => Promise<void>;
}

export class Watcher {
  readonly #options: WatcherOptions;
  readonly #elsewhere: Map<string, FSWatcher> = new Map();
  readonly #own: FSWatcher;
  #files: Set<string> = new Set();
  #timer: NodeJS.Timeout | null = null;
  #busy = false;
  #closed = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
    const { root } = options;
    const ignore = (path: string): boolean => this.#isIgnored(resolve(root, path));
    this.#own = watch(root, { recursive: true, ignore }, (_, name) => this.#note(root, name));
    this.#own.on('error', () => undefined);
  }

  /** Also watch where these absolute paths lie, if that is outside the root. */
  follow(inputs: readonly string[]): void {
    if (this.#closed) return;
    const wanted = new Set(inputs.map((input) => dirname(input)).filter((directory) => this.#isElsewhere(directory)));
    for (const [directory, watcher] of this.#elsewhere) {
      if (wanted.has(directory)) continue;
      watcher.close();
      this.#elsewhere.delete(directory);
    }
    for (const directory of wanted) {
      if (this.#elsewhere.has(directory)) continue;
      const watcher = watch(directory, (_, name) => this.#note(directory, name));
      watcher.on('error', () => undefined);
      this.#elsewhere.set(directory, watcher);
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#own.close();
    for (const watcher of this.#elsewhere.values()) watcher.close();
  }

  #isElsewhere(directory: string): boolean {
    const path = relative(this.#options.root, directory);
    return (path === '..' || path.startsWith(`..${sep}`)) && !directory.split(sep).includes('node_modules');
  }

  #isIgnored(path: string): boolean {
    const { root, dataDir } = this.#options;
    return (
      path === dataDir ||
      path.startsWith(dataDir + sep) ||
      IGNORED.test(relative(root, path).replace(/^(\.\.[\\/])+/, ''))
    );
  }

  #note(directory: string, name: string | null): void {
    if (this.#closed || name === null) return;
    const path = join(directory, name);
    if (this.#isIgnored(path) || !this.#options.concerns(path)) return;
    this.#files.add(relative(this.#options.root, path));
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#flush(), SETTLE_MS);
  }

  async #flush(): Promise<void> {
    if (this.#busy || this.#closed || this.#files.size === 0) return;
    this.#busy = true;
    const files = [...this.#files].sort();
    this.#files = new Set();
    try {
      await this.#options.changed(files);
    } finally {
      this.#busy = false;
      void this.#flush();
    }
  }
}
