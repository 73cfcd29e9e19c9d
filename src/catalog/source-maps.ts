/**
 * Guest stacks in terms of the user's own files. Maps are read when first needed and the few last used are kept. A
 * stack is guest text: only its frames inside the bundle survive, bounded in number and length.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import { LRUCache } from 'lru-cache';

const FRAMES_MAX = 50;
/** Of a path that leads out of the project, from its end. */
const OUTSIDE_PARTS = 3;
const CHARACTERS_MAX = 32_768;
const FRAME = /^\s*at /;
/** Built-ins, which have no file: `at Array.map (<anonymous>)`, `at async Promise.all (index 0)`. */
const PLACELESS = /\((?:<anonymous>|index \d+|native)\)(?: \{)?$/;
/** What the bundler adds to make modules of one file. */
const HELPER = /\bat (?:async )?__\w+ \(/;
/** Modules of the runtime that were bundled with the user's. */
const OURS = /^isolane(?:-node)?:/;
const RUNTIME = /isolane:(?:prelude|hide|entry)\b/;
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
    return this.#mapped(stack.slice(0, CHARACTERS_MAX), hash, (frame) => PLACELESS.test(frame));
  }

  /** For a line of a console, which may hold anything: only frames of the runtime are left out of it. */
  mapText(text: string, hash: string): string {
    if (!text.includes('isolane:')) return text;
    return this.#mapped(text, hash, (frame) => !RUNTIME.test(frame));
  }

  #mapped(text: string, hash: string, keeps: (frame: string) => boolean): string {
    const lines = text.split('\n');
    const map = lines.some((line) => POSITION.test(line)) ? this.#map(hash) : null;
    const mapped: string[] = [];
    let frames = 0;
    for (const line of lines) {
      const found = FRAME.test(line) ? POSITION.exec(line) : null;
      if (found !== null) {
        const place = frames < FRAMES_MAX ? original(map, found) : null;
        frames++;
        if (place !== null) {
          mapped.push(line.replace(found[0], () => place));
          continue;
        }
      } else if (!FRAME.test(line) || keeps(line)) {
        mapped.push(line);
        continue;
      }
      // What follows the last frame of an error stands on its line.
      if (line.endsWith(' {') && mapped.length > 0) mapped.push(`${mapped.pop()} {`);
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

/** `null`: not the user's doing. */
function original(map: TraceMap | null, { input, 0: text, 1: row, 2: column }: RegExpExecArray): string | null {
  const line = Number(row);
  // V8 counts columns from 1, source maps from 0.
  if (map === null || line < 1) return text;
  const found = originalPositionFor(map, { line, column: Math.max(0, Number(column) - 1) });
  if (found.source === null) return HELPER.test(input) ? null : text;
  if (OURS.test(found.source)) return null;
  return `${placeOf(found.source)}:${found.line}:${found.column + 1}`;
}

/** Paths are relative to the project. What lies elsewhere is named without most of the way there: that is the machine's. */
function placeOf(source: string): string {
  if (!source.startsWith('../')) return source;
  const at = source.lastIndexOf('node_modules/');
  if (at >= 0) return source.slice(at);
  const parts = source.split('/').filter((part) => part !== '..');
  return parts.length > OUTSIDE_PARTS ? `…/${parts.slice(-OUTSIDE_PARTS).join('/')}` : source;
}
