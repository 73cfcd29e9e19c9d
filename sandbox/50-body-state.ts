/** A body in whichever form it is cheapest to hold. */
import { setPrototypeOf } from './00-primordials.ts';
import { isDisturbed, isLocked, type Stream } from './40-streams.ts';
import type { Source } from './49-pipes.ts';

export const EMPTY = 0;
export const TEXT = 1;
export const BYTES = 2;
export const STREAM = 3;
export const SOURCE = 4;

export class BodyState {
  kind = EMPTY;
  text = '';
  bytes: Uint8Array | null = null;
  stream: Stream | null = null;
  source: Source | null = null;
  used = false;
  /** Somebody else holds the same bytes. */
  shared = false;
  /** Content type that comes with the body, "" for none. */
  type = '';
}
setPrototypeOf(BodyState.prototype, null);

export const textBody = (text: string, type: string): BodyState => {
  const body = new BodyState();
  body.kind = TEXT;
  body.text = text;
  body.type = type;
  return body;
};
export const bytesBody = (bytes: Uint8Array, type: string): BodyState => {
  const body = new BodyState();
  body.kind = BYTES;
  body.bytes = bytes;
  body.type = type;
  return body;
};
export const sourceBody = (source: Source): BodyState => {
  const body = new BodyState();
  body.kind = SOURCE;
  body.source = source;
  return body;
};
export const streamBody = (stream: Stream): BodyState => {
  const body = new BodyState();
  body.kind = STREAM;
  body.stream = stream;
  return body;
};

export const isUsed = (body: BodyState): boolean => body.used || (body.stream !== null && isDisturbed(body.stream));
export const isUnusable = (body: BodyState): boolean => isUsed(body) || (body.stream !== null && isLocked(body.stream));
