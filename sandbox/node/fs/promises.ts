/** What of node:fs/promises has an answer where there are no files. */
import { constants } from 'unenv/node/fs';
import { noEntry } from '../fs.ts';

const refuse =
  (call: string) =>
  async (path: unknown): Promise<never> => {
    throw noEntry(call, path);
  };

export default { constants, access: refuse('access'), stat: refuse('stat'), lstat: refuse('lstat') };
