/** What is a body, and the methods Request and Response share. */
import {
  charCodeAt,
  defineProperty,
  isObject,
  jsonParse,
  NativeTypeError,
  slice,
  toWellFormed,
} from './00-primordials.ts';
import { utf8Decode } from './30-encoding.ts';
import type { Stream } from './40-streams.ts';
import type { Blob } from './46-blob.ts';
import type { FormData } from './47-form-data.ts';
import { BodyState, isUnusable, isUsed, STREAM, TEXT, textBody } from './50-body-state.ts';
import {
  bodyStream,
  extractObject,
  type HasBody,
  takeBlob,
  takeBytes,
  takeForm,
  takeOwn,
  unwrapStream,
} from './51-body-streams.ts';

export const extractBody = (init: unknown): BodyState => {
  if (init === null || init === undefined) return new BodyState();
  const made = isObject(init) ? extractObject(init) : null;
  return made ?? textBody(`${init as string}`, 'text/plain;charset=UTF-8');
};

/** Takes an untouched stream of our own making back to what it was made of. The stream counts as read from then on. */
export const unwrap = (body: BodyState): void => {
  if (body.kind === STREAM) unwrapStream(body);
};

export const takeText = async (body: BodyState): Promise<string> => {
  if (body.kind === TEXT) {
    if (isUnusable(body)) throw new NativeTypeError('The body has already been read or is locked');
    body.used = true;
    const { text } = body;
    // What a decoder does: it takes a byte order mark off, and has no lone surrogates to show.
    return toWellFormed(charCodeAt(text, 0) === 0xfeff ? slice(text, 1) : text);
  }
  return utf8Decode(await takeBytes(body));
};

/** Installs the body methods on Request or Response; `stateOf` throws for anything else. */
export const installBody = (proto: object, stateOf: (self: unknown) => HasBody): void => {
  const methods = {
    get body(): Stream | null {
      return bodyStream(stateOf(this).body);
    },
    get bodyUsed(): boolean {
      return isUsed(stateOf(this).body);
    },
    async arrayBuffer(): Promise<ArrayBuffer> {
      return (await takeOwn(stateOf(this).body)).buffer as ArrayBuffer;
    },
    async bytes(): Promise<Uint8Array> {
      return await takeOwn(stateOf(this).body);
    },
    async text(): Promise<string> {
      return await takeText(stateOf(this).body);
    },
    async json(): Promise<unknown> {
      return jsonParse(await takeText(stateOf(this).body));
    },
    async blob(): Promise<Blob> {
      return await takeBlob(stateOf(this));
    },
    async formData(): Promise<FormData> {
      return await takeForm(stateOf(this));
    },
  };
  const names = ['body', 'bodyUsed', 'arrayBuffer', 'bytes', 'text', 'json', 'blob', 'formData'];
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    defineProperty(proto, name, Object.getOwnPropertyDescriptor(methods, name) as PropertyDescriptor);
  }
};
