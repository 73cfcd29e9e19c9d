/**
 * The host's side of the prelude: plain synchronous functions a guest's runtime calls inside its turn. Every argument is
 * hostile: types and sizes are checked before anything is touched, nothing is iterated, and no host error ever crosses
 * (a failure is `null`). Knows nothing of isolated-vm; the engine wraps each function.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { GuestHooks, LogLevel } from '../contract/turn.ts';
import { CALL_BYTES, type Codecs } from './compression.ts';
import { urlPattern } from './url-pattern.ts';

/** Most bytes or characters one call takes. */
const MAX_SIZE = 64 * 1024 * 1024;
const MAX_URL = 1024 * 1024;
const MAX_LINE = 128 * 1024;
const MAX_SETTINGS = 1024;
const MAX_RANDOM = 65_536;

export interface HookSink {
  readonly codecs: Codecs;
  /** Returns false once the invocation's limits.logBytes is used up. */
  log(inv: number, level: LogLevel, text: string): boolean;
  /** Begins an operation of `crypto.subtle`; see `GuestHooks.subtle`. */
  subtle(inv: number, op: string, json: string, bytes: readonly Uint8Array[]): number | string | boolean | Uint8Array;
  /** The same of `node:crypto`; see `GuestHooks.nodeCrypto`. */
  nodeCrypto(
    inv: number,
    call: { readonly op: string; readonly json: string; readonly later: boolean },
    bytes: readonly Uint8Array[],
  ): number | string | Uint8Array;
}

const LEVELS: ReadonlySet<unknown> = new Set(['debug', 'info', 'warn', 'error']);

const isText = (value: unknown, most: number): value is string => typeof value === 'string' && value.length <= most;
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array && value.byteLength <= MAX_SIZE;

const setPart = (url: URL, part: string, value: string): boolean => {
  switch (part) {
    case 'protocol':
      url.protocol = value;
      return true;
    case 'username':
      url.username = value;
      return true;
    case 'password':
      url.password = value;
      return true;
    case 'host':
      url.host = value;
      return true;
    case 'hostname':
      url.hostname = value;
      return true;
    case 'port':
      url.port = value;
      return true;
    case 'pathname':
      url.pathname = value;
      return true;
    case 'search':
      url.search = value;
      return true;
    case 'hash':
      url.hash = value;
      return true;
    default:
      return false;
  }
};

/** `f` with every throw turned into `otherwise`: no host error, message or stack reaches a guest. */
const quiet = <A extends unknown[], R>(otherwise: R, f: (...args: A) => R): ((...args: A) => R) => {
  return (...args) => {
    try {
      return f(...args);
    } catch {
      return otherwise;
    }
  };
};

const TEXT = new TextEncoder();
/** Streams of text one isolate may have under way in encodings whose state is kept here. */
const MAX_STREAMS = 64;

/** Decoders without stream state are reusable, one per combination in use; those in the middle of a stream are numbered. */
class Decoders {
  readonly #known = new Map<string, TextDecoder>();
  readonly #streams = new Map<number, TextDecoder>();
  #lastStream = 0;

  decode(bytes: Uint8Array, label: string, fatal: boolean, ignoreBOM: boolean): string {
    const key = `${label} ${fatal} ${ignoreBOM}`;
    let decoder = this.#known.get(key);
    if (decoder === undefined) {
      decoder = new TextDecoder(label, { fatal, ignoreBOM });
      if (this.#known.size < 256) this.#known.set(key, decoder);
    }
    return decoder.decode(bytes);
  }

  /** `null` for a stream that was forgotten for newer ones. */
  next(id: number, bytes: Uint8Array, stream: boolean, make: () => TextDecoder): string | null {
    const known = this.#streams.get(id);
    if (known === undefined && id <= this.#lastStream) return null;
    this.#lastStream = Math.max(this.#lastStream, id);
    const decoder = known ?? make();
    this.#streams.delete(id);
    const text = decoder.decode(bytes, { stream });
    if (stream) this.#streams.set(id, decoder);
    if (this.#streams.size > MAX_STREAMS) this.#streams.delete(this.#streams.keys().next().value as number);
    return text;
  }
}

/** `late`: parts of the prelude, given out by number. */
export const createHooks = (sink: HookSink, late: readonly string[]): GuestHooks => {
  const decoders = new Decoders();
  return {
    log: quiet(false, (inv: number, level: LogLevel, text: string) => {
      if (!Number.isSafeInteger(inv) || !LEVELS.has(level) || !isText(text, MAX_LINE)) return false;
      return sink.log(inv, level, text);
    }),
    late: quiet<[number], string | null>(null, (part) => (Number.isSafeInteger(part) ? (late[part] ?? null) : null)),
    now: quiet(0, () => Date.now()),
    random: quiet<[number], Uint8Array>(new Uint8Array(0), (n) => {
      if (!Number.isSafeInteger(n) || n < 0 || n > MAX_RANDOM) return new Uint8Array(0);
      return new Uint8Array(randomBytes(n));
    }),
    uuid: quiet('', () => randomUUID()),
    encodeUtf8: quiet<[string], Uint8Array>(null as unknown as Uint8Array, (text) =>
      isText(text, MAX_SIZE) ? TEXT.encode(text) : (null as unknown as Uint8Array),
    ),
    decode: quiet<Parameters<GuestHooks['decode']>, string | null>(null, (bytes, label, fatal, ignoreBom, id, more) => {
      if (!isBytes(bytes) || !isText(label, 64) || !Number.isSafeInteger(id)) return null;
      const options = { fatal: fatal === true, ignoreBOM: ignoreBom === true };
      if (id <= 0) return decoders.decode(bytes, label, options.fatal, options.ignoreBOM);
      return decoders.next(id, bytes, more === true, () => new TextDecoder(label, options));
    }),
    encodingName: quiet<[string], string | null>(null, (label) =>
      isText(label, 64) ? new TextDecoder(label).encoding : null,
    ),
    parseUrl: quiet<[string, string], string | null>(null, (input, base) => {
      if (!isText(input, MAX_URL) || !isText(base, MAX_URL)) return null;
      return (base === '' ? new URL(input) : new URL(input, base)).href;
    }),
    setUrl: quiet<[string, string, string], string | null>(null, (href, part, value) => {
      if (!isText(href, MAX_URL) || !isText(part, 16) || !isText(value, MAX_URL)) return null;
      const url = new URL(href);
      return setPart(url, part, value) ? url.href : null;
    }),
    urlPattern: quiet<[string], string | null>(null, (json) => (isText(json, MAX_URL) ? urlPattern(json) : null)),
    codec: quiet<[string, number, string | number, Uint8Array], Uint8Array | string | number | null>(
      '!ERR_INVALID_ARG_VALUE: the arguments do not fit',
      (op, id, rest, bytes) => {
        if (!Number.isSafeInteger(id) || !isBytes(bytes) || bytes.byteLength > CALL_BYTES) return null;
        if (op === 'push') return Number.isInteger(rest) ? sink.codecs.push(id, rest as number, bytes) : null;
        if (op === 'open') return isText(rest, MAX_SETTINGS) ? sink.codecs.open(rest, bytes) : null;
        if (op === 'close') sink.codecs.close(id);
        return null;
      },
    ),
    subtle: quiet<[number, string, string, ...Uint8Array[]], number | string | boolean | Uint8Array>(
      '!OperationError: the operation failed',
      (inv, op, json, ...bytes) => {
        const fits = Number.isSafeInteger(inv) && isText(op, 32) && isText(json, MAX_URL) && bytes.length <= 32;
        if (!fits || !bytes.every(isBytes)) return '!OperationError: the arguments do not fit';
        return sink.subtle(inv, op, json, bytes);
      },
    ),
    nodeCrypto: quiet<[number, boolean, string, string, ...Uint8Array[]], number | string | Uint8Array>(
      '!["Error",null,"the operation failed"]',
      (inv, later, op, json, ...bytes) => {
        const fits = Number.isSafeInteger(inv) && isText(op, 32) && isText(json, MAX_URL) && bytes.length <= 16;
        if (!fits || !bytes.every(isBytes)) return '!["TypeError",null,"crypto: the arguments do not fit"]';
        return sink.nodeCrypto(inv, { op, json, later: later === true }, bytes);
      },
    ),
  };
};

/** In the order in which `boot` takes them. */
export const HOOK_ORDER: readonly (keyof GuestHooks)[] = [
  'late',
  'log',
  'now',
  'random',
  'uuid',
  'encodeUtf8',
  'decode',
  'encodingName',
  'parseUrl',
  'setUrl',
  'urlPattern',
  'subtle',
  'nodeCrypto',
  'codec',
];
