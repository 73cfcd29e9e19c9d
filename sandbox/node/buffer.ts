/** node:buffer. */

import { missing } from './absent.ts';
import { Buffer, kMaxLength, kStringMaxLength } from './buffer/buffer.ts';
import { decode, encodingOf } from './buffer/encodings.ts';
import { coded, invalidArgType } from './errors.ts';

export { Buffer, kMaxLength, kStringMaxLength };
export const constants = { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: kStringMaxLength };
export const INSPECT_MAX_BYTES = 50;
export const SlowBuffer = (size: number): unknown => Buffer.allocUnsafeSlow(size);

const { atob, btoa, Blob, File } = globalThis;

export { atob, Blob, btoa, File };

const bytesOf = (input: unknown): Uint8Array => {
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  if (input instanceof ArrayBuffer) return new Uint8Array(input);
  throw invalidArgType('input', ['ArrayBuffer', 'Buffer', 'TypedArray'], input);
};

export const isAscii = (input: unknown): boolean => bytesOf(input).every((byte) => byte < 0x80);
export const isUtf8 = (input: unknown): boolean => {
  const bytes = bytesOf(input);
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
};

export const transcode = (source: unknown, fromEncoding: string, toEncoding: string): Buffer => {
  if (!(source instanceof Uint8Array)) throw invalidArgType('source', ['Buffer', 'Uint8Array'], source);
  const [from, to] = [encodingOf(fromEncoding), encodingOf(toEncoding)];
  const able = (name: unknown): boolean =>
    name === 'utf8' || name === 'utf16le' || name === 'latin1' || name === 'ascii';
  if (!able(from) || !able(to)) {
    throw coded(Error, 'U_ILLEGAL_ARGUMENT_ERROR', 'Unable to transcode Buffer [U_ILLEGAL_ARGUMENT_ERROR]', {
      errno: 1,
    });
  }
  const text = decode(source, from as 'utf8');
  if (to !== 'latin1' && to !== 'ascii') return Buffer.from(text, to);
  const most = to === 'ascii' ? 0x7f : 0xff;
  return Buffer.from([...text].map((char) => ((char.codePointAt(0) as number) > most ? '?' : char)).join(''), 'latin1');
};

export const resolveObjectURL = missing('node:buffer.resolveObjectURL');

export default {
  Blob,
  Buffer,
  File,
  INSPECT_MAX_BYTES,
  SlowBuffer,
  atob,
  btoa,
  constants,
  isAscii,
  isUtf8,
  kMaxLength,
  kStringMaxLength,
  resolveObjectURL,
  transcode,
};
