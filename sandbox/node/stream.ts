/**
 * node:stream: the readable-stream package, which is Node's own code, with the ways to and from web streams added. The
 * package's main file exports `Readable`; Node, and this one, the old `Stream` that packages inherit from.
 */
import streams from 'readable-stream/lib/stream.js';
import { coded } from './errors.ts';
import { webInterop } from './stream/web-interop.ts';

const made = streams as typeof streams & Record<string, never>;
const { Readable, Writable, Duplex, Transform, PassThrough, finished } = made;
const web = webInterop({ Readable, Writable, Duplex, finished });
Object.assign(Readable, { toWeb: web.readableToWeb, fromWeb: web.readableFromWeb });
Object.assign(Writable, { toWeb: web.writableToWeb, fromWeb: web.writableFromWeb });
Object.assign(Duplex, { toWeb: web.duplexToWeb, fromWeb: web.duplexFromWeb });

/** Two duplex streams; what is written to one is read from the other. */
const duplexPair = (options?: object): unknown[] => {
  const sides: InstanceType<typeof Duplex>[] = [];
  const waiting: (((error?: Error | null) => void) | null)[] = [null, null];
  for (const side of [0, 1]) {
    const other = 1 - side;
    sides[side] = new Duplex({
      ...options,
      read() {
        const callback = waiting[side];
        waiting[side] = null;
        callback?.();
      },
      write(chunk, _encoding, callback) {
        if (chunk.length === 0) {
          queueMicrotask(callback);
          return;
        }
        (sides[other] as InstanceType<typeof Duplex>).push(chunk);
        waiting[other] = callback;
      },
      final(callback) {
        sides[other]?.on('end', callback);
        sides[other]?.push(null);
      },
    });
  }
  return sides;
};

let bytesMark = 65_536;
let objectsMark = 16;
export const getDefaultHighWaterMark = (objects: boolean): number => (objects ? objectsMark : bytesMark);
export const setDefaultHighWaterMark = (objects: boolean, value: number): void => {
  if (!Number.isInteger(value) || value < 0) {
    throw coded(
      RangeError,
      'ERR_OUT_OF_RANGE',
      `The value of "value" is out of range. It must be >= 0. Received ${value}`,
    );
  }
  if (objects) objectsMark = value;
  else bytesMark = value;
};

export const Stream = made;
export const { addAbortSignal, compose, isDisturbed, isErrored, isReadable, pipeline, promises } = made;
export const { destroy, isDestroyed, isWritable, _isArrayBufferView, _isUint8Array, _uint8ArrayToBuffer } =
  made as Record<string, never>;
export { Duplex, duplexPair, finished, PassThrough, Readable, Transform, Writable };

Object.assign(made, { duplexPair, getDefaultHighWaterMark, setDefaultHighWaterMark });
export default made;
