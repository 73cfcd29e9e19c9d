/**
 * What a streaming Lambda handler writes to: as much of a Node Writable as AWS hands out, on the host's pull. What is
 * written waits here, and `write` says false beyond the high-water mark. A reader who goes away is not told to the
 * handler, as on AWS: what it writes then is dropped.
 */
import {
  defineProperty,
  isObject,
  jsonParse,
  List,
  mathMin,
  NativeError,
  NativeTypeError,
  own,
  reflectApply,
  SafeMap,
  stringify,
  toLowerCase,
  typedArrayName,
  U8,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} from './00-primordials.ts';
import { hideClass } from './06-guards.ts';
import { copyBytes, enter, type Invocation, joinBytes, stray } from './10-box.ts';
import { rare } from './13-rare.ts';
import { utf8Decode, utf8Encode } from './30-encoding.ts';
import { Sink } from './49-pipes.ts';
import { maybeDone, tellHead } from './90-invocations.ts';
import { lambdaHttp } from './91-lambda-http.ts';

/** The content type that says: a JSON head and eight zero bytes come first. */
export const INTEGRATION = 'application/vnd.awslambda.http-integration-response';
type Listener = (...args: unknown[]) => unknown;

/** For `HttpResponseStream.from`: what is written before the first write. */
type BeforeFirst = (write: (chunk: unknown) => void) => void;

export interface LambdaStream {
  /** What the handler gets. */
  readonly guest: object;
  /** The handler has settled; throws unless it ended the stream. */
  settle(): void;
  /** True when it was too late for a failure answer: the body was broken off instead. */
  breakOff(error: unknown): boolean;
}

export const lambdaStreams = rare(
  'lambda-stream>',
  '',
  () => {
    const OCTETS = 'application/octet-stream';
    const HIGH_WATER = 65_536;
    const PIECE = 1_048_576;
    const HEAD_BYTES = 262_144;
    const ZEROS = 8;

    const bytesOfChunk = (chunk: unknown): Uint8Array => {
      if (typeof chunk === 'string') return utf8Encode(chunk);
      if (isObject(chunk) && typedArrayName(chunk) === 'Uint8Array') return chunk as Uint8Array;
      // As AWS has it: anything else is written as JSON.
      const text = stringify(chunk);
      if (text === undefined) throw new NativeTypeError('What is written must be a string, a Buffer or a Uint8Array');
      return utf8Encode(text);
    };

    const mustBeUtf8 = (encoding: string): void => {
      const name = toLowerCase(encoding);
      if (name === 'utf8' || name === 'utf-8') return;
      throw new NativeTypeError('A response stream takes text as UTF-8 only; write a Buffer');
    };

    const { responseHeaders, statusOf } = lambdaHttp();

    /** `raw`: bytes as written, the JSON head too. `reads`: somebody does. */
    const lambdaStream = (
      inv: Invocation,
      options: { readonly raw: boolean; readonly reads: boolean; readonly highWaterMark: unknown },
    ): LambdaStream => {
      const highWater =
        typeof options.highWaterMark === 'number' && options.highWaterMark > 0 ? options.highWaterMark : HIGH_WATER;
      const listeners = new SafeMap<PropertyKey, List<{ readonly run: Listener; readonly once: boolean }>>();
      const queue = new List<Uint8Array>();
      const written = new List<Listener>();
      let queued = 0;
      let type = OCTETS;
      let head: Uint8Array | null = null;
      let sink: Sink | null = null;
      let drops = !options.reads;
      let begun = false;
      let ended = false;
      let finished = false;
      let destroyed = false;
      let needDrain = false;
      let reason: unknown;

      const on = (name: PropertyKey, run: unknown, once: boolean, first = false): object => {
        if (typeof run !== 'function') throw new NativeTypeError('The listener must be a function');
        let list = listeners.get(name);
        if (list === undefined) listeners.set(name, (list = new List()));
        const entry = { run: run as Listener, once };
        if (first) list.unshift(entry);
        else list.push(entry);
        return guest;
      };
      const off = (name: PropertyKey, run: unknown): object => {
        const list = listeners.get(name);
        if (list === undefined) return guest;
        for (let i = list.length - 1; i >= 0; i--) {
          if ((list[i] as { run: unknown }).run !== run) continue;
          const kept = new List<{ readonly run: Listener; readonly once: boolean }>();
          for (let j = 0; j < list.length; j++) if (j !== i) kept.push(list[j] as never);
          listeners.set(name, kept);
          break;
        }
        return guest;
      };
      const emit = (name: PropertyKey, ...args: unknown[]): boolean => {
        const list = listeners.get(name);
        if (list === undefined || list.length === 0) {
          if (name === 'error') throw args[0];
          return false;
        }
        const now = new List<{ readonly run: Listener; readonly once: boolean }>();
        for (let i = 0; i < list.length; i++) now.push(list[i] as never);
        for (let i = 0; i < now.length; i++) {
          const { run, once } = now[i] as { readonly run: Listener; readonly once: boolean };
          if (once) off(name, run);
          reflectApply(run, guest, args);
        }
        return true;
      };
      /** In a microtask of its own; what a listener throws is nobody's to catch. */
      const later = async (run: () => unknown): Promise<void> => {
        await undefined;
        enter(inv);
        try {
          run();
        } catch (error) {
          stray(error, inv);
        }
      };

      const close = (): void => {
        if (finished || destroyed) return;
        finished = true;
        later(() => {
          emit('finish');
          emit('close');
        });
      };
      const relieve = (): void => {
        if (queued > 0) return;
        while (written.length > 0) later(written.shift() as Listener);
        if (needDrain && !ended) {
          needDrain = false;
          later(() => emit('drain'));
        }
      };
      const drop = (): void => {
        queue.length = 0;
        queued = 0;
        relieve();
        if (ended) close();
      };
      const flow = (): void => {
        if (drops) {
          drop();
          return;
        }
        if (sink === null) return;
        while (queued > 0 && sink.wants) {
          const parts = new List<Uint8Array>();
          let size = 0;
          while (queue.length > 0 && (size === 0 || size + viewByteLength(queue[0] as Uint8Array) <= PIECE)) {
            const piece = queue.shift() as Uint8Array;
            parts.push(piece);
            size += viewByteLength(piece);
          }
          queued -= size;
          sink.data(joinBytes(parts, size));
        }
        relieve();
        if (ended && queued === 0 && !finished) {
          close();
          sink.eof();
        }
      };
      const feed = {
        pull: (from: Sink): void => {
          from.rest();
          flow();
        },
        cancel: (): void => {
          drops = true;
          drop();
        },
      };

      const begin = (status: number, headers: string): void => {
        begun = true;
        if (drops || inv.over || inv.answered) return;
        sink = new Sink(inv, feed, () => {
          inv.bodyEnded = true;
          maybeDone(inv);
        });
        tellHead(inv, status, headers, { json: `{"sid":${sink.sid},"length":null}`, whole: false });
      };
      const put = (bytes: Uint8Array): void => {
        const size = viewByteLength(bytes);
        for (let at = 0; at < size; at += PIECE) {
          const end = mathMin(at + PIECE, size);
          queue.push(copyBytes(new U8(viewBuffer(bytes), viewByteOffset(bytes) + at, end - at)));
        }
        queued += size;
      };
      /** Takes the JSON head off the front of what is written. */
      const readHead = (bytes: Uint8Array): void => {
        const parts = new List<Uint8Array>();
        if (head !== null) parts.push(head);
        parts.push(bytes);
        const all = joinBytes(parts, (head === null ? 0 : viewByteLength(head)) + viewByteLength(bytes));
        const size = viewByteLength(all);
        let zeros = 0;
        let at = 0;
        for (; at < size && zeros < ZEROS; at++) zeros = all[at] === 0 ? zeros + 1 : 0;
        if (zeros < ZEROS) {
          if (size > HEAD_BYTES) throw new NativeError('The response stream has no metadata in its first 256 KiB');
          head = all;
          return;
        }
        head = null;
        const meta = jsonParse(utf8Decode(new U8(viewBuffer(all), 0, at - ZEROS)));
        if (!isObject(meta)) throw new NativeError('The metadata of the response stream is not an object');
        const status = own(meta, 'statusCode');
        const headers = responseHeaders(own(meta, 'headers'), own(meta, 'cookies'), OCTETS);
        begin(status === undefined ? 200 : statusOf(status), headers);
        put(new U8(viewBuffer(all), at, size - at));
      };
      const take = (chunk: unknown): void => {
        const bytes = bytesOfChunk(chunk);
        if (!begun && (options.raw || type !== INTEGRATION)) begin(200, responseHeaders(undefined, undefined, type));
        if (drops) return;
        if (begun) put(bytes);
        else readHead(bytes);
      };
      const first = (): void => {
        const before = members._onBeforeFirstWrite;
        members._onBeforeFirstWrite = null;
        if (typeof before === 'function') before(take);
      };

      const write = (chunk: unknown, encoding?: unknown, callback?: unknown): boolean => {
        const done = typeof encoding === 'function' ? encoding : callback;
        if (ended || destroyed) {
          const error = new NativeError(ended ? 'write after end' : 'Cannot call write after a stream was destroyed');
          (error as { code?: string }).code = ended ? 'ERR_STREAM_WRITE_AFTER_END' : 'ERR_STREAM_DESTROYED';
          later(() => {
            if (typeof done === 'function') done(error);
            if (ended) emit('error', error);
          });
          return false;
        }
        if (typeof encoding === 'string') mustBeUtf8(encoding);
        first();
        take(chunk);
        if (typeof done === 'function') written.push(() => done());
        flow();
        if (queued < highWater) return true;
        needDrain = true;
        return false;
      };
      const end = (chunk?: unknown, encoding?: unknown, callback?: unknown): object => {
        const given = typeof chunk === 'function' ? undefined : chunk;
        const done = typeof chunk === 'function' ? chunk : typeof encoding === 'function' ? encoding : callback;
        if (typeof done === 'function') {
          if (finished) later(done as Listener);
          else on('finish', done, true);
        }
        if (ended || destroyed) return guest;
        if (given !== undefined && given !== null) write(given, typeof encoding === 'string' ? encoding : undefined);
        else {
          first();
          if (!begun && !drops && (options.raw || type !== INTEGRATION))
            begin(200, responseHeaders(undefined, undefined, type));
        }
        if (!begun && !drops) throw new NativeError('The response stream ended before its metadata');
        ended = true;
        flow();
        return guest;
      };
      const destroy = (error?: unknown): object => {
        if (destroyed || finished) return guest;
        destroyed = true;
        reason = error;
        queue.length = 0;
        queued = 0;
        sink?.broken(error ?? new NativeError('The response stream was destroyed'));
        later(() => {
          if (error !== undefined && error !== null) emit('error', error);
          emit('close');
        });
        return guest;
      };

      const count = (name: PropertyKey): number => listeners.get(name)?.length ?? 0;
      const runs = (name: PropertyKey): unknown[] => {
        const list = listeners.get(name);
        const found: unknown[] = [];
        for (let i = 0; list !== undefined && i < list.length; i++) {
          const value = (list[i] as { run: unknown }).run;
          defineProperty(found, i, { value, writable: true, enumerable: true, configurable: true });
        }
        return found;
      };
      const members = {
        _onBeforeFirstWrite: null as BeforeFirst | null,
        write,
        end,
        destroy,
        cork: (): void => {},
        uncork: (): void => {},
        setContentType: (value: unknown): void => {
          if (begun || head !== null) {
            const error = new NativeError('Cannot set content-type, too late.');
            error.name = 'Runtime.InvalidStreamingOperation';
            throw error;
          }
          type = `${value as string}`;
        },
        on: (name: PropertyKey, run: unknown) => on(name, run, false),
        addListener: (name: PropertyKey, run: unknown) => on(name, run, false),
        once: (name: PropertyKey, run: unknown) => on(name, run, true),
        prependListener: (name: PropertyKey, run: unknown) => on(name, run, false, true),
        prependOnceListener: (name: PropertyKey, run: unknown) => on(name, run, true, true),
        off,
        removeListener: off,
        removeAllListeners: (name?: PropertyKey): object => {
          if (name === undefined) listeners.clear();
          else listeners.delete(name);
          return guest;
        },
        emit,
        listenerCount: count,
        listeners: runs,
        rawListeners: runs,
        setMaxListeners: () => guest,
        getMaxListeners: () => 10,
        get destroyed() {
          return destroyed;
        },
        get writable() {
          return !ended && !destroyed;
        },
        get writableEnded() {
          return ended;
        },
        get writableFinished() {
          return finished;
        },
        get writableNeedDrain() {
          return needDrain;
        },
        get writableLength() {
          return queued;
        },
        get writableHighWaterMark() {
          return highWater;
        },
        get writableObjectMode() {
          return false;
        },
        get writableCorked() {
          return 0;
        },
      };
      hideClass(members);
      const guest: object = members;

      return {
        guest,
        settle: () => {
          if (!ended) throw reason ?? new NativeError('Response stream is not finished.');
        },
        breakOff: (error) => {
          if (sink === null) return false;
          const open = !finished && !destroyed;
          sink.broken(error);
          return open;
        },
      };
    };

    return { lambdaStream };
  },
  '<lambda-stream',
);
