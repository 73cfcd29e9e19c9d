/** Requests that the guest makes, and signals of requests. */
import { indexOf, NativeTypeError, slice, startsWith, toUpperCase } from './00-primordials.ts';
import { DOMException } from './15-dom-exception.ts';
import { type AbortSignal, abort, abortReason, isAborted, isSignal, newSignal, onAbort } from './22-abort.ts';
import { isUrl, parseParts, partOf, urlHref } from './36-url.ts';
import { choice, dictionary, isToken } from './43-webidl.ts';
import { copyState, defaultHeader, fillHeaders, HeaderState } from './45-headers.ts';
import { BodyState, EMPTY, STREAM } from './50-body-state.ts';
import { moveBody } from './51-body-streams.ts';
import { type Manner, PLAIN, RequestState } from './51-request-state.ts';
import { extractBody } from './52-body.ts';

// late:

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

/** The signal of a request, made on first touch. */
export const signalOf = (state: RequestState): AbortSignal => {
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

/** The state that `new Request(input, init)` makes; `from`: that of an input that is a Request. */
export const makeRequest = (input: unknown, init: unknown, from: RequestState | null): RequestState => {
  const given = dictionary(init, 'Request');
  let state: RequestState;
  if (from !== null) {
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
