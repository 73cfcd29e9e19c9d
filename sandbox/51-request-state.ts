/** What a request is inside. */
import { freeze, setPrototypeOf } from './00-primordials.ts';
import type { Invocation } from './10-box.ts';
import type { AbortSignal } from './22-abort.ts';
import type { HeaderState, Headers } from './45-headers.ts';
import type { BodyState } from './50-body-state.ts';

/** What a request says of browsers' matters: kept and shown, nothing here acts on it but `integrity`. */
export interface Manner {
  mode: string;
  credentials: string;
  cache: string;
  integrity: string;
  keepalive: boolean;
  referrer: string;
  referrerPolicy: string;
}
export const PLAIN: Manner = freeze({
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
setPrototypeOf(RequestState.prototype, null);
