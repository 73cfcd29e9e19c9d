/** node:path/posix: Node's own code, by the path-unified package. */
import * as found from 'path-unified/posix';
import * as windows from 'path-unified/win32';
import { missing } from '../absent.ts';

export const {
  basename,
  delimiter,
  dirname,
  extname,
  format,
  isAbsolute,
  join,
  normalize,
  parse,
  relative,
  resolve,
  sep,
  toNamespacedPath,
} = found;
export const _makeLong = toNamespacedPath;
export const matchesGlob = missing('node:path.matchesGlob', 'use a glob package');

const members = {
  _makeLong,
  basename,
  delimiter,
  dirname,
  extname,
  format,
  isAbsolute,
  join,
  matchesGlob,
  normalize,
  parse,
  relative,
  resolve,
  sep,
  toNamespacedPath,
};
type Members = Omit<typeof members, 'sep' | 'delimiter'> & {
  sep: string;
  delimiter: string;
  posix?: unknown;
  win32?: unknown;
};
export const posix: Members = { ...members };
export const win32: Members = {
  ...windows,
  _makeLong: windows.toNamespacedPath,
  matchesGlob,
};
delete (win32 as { default?: unknown }).default;
posix.posix = win32.posix = posix;
posix.win32 = win32.win32 = win32;
export default posix;
