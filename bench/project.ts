/** A configuration made for a measurement, of the functions in `functions/`: removed when it is done. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ProjectOptions {
  /** By name: as in `isolane.json`; without an `entry` it is `functions/<name>.ts`. */
  readonly functions: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Other keys of `isolane.json`. */
  readonly more?: Readonly<Record<string, unknown>>;
}

export interface Project {
  /** Path of its `isolane.json`. */
  readonly config: string;
  remove(): Promise<void>;
}

export async function writeProject({ functions, more = {} }: ProjectOptions): Promise<Project> {
  const directory = await mkdtemp(join(tmpdir(), 'isolane-bench-'));
  const config = join(directory, 'isolane.json');
  const declared = Object.entries(functions).map(([name, settings]) => {
    const entry = entryOf(name);
    return [name, { entry, ...settings }];
  });
  await writeFile(config, JSON.stringify({ functions: Object.fromEntries(declared), ...more }));
  return { config, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** The file of one of the functions in `functions/`. */
export function entryOf(name: string): string {
  return join(import.meta.dirname, 'functions', `${name}.ts`);
}
