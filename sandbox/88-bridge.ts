/**
 * The prelude's side of `isolane:host`: what the Node modules of `sandbox/node` build on. They are bundled into the guest's
 * own code, so this is handed to hostile hands: each member checks what it is given, answers with fresh guest values,
 * and hands out no hook, box or invocation.
 */
import {
  defineProperty,
  freeze,
  isInteger,
  List,
  NativeTypeError,
  objectKeys,
  promiseResolve,
  reflectApply,
  slice,
  typedArrayName,
  viewByteLength,
} from './00-primordials.ts';
import { copyBytes, current, environment, host, log, mustCross } from './10-box.ts';
import { carryContext, enterFrame, frame } from './14-context.ts';
import { bytesOf } from './30-encoding.ts';
import { Codec, ENDED, windowOf } from './41-codec.ts';
import { contextOver } from './49-pipes.ts';
import { inspect } from './62-inspect.ts';
import { resultOf } from './64-subtle.ts';
import type { Bridge } from './node/bridge.ts';

// late:

/** As much as a line of `console` may have. */
const LINE = 65_536;

/** Most binary arguments of one call. */
const PARTS = 16;
const RANDOM = 65_536;

const askCrypto = (
  later: boolean,
  op: unknown,
  json: unknown,
  bytes: readonly Uint8Array[],
): number | string | Uint8Array => {
  if (typeof op !== 'string' || typeof json !== 'string') throw new NativeTypeError('crypto: a text is needed');
  mustCross(json.length);
  const inv = current;
  if (inv.over) throw contextOver();
  const call = new List<unknown>();
  call.push(inv.id, later, op, json);
  const count = bytes.length;
  for (let i = 0; i < count && i < PARTS; i++) {
    const view = bytes[i];
    if (typedArrayName(view) !== 'Uint8Array') throw new NativeTypeError('crypto: bytes are needed');
    mustCross(viewByteLength(view as Uint8Array));
    call.push(copyBytes(view as Uint8Array));
  }
  return reflectApply(host().nodeCrypto, undefined, call) as number | string | Uint8Array;
};

const SETTINGS = ['level', 'windowBits', 'memLevel', 'strategy', 'quality', 'mode'] as const;
const settingsJson = (given: Readonly<Record<string, unknown>>): string => {
  let json = '';
  for (let i = 0; i < SETTINGS.length; i++) {
    const name = SETTINGS[i] as string;
    const value = given[name];
    if (isInteger(value)) json += `${json === '' ? '' : ','}"${name}":${value as number}`;
  }
  return `{${json}}`;
};
/** The bytes of a view, in a buffer that holds nothing else. */
const crossing = (value: unknown): Uint8Array => {
  const bytes = bytesOf(value);
  if (bytes === null) throw new NativeTypeError('a codec takes bytes');
  return windowOf(bytes, 0, viewByteLength(bytes));
};

const members: Bridge = {
  env: () => {
    const copy: Record<string, string> = {};
    const names = objectKeys(environment);
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      defineProperty(copy, name, { value: environment[name], writable: true, enumerable: true, configurable: true });
    }
    return copy;
  },
  inspect: (value) => inspect(value),
  log: (level, text) => {
    if (typeof text !== 'string') throw new NativeTypeError('log: text is no string');
    if (level !== 'debug' && level !== 'info' && level !== 'warn' && level !== 'error') {
      throw new NativeTypeError('log: unknown level');
    }
    log(current, level, text.length > LINE ? slice(text, 0, LINE) : text);
  },
  crypto: (op, json, bytes) => askCrypto(false, op, json, bytes) as Uint8Array | string,
  cryptoLater: (op, json, bytes) => {
    const got = askCrypto(true, op, json, bytes);
    return (typeof got === 'number' ? resultOf(got) : promiseResolve(got)) as Promise<ArrayBuffer | string>;
  },
  random: (size) => {
    if (!isInteger(size) || size < 0 || size > RANDOM) throw new NativeTypeError('random: size is no size');
    return host().random(size);
  },
  openCodec: (kind, settings, dictionary) => {
    const made = Codec.open(`${kind}`, settingsJson(settings), crossing(dictionary));
    return typeof made === 'string' ? made : made.id;
  },
  pushCodec: (codec, flush, bytes) => Codec.find(codec)?.push(flush, crossing(bytes)) ?? ENDED,
  closeCodec: (codec) => Codec.find(codec)?.close(),
  carryContext,
  frame: () => frame,
  enterFrame,
};
export const bridge: Bridge = freeze(members);
