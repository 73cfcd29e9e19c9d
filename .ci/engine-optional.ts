/**
 * In the package the engine is an optional dependency: on a Node it does not fit, npm then leaves it out, and
 * `npx isolane` says which Node is needed. As a plain dependency npm would try to compile it and end in C++ errors.
 * In the repository it stays a plain one: there npm may run on any Node, and would leave out what the project's own
 * Node needs. So `npm pack` moves it for as long as the tarball is written.
 */
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ENGINE = 'isolated-vm';

type Group = 'dependencies' | 'optionalDependencies';

/** Does nothing where it is moved already. The file keeps its time: make would install everything again. */
export function moveEngine(root: string, to: Group): void {
  const file = join(root, 'package.json');
  const { atime, mtime } = statSync(file);
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as Record<Group, Record<string, string> | undefined>;
  const from: Group = to === 'dependencies' ? 'optionalDependencies' : 'dependencies';
  const { [ENGINE]: version, ...rest } = manifest[from] ?? {};
  if (version === undefined) return;
  const grown = Object.entries({ ...manifest[to], [ENGINE]: version }).sort(([a], [b]) => (a < b ? -1 : 1));
  const moved = { ...manifest, [from]: Object.keys(rest).length > 0 ? rest : undefined, [to]: Object.fromEntries(grown) };
  writeFileSync(file, `${JSON.stringify(moved, null, 2)}\n`);
  utimesSync(file, atime, mtime);
}
