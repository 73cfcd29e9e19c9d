/**
 * Builds `dist` for the package: Node strips no types under node_modules, so `npm pack` ships JavaScript. One file in,
 * one file out, plus the guest prelude as the one script it is evaluated as, and the files that are not code.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundlePrelude } from '../src/engine/prelude.ts';
import { moveEngine } from './engine-optional.ts';

const root = new URL('..', import.meta.url).pathname;
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });
execFileSync(
  join(root, 'node_modules/.bin/tsc'),
  ['-p', 'src/tsconfig.json', '--noEmit', 'false', '--declaration', '--outDir', 'dist', '--rewriteRelativeImportExtensions'],
  { cwd: root, stdio: 'inherit' },
);
execFileSync(
  join(root, 'node_modules/.bin/tsc'),
  ['-p', 'sandbox/node/tsconfig.json', '--noEmit', 'false', '--outDir', 'dist/catalog/node', '--rewriteRelativeImportExtensions'],
  { cwd: root, stdio: 'inherit' },
);
cpSync(join(root, 'sandbox/node/package.json'), join(dist, 'catalog/node/package.json'));
for (const file of globSync('**/*', { cwd: join(root, 'src'), withFileTypes: true })) {
  if (!file.isFile() || /\.ts$|^tsconfig\.json$|^README\.md$/.test(file.name)) continue;
  const from = join(file.parentPath, file.name);
  const to = join(dist, from.slice(join(root, 'src').length));
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
}
writeFileSync(join(dist, 'engine/prelude.bundle.js'), await bundlePrelude());
moveEngine(root, 'optionalDependencies');
