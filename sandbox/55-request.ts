// biome-ignore-all lint/complexity/noArguments: WebIDL counts the arguments given
/** Request. One that came from the host keeps the URL as given and parses its headers when somebody asks. */
import { isObject } from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { type AbortSignal, isSignal } from './22-abort.ts';
import { arity } from './43-webidl.ts';
import { copyState, type Headers, wrapHeaders } from './45-headers.ts';
import { cloneBody } from './51-body-streams.ts';
import { RequestState } from './51-request-state.ts';
import { installBody } from './52-body.ts';
import { makeRequest, signalOf } from './53-request-build.ts';

const RAW = {};
let stateOf: (request: Request) => RequestState;
let hasState: (value: object) => boolean;

/** What `new Request(input, init)` holds. */
export const buildRequest = (input: unknown, init: unknown): RequestState =>
  makeRequest(input, init, isObject(input) && hasState(input) ? stateOf(input as Request) : null);

export class Request {
  readonly #state: RequestState;

  static {
    stateOf = (request) => request.#state;
    hasState = (value) => #state in value;
  }

  constructor(input: unknown, init: unknown = undefined) {
    arity(arguments.length, 1, 'Request');
    this.#state = input === RAW ? (init as RequestState) : buildRequest(input, init);
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
