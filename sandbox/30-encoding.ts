/**
 * UTF-8 in and out, and the bytes of what the guest brings. Short ASCII never leaves the isolate; everything else is one call
 * to the host.
 */
import {
  bufferByteLength,
  charCodeAt,
  dataViewBuffer,
  dataViewByteLength,
  dataViewByteOffset,
  fromCharCode,
  isObject,
  isView,
  NativeRangeError,
  reflectApply,
  typedArrayName,
  U8,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} from './00-primordials.ts';
import { host, mustCross, tight } from './10-box.ts';

export const utf8Encode = (text: string): Uint8Array => {
  const size = text.length;
  if (size <= 48) {
    const bytes = new U8(size);
    let i = 0;
    for (; i < size; i++) {
      const code = charCodeAt(text, i);
      if (code > 127) break;
      bytes[i] = code;
    }
    if (i === size) return bytes;
  }
  mustCross(size);
  const bytes = host().encodeUtf8(text);
  if (bytes === null) throw new NativeRangeError('The text is too long to be encoded at once');
  return bytes;
};

/** Up to so many bytes of ASCII are decoded here: a call of the host costs as much as 500 of them. */
const SHORT_BYTES = 256;

/** `keepMark`: a byte order mark stays, as U+FEFF. */
export const utf8Decode = (bytes: Uint8Array, keepMark = false): string => {
  const size = viewByteLength(bytes);
  if (size === 0) return '';
  if (size <= SHORT_BYTES) {
    let seen = 0;
    for (let i = 0; i < size; i++) seen |= bytes[i] as number;
    if (seen < 128) return reflectApply(fromCharCode, undefined, bytes as unknown as number[]) as string;
  }
  mustCross(size);
  return host().decode(tight(bytes), 'utf-8', false, keepMark, 0, false) ?? '';
};

const isBuffer = (value: object): value is ArrayBuffer => {
  try {
    bufferByteLength(value);
    return true;
  } catch {
    return false;
  }
};

/** The bytes of a BufferSource without copying; `null` when it is none. Reads nothing the guest can fake. */
export const bytesOf = (value: unknown): Uint8Array | null => {
  if (!isObject(value)) return null;
  if (isView(value)) {
    if (typedArrayName(value) === undefined) {
      return new U8(dataViewBuffer(value), dataViewByteOffset(value), dataViewByteLength(value));
    }
    return new U8(viewBuffer(value), viewByteOffset(value), viewByteLength(value));
  }
  return isBuffer(value) ? new U8(value) : null;
};

export const isArrayBuffer = (value: unknown): value is ArrayBuffer => isObject(value) && isBuffer(value);
