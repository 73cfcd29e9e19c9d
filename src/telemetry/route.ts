/** How an HTTP event is named: a bounded method and a route template, never the raw path. Refuses to guess a route. */
import { KNOWN_METHODS } from './names.ts';

/** `_OTHER` for what the conventions do not know. */
export function knownMethod(method: string): string {
  return KNOWN_METHODS.includes(method) ? method : '_OTHER';
}

/** The path template of a record's source: `GET api.example.com/v1/*` → `/v1/*`. `null` when it has none. */
export function routeOf(source: string): string | null {
  const at = source.indexOf('/');
  return at < 0 ? null : source.slice(at);
}

/** `{method} {route}`; an unknown method reads HTTP. */
export function spanName(method: string, route: string | null): string {
  const known = knownMethod(method);
  const verb = known === '_OTHER' ? 'HTTP' : known;
  return route === null ? verb : `${verb} ${route}`;
}

/** `host:port` as a Host header has it. */
export function splitHost(host: string): { readonly address: string; readonly port: number | null } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(host);
  if (match === null) return { address: '', port: null };
  const address = (match[1] ?? '').replace(/^\[|\]$/g, '');
  return { address, port: match[2] === undefined ? null : Number(match[2]) };
}
