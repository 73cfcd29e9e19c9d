/** Projects made for a measurement: many functions that differ in a constant, so no two share code or an isolate. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface GeneratedProject {
  readonly directory: string;
  readonly config: string;
  readonly names: readonly string[];
  remove(): Promise<void>;
}

export interface GeneratedOptions {
  readonly count: number;
  /** Source of function number `n`. */
  readonly source: (n: number) => string;
  /** `limits` of function number `n`. */
  readonly limits: (n: number) => Readonly<Record<string, number>>;
  /** What functions import: text by path beside them. */
  readonly files?: ReadonlyMap<string, string>;
  /** Routes of function number `n`, beside its own URL. */
  readonly routes?: (n: number) => readonly string[];
  /** `server` of the configuration. */
  readonly server?: Readonly<Record<string, number>>;
}

export async function generateProject(options: GeneratedOptions): Promise<GeneratedProject> {
  const directory = await mkdtemp(join(tmpdir(), 'isolane-bench-project-'));
  const names = Array.from({ length: options.count }, (_, n) => `f-${n}`);
  const files = new Map(options.files);
  for (const [n, name] of names.entries()) files.set(`${name}.ts`, options.source(n));
  for (const [path, text] of files) {
    const file = join(directory, 'functions', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  const functions = Object.fromEntries(
    names.map((name, n) => [
      name,
      { entry: `functions/${name}.ts`, url: true, routes: options.routes?.(n) ?? [], limits: options.limits(n) },
    ]),
  );
  const config = join(directory, 'isolane.json');
  await writeFile(config, JSON.stringify({ functions, server: options.server ?? {} }));
  return { directory, config, names, remove: () => rm(directory, { recursive: true, force: true }) };
}
