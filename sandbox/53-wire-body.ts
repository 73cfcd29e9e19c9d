/** Bodies on their way to the host and from it. */
import type { WireBody } from '../src/contract/turn.ts';
import { isObject, NativeTypeError, own, quote, SafeWeakMap } from './00-primordials.ts';
import { addChunk, type Invocation, tight } from './10-box.ts';
import { utf8Encode } from './30-encoding.ts';
import { feedOfStream, Sink, Source } from './49-pipes.ts';
import { BodyState, BYTES, bytesBody, EMPTY, isUnusable, SOURCE, sourceBody, TEXT, textBody } from './50-body-state.ts';
import { sourceStream } from './51-body-streams.ts';
import { unwrap } from './52-body.ts';

export const limitErrors: SafeWeakMap<object, true> = new SafeWeakMap();

/** True for the error that says limits.subrequests was reached, and only for the host's own. */
export const isLimitError = (error: unknown): boolean => isObject(error) && limitErrors.has(error);

/** Longest text that travels as text; beyond it is encoded here. */
const LONG_TEXT = 4 * 1024 * 1024;

/** The wire form of a body that leaves; marks it as read. */
export const sendBody = (body: BodyState, inv: Invocation, ended: () => void): SentBody => {
  const text = takeBody(body);
  return text === undefined ? sendTaken(body, inv, ended) : sendText(text);
};

export interface SentBody {
  readonly json: string;
  readonly whole: boolean;
}

/** Uses the body up: its text, `null` for none; `undefined` where it has to be sent as something else. */
export const takeBody = (body: BodyState): string | null | undefined => {
  if (body.kind === EMPTY) return null;
  if (isUnusable(body)) throw new NativeTypeError('The body has already been read or is locked');
  unwrap(body);
  body.used = true;
  return body.kind === TEXT && body.text.length <= LONG_TEXT ? body.text : undefined;
};

export const sendText = (text: string | null): SentBody => ({
  json: text === null ? 'null' : `{"text":${quote(text)}}`,
  whole: true,
});

/** A body that was taken and is no short text. */
export const sendTaken = (body: BodyState, inv: Invocation, ended: () => void): SentBody => {
  if (body.kind === TEXT) return { json: `{"chunk":${addChunk(utf8Encode(body.text))}}`, whole: true };
  if (body.kind === BYTES) {
    return { json: `{"chunk":${addChunk(tight(body.bytes as Uint8Array))}}`, whole: true };
  }
  if (body.kind === SOURCE && (body.source as Source).isFor(inv)) {
    (body.source as Source).handOver();
    return { json: `{"pipe":${(body.source as Source).sid}}`, whole: true };
  }
  const sink = new Sink(inv, feedOfStream(sourceStream(body)), ended);
  return { json: `{"sid":${sink.sid},"length":null}`, whole: false };
};

/** A body that arrived. */
export const receiveBody = (wire: WireBody, inv: Invocation, chunks: readonly Uint8Array[]): BodyState => {
  if (wire === null) return new BodyState();
  const text = own(wire, 'text');
  if (text !== undefined) return textBody(text as string, '');
  const chunk = own(wire, 'chunk');
  if (chunk !== undefined) return bytesBody(chunks[chunk as number] as Uint8Array, '');
  return sourceBody(new Source(own(wire, 'sid') as number, inv));
};
