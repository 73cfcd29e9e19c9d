/** Bodies that are more than a text the guest wrote: what they are made of, read as and copied to. */
import {
  List,
  NativePromise,
  NativeTypeError,
  SafeWeakMap,
  SYM_ASYNC_ITERATOR,
  slice,
  viewByteLength,
} from './00-primordials.ts';
import { copyBytes, joinBytes, tight } from './10-box.ts';
import { bytesOf, utf8Decode, utf8Encode } from './30-encoding.ts';
import { isSearchParams, parseUrlencoded, searchParamsText } from './35-search-params.ts';
import {
  byteEnqueue,
  byteError,
  finishBytes,
  getReader,
  isDisturbed,
  isLocked,
  isStream,
  markDisturbed,
  ReadableStream,
  readFrom,
  releaseReader,
  type Stream,
  tee,
} from './40-streams.ts';
import { relay, streamOfBytes } from './42-relay.ts';
import { extractMime, mimeText } from './44-mime.ts';
import { getHeader, type HeaderState } from './45-headers.ts';
import { type Blob, blobBytes, blobOf, isBlob } from './46-blob.ts';
import { type FormData, formEntries, isFormData, newFormData } from './47-form-data.ts';
import { readMultipart, writeMultipart } from './48-multipart.ts';
import type { Source } from './49-pipes.ts';
import {
  BodyState,
  BYTES,
  bytesBody,
  EMPTY,
  isUnusable,
  SOURCE,
  STREAM,
  streamBody,
  TEXT,
  textBody,
} from './50-body-state.ts';

// late:

/** The body that an object stands for; `null`: for its text. */
export const extractObject = (init: object): BodyState | null => {
  const bytes = bytesOf(init);
  if (bytes !== null) return bytesBody(copyBytes(bytes), '');
  if (isStream(init)) {
    if (isLocked(init) || isDisturbed(init)) throw new NativeTypeError('The body stream is locked or has been read');
    return streamBody(init);
  }
  if (isBlob(init)) {
    const body = bytesBody(blobBytes(init), init.type);
    body.shared = true;
    return body;
  }
  if (isSearchParams(init)) {
    return textBody(searchParamsText(init), 'application/x-www-form-urlencoded;charset=UTF-8');
  }
  if (isFormData(init)) {
    const { bytes: data, type } = writeMultipart(init);
    return bytesBody(data, type);
  }
  if (typeof (init as Partial<AsyncIterable<unknown>>)[SYM_ASYNC_ITERATOR] === 'function') {
    return streamBody(ReadableStream.from(init as AsyncIterable<unknown>) as Stream);
  }
  return null;
};

const streamOfSource = (source: Source): Stream =>
  new ReadableStream(
    {
      __proto__: null,
      type: 'bytes',
      pull: (controller: unknown) =>
        new NativePromise<void>((resolve) => {
          source.read((bytes, error, failed) => {
            if (failed) byteError(controller, error);
            else if (bytes === null) finishBytes(controller);
            else byteEnqueue(controller, bytes);
            resolve();
          });
        }),
      cancel: () => source.cancel(),
    } as never,
    { __proto__: null, highWaterMark: 0 } as never,
  ) as Stream;

/** The stream of a body that is none but by its source or its stream. */
export const sourceStream = (body: BodyState): Stream =>
  body.kind === SOURCE ? streamOfSource(body.source as Source) : (body.stream as Stream);

/** What our own body streams were made of: `new Response(other.body, other)` need not go through a stream. */
const origins = new SafeWeakMap<object, BodyState>();

/** See `unwrap` of 52-body.ts, for a body that is a stream. */
export const unwrapStream = (body: BodyState): void => {
  const stream = body.stream as Stream;
  const origin = origins.get(stream);
  if (origin === undefined || isLocked(stream) || isDisturbed(stream)) return;
  getReader(stream);
  markDisturbed(stream);
  body.kind = origin.kind;
  body.text = origin.text;
  body.bytes = origin.bytes;
  body.shared = origin.shared;
  body.source = origin.source;
  body.stream = null;
};

/** The body as a stream object, made on first touch; `null` for an empty body. */
export const bodyStream = (body: BodyState): Stream | null => {
  if (body.stream !== null) return body.stream;
  let stream: Stream;
  switch (body.kind) {
    case EMPTY:
      return null;
    case TEXT:
      stream = streamOfBytes(utf8Encode(body.text));
      break;
    case BYTES:
      stream = streamOfBytes(body.bytes as Uint8Array);
      break;
    default:
      stream = streamOfSource(body.source as Source);
  }
  if (body.used) getReader(stream);
  else {
    const origin = new BodyState();
    origin.kind = body.kind;
    origin.text = body.text;
    origin.bytes = body.bytes;
    origin.shared = body.shared;
    origin.source = body.source;
    origins.set(stream, origin);
  }
  body.stream = stream;
  // From here on whoever holds the stream may have read from it.
  body.kind = STREAM;
  return stream;
};

const claim = (body: BodyState): void => {
  if (isUnusable(body)) throw new NativeTypeError('The body has already been read or is locked');
  if (body.kind === EMPTY) return;
  if (body.kind === STREAM) unwrapStream(body);
  body.used = true;
};

const collectSource = (source: Source): Promise<Uint8Array> =>
  new NativePromise((resolve, reject) => {
    const parts = new List<Uint8Array>();
    let total = 0;
    const got = (bytes: Uint8Array | null, error: unknown, failed: boolean): void => {
      if (failed) reject(error);
      else if (bytes === null) resolve(joinBytes(parts, total));
      else {
        parts.push(bytes);
        total += viewByteLength(bytes);
        source.read(got);
      }
    };
    source.read(got);
  });

const collectStream = async (stream: Stream): Promise<Uint8Array> => {
  const reader = getReader(stream);
  const parts = new List<Uint8Array>();
  let total = 0;
  for (;;) {
    const result = await readFrom(reader);
    if (result.done) break;
    const bytes = bytesOf(result.value);
    if (bytes === null) throw new NativeTypeError('A body stream must consist of Uint8Array chunks');
    parts.push(copyBytes(bytes));
    total += viewByteLength(bytes);
  }
  releaseReader(reader);
  return joinBytes(parts, total);
};

/** The whole body; the result is the caller's own copy only if it says so. Rejects when it was read before. */
export const takeBytes = async (body: BodyState): Promise<Uint8Array> => {
  claim(body);
  switch (body.kind) {
    case EMPTY:
      return utf8Encode('');
    case TEXT:
      return utf8Encode(body.text);
    case BYTES:
      return body.bytes as Uint8Array;
    case SOURCE:
      return await collectSource(body.source as Source);
    default:
      return await collectStream(body.stream as Stream);
  }
};

/** The same in a buffer that nobody else holds. */
export const takeOwn = async (body: BodyState): Promise<Uint8Array> => {
  const fresh = body.kind !== BYTES || !body.shared;
  const bytes = await takeBytes(body);
  return fresh ? tight(bytes) : copyBytes(bytes);
};

/** For `clone()`: two bodies out of one. */
export const cloneBody = (body: BodyState): BodyState => {
  if (isUnusable(body)) throw new NativeTypeError('clone: the body has already been read or is locked');
  const copy = new BodyState();
  copy.type = body.type;
  if (body.kind === EMPTY || body.kind === TEXT || body.kind === BYTES) {
    copy.kind = body.kind;
    copy.text = body.text;
    copy.bytes = body.bytes;
    copy.shared = body.shared = true;
    return copy;
  }
  // Of a source of ours every chunk is a fresh one.
  const guests = body.kind === STREAM && !origins.has(body.stream as Stream);
  const branches = tee(bodyStream(body) as Stream);
  body.stream = branches[0];
  body.kind = STREAM;
  copy.stream = guests ? relay(branches[1], true) : branches[1];
  copy.kind = STREAM;
  return copy;
};

/** For `new Request(request)`: the body moves; the old one counts as read, and what was seen of it stays what it was. */
export const moveBody = (body: BodyState): BodyState => {
  if (isUnusable(body)) throw new NativeTypeError('The body has already been read or is locked');
  const seen = body.stream;
  if (body.kind === STREAM) unwrapStream(body);
  const moved = new BodyState();
  moved.kind = body.kind;
  moved.text = body.text;
  moved.bytes = body.bytes;
  moved.shared = body.shared;
  moved.stream = body.kind === STREAM ? relay(seen as Stream, false) : null;
  moved.source = body.source;
  moved.type = body.type;
  if (body.kind !== EMPTY) {
    body.used = true;
    body.stream = seen;
    body.kind = seen === null ? TEXT : STREAM;
  }
  return moved;
};

export interface HasBody {
  readonly body: BodyState;
  readonly headers: HeaderState;
}

export const takeBlob = async (state: HasBody): Promise<Blob> => {
  const bytes = await takeOwn(state.body);
  const type = extractMime(getHeader(state.headers, 'content-type'));
  return blobOf(bytes, type === null ? '' : mimeText(type));
};

const noForm = (type: string | null): TypeError =>
  new NativeTypeError(
    type === null
      ? 'formData: the body has no content-type; it takes multipart/form-data or application/x-www-form-urlencoded'
      : `formData: the content-type is '${slice(type, 0, 200)}', not multipart/form-data or application/x-www-form-urlencoded`,
  );

export const takeForm = async (state: HasBody): Promise<FormData> => {
  const bytes = await takeBytes(state.body);
  const header = getHeader(state.headers, 'content-type');
  const type = extractMime(header);
  if (type?.essence === 'multipart/form-data') return readMultipart(bytes, type);
  if (type?.essence !== 'application/x-www-form-urlencoded') throw noForm(header);
  const pairs = parseUrlencoded(utf8Decode(bytes, true));
  const form = newFormData();
  const entries = formEntries(form);
  for (let i = 0; i < pairs.length; i += 2) entries.push({ name: pairs[i] as string, value: pairs[i + 1] as string });
  return form;
};
