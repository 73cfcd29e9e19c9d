/**
 * What a lane loads: a bundle's script with V8's code cache of it where one was made and is sound, otherwise the module.
 * The texts used last are kept, within a bound of bytes.
 */
import { readFileSync } from 'node:fs';
import ivm from 'isolated-vm';
import type { CodeCache, Pressed } from './code-cache.ts';
import { CACHED_BYTES } from './code-cache.ts';
import type { LoadOrder } from './lane-wire.ts';
import { asScript } from './script-form.ts';
import type { Code, Shell } from './shell.ts';

const KEPT_BYTES = 16 * 1024 * 1024;

interface Kept {
  readonly code: Code;
  readonly bytes: number;
}

export class Codes {
  readonly #cache: CodeCache | null;
  /** Least recently used first. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  /** `null`: an engine process, which reads no files and is trusted with nobody's caches. */
  constructor(cache: CodeCache | null) {
    this.#cache = cache;
  }

  /** `refused` hears of a cache that was not sound. */
  of(order: LoadOrder, refused: () => void): Code {
    const known = this.#kept.get(order.hash);
    if (known !== undefined) {
      this.#kept.delete(order.hash);
      this.#kept.set(order.hash, known);
      return known.code;
    }
    const pressed = order.bundleBytes < CACHED_BYTES ? null : this.#read(order);
    if (pressed === 'refused') refused();
    const kept =
      pressed === null || pressed === 'refused' || pressed.text === null ? moduleOf(order) : scriptOf(pressed);
    this.#keep(order.hash, kept);
    return kept.code;
  }

  /** Its cache has been made, and is sound. */
  isPressed(order: Pick<LoadOrder, 'bundlePath' | 'hash'>): boolean {
    const found = this.#read(order);
    return found !== null && found !== 'refused';
  }

  /** What is to be loaded so that its cache can be made. */
  draft(order: LoadOrder, shell: Shell): Code {
    const { code } = moduleOf(order);
    const source = asScript(code.source);
    const script: Code | null = source === null ? null : { kind: 'script', source, cachedData: null };
    return script !== null && shell.compiles(script, order.bundleUrl) ? script : code;
  }

  /** Makes the cache of what `shell` has loaded: with it, what ran while it loaded need not be compiled again. */
  press(order: LoadOrder, code: Code, shell: Shell): void {
    const pressed =
      code.kind === 'module'
        ? { text: null, cache: new ArrayBuffer(0) }
        : { text: code.source, cache: shell.cacheOf(code, order.bundleUrl) };
    this.#cache?.write(order.bundlePath, order.hash, pressed);
  }

  #read(order: Pick<LoadOrder, 'bundlePath' | 'hash'>): Pressed | 'refused' | null {
    return this.#cache?.read(order.bundlePath, order.hash) ?? null;
  }

  #keep(hash: string, kept: Kept): void {
    this.#kept.set(hash, kept);
    this.#bytes += kept.bytes;
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#bytes <= KEPT_BYTES || oldest === hash) return;
      this.#kept.delete(oldest);
      this.#bytes -= bytes;
    }
  }
}

function moduleOf(order: LoadOrder): Kept {
  const source = order.source ?? readFileSync(order.bundlePath, 'utf8');
  return { code: { kind: 'module', source, cachedData: null }, bytes: source.length };
}

function scriptOf({ text, cache }: Pressed): Kept {
  const bytes = text!.length + cache.byteLength;
  const cachedData = new ivm.ExternalCopy(cache, { transferOut: true });
  return { code: { kind: 'script', source: text!, cachedData }, bytes };
}
