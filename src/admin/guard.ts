/**
 * What stands before every path of the admin plane: the Host check against DNS rebinding (a web page whose name was
 * made to resolve to this machine must not reach it), security headers, the size cap and the bearer token. No CORS.
 */
import type { Context, MiddlewareHandler } from 'hono';
import { HostError } from '../contract/errors.ts';
import { MIB } from '../contract/units.ts';
import type { Scope } from './scope.ts';

/** Scopes of the presented token, set by `bearer`. */
export interface AdminEnv {
  Variables: { scopes: readonly Scope[] };
}

const OPEN_PATHS: ReadonlySet<string> = new Set(['/', '/healthz', '/readyz']);
const MAX_BODY_BYTES = MIB;

/**
 * Loopback, the configured host, and, where that is a wildcard, any address written as numbers: a page on a name of
 * an attacker cannot make a browser send such a Host.
 */
export function hostGuard(adminHost: string): MiddlewareHandler {
  const configured = bare(adminHost.toLowerCase());
  const wildcard = configured === '0.0.0.0' || configured === '::';
  return async (c, next) => {
    const host = hostName(c.req.header('host') ?? '');
    const known = host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host) || host === configured;
    if (!known && !(wildcard && isAddress(host))) {
      throw new HostError(
        'FORBIDDEN',
        'The Host header names neither loopback nor the configured admin host; call the admin plane by its own address (server.adminHost).',
      );
    }
    await next();
  };
}

const isGuide = (path: string): boolean => path === '/docs' || path.startsWith('/docs/');

/** The policies of the pages; everything else gets one that allows nothing. */
export function securityHeaders(csp: { readonly console: string; readonly guides: string }): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const { headers } = c.res;
    const { path } = c.req;
    const own = path === '/' ? csp.console : isGuide(path) ? csp.guides : "default-src 'none'; frame-ancestors 'none'";
    headers.set('content-security-policy', own);
    headers.set('x-content-type-options', 'nosniff');
    headers.set('x-frame-options', 'DENY');
    headers.set('referrer-policy', 'no-referrer');
    headers.set('cross-origin-opener-policy', 'same-origin');
    headers.set('cross-origin-resource-policy', 'same-origin');
    headers.set('permissions-policy', 'camera=(), geolocation=(), microphone=()');
    headers.set('cache-control', 'no-store');
  };
}

/** A body whose length nobody promised is read here, up to the cap. */
export const smallBodies: MiddlewareHandler = async (c, next) => {
  const promised = c.req.header('transfer-encoding') === undefined ? c.req.header('content-length') : undefined;
  if (Number(promised ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  if (promised !== undefined || !c.req.raw.body) return next();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of c.req.raw.body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  const { method, headers } = c.req.raw;
  c.req.raw = new Request(c.req.url, { method, headers, body: bytes > 0 ? Buffer.concat(chunks) : null });
  return next();
};

function tooLarge(): HostError {
  const limit = `${MAX_BODY_BYTES} bytes, the limit of the admin plane`;
  return new HostError('PAYLOAD_TOO_LARGE', `The request body is larger than ${limit}; send less.`);
}

/** Everything but the open paths needs a token, also paths that do not exist. */
export function bearer(verify: (token: string) => readonly Scope[] | null): MiddlewareHandler<AdminEnv> {
  return async (c, next) => {
    if (OPEN_PATHS.has(c.req.path) || isGuide(c.req.path)) return next();
    const match = /^Bearer +([\w.~+/-]{1,512}=*) *$/i.exec(c.req.header('authorization') ?? '');
    const scopes = match === null ? null : verify(match[1] ?? '');
    if (scopes === null) {
      c.header('www-authenticate', 'Bearer realm="isolane"');
      throw new HostError(
        'UNAUTHORIZED',
        'A valid bearer token is needed; the admin token is in the file `admin-token` of the data dir.',
      );
    }
    c.set('scopes', scopes);
    await next();
  };
}

export function needs(scope: Scope): MiddlewareHandler<AdminEnv> {
  return async (c: Context<AdminEnv>, next) => {
    if (!c.get('scopes').includes(scope)) {
      throw new HostError(
        'FORBIDDEN',
        `The token lacks the scope \`${scope}\`; the one in the file \`admin-token\` of the data dir has all.`,
      );
    }
    await next();
  };
}

/** Host header → name without port and brackets, lower case; empty when malformed. */
function hostName(header: string): string {
  const match = /^(\[[0-9a-f:.%]+\]|[^:[\]/@\s]+)(:\d{1,5})?$/.exec(header.toLowerCase());
  return match === null ? '' : bare(match[1] ?? '').replace(/\.$/, '');
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}

function isAddress(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || (host.includes(':') && /^[0-9a-f:.]+$/.test(host));
}
