/**
 * Builds `dist` for the package: Node strips no types under node_modules, so `npm pack` ships JavaScript. One file in,
 * one file out, plus the guest prelude as the one script it is evaluated as, and the files that are not code.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { preludeSource } from '../src/engine/prelude.ts';

const root = new URL('..', import.meta.url).pathname;
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });
execFileSync(
  join(root, 'node_modules/.bin/tsc'),
  ['-p', 'src/tsconfig.json', '--noEmit', 'false', '--declaration', '--outDir', 'dist', '--rewriteRelativeImportExtensions'],
  { cwd: root, stdio: 'inherit' },
);
for (const file of globSync('**/*', { cwd: join(root, 'src'), withFileTypes: true })) {
  if (!file.isFile() || file.name.endsWith('.ts') || file.name === 'tsconfig.json') continue;
  const from = join(file.parentPath, file.name);
  const to = join(dist, from.slice(join(root, 'src').length));
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
}
writeFileSync(join(dist, 'engine/prelude.bundle.js'), await preludeSource());
