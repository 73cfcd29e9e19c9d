/**
 * The life of an invocation in the isolate: handler called, answer sent, body produced, waitUntil settled, everything
 * that is left of it dropped. Whatever the guest throws or returns ends here in exactly one `head` or `failed`.
 */
import type { FetchStart, WireBody, WireContext } from '../src/contract/turn.ts';
import {
  defineProperty,
  floor,
  isArray,
  isObject,
  mathMax,
  NativeTypeError,
  objectKeys,
  own,
  quote,
  reflectApply,
  SafeMap,
  viewByteLength,
} from './00-primordials.ts';
import { type ErrorText, report } from './08-errors.ts';
import { emit, emitAnswer, emitFinal, enter, host, Invocation, limits, log, type Resource, timing } from './10-box.ts';
import { DOMException } from './15-dom-exception.ts';
import { type AbortSignal, abort } from './22-abort.ts';
import { HeaderState, wireHeaders } from './45-headers.ts';
import { contextOver } from './49-pipes.ts';
import { type BodyState, BYTES, EMPTY, isUnusable, TEXT } from './50-body-state.ts';
import { RequestState } from './51-request-state.ts';
import { unwrap } from './52-body.ts';
import { clientGone } from './53-request-build.ts';
import { isLimitError, receiveBody, type SentBody, sendTaken, sendText, takeBody } from './53-wire-body.ts';
import { type SocketEnd, socketEnds } from './54-sockets.ts';
import { wrapRequest } from './55-request.ts';
import { isResponse, type Response, type ResponseState, responseState } from './56-response.ts';

type Handler = (...args: unknown[]) => unknown;

export interface Program {
  self: unknown;
  fetch: Handler | null;
  scheduled: Handler | null;
  env: object;
}
export const program: Program = { self: undefined, fetch: null, scheduled: null, env: {} };

const live = new SafeMap<number, Invocation>();

/** Ends an invocation: nothing of it runs or is read from here on. */
const finish = (inv: Invocation, tell: boolean): void => {
  inv.over = true;
  live.delete(inv.id);
  timing.on?.dropTimers(inv);
  const resources = inv.resources;
  inv.resources = null;
  if (resources === null) return;
  resources.forEach((resource: Resource) => {
    resource.release(tell);
  });
};

export const maybeDone = (inv: Invocation): void => {
  if (inv.over || !inv.answered || !inv.bodyEnded || inv.waits > 0) return;
  emitFinal(`{"c":"done","inv":${inv.id}}`);
  finish(inv, true);
};

export const fail = (inv: Invocation, error: unknown, text: ErrorText = report(error)): void => {
  if (inv.over || inv.answered) return;
  inv.answered = true;
  const done = inv.waits === 0;
  emitFinal(
    `{"c":"failed","inv":${inv.id},"name":${quote(text.name)},"message":${quote(text.message)},` +
      `"stack":${quote(text.stack)}${isLimitError(error) ? ',"limit":true' : ''}${done ? ',"done":true' : ''}}`,
  );
  if (done) finish(inv, true);
};

const what = (value: unknown): string => {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value === 'function' ? 'a function' : typeof value;
  return isArray(value) ? 'an array' : 'an object that is not a Response';
};

/** A whole body the host would refuse anyway is only announced by its length. */
const oversize = (body: BodyState): number => {
  const size =
    body.kind === TEXT ? body.text.length : body.kind === BYTES ? viewByteLength(body.bytes as Uint8Array) : 0;
  return size > limits.responseBytes ? size : 0;
};

/** The invocation goes on until the socket has ended: to the life of an invocation it is a body. */
const upgrade = (inv: Invocation, state: ResponseState): void => {
  const { id, go } = (socketEnds.get(state.webSocket as object) as SocketEnd).answer(inv, () => {
    inv.bodyEnded = true;
    maybeDone(inv);
  });
  emit(
    `{"c":"head","inv":${inv.id},"status":101,"headers":${quote(wireHeaders(state.headers))},"body":null,"socket":${id}}`,
  );
  inv.answered = true;
  inv.bodyEnded = false;
  go();
};

/** The head of an answer, its body sent or begun to be; throws while nothing has left. */
export const sendHead = (inv: Invocation, status: number, headers: string, body: BodyState): void => {
  const tooLong = oversize(body);
  if (tooLong > 0) {
    tellHead(inv, status, headers, { json: `{"sid":-1,"length":${tooLong}}`, whole: true });
    return;
  }
  const text = takeBody(body);
  if (text !== undefined && inv.waits === 0 && emitAnswer(inv.id, status, headers, text)) {
    inv.answered = true;
    finish(inv, true);
    return;
  }
  const wire =
    text !== undefined
      ? sendText(text)
      : sendTaken(body, inv, () => {
          inv.bodyEnded = true;
          maybeDone(inv);
        });
  tellHead(inv, status, headers, wire);
};

/** The same for a body that is already on the wire. */
export const tellHead = (inv: Invocation, status: number, headers: string, body: SentBody): void => {
  const done = body.whole && inv.waits === 0;
  emit(
    `{"c":"head","inv":${inv.id},"status":${status},"headers":${quote(headers)},` +
      `"body":${body.json}${done ? ',"done":true' : ''}}`,
  );
  inv.answered = true;
  inv.bodyEnded = body.whole;
  if (done) finish(inv, true);
};

const answer = (inv: Invocation, value: unknown): void => {
  if (inv.over || inv.answered) return;
  try {
    if (!isResponse(value)) {
      throw new NativeTypeError(`The handler returned ${what(value)}; return new Response(…)`);
    }
    const state = responseState(value as Response);
    if (state.webSocket !== null) {
      upgrade(inv, state);
      return;
    }
    if (state.status < 200) throw new NativeTypeError('The handler returned Response.error()');
    const body = state.body;
    if (body.kind !== EMPTY && isUnusable(body)) {
      throw new NativeTypeError('The handler returned a Response whose body was already read; return response.clone()');
    }
    unwrap(body);
    sendHead(inv, state.status, wireHeaders(state.headers), body);
  } catch (error) {
    fail(inv, error);
  }
};

const settleFetch = async (inv: Invocation, result: unknown): Promise<void> => {
  try {
    answer(inv, await result);
  } catch (error) {
    fail(inv, error);
  }
};

export const settleScheduled = async (inv: Invocation, result: unknown): Promise<void> => {
  try {
    await result;
    inv.answered = true;
    maybeDone(inv);
  } catch (error) {
    fail(inv, error);
  }
};

const track = async (inv: Invocation, promise: unknown): Promise<void> => {
  try {
    await promise;
  } catch (error) {
    if (!inv.over) {
      const text = report(error);
      log(inv, 'error', `waitUntil: ${text.stack === '' ? `${text.name}: ${text.message}` : text.stack}`);
    }
  }
  inv.waits--;
  maybeDone(inv);
};

class ExecutionContext {
  readonly #inv: Invocation;
  params: unknown;
  clientAddress: string;
  constructor(inv: Invocation, wire: WireContext) {
    this.#inv = inv;
    this.params = wire.params;
    this.clientAddress = wire.clientAddress;
  }
  waitUntil(promise: unknown): void {
    const inv = this.#inv;
    if (inv.over) throw contextOver();
    inv.waits++;
    track(inv, promise);
  }
  get invocationId(): string {
    return this.#inv.invocationId;
  }
  /** Milliseconds until the wall limit, by the real clock. */
  getRemainingTimeInMillis(): number {
    return mathMax(0, floor(this.#inv.deadlineMs - host().now()));
  }
  passThroughOnException(): void {
    throw new DOMException(
      'ctx.passThroughOnException is not supported: there is no origin behind a function',
      'NotSupportedError',
    );
  }
}
defineProperty(ExecutionContext.prototype, Symbol.toStringTag, { value: 'ExecutionContext', configurable: true });
defineProperty(ExecutionContext.prototype, 'constructor', { value: Object, writable: true, configurable: true });

const makeContext = (inv: Invocation, wire: WireContext): object => {
  const ctx = new ExecutionContext(inv, wire);
  const webhook = own(wire, 'webhook');
  if (webhook !== undefined) {
    defineProperty(ctx, 'webhook', { value: webhook, writable: true, enumerable: true, configurable: true });
  }
  return ctx;
};

export const begin = (id: number, wire: WireContext): Invocation => {
  const inv = new Invocation(id, wire.invocationId, wire.deadlineMs);
  live.set(id, inv);
  enter(inv);
  return inv;
};

export interface FetchEvent {
  readonly inv: number;
  readonly method: string;
  readonly url: string;
  readonly headers: string;
  readonly body: WireBody;
  readonly ctx: WireContext;
}

const paramsOf = (list: readonly string[]): Record<string, string> => {
  const params = {};
  for (let i = 0; i < list.length; i += 2) {
    defineProperty(params, list[i] as string, {
      value: list[i + 1],
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return params;
};

export const fetchEvent = (start: FetchStart): FetchEvent => ({
  inv: start[1],
  method: start[2],
  url: start[3],
  headers: start[4],
  body: start[5],
  ctx: {
    invocationId: start[6],
    clientAddress: start[7],
    deadlineMs: start[8],
    params: paramsOf(start[9]),
    webhook: start[10] === null ? undefined : start[10],
  },
});

export const startRequest = (event: FetchEvent, chunks: readonly Uint8Array[]): void => {
  const inv = begin(event.inv, event.ctx);
  const headers = new HeaderState(event.headers);
  headers.immutable = true;
  const state = new RequestState(headers, receiveBody(event.body, inv, chunks));
  state.method = event.method;
  state.url = event.url;
  state.inv = inv;
  let result: unknown;
  try {
    if (program.fetch === null) throw new NativeTypeError('The module has no fetch handler; export default { fetch }');
    result = reflectApply(program.fetch, program.self, [wrapRequest(state), program.env, makeContext(inv, event.ctx)]);
  } catch (error) {
    fail(inv, error);
    return;
  }
  if (isObject(result) && isResponse(result)) answer(inv, result);
  else settleFetch(inv, result);
};

export interface CronEvent {
  readonly inv: number;
  readonly cron: string;
  readonly scheduledTime: number;
  readonly ctx: WireContext;
}

export const startScheduled = (event: CronEvent): void => {
  const inv = begin(event.inv, event.ctx);
  let result: unknown;
  try {
    if (program.scheduled === null) {
      throw new NativeTypeError('The module has no scheduled handler; export default { scheduled }');
    }
    const scheduled = { type: 'scheduled', cron: event.cron, scheduledTime: event.scheduledTime };
    result = reflectApply(program.scheduled, program.self, [scheduled, program.env, makeContext(inv, event.ctx)]);
  } catch (error) {
    fail(inv, error);
    return;
  }
  settleScheduled(inv, result);
};

export const abortInvocation = (id: number): void => {
  const inv = live.get(id);
  if (inv === undefined) return;
  inv.aborted = true;
  enter(inv);
  if (inv.controller !== null) abort(inv.controller as AbortSignal, clientGone());
};

export const forgetInvocation = (id: number): void => {
  const inv = live.get(id);
  if (inv !== undefined) finish(inv, false);
};

export interface Adopted {
  /** JSON texts of their names, joined by commas. */
  readonly handlers: string;
  readonly problem: string | null;
  /** What kind of error the problem is. */
  readonly name?: string;
}

/** What the default export offers; a sentence when it is nothing usable. */
export const adopt = (module: object): Adopted => {
  const remedy = 'export default { fetch(request, env, ctx) { … } }';
  if (!hasDefault(module)) return { handlers: '', problem: `the module has no default export; ${remedy}` };
  const main = (module as { default: unknown }).default;
  if (!isObject(main)) {
    return { handlers: '', problem: `the default export is ${what(main)}, not an object or function; ${remedy}` };
  }
  program.self = main;
  const found = (main as { fetch?: unknown }).fetch;
  const scheduled = (main as { scheduled?: unknown }).scheduled;
  if (typeof found === 'function') program.fetch = found as Handler;
  else if (typeof main === 'function') {
    program.fetch = main as Handler;
    program.self = undefined;
  }
  if (typeof scheduled === 'function') program.scheduled = scheduled as Handler;
  if (program.fetch === null && program.scheduled === null) {
    return { handlers: '', problem: `the default export has neither fetch nor scheduled; ${remedy}` };
  }
  const handlers = `${program.fetch === null ? '' : '"fetch"'}${program.fetch !== null && program.scheduled !== null ? ',' : ''}${program.scheduled === null ? '' : '"scheduled"'}`;
  return { handlers, problem: null };
};

const hasDefault = (module: object): boolean => {
  const names = objectKeys(module);
  for (let i = 0; i < names.length; i++) if (names[i] === 'default') return true;
  return false;
};
