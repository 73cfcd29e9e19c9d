/** What of node:fs has an answer where there are no files: nothing exists. */
import { constants } from 'unenv/node/fs';
import { coded } from './errors.ts';

type Done = (error: Error | null, value?: unknown) => void;
type Options = { throwIfNoEntry?: boolean } | undefined;

export const noEntry = (call: string, path: unknown): Error =>
  coded(Error, 'ENOENT', `ENOENT: no such file or directory, ${call} '${String(path)}'`, {
    errno: -2,
    syscall: call,
    path: String(path),
  });
const refuse =
  (call: string) =>
  (path: unknown, options?: Options): undefined => {
    if (options?.throwIfNoEntry === false) return undefined;
    throw noEntry(call, path);
  };
const answer =
  (call: string) =>
  (path: unknown, ...rest: unknown[]) => {
    const done = rest.at(-1) as Done;
    queueMicrotask(() => done(noEntry(call, path)));
  };

export default {
  constants,
  ...constants,
  existsSync: (): boolean => false,
  exists: (_path: unknown, done: (found: boolean) => void): void => queueMicrotask(() => done(false)),
  accessSync: refuse('access'),
  statSync: refuse('stat'),
  lstatSync: refuse('lstat'),
  access: answer('access'),
  stat: answer('stat'),
  lstat: answer('lstat'),
};
