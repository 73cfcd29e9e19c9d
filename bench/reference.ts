/** Another tree to compare with: a git ref in a worktree of its own that is removed again, or a folder as it is. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

export interface Reference {
  readonly folder: string;
  readonly title: string;
  remove(): Promise<void>;
}

const ROOT = join(import.meta.dirname, '..');
const run = promisify(execFile);

/** Throws when there is no such ref. */
export async function checkOut(ref: string): Promise<Reference> {
  if (existsSync(join(resolve(ref), 'src/main.ts'))) {
    return { folder: resolve(ref), title: ref, remove: async () => {} };
  }
  const { stdout } = await run('git', ['-C', ROOT, 'rev-parse', '--verify', '--quiet', `${ref}^{commit}`]).catch(() => {
    throw new Error(`"${ref}" is neither a commit of this repository nor a folder with src/main.ts`);
  });
  const commit = stdout.trim();
  const parent = await mkdtemp(join(tmpdir(), 'isolane-compare-'));
  const folder = join(parent, 'tree');
  const remove = async (): Promise<void> => {
    await run('git', ['-C', ROOT, 'worktree', 'remove', '--force', folder]).catch(() => {});
    await rm(parent, { recursive: true, force: true });
  };
  try {
    await run('git', ['-C', ROOT, 'worktree', 'add', '--detach', '--quiet', folder, commit]);
    const locks = await Promise.all([ROOT, folder].map((tree) => readFile(join(tree, 'package-lock.json'), 'utf8')));
    if (locks[0] === locks[1]) await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    else await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
    return { folder, title: `${ref} (${commit.slice(0, 10)})`, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
