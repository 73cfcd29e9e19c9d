/** fetch and service bindings: a command to the host, a promise for its answer. The host decides what may be reached. */
import type { WireBody } from '../src/contract/turn.ts';
import {
  defineProperty,
  isObject,
  NativeError,
  NativePromise,
  NativeTypeError,
  own,
  quote,
  SafeMap,
  SafeWeakMap,
  startsWith,
  toLowerCase,
} from './00-primordials.ts';
import { enumerable, exposeFunction } from './04-globals.ts';
import {
  addChunk,
  current,
  emit,
  emitFinal,
  enter,
  type Invocation,
  type Resource,
  tight,
  topLevel,
} from './10-box.ts';
import { abortReason, isAborted, onAbort } from './22-abort.ts';
import { utf8Encode } from './30-encoding.ts';
import { getHeader, HeaderState, hasHeader, wireHeaders } from './45-headers.ts';
import { contextOver, feedOfSource, feedOfStream, Sink, Source } from './49-pipes.ts';
import {
  BodyState,
  BYTES,
  bytesBody,
  EMPTY,
  isUnusable,
  SOURCE,
  sourceBody,
  TEXT,
  textBody,
  unwrap,
} from './50-body.ts';
import { socketFetch } from './54-sockets.ts';
import { buildRequest, isRequest, type Request, type RequestState, requestState } from './55-request.ts';
import { type Response, ResponseState, wrapResponse } from './56-response.ts';

class PendingFetch implements Resource {
  readonly id: number;
  readonly inv: Invocation;
  readonly resolve: (response: Response) => void;
  readonly reject: (error: unknown) => void;
  readonly url: string;

  constructor(
    id: number,
    inv: Invocation,
    url: string,
    settle: { resolve: (response: Response) => void; reject: (error: unknown) => void },
  ) {
    this.id = id;
    this.inv = inv;
    this.url = url;
    this.resolve = settle.resolve;
    this.reject = settle.reject;
    pending.set(id, this);
    inv.hold(this);
  }
  release(tell: boolean): void {
    pending.delete(this.id);
    if (tell) emitFinal(`{"c":"fetch-abort","id":${this.id}}`);
  }
}

const pending = new SafeMap<number, PendingFetch>();
const limitErrors = new SafeWeakMap<object, true>();
let lastId = 0;

/** True for the error that says limits.subrequests was reached, and only for the host's own. */
export const isLimitError = (error: unknown): boolean => isObject(error) && limitErrors.has(error);

/** Longest text that travels as text; beyond it is encoded here. */
const LONG_TEXT = 4 * 1024 * 1024;

/** The wire form of a body that leaves; marks it as read. */
export const sendBody = (body: BodyState, inv: Invocation, ended: () => void): { json: string; whole: boolean } => {
  if (body.kind === EMPTY) return { json: 'null', whole: true };
  if (isUnusable(body)) throw new NativeTypeError('The body has already been read or is locked');
  unwrap(body);
  body.used = true;
  if (body.kind === TEXT) {
    if (body.text.length <= LONG_TEXT) return { json: `{"text":${quote(body.text)}}`, whole: true };
    return { json: `{"chunk":${addChunk(utf8Encode(body.text))}}`, whole: true };
  }
  if (body.kind === BYTES) {
    return { json: `{"chunk":${addChunk(tight(body.bytes as Uint8Array))}}`, whole: true };
  }
  const feed = body.kind === SOURCE ? feedOfSource(body.source as Source) : feedOfStream(body.stream as never);
  const sink = new Sink(inv, feed, ended);
  return { json: `{"sid":${sink.sid},"length":null}`, whole: false };
};

/** A body that arrived. */
export const receiveBody = (wire: WireBody, inv: Invocation, chunks: readonly Uint8Array[]): BodyState => {
  if (wire === null) return new BodyState();
  const text = own(wire, 'text');
  if (text !== undefined) return textBody(text as string, '');
  const chunk = own(wire, 'chunk');
  if (chunk !== undefined) return bytesBody(chunks[chunk as number] as Uint8Array, '');
  return sourceBody(new Source(own(wire, 'sid') as number, inv));
};

const nothing = (): void => {};

const send = (state: RequestState, service: string | null, settle: PendingFetch): void => {
  const body = sendBody(state.body, settle.inv, nothing).json;
  emit(
    `{"c":"fetch","id":${settle.id},"inv":${settle.inv.id},"url":${quote(state.url)},"method":${quote(state.method)},` +
      `"headers":${quote(wireHeaders(state.headers))},"body":${body},"redirect":"${state.redirect}"` +
      `${service === null ? '' : `,"service":${quote(service)}`}}`,
  );
};

/** As Workers have it: `fetch` with `Upgrade: websocket` opens a socket. */
const asksForSocket = ({ method, headers }: RequestState): boolean =>
  method === 'GET' &&
  hasHeader(headers, 'upgrade') &&
  toLowerCase(getHeader(headers, 'upgrade') as string) === 'websocket';

const startFetch = (input: unknown, init: unknown, service: string | null): Promise<Response> =>
  new NativePromise<Response>((resolve, reject) => {
    const inv = current;
    if (inv === topLevel) {
      throw new NativeError('fetch is only possible inside a handler, not while the module is loading');
    }
    if (inv.over) throw contextOver();
    const state = isRequest(input) && init === undefined ? requestState(input as Request) : buildRequest(input, init);
    if (!startsWith(state.url, 'https:') && !startsWith(state.url, 'http:')) {
      throw new NativeTypeError(`fetch: only http: and https: URLs can be fetched`);
    }
    const signal = state.inv === null ? state.signal : null;
    if (signal !== null && isAborted(signal)) {
      reject(abortReason(signal));
      return;
    }
    if (asksForSocket(state)) {
      if (service !== null)
        throw new NativeTypeError('A service binding carries no WebSocket; call the function by its URL');
      resolve(socketFetch(state.url, state.headers) as Promise<Response>);
      return;
    }
    const settle = new PendingFetch(++lastId, inv, state.url, { resolve, reject });
    try {
      send(state, service, settle);
    } catch (error) {
      pending.delete(settle.id);
      inv.drop(settle);
      throw error;
    }
    if (signal !== null) {
      onAbort(signal, (reason) => {
        if (!pending.has(settle.id)) return;
        pending.delete(settle.id);
        inv.drop(settle);
        emitFinal(`{"c":"fetch-abort","id":${settle.id}}`);
        reject(reason);
      });
    }
  });

exposeFunction('fetch', (input: unknown, init?: unknown) => startFetch(input, init, null));

/** `env.NAME` of a service binding. */
export class Service {
  readonly #name: string;
  constructor(name: string) {
    this.#name = name;
  }
  fetch(input: unknown, init?: unknown): Promise<Response> {
    return startFetch(input, init, this.#name);
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

const take = (id: number): PendingFetch | undefined => {
  const found = pending.get(id);
  if (found === undefined) return undefined;
  pending.delete(id);
  found.inv.drop(found);
  enter(found.inv);
  return found;
};

export const deliverResponse = (event: ResponseEvent, chunks: readonly Uint8Array[]): void => {
  const found = take(event.id);
  if (found === undefined) return;
  const headers = new HeaderState(event.headers);
  headers.immutable = true;
  const state = new ResponseState(headers, receiveBody(event.body, found.inv, chunks));
  state.status = event.status;
  state.statusText = event.statusText;
  state.url = event.url;
  state.redirected = event.redirected;
  state.type = 'basic';
  found.resolve(wrapResponse(state));
};

export const deliverFailure = (id: number, message: string, limit: boolean): void => {
  const found = take(id);
  if (found === undefined) return;
  if (!limit) {
    found.reject(new NativeTypeError(`fetch failed: ${message}`));
    return;
  }
  const error = new NativeError(message);
  defineProperty(error, 'name', { value: 'SubrequestLimitError', writable: true, configurable: true });
  limitErrors.set(error, true);
  found.reject(error);
};
