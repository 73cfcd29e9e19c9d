/** node:path/win32. */
import { win32 as members } from './posix.ts';

export const {
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
} = members;
export { posix, win32 } from './posix.ts';
export default members;
