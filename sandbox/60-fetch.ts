/** fetch and service bindings: a command to the host, a promise for its answer. The host decides what may be reached. */
import type { WireBody } from '../src/contract/turn.ts';
import {
  defineProperty,
  indexOf,
  List,
  mathMin,
  NativeError,
  NativePromise,
  NativeTypeError,
  own,
  quote,
  SafeMap,
  slice,
  startsWith,
  toLowerCase,
  viewByteLength,
} from './00-primordials.ts';
import { enumerable, exposeFunction } from './04-globals.ts';
import { current, emit, emitFinal, type Invocation, takeWaiting, topLevel, type Waiting } from './10-box.ts';
import { type AbortSignal, abortReason, isAborted, offAbort, onAbort } from './22-abort.ts';
import { cancelReader, getReader, ignore, type Stream } from './40-streams.ts';
import { defaultHeader, getHeader, HeaderState, hasHeader, wireHeaders } from './45-headers.ts';
import { contextOver, type Source } from './49-pipes.ts';
import { BodyState, bytesBody, EMPTY, isUnusable, STREAM } from './50-body-state.ts';
import { takeBytes } from './51-body-streams.ts';
import type { RequestState } from './51-request-state.ts';
import { extractBody } from './52-body.ts';
import { socketFetch } from './53-socket-fetch.ts';
import { limitErrors, receiveBody, sendBody } from './53-wire-body.ts';
import { buildRequest, isRequest, type Request, requestSignal, requestState } from './55-request.ts';
import { type Response, ResponseState, wrapResponse } from './56-response.ts';
import { readDataUrl } from './57-data-url.ts';
import { isIntact } from './58-integrity.ts';
import { blobOfUrl } from './59-blob-urls.ts';

// late: fetch()

class PendingFetch implements Waiting {
  readonly id: number;
  readonly inv: Invocation;
  readonly resolve: (response: Response) => void;
  readonly reject: (error: unknown) => void;
  #source: Source | null = null;
  #unheed: (() => void) | null = null;
  readonly integrity: string;

  constructor(
    id: number,
    inv: Invocation,
    integrity: string,
    settle: { resolve: (response: Response) => void; reject: (error: unknown) => void },
  ) {
    this.id = id;
    this.inv = inv;
    this.integrity = integrity;
    this.resolve = settle.resolve;
    this.reject = settle.reject;
    pending.set(id, this);
    inv.hold(this);
  }
  /** Until it and its response are over, `signal` ends them. */
  heed(signal: AbortSignal): void {
    const run = (reason: unknown): void => this.#abort(reason);
    onAbort(signal, run);
    this.#unheed = () => offAbort(signal, run);
  }
  /** The response is there; `source`: its body is still on its way. */
  answered(source: Source | null): void {
    this.#source = source;
    if (source === null) this.#unheed?.();
    else source.over = this.#unheed;
  }
  #abort(reason: unknown): void {
    if (pending.has(this.id)) {
      pending.delete(this.id);
      this.inv.drop(this);
      emitFinal(`{"c":"fetch-abort","id":${this.id}}`);
      this.reject(reason);
    } else this.#source?.abort(reason);
  }
  release(tell: boolean): void {
    pending.delete(this.id);
    this.#unheed?.();
    if (tell) emitFinal(`{"c":"fetch-abort","id":${this.id}}`);
  }
}

const pending = new SafeMap<number, PendingFetch>();
let lastId = 0;

const nothing = (): void => {};

const send = (state: RequestState, service: string | null, settle: PendingFetch): void => {
  const body = sendBody(state.body, settle.inv, nothing).json;
  emit(
    `{"c":"fetch","id":${settle.id},"inv":${settle.inv.id},"url":${quote(state.url)},"method":${quote(state.method)},` +
      `"headers":${quote(wireHeaders(state.headers))},"body":${body},"redirect":"${state.redirect}"` +
      `${service === null ? '' : `,"service":${quote(service)}`}}`,
  );
};

const withoutFragment = (url: string): string => {
  const at = indexOf(url, '#');
  return at < 0 ? url : slice(url, 0, at);
};

const dataResponse = (url: string, method: string): Response => {
  const data = readDataUrl(url);
  if (data === null) throw new NativeTypeError('fetch failed: the data: URL has no comma or is not valid base64');
  const headers = new HeaderState(`content-type\n${data.type}`);
  headers.immutable = true;
  const state = new ResponseState(headers, method === 'HEAD' ? new BodyState() : bytesBody(data.bytes, ''));
  state.statusText = 'OK';
  state.url = url;
  state.type = 'basic';
  return wrapResponse(state);
};

const blobResponse = (url: string, method: string): Response => {
  const blob = blobOfUrl(url);
  if (blob === null || method !== 'GET') {
    throw new NativeTypeError(
      blob === null
        ? 'fetch failed: there is no such blob: URL in this isolate'
        : 'fetch failed: a blob: URL takes only GET',
    );
  }
  const body = extractBody(blob);
  const headers = new HeaderState(`content-length\n${viewByteLength(body.bytes as Uint8Array)}`);
  if (body.type !== '') defaultHeader(headers, 'content-type', body.type);
  headers.immutable = true;
  const state = new ResponseState(headers, body);
  state.statusText = 'OK';
  state.url = withoutFragment(url);
  state.type = 'basic';
  return wrapResponse(state);
};

/** Nobody will read it: whoever produces it is told. */
const discard = (body: BodyState, reason: unknown): void => {
  if (body.kind !== STREAM || isUnusable(body)) return;
  ignore(cancelReader(getReader(body.stream as Stream), reason));
};

const requestOf = (input: unknown, init: unknown): RequestState =>
  isRequest(input) && init === undefined ? requestState(input as Request) : buildRequest(input, init);

/** What a module that is still loading has asked for, where that may wait for the first invocation. */
let early: List<() => void> | null = null;
export const allowEarly = (): void => {
  early = new List();
};
export const hasEarly = (): boolean => early !== null && early.length > 0;
/** Sends it as the present invocation's. */
export const sendEarly = (): void => {
  while (early !== null && early.length > 0) (early.shift() as () => void)();
};

/** As Workers have it: `fetch` with `Upgrade: websocket` opens a socket. */
const asksForSocket = ({ method, headers }: RequestState): boolean =>
  method === 'GET' &&
  hasHeader(headers, 'upgrade') &&
  toLowerCase(getHeader(headers, 'upgrade') as string) === 'websocket';

export const startFetch = (state: RequestState, service: string | null): Promise<Response> =>
  new NativePromise<Response>((resolve, reject) => {
    const inv = current;
    const signal = requestSignal(state);
    if (signal !== null && isAborted(signal)) {
      discard(state.body, abortReason(signal));
      state.body.used = state.body.kind !== EMPTY;
      reject(abortReason(signal));
      return;
    }
    const { url } = state;
    if (service === null && startsWith(url, 'data:')) {
      resolve(dataResponse(withoutFragment(url), state.method));
      return;
    }
    if (service === null && startsWith(url, 'blob:')) {
      resolve(blobResponse(url, state.method));
      return;
    }
    if (!startsWith(url, 'https:') && !startsWith(url, 'http:')) {
      const scheme = slice(url, 0, mathMin(indexOf(url, ':') + 1, 64));
      throw new NativeTypeError(`fetch failed: ${scheme} cannot be fetched; only http:, https: and data: URLs can`);
    }
    if (inv === topLevel) {
      if (early === null) {
        throw new NativeError('fetch is only possible inside a handler, not while the module is loading');
      }
      early.push(() => resolve(startFetch(state, service)));
      return;
    }
    if (inv.over) throw contextOver();
    if (asksForSocket(state)) {
      if (service !== null) {
        throw new NativeTypeError('A service binding carries no WebSocket; call the function by its URL');
      }
      resolve(socketFetch(url, state.headers) as Promise<Response>);
      return;
    }
    const settle = new PendingFetch(++lastId, inv, state.manner.integrity, { resolve, reject });
    try {
      send(state, service, settle);
    } catch (error) {
      pending.delete(settle.id);
      inv.drop(settle);
      throw error;
    }
    if (signal !== null) settle.heed(signal);
  });

exposeFunction('fetch', async (input: unknown, init: unknown = undefined) => {
  if (input === undefined && init === undefined) throw new NativeTypeError('fetch: 1 argument required');
  return await startFetch(requestOf(input, init), null);
});

/** `env.NAME` of a service binding. */
export class Service {
  readonly #name: string;
  constructor(name: string) {
    this.#name = name;
  }
  async fetch(input: unknown, init: unknown = undefined): Promise<Response> {
    return await startFetch(requestOf(input, init), this.#name);
  }
}
enumerable(Service.prototype, ['fetch']);
defineProperty(Service, 'name', { value: 'Service', configurable: true });
// `env.X.constructor` must not make bindings of other names.
defineProperty(Service.prototype, 'constructor', { value: Object, writable: true, configurable: true });

export interface ResponseEvent {
  readonly id: number;
  readonly status: number;
  readonly statusText: string;
  readonly headers: string;
  readonly url: string;
  readonly redirected: boolean;
  readonly body: WireBody;
}

export const deliverResponse = (event: ResponseEvent, chunks: readonly Uint8Array[]): void => {
  const found = takeWaiting(pending, event.id);
  if (found === undefined) return;
  const headers = new HeaderState(event.headers);
  headers.immutable = true;
  const body = receiveBody(event.body, found.inv, chunks);
  found.answered(body.source);
  const state = new ResponseState(headers, body);
  state.status = event.status;
  state.statusText = event.statusText;
  state.url = withoutFragment(event.url);
  state.redirected = event.redirected;
  state.type = 'basic';
  if (found.integrity === '') found.resolve(wrapResponse(state));
  else verify(found, state);
};

/** Hands the response out once all of its body is there and is what `integrity` says. */
const verify = async (found: PendingFetch, state: ResponseState): Promise<void> => {
  try {
    const bytes = await takeBytes(state.body);
    if (!isIntact(bytes, found.integrity)) {
      found.reject(failure('the body is not what integrity says', 'ERR_INTEGRITY'));
      return;
    }
    const kept = state.body.kind === EMPTY ? state.body : bytesBody(bytes, '');
    state.body = kept;
    found.resolve(wrapResponse(state));
  } catch (error) {
    found.reject(error);
  }
};

/** What network code of other places looks for: a TypeError whose cause carries the system's code. */
const failure = (message: string, code: string | undefined): TypeError => {
  const error = new NativeTypeError(`fetch failed: ${message}`);
  const cause = new NativeError(message);
  if (code !== undefined) {
    defineProperty(cause, 'code', { value: code, writable: true, enumerable: true, configurable: true });
  }
  defineProperty(error, 'cause', { value: cause, writable: true, configurable: true });
  return error;
};

export interface FailureEvent {
  readonly id: number;
  readonly message: string;
}

export const deliverFailure = (event: FailureEvent): void => {
  const found = takeWaiting(pending, event.id);
  if (found === undefined) return;
  found.answered(null);
  if (own(event, 'limit') === true) found.reject(limitError(event.message));
  else found.reject(failure(event.message, own(event, 'code') as string | undefined));
};

/** limits.subrequests was reached: its own outcome when nobody catches it. */
export const limitError = (message: string): Error => {
  const error = new NativeError(message);
  defineProperty(error, 'name', { value: 'SubrequestLimitError', writable: true, configurable: true });
  limitErrors.set(error, true);
  return error;
};
