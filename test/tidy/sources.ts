/** The repository's own source files and what they import, read as text: what the tidy tests judge. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export const ROOT: string = new URL('../..', import.meta.url).pathname;

export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

export interface Source {
  /** Path from the root of the repository. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly imports: readonly Import[];
}

const IMPORT = /^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*\)/g;

export function sources(...patterns: string[]): readonly Source[] {
  return globSync(patterns, { cwd: ROOT })
    .filter((path) => !path.includes('node_modules'))
    .sort()
    .map(read);
}

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const imports: Import[] = [];
  for (const match of text.matchAll(IMPORT)) imports.push({ specifier: match[2]!, typeOnly: match[1] !== undefined });
  for (const match of text.matchAll(DYNAMIC)) imports.push({ specifier: match[1]!, typeOnly: false });
  return { path, text, lines: text.split('\n').length - 1, imports };
}

/** The repository path a relative import means; `null` for a package. */
export function target(source: Source, specifier: string): string | null {
  return specifier.startsWith('.') ? normalize(join(dirname(source.path), specifier)) : null;
}
