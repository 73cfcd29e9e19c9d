/** Writes a file that only its owner may read, whole or not at all. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { HostError } from '../contract/errors.ts';

export const privateMode: number = 0o600;

/** A new file beside it, synced, renamed over it: there is no moment at which it is readable by others or half there. */
export function writePrivateFile(file: string, text: string): void {
  const next = `${file}.${process.pid}.new`;
  try {
    rmSync(next, { force: true });
    const handle = openSync(next, 'wx', privateMode);
    try {
      writeSync(handle, text);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(next, file);
  } catch (error) {
    rmSync(next, { force: true });
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new HostError(
      'DATA_DIR_UNUSABLE',
      `\`${file}\` cannot be written (${why}); check the data dir's owner, space and mode.`,
      {
        cause: error,
      },
    );
  }
}
