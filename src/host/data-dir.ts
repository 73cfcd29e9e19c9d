/** The data directory, made where it is missing, for its owner alone. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { HostError } from '../contract/errors.ts';

/** Throws `DATA_DIR_UNUSABLE`. */
export function makeDataDir(dataDir: string): void {
  try {
    make(dataDir);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const isFile = code === 'EEXIST' || code === 'ENOTDIR';
    throw new HostError(
      'DATA_DIR_UNUSABLE',
      `The data directory ${dataDir} cannot be created (${isFile ? 'a file is in its place' : code}); give a writable one with --data-dir.`,
      { cause },
    );
  }
}

/** Step by step: where a parent takes no children (as under /proc), `recursive` tries for ever. */
function make(directory: string): void {
  if (isDirectory(directory)) return;
  const parent = dirname(directory);
  if (parent !== directory) make(parent);
  mkdirSync(directory, { mode: 0o700 });
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
