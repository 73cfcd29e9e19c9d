/**
 * The border: the box a turn fills, the host's functions, and whose invocation runs now. Commands are built as JSON
 * text from single quoted strings and numbers, so no prototype the guest can reach is consulted. Nothing here is ever
 * handed to user code.
 */
import type { GuestFacts, GuestHooks, LogLevel, TurnBox } from '../src/contract/turn.ts';
import {
  bufferByteLength,
  freeze,
  List,
  mathMin,
  NativeRangeError,
  quote,
  type SafeMap,
  SafeSet,
  setPrototypeOf,
  typedSet,
  U8,
  viewBuffer,
  viewByteLength,
} from './00-primordials.ts';
import { report } from './08-errors.ts';

/** Most text of one turn's commands, characters. */
const OUT_CHARS = 16 * 1024 * 1024;
/** What settling may add beyond it, so that an overfull box can still end its invocations. */
const OUT_RESERVE = 4 * 1024 * 1024;
const CHUNK_BYTES = 16 * 1024 * 1024;

/** Half of the isolate's memory, at most this. */
const CROSSING = 32 * 1024 * 1024;

class Box implements TurnBox {
  out = '';
  wake = 0;
  chunks = undefined as unknown as Uint8Array[];
}
setPrototypeOf(Box.prototype, null);
freeze(Box.prototype);

export let box: TurnBox = new Box();
let chunkBytes = 0;
let chunkLimit = CHUNK_BYTES;
/** False until the first turn: what loading emitted must not be lost. */
let turned = false;

export const beginTurn = (): void => {
  if (turned) {
    box = new Box();
    chunkBytes = 0;
  }
  turned = true;
};

/** Appends one command. Throws RangeError into the guest once the turn produced more than can leave at once. */
export const emit = (json: string): void => {
  if (box.out.length + json.length > OUT_CHARS) {
    throw new NativeRangeError('Too much output in one turn: 16 MiB of commands; await between writes');
  }
  box.out = box.out === '' ? json : `${box.out},${json}`;
};

/** A whole answer as a turn's first word (`TurnBox.out` says how); false: it has to be a command. */
export const emitAnswer = (inv: number, status: number, headers: string, text: string | null): boolean => {
  const chars = text === null ? -1 : text.length;
  if (box.out !== '' || headers.length + chars > OUT_CHARS) return false;
  box.out = `=${inv},${status},${headers.length},${chars}\n${headers}${text === null ? '' : text}`;
  return true;
};

/** Appends a command that ends something: bounded texts only, never refused short of the reserve. */
export const emitFinal = (json: string): void => {
  if (box.out.length + json.length > OUT_CHARS + OUT_RESERVE) return;
  box.out = box.out === '' ? json : `${box.out},${json}`;
};

/** Whether `chars` more characters of text may still leave in this turn. */
export const textFits = (chars: number): boolean => box.out.length + chars <= OUT_CHARS;

/** Throws into the guest when `size` characters or bytes are too many for one call of the host. */
export const mustCross = (size: number): void => {
  if (size > limits.crossing) {
    throw new NativeRangeError(
      `More than ${limits.crossing} characters or bytes at once; work in parts, or raise limits.memoryMiB`,
    );
  }
};

/** Adds bytes (already ours, never shared with the guest) and returns their index. */
export const addChunk = (bytes: Uint8Array): number => {
  const size = viewByteLength(bytes);
  if (chunkBytes + size > chunkLimit) {
    throw new NativeRangeError(`Too much output in one turn: ${chunkLimit} bytes of binary data; await between writes`);
  }
  chunkBytes += size;
  if (box.chunks === undefined) box.chunks = new List<Uint8Array>() as Uint8Array[];
  const at = box.chunks.length;
  box.chunks[at] = bytes;
  return at;
};

/** A private copy of a view's bytes, in a buffer of exactly that size. */
export const copyBytes = (view: ArrayBufferView): Uint8Array => {
  const size = viewByteLength(view);
  const copy = new U8(size);
  if (size > 0) typedSet(copy, view as Uint8Array);
  return copy;
};

export const joinBytes = (parts: List<Uint8Array>, total: number): Uint8Array => {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new U8(total);
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    typedSet(all, parts[i] as Uint8Array, at);
    at += viewByteLength(parts[i] as Uint8Array);
  }
  return all;
};

/** The same bytes in a buffer of exactly their size; copies only when the view is a window. */
export const tight = (view: Uint8Array): Uint8Array =>
  viewByteLength(view) === bufferByteLength(viewBuffer(view)) ? view : copyBytes(view);

let hooks = undefined as unknown as GuestHooks;
export const setHooks = (given: GuestHooks): void => {
  hooks = given;
};
export const host = (): GuestHooks => hooks;

export interface Limits {
  timers: number;
  responseBytes: number;
  concurrency: number;
  /** Most characters or bytes one call hands to the host: what crosses is not counted as the isolate's. */
  crossing: number;
}
export const limits: Limits = { timers: 1000, responseBytes: 20_971_520, concurrency: 1, crossing: CROSSING };
/** Of the function, as parsed at load. */
export let environment: Readonly<Record<string, string>> = {};
export const setLimits = (facts: GuestFacts): void => {
  environment = facts.env;
  limits.timers = facts.timers;
  limits.responseBytes = facts.responseBytes;
  limits.concurrency = facts.concurrency;
  limits.crossing = mathMin(CROSSING, facts.memoryMiB * 524_288);
  chunkLimit = CHUNK_BYTES + facts.responseBytes;
};

/** Something that has to end when its invocation ends: a pending fetch, an unread stream. */
export interface Resource {
  /** `tell`: the host does not know yet that the invocation is over. */
  release(tell: boolean): void;
}

/** One invocation in this isolate, or (id 0) the module's own top level. */
export class Invocation {
  readonly id: number;
  readonly invocationId: string;
  readonly deadlineMs: number;
  /** Nothing of it may run or be read any more. */
  over = false;
  /** The handler has settled and its answer went out. */
  answered = false;
  bodyEnded = true;
  waits = 0;
  logOpen = true;
  /** How much of the story of its timers the host has been told: nothing, 80 %, refused. */
  timersTold = 0;
  /** The request's AbortController, made on first touch. */
  controller: unknown = null;
  aborted = false;
  resources: SafeSet<Resource> | null = null;

  constructor(id: number, invocationId: string, deadlineMs: number) {
    this.id = id;
    this.invocationId = invocationId;
    this.deadlineMs = deadlineMs;
  }

  hold(resource: Resource): void {
    this.resources ??= new SafeSet<Resource>();
    this.resources.add(resource);
  }

  drop(resource: Resource): void {
    this.resources?.delete(resource);
  }
}
setPrototypeOf(Invocation.prototype, null);

/** What waits for an answer of the host, by the number it was asked under; it dies with its invocation. */
export interface Waiting extends Resource {
  readonly inv: Invocation;
}
/** Takes what waits for answer `id` and goes on as its invocation; `undefined`: nobody waits any more. */
export const takeWaiting = <W extends Waiting>(pending: SafeMap<number, W>, id: number): W | undefined => {
  const found = pending.get(id);
  if (found === undefined) return undefined;
  pending.delete(id);
  found.inv.drop(found);
  enter(found.inv);
  return found;
};

export const topLevel: Invocation = new Invocation(0, '', 0);
export let current: Invocation = topLevel;
export const enter = (inv: Invocation): Invocation => {
  const before = current;
  current = inv;
  return before;
};

/** An error nobody in the guest handled, outside any handler's own result. */
export const stray = (error: unknown, inv: Invocation = current): void => {
  const { name, message, stack } = report(error);
  emitFinal(`{"c":"stray","inv":${inv.id},"name":${quote(name)},"message":${quote(message)},"stack":${quote(stack)}}`);
};

/** Shows an error to the guest's own `error` listeners; true: one of them has dealt with it. */
export type Reporter = (error: unknown) => boolean;
let reporter: Reporter | null = null;
export const setReporter = (given: Reporter): void => {
  reporter = given;
};

/** What a callback of the guest's threw, as every platform reports it: listeners of the global `error` first. */
export const uncaught = (error: unknown, inv: Invocation = current): void => {
  if (reporter === null || !reporter(error)) stray(error, inv);
};

/** Timers, which few functions have: what the file of them does with a turn, once it is there. */
export const timing: {
  on: { setWake(): void; dropTimers(inv: Invocation): void; tick(): void } | null;
  /** The module is: timers of its top level wake the host only so long. */
  loading: boolean;
} = { on: null, loading: true };

/** How deep `console.group` has gone. Groups do not leak into the next invocation. */
export const groups = { depth: 0 };

/** A line to the function's log; false (and never again for this invocation) once limits.logBytes is used up. */
export const log = (inv: Invocation, level: LogLevel, text: string): void => {
  if (!inv.logOpen) return;
  if (hooks.log(inv.id, level, text) === false) inv.logOpen = false;
};
