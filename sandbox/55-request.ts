/** Request. One that came from the host keeps the URL as given and parses its headers when somebody asks. */
import { exec, isObject, NativeTypeError, slice, toUpperCase } from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { DOMException } from './08-errors.ts';
import type { Invocation } from './10-box.ts';
import { type AbortSignal, abort, abortReason, isAborted, isSignal, newSignal, onAbort } from './22-abort.ts';
import { isUrl, parseParts, partOf, urlHref } from './36-url.ts';
import { copyState, defaultHeader, fillHeaders, HeaderState, type Headers, wrapHeaders } from './45-headers.ts';
import { BodyState, cloneBody, EMPTY, extractBody, installBody, moveBody } from './50-body.ts';

export class RequestState {
  method = 'GET';
  url = '';
  headers: HeaderState;
  headersObject: Headers | null = null;
  body: BodyState;
  redirect: 'follow' | 'manual' | 'error' = 'follow';
  signal: AbortSignal | null = null;
  /** Set on requests that came in: their signal is the client's. */
  inv: Invocation | null = null;

  constructor(headers: HeaderState, body: BodyState) {
    this.headers = headers;
    this.body = body;
  }
}
Object.setPrototypeOf(RequestState.prototype, null);

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const checkMethod = (value: unknown): string => {
  const method = `${value as string}`;
  if (exec(TOKEN, method) === null)
    throw new NativeTypeError(`Request: '${slice(method, 0, 64)}' is not an HTTP method`);
  const upper = toUpperCase(method);
  switch (upper) {
    case 'CONNECT':
    case 'TRACE':
    case 'TRACK':
      throw new NativeTypeError(`Request: the method ${upper} is not allowed`);
    case 'DELETE':
    case 'GET':
    case 'HEAD':
    case 'OPTIONS':
    case 'POST':
    case 'PUT':
    case 'PATCH':
      return upper;
    default:
      return method;
  }
};

const RAW = {};
let stateOf: (request: Request) => RequestState;
let hasState: (value: object) => boolean;

/** The signal of a request, made on first touch. */
const signalOf = (state: RequestState): AbortSignal => {
  if (state.signal !== null) return state.signal;
  const signal = newSignal();
  state.signal = signal;
  const inv = state.inv;
  if (inv !== null) {
    inv.controller = signal;
    if (inv.aborted) abort(signal, clientGone());
  }
  return signal;
};

export const clientGone = (): DOMException => new DOMException('The client closed the connection', 'AbortError');

const followSignal = (from: AbortSignal): AbortSignal => {
  const signal = newSignal();
  if (isAborted(from)) abort(signal, abortReason(from));
  else onAbort(from, (reason) => abort(signal, reason));
  return signal;
};

const build = (input: unknown, init: unknown): RequestState => {
  const given = (init ?? {}) as Record<string, unknown>;
  if (!isObject(given)) throw new NativeTypeError('Request: the init must be an object');
  let state: RequestState;
  let from: RequestState | null = null;
  if (isObject(input) && hasState(input)) {
    from = stateOf(input as Request);
    state = new RequestState(copyState(from.headers), new BodyState());
    state.method = from.method;
    state.url = from.url;
    state.redirect = from.redirect;
    state.signal = followSignal(signalOf(from));
  } else {
    const parts = isUrl(input) ? null : parseParts(`${input as string}`, '');
    if (parts === null && !isUrl(input))
      throw new NativeTypeError(`Request: '${slice(`${input as string}`, 0, 200)}' is not an absolute URL`);
    if (parts !== null && (parts[partOf.USERNAME] !== '' || parts[partOf.PASSWORD] !== '')) {
      throw new NativeTypeError('Request: a URL with credentials is not allowed; use an authorization header');
    }
    state = new RequestState(new HeaderState(''), new BodyState());
    state.url = parts === null ? urlHref(input as never) : (parts[partOf.HREF] as string);
  }
  const { method, headers, redirect, signal, body } = given as Record<
    'method' | 'headers' | 'redirect' | 'signal' | 'body',
    unknown
  >;
  if (method !== undefined) state.method = checkMethod(method);
  if (headers !== undefined) {
    state.headers = new HeaderState('');
    fillHeaders(state.headers, headers);
  }
  if (redirect !== undefined) {
    const mode = `${redirect as string}`;
    if (mode !== 'follow' && mode !== 'manual' && mode !== 'error') {
      throw new NativeTypeError(`Request: redirect must be follow, manual or error, not '${slice(mode, 0, 64)}'`);
    }
    state.redirect = mode;
  }
  if (signal !== undefined) {
    if (signal === null) state.signal = null;
    else if (isSignal(signal)) state.signal = followSignal(signal);
    else throw new NativeTypeError('Request: signal is not an AbortSignal');
  }
  const bodyless = state.method === 'GET' || state.method === 'HEAD';
  if (body !== undefined && body !== null) {
    if (bodyless) throw new NativeTypeError(`Request: a ${state.method} request cannot have a body`);
    state.body = extractBody(body);
    if (state.body.type !== '') defaultHeader(state.headers, 'content-type', state.body.type);
  } else if (from !== null && body === undefined) {
    if (bodyless && from.body.kind !== EMPTY) {
      throw new NativeTypeError(`Request: a ${state.method} request cannot have a body`);
    }
    state.body = moveBody(from.body);
  }
  return state;
};

export class Request {
  readonly #state: RequestState;

  static {
    stateOf = (request) => request.#state;
    hasState = (value) => #state in value;
  }

  constructor(input: unknown, init?: unknown) {
    // biome-ignore lint/complexity/noArguments: WebIDL counts the arguments given
    if (arguments.length === 0) throw new NativeTypeError('Request: 1 argument required');
    this.#state = input === RAW ? (init as RequestState) : build(input, init);
  }
  get method(): string {
    return this.#state.method;
  }
  get url(): string {
    return this.#state.url;
  }
  get headers(): Headers {
    return (this.#state.headersObject ??= wrapHeaders(this.#state.headers));
  }
  get redirect(): string {
    return this.#state.redirect;
  }
  get signal(): AbortSignal {
    return signalOf(this.#state);
  }
  get destination(): string {
    return '';
  }
  get referrer(): string {
    return 'about:client';
  }
  get referrerPolicy(): string {
    return '';
  }
  get mode(): string {
    return 'cors';
  }
  get credentials(): string {
    return 'same-origin';
  }
  get cache(): string {
    return 'default';
  }
  get integrity(): string {
    return '';
  }
  get keepalive(): boolean {
    return false;
  }
  get duplex(): string {
    return 'half';
  }
  clone(): Request {
    const from = this.#state;
    const state = new RequestState(copyState(from.headers), cloneBody(from.body));
    state.method = from.method;
    state.url = from.url;
    state.redirect = from.redirect;
    state.signal = followSignal(signalOf(from));
    return wrapRequest(state);
  }
}
installBody(Request.prototype, (self) => stateOf(self as Request));
enumerable(Request.prototype, [
  'method',
  'url',
  'headers',
  'redirect',
  'signal',
  'destination',
  'referrer',
  'referrerPolicy',
  'mode',
  'credentials',
  'cache',
  'integrity',
  'keepalive',
  'duplex',
  'clone',
]);
expose('Request', Request);

export const isRequest = (value: unknown): value is Request => isObject(value) && hasState(value);
export const requestState = (request: Request): RequestState => stateOf(request);
export const wrapRequest = (state: RequestState): Request => new Request(RAW, state);
export const requestSignal = (state: RequestState): AbortSignal | null => state.signal;
export const buildRequest = build;
