// biome-ignore-all lint/complexity/noArguments: WebIDL counts the arguments given
/** Response, its statics, and what leaves of it: the host only ever sees the internal state, never a getter. */
import {
  charCodeAt,
  isInteger,
  isObject,
  mathTrunc,
  NativeRangeError,
  NativeTypeError,
  slice,
  stringify,
  toNum,
} from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { parseParts } from './36-url.ts';
import { arity, dictionary } from './43-webidl.ts';
import { copyState, defaultHeader, fillHeaders, HeaderState, type Headers, wrapHeaders } from './45-headers.ts';
import { BodyState, textBody } from './50-body-state.ts';
import { cloneBody } from './51-body-streams.ts';
import { extractBody, installBody } from './52-body.ts';
import { socketEnds } from './54-sockets.ts';

export class ResponseState {
  status = 200;
  statusText = '';
  headers: HeaderState;
  headersObject: Headers | null = null;
  body: BodyState;
  url = '';
  redirected = false;
  type = 'default';
  /** A WebSocket object that is the answer, or that `fetch` got. */
  webSocket: object | null = null;

  constructor(headers: HeaderState, body: BodyState) {
    this.headers = headers;
    this.body = body;
  }
}
Object.setPrototypeOf(ResponseState.prototype, null);

const RAW = {};
let stateOf: (response: Response) => ResponseState;
let hasState: (value: object) => boolean;

const nullBody = (status: number): boolean => status === 101 || status === 204 || status === 205 || status === 304;

const checkStatus = (value: unknown): number => {
  const status = mathTrunc(typeof value === 'number' ? value : toNum(value));
  if (!isInteger(status) || status < 200 || status > 599) {
    throw new NativeRangeError(`Response: the status must be from 200 to 599, not ${slice(`${status}`, 0, 32)}`);
  }
  return status;
};

const checkReason = (value: unknown): string => {
  const text = `${value as string}`;
  for (let i = 0; i < text.length; i++) {
    const c = charCodeAt(text, i);
    if ((c < 32 && c !== 9) || c === 127 || c > 255) throw new NativeTypeError('Response: statusText is not valid');
  }
  return text;
};

const build = (body: BodyState, init: unknown): ResponseState => {
  const state = new ResponseState(new HeaderState(''), body);
  if (init !== undefined && init !== null) {
    const { headers, status, statusText, webSocket } = dictionary(init, 'Response');
    if (status !== undefined) state.status = status === 101 ? 101 : checkStatus(status);
    if (statusText !== undefined) state.statusText = checkReason(statusText);
    if (headers !== undefined) fillHeaders(state.headers, headers);
    if (webSocket !== undefined && webSocket !== null) {
      if (!isObject(webSocket) || !socketEnds.has(webSocket)) {
        throw new NativeTypeError('Response: webSocket is not a WebSocket');
      }
      state.webSocket = webSocket;
    }
    if ((state.status === 101) !== (state.webSocket !== null)) {
      throw new NativeRangeError('Response: status 101 and webSocket go together');
    }
  }
  if (body.kind !== 0 && nullBody(state.status)) {
    throw new NativeTypeError(`Response: a response with status ${state.status} cannot have a body`);
  }
  if (body.type !== '') defaultHeader(state.headers, 'content-type', body.type);
  return state;
};

export class Response {
  readonly #state: ResponseState;

  static {
    stateOf = (response) => response.#state;
    hasState = (value) => #state in value;
  }

  constructor(body: unknown = null, init: unknown = undefined) {
    this.#state = body === RAW ? (init as ResponseState) : build(extractBody(body), init);
  }
  get status(): number {
    return this.#state.status;
  }
  get ok(): boolean {
    return this.#state.status >= 200 && this.#state.status <= 299;
  }
  get statusText(): string {
    return this.#state.statusText;
  }
  get headers(): Headers {
    return (this.#state.headersObject ??= wrapHeaders(this.#state.headers));
  }
  get url(): string {
    return this.#state.url;
  }
  get redirected(): boolean {
    return this.#state.redirected;
  }
  get webSocket(): object | null {
    return this.#state.webSocket;
  }
  get type(): string {
    return this.#state.type;
  }
  clone(): Response {
    const from = this.#state;
    if (from.webSocket !== null) throw new NativeTypeError('A Response with a webSocket cannot be cloned');
    const state = new ResponseState(copyState(from.headers), cloneBody(from.body));
    state.status = from.status;
    state.statusText = from.statusText;
    state.url = from.url;
    state.redirected = from.redirected;
    state.type = from.type;
    state.headers.immutable = from.headers.immutable;
    return wrapResponse(state);
  }
  static json(data: unknown, init: unknown = undefined): Response {
    arity(arguments.length, 1, 'Response.json');
    const text = stringify(data) as string | undefined;
    if (text === undefined) throw new NativeTypeError('Response.json: the value cannot be represented as JSON');
    return wrapResponse(build(textBody(text, 'application/json'), init));
  }
  static redirect(url: unknown, status: unknown = 302): Response {
    arity(arguments.length, 1, 'Response.redirect');
    const parts = parseParts(`${url as string}`, '');
    if (parts === null) throw new NativeTypeError('Response.redirect: the URL must be absolute');
    const code = toNum(status);
    if (code !== 301 && code !== 302 && code !== 303 && code !== 307 && code !== 308) {
      throw new NativeRangeError('Response.redirect: the status must be 301, 302, 303, 307 or 308');
    }
    const state = new ResponseState(new HeaderState(`location\n${parts[0] as string}`), new BodyState());
    state.status = code;
    state.headers.immutable = true;
    return wrapResponse(state);
  }
  static error(): Response {
    const state = new ResponseState(new HeaderState(''), new BodyState());
    state.status = 0;
    state.type = 'error';
    state.headers.immutable = true;
    return wrapResponse(state);
  }
}
installBody(Response.prototype, (self) => stateOf(self as Response));
enumerable(Response.prototype, ['status', 'ok', 'statusText', 'headers', 'url', 'redirected', 'type', 'clone']);
enumerable(Response, ['json', 'redirect', 'error']);
expose('Response', Response);

export const isResponse = (value: unknown): value is Response => isObject(value) && hasState(value);
export const responseState = (response: Response): ResponseState => stateOf(response);
export const wrapResponse = (state: ResponseState): Response => new Response(RAW, state);
