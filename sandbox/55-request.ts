// biome-ignore-all lint/complexity/noArguments: WebIDL counts the arguments given
/** Request. One that came from the host keeps the URL as given and parses its headers when somebody asks. */
import { indexOf, isObject, NativeTypeError, slice, startsWith, toUpperCase } from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import type { Invocation } from './10-box.ts';
import { DOMException } from './15-dom-exception.ts';
import { type AbortSignal, abort, abortReason, isAborted, isSignal, newSignal, onAbort } from './22-abort.ts';
import { isUrl, parseParts, partOf, urlHref } from './36-url.ts';
import { arity, choice, dictionary, isToken } from './43-webidl.ts';
import { copyState, defaultHeader, fillHeaders, HeaderState, type Headers, wrapHeaders } from './45-headers.ts';
import { BodyState, cloneBody, EMPTY, extractBody, installBody, moveBody, STREAM } from './50-body.ts';

const MODES = ['navigate', 'same-origin', 'no-cors', 'cors'] as const;
const CREDENTIALS = ['omit', 'same-origin', 'include'] as const;
const CACHES = ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached'] as const;
const REDIRECTS = ['follow', 'error', 'manual'] as const;
const PRIORITIES = ['high', 'low', 'auto'] as const;
const POLICIES = [
  '',
  'no-referrer',
  'no-referrer-when-downgrade',
  'same-origin',
  'origin',
  'strict-origin',
  'origin-when-cross-origin',
  'strict-origin-when-cross-origin',
  'unsafe-url',
] as const;

/** What a request says of browsers' matters: kept and shown, nothing here acts on it but `integrity`. */
interface Manner {
  mode: (typeof MODES)[number];
  credentials: (typeof CREDENTIALS)[number];
  cache: (typeof CACHES)[number];
  integrity: string;
  keepalive: boolean;
  referrer: string;
  referrerPolicy: (typeof POLICIES)[number];
}
const PLAIN: Manner = Object.freeze({
  __proto__: null,
  mode: 'cors',
  credentials: 'same-origin',
  cache: 'default',
  integrity: '',
  keepalive: false,
  referrer: 'about:client',
  referrerPolicy: '',
} as Manner);

export class RequestState {
  method = 'GET';
  url = '';
  headers: HeaderState;
  headersObject: Headers | null = null;
  body: BodyState;
  redirect: 'follow' | 'manual' | 'error' = 'follow';
  manner: Manner = PLAIN;
  signal: AbortSignal | null = null;
  /** Whose aborting this one's signal repeats. */
  follows: AbortSignal | RequestState | null = null;
  /** Set on requests that came in: their signal is the client's. */
  inv: Invocation | null = null;

  constructor(headers: HeaderState, body: BodyState) {
    this.headers = headers;
    this.body = body;
  }
}
Object.setPrototypeOf(RequestState.prototype, null);

const checkMethod = (value: unknown): string => {
  const method = `${value as string}`;
  if (!isToken(method)) throw new NativeTypeError(`Request: '${slice(method, 0, 64)}' is not an HTTP method`);
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
      return upper;
    case 'PATCH':
      // The standard leaves it as it is, and servers refuse `patch`: nobody who writes it means that.
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
  const { follows, inv } = state;
  const signal = newSignal();
  state.signal = signal;
  state.follows = null;
  if (follows !== null) {
    const from = isSignal(follows) ? follows : signalOf(follows);
    if (isAborted(from)) abort(signal, abortReason(from));
    else onAbort(from, (reason) => abort(signal, reason));
  }
  if (inv !== null) {
    inv.controller = signal;
    if (inv.aborted) abort(signal, clientGone());
  }
  return signal;
};

export const clientGone = (): DOMException => new DOMException('The client closed the connection', 'AbortError');

const urlOf = (input: unknown): string => {
  const given = isUrl(input) ? urlHref(input) : `${input as string}`;
  const parts = isUrl(input) && indexOf(given, '@') < 0 ? null : parseParts(given, '');
  if (parts === null) {
    if (isUrl(input)) return given;
    throw new NativeTypeError(`Request: '${slice(given, 0, 200)}' is not an absolute URL`);
  }
  if (parts[partOf.USERNAME] !== '' || parts[partOf.PASSWORD] !== '') {
    throw new NativeTypeError('Request: a URL with credentials is not allowed; use an authorization header');
  }
  return parts[partOf.HREF] as string;
};

const referrerOf = (value: unknown): string => {
  const text = `${value as string}`;
  if (text === '') return '';
  const parts = parseParts(text, '');
  if (parts === null) throw new NativeTypeError(`Request: the referrer '${slice(text, 0, 200)}' is not a URL`);
  const href = parts[partOf.HREF] as string;
  return startsWith(href, 'about:client') ? 'about:client' : href;
};

/** The members of an init that few requests have; `null` when there is none. Read in the order WebIDL has them. */
const mannerOf = (given: Readonly<Record<string, unknown>>, from: Manner): Manner => {
  const { cache, credentials, duplex, integrity, keepalive, mode, priority, referrer, referrerPolicy, window } = given;
  if (duplex !== undefined) choice(duplex, ['half'], 'Request: duplex');
  if (priority !== undefined) choice(priority, PRIORITIES, 'Request: priority');
  if (window !== undefined && window !== null) throw new NativeTypeError('Request: window can only be null');
  if (
    cache === undefined &&
    credentials === undefined &&
    integrity === undefined &&
    keepalive === undefined &&
    mode === undefined &&
    referrer === undefined &&
    referrerPolicy === undefined
  ) {
    return from;
  }
  const manner: Manner = {
    __proto__: null,
    cache: cache === undefined ? from.cache : choice(cache, CACHES, 'Request: cache'),
    credentials:
      credentials === undefined ? from.credentials : choice(credentials, CREDENTIALS, 'Request: credentials'),
    integrity: integrity === undefined ? from.integrity : `${integrity as string}`,
    keepalive: keepalive === undefined ? from.keepalive : !!keepalive,
    mode: mode === undefined ? from.mode : choice(mode, MODES, 'Request: mode'),
    referrer: referrer === undefined ? PLAIN.referrer : referrerOf(referrer),
    referrerPolicy: referrerPolicy === undefined ? '' : choice(referrerPolicy, POLICIES, 'Request: referrerPolicy'),
  } as Manner;
  if (manner.mode === 'navigate') throw new NativeTypeError("Request: mode cannot be 'navigate'");
  if (manner.cache === 'only-if-cached' && manner.mode !== 'same-origin') {
    throw new NativeTypeError("Request: cache 'only-if-cached' needs mode 'same-origin'");
  }
  return manner;
};

const build = (input: unknown, init: unknown): RequestState => {
  const given = dictionary(init, 'Request');
  let state: RequestState;
  let from: RequestState | null = null;
  if (isObject(input) && hasState(input)) {
    from = stateOf(input as Request);
    state = new RequestState(copyState(from.headers), new BodyState());
    state.method = from.method;
    state.url = from.url;
    state.redirect = from.redirect;
    state.manner = from.manner;
    state.follows = from;
  } else {
    state = new RequestState(new HeaderState(''), new BodyState());
    state.url = urlOf(input);
  }
  if (init === undefined || init === null) {
    if (from !== null) state.body = moveBody(from.body);
    return state;
  }
  const { body, headers, method, redirect, signal } = given;
  state.manner = mannerOf(given, state.manner);
  if (method !== undefined) state.method = checkMethod(method);
  if (redirect !== undefined) state.redirect = choice(redirect, REDIRECTS, 'Request: redirect');
  if (signal !== undefined) {
    if (signal !== null && !isSignal(signal)) throw new NativeTypeError('Request: signal is not an AbortSignal');
    state.follows = signal;
  }
  if (headers !== undefined) {
    state.headers = new HeaderState('');
    fillHeaders(state.headers, headers);
  }
  if (state.manner.mode === 'no-cors' && state.method !== 'GET' && state.method !== 'HEAD' && state.method !== 'POST') {
    throw new NativeTypeError(`Request: a ${state.method} request cannot have mode 'no-cors'`);
  }
  const bodyless = state.method === 'GET' || state.method === 'HEAD';
  const none = body === undefined || body === null;
  if (bodyless && (!none || (from !== null && from.body.kind !== EMPTY))) {
    throw new NativeTypeError(`Request: a ${state.method} request cannot have a body`);
  }
  if (!none) {
    state.body = extractBody(body);
    if (state.body.kind === STREAM && state.manner.keepalive) {
      throw new NativeTypeError('Request: a stream cannot be the body of a keepalive request');
    }
    if (state.body.type !== '') defaultHeader(state.headers, 'content-type', state.body.type);
  } else if (from !== null) {
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

  constructor(input: unknown, init: unknown = undefined) {
    arity(arguments.length, 1, 'Request');
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
    this.#state;
    return '';
  }
  get referrer(): string {
    return this.#state.manner.referrer;
  }
  get referrerPolicy(): string {
    return this.#state.manner.referrerPolicy;
  }
  get mode(): string {
    return this.#state.manner.mode;
  }
  get credentials(): string {
    return this.#state.manner.credentials;
  }
  get cache(): string {
    return this.#state.manner.cache;
  }
  get integrity(): string {
    return this.#state.manner.integrity;
  }
  get keepalive(): boolean {
    return this.#state.manner.keepalive;
  }
  get isReloadNavigation(): boolean {
    this.#state;
    return false;
  }
  get isHistoryNavigation(): boolean {
    this.#state;
    return false;
  }
  get duplex(): string {
    this.#state;
    return 'half';
  }
  clone(): Request {
    const from = this.#state;
    const state = new RequestState(copyState(from.headers), cloneBody(from.body));
    state.method = from.method;
    state.url = from.url;
    state.redirect = from.redirect;
    state.manner = from.manner;
    state.follows = from;
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
  'isReloadNavigation',
  'isHistoryNavigation',
  'duplex',
  'clone',
]);
expose('Request', Request);

export const isRequest = (value: unknown): value is Request => isObject(value) && hasState(value);
export const requestState = (request: Request): RequestState => stateOf(request);
export const wrapRequest = (state: RequestState): Request => new Request(RAW, state);
/** What can abort a fetch of it: not the client's going away, which a handler may want to outlive. */
export const requestSignal = (state: RequestState): AbortSignal | null => {
  if (state.inv !== null) return null;
  const { signal, follows } = state;
  if (signal !== null || follows === null) return signal;
  return isSignal(follows) ? follows : signalOf(follows);
};
export const buildRequest = build;
