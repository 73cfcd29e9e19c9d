/**
 * The closed list of outcomes (CONTRACT §6) and what follows from each, as one table. Every started invocation ends
 * in exactly one of them. Whoever switches over outcomes ends in `never`.
 */
export type Outcome =
  | 'ok'
  | 'function_error'
  | 'init_error'
  | 'wall_timeout'
  | 'cpu_exceeded'
  | 'memory_exceeded'
  | 'subrequests_exceeded'
  | 'payload_too_large'
  | 'response_too_large'
  | 'crashed'
  | 'aborted'
  | 'client_closed';

/** Before the start there is no record, only counters. */
export type Shed =
  | 'throttled'
  | 'overloaded'
  | 'quarantined'
  | 'payload_too_large'
  | 'unauthorized'
  | 'not_found'
  | 'bad_request';

/** Whatever is only counted; `unloadable`: its function had failed to load, and that is remembered. */
export type Unstarted = Shed | 'unloadable';

export interface OutcomeRule {
  /** HTTP status when no head was sent; `null`: the function's own. */
  readonly status: number | null;
  /** Which interval is billed. `checkpoint`: to the last checkpoint; `limit`: at most the limit. */
  readonly billed: 'yes' | 'no' | 'init' | 'limit' | 'checkpoint';
  /** What becomes of the isolate. `retired`: serves nobody new and goes when the rest has settled. */
  readonly isolate: 'kept' | 'retired' | 'dropped' | 'gone';
  /** Fixed text of the failure body: never the guest's own words. */
  readonly message: string;
  readonly retryAfter: boolean;
}

export const OUTCOMES: Readonly<Record<Outcome, OutcomeRule>> = {
  ok: { status: null, billed: 'yes', isolate: 'kept', message: '', retryAfter: false },
  function_error: {
    status: 500,
    billed: 'yes',
    isolate: 'kept',
    message: 'The function threw an error or returned no Response.',
    retryAfter: false,
  },
  init_error: {
    status: 500,
    billed: 'init',
    isolate: 'dropped',
    message: 'The function failed to load.',
    retryAfter: false,
  },
  wall_timeout: {
    status: 504,
    billed: 'limit',
    isolate: 'retired',
    message: 'The function did not finish within its wall-time limit (limits.wallMs).',
    retryAfter: false,
  },
  cpu_exceeded: {
    status: 503,
    billed: 'yes',
    isolate: 'dropped',
    message: 'The function used more CPU time than its limit (limits.cpuMs).',
    retryAfter: false,
  },
  memory_exceeded: {
    status: 503,
    billed: 'yes',
    isolate: 'dropped',
    message: 'The function used more memory than its limit (limits.memoryMiB).',
    retryAfter: false,
  },
  subrequests_exceeded: {
    status: 500,
    billed: 'yes',
    isolate: 'kept',
    message: 'The function made more subrequests than its limit (limits.subrequests).',
    retryAfter: false,
  },
  payload_too_large: {
    status: 413,
    billed: 'yes',
    isolate: 'kept',
    message: 'The request body is larger than the limit (limits.requestBytes).',
    retryAfter: false,
  },
  response_too_large: {
    status: 502,
    billed: 'yes',
    isolate: 'kept',
    message: 'The response body is larger than the limit (limits.responseBytes).',
    retryAfter: false,
  },
  crashed: {
    status: 502,
    billed: 'checkpoint',
    isolate: 'gone',
    message: 'The function brought its engine down.',
    retryAfter: false,
  },
  aborted: {
    status: 503,
    billed: 'no',
    isolate: 'gone',
    message: 'The invocation was ended by the host, not by the function; try again.',
    retryAfter: true,
  },
  client_closed: {
    status: 499,
    billed: 'yes',
    isolate: 'kept',
    message: 'The client closed the connection.',
    retryAfter: false,
  },
};

export interface ShedRule {
  readonly status: number;
  readonly message: string;
  /** Seconds for `retry-after`; absent: the header is not sent. */
  readonly retryAfterSeconds?: number;
}

export const SHEDS: Readonly<Record<Shed, ShedRule>> = {
  throttled: { status: 429, message: 'Too many requests for this function; try again shortly.', retryAfterSeconds: 1 },
  overloaded: { status: 503, message: 'No isolate became free in time; try again shortly.', retryAfterSeconds: 1 },
  quarantined: {
    status: 503,
    message:
      'The function is quarantined: it brought its engine down several times. From time to time one request is let in to try it; send yours again after `retry-after` seconds.',
    retryAfterSeconds: 60,
  },
  payload_too_large: { status: 413, message: 'The request body is larger than the limit (limits.requestBytes).' },
  unauthorized: { status: 401, message: 'A valid bearer token is needed.' },
  not_found: { status: 404, message: 'No function answers here.' },
  bad_request: { status: 400, message: 'The request is malformed.' },
};
