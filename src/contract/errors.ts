/**
 * Errors the host reports to people: one table of codes, one sentence each that names the thing and the remedy
 * (STYLE 15). A code is never reused for another meaning. `fault`: whose it is, and so the exit code of the CLI:
 * usage 2, everything else 1.
 */
export type ErrorCode =
  | 'CONFIG_NOT_FOUND'
  | 'CONFIG_INVALID'
  | 'BUNDLE_FAILED'
  | 'DATA_DIR_UNUSABLE'
  | 'DATA_DIR_IN_USE'
  | 'PORT_IN_USE'
  | 'PORT_DENIED'
  | 'HOST_UNREACHABLE'
  | 'NODE_UNSUPPORTED'
  | 'ENGINE_UNSUPPORTED'
  | 'ENGINE_FAILED'
  | 'LEDGER_FAILED'
  | 'NOT_FOUND'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'BAD_REQUEST'
  | 'ALREADY_EXISTS'
  | 'USAGE'
  | 'NOT_SUPPORTED'
  | 'UNAVAILABLE'
  | 'PAYLOAD_TOO_LARGE'
  | 'INTERNAL';

export const ERRORS: Readonly<
  Record<ErrorCode, { readonly status: number; readonly fault: 'user' | 'system' | 'usage' }>
> = {
  CONFIG_NOT_FOUND: { status: 500, fault: 'user' },
  CONFIG_INVALID: { status: 400, fault: 'user' },
  BUNDLE_FAILED: { status: 400, fault: 'user' },
  DATA_DIR_UNUSABLE: { status: 500, fault: 'user' },
  DATA_DIR_IN_USE: { status: 500, fault: 'user' },
  PORT_IN_USE: { status: 500, fault: 'user' },
  PORT_DENIED: { status: 500, fault: 'user' },
  HOST_UNREACHABLE: { status: 502, fault: 'user' },
  NODE_UNSUPPORTED: { status: 500, fault: 'user' },
  ENGINE_UNSUPPORTED: { status: 500, fault: 'user' },
  ENGINE_FAILED: { status: 500, fault: 'system' },
  LEDGER_FAILED: { status: 503, fault: 'system' },
  NOT_FOUND: { status: 404, fault: 'user' },
  UNAUTHORIZED: { status: 401, fault: 'user' },
  FORBIDDEN: { status: 403, fault: 'user' },
  BAD_REQUEST: { status: 400, fault: 'user' },
  ALREADY_EXISTS: { status: 409, fault: 'user' },
  USAGE: { status: 400, fault: 'usage' },
  NOT_SUPPORTED: { status: 501, fault: 'user' },
  UNAVAILABLE: { status: 503, fault: 'system' },
  PAYLOAD_TOO_LARGE: { status: 413, fault: 'user' },
  INTERNAL: { status: 500, fault: 'system' },
};

/** An error meant for a person: `message` is one whole sentence, safe to show. */
export class HostError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HostError';
    this.code = code;
  }
}
