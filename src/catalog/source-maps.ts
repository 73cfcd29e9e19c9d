/**
 * Guest stacks in terms of the user's own files. Maps are read when first needed and the few last used are kept. A
 * stack is guest text: only its frames inside the bundle survive, bounded in number and length.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import { LRUCache } from 'lru-cache';

const FRAMES_MAX = 50;
const CHARACTERS_MAX = 32_768;
const FRAME = /^\s*at /;
const POSITION = /isolane:\/\/\/[a-z0-9-]+\.mjs:(\d+):(\d+)/;

interface Loaded {
  readonly changedMs: number;
  readonly map: TraceMap | null;
}

export interface SourceMapsOptions {
  readonly dataDir: string;
  /** Maps kept decoded; each may take several times its file. */
  readonly max?: number;
}

export class SourceMaps {
  readonly #directory: string;
  readonly #maps: LRUCache<string, Loaded>;

  constructor(options: SourceMapsOptions) {
    this.#directory = join(options.dataDir, 'bundles');
    this.#maps = new LRUCache({ max: options.max ?? 16 });
  }

  /** `hash`: `FunctionVersion.hash`. Without a map the frames stay as the isolate gave them. */
  mapStack(stack: string, hash: string): string {
    const lines = stack.slice(0, CHARACTERS_MAX).split('\n');
    const map = lines.some((line) => POSITION.test(line)) ? this.#map(hash) : null;
    const mapped: string[] = [];
    let frames = 0;
    for (const line of lines) {
      if (!FRAME.test(line)) {
        mapped.push(line);
      } else if (POSITION.test(line) && frames < FRAMES_MAX) {
        frames++;
        mapped.push(line.replace(POSITION, (text, row: string, column: string) => original(map, text, row, column)));
      }
    }
    return mapped.join('\n');
  }

  #map(hash: string): TraceMap | null {
    if (!/^[0-9a-f]{64}$/.test(hash)) return null;
    const file = join(this.#directory, `${hash}.mjs.map`);
    const changedMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const known = this.#maps.get(hash);
    if (known !== undefined && known.changedMs === changedMs) return known.map;
    const map = changedMs === 0 ? null : load(file);
    this.#maps.set(hash, { changedMs, map });
    return map;
  }
}

function load(file: string): TraceMap | null {
  try {
    return new TraceMap(readFileSync(file, 'utf8'));
  } catch {
    return null; // A stack in the bundle's own terms is better than no stack.
  }
}

function original(map: TraceMap | null, text: string, row: string, column: string): string {
  const line = Number(row);
  // V8 counts columns from 1, source maps from 0.
  if (map === null || line < 1) return text;
  const found = originalPositionFor(map, { line, column: Math.max(0, Number(column) - 1) });
  return found.source === null ? text : `${found.source}:${found.line}:${found.column + 1}`;
}
