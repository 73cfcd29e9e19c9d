/** Keyset cursors: where the last page ended, opaque to the caller so that it may change. */
import { HostError } from '../contract/errors.ts';

export function writeCursor(position: string): string {
  return Buffer.from(position).toString('base64url');
}

/** The position, which must look like `shape`; a cursor that somebody made up is refused. */
export function readCursor(cursor: string, shape: RegExp): string {
  const position = Buffer.from(cursor, 'base64url').toString();
  if (shape.test(position)) return position;
  throw new HostError('BAD_REQUEST', 'The cursor is not one this host gave out; begin again without a cursor.');
}
