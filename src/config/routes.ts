/**
 * `"GET api.example.com/v1/:id"` → Route, and the ties between functions that no order of specificity can settle.
 * Refuses what the router would take in another sense than the writer's: patterns inside parameters, optional
 * parameters, wildcards that are not last, queries, ports.
 */
import { domainToASCII } from 'node:url';
import type { FunctionSpec, Route } from '../contract/function.ts';
import { nearest } from '../contract/nearest.ts';
import type { Problems } from './problems.ts';

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const HOST_LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
const PARAMETER = /^:[A-Za-z_][A-Za-z0-9_]*$/;
const SEGMENT = /^[A-Za-z0-9\-._~!$&'()+,;=@%:]+$/;
/** Served by the host itself; a route below them would never be reached. */
const RESERVED: readonly string[] = ['fn', 'hooks'];

export type ParsedRoute = { readonly route: Route } | { readonly problem: string };

/** `problem` is the rest of a sentence that begins with the key path and the route. */
export function parseRoute(text: string): ParsedRoute {
  const words = text.trim().split(/\s+/);
  if (words.length > 2) return problem('write it as "[METHOD ][host]/path" with one space after the method');
  const [first = '', second] = words;
  const method = second === undefined ? null : first;
  const target = second ?? first;
  if (method !== null && !METHODS.includes(method)) {
    const near = nearest(method, METHODS);
    return problem(
      `"${method}" is not a method; ${near === null ? `use ${METHODS.join(', ')} or none` : `did you mean "${near}"`}`,
    );
  }
  const slash = target.indexOf('/');
  if (slash === -1) return problem('its path is missing; it begins with "/"');
  const host = slash === 0 ? null : target.slice(0, slash);
  const path = target.slice(slash);
  const wrong = (host === null ? null : hostProblem(host)) ?? pathProblem(path);
  if (wrong !== null) return problem(wrong);
  return { route: { method, host: host === null ? null : hostName(host), path, text: words.join(' ') } };
}

/** Lower case, as browsers send it; empty when it is no host name. */
export function hostName(text: string): string {
  return domainToASCII(text.toLowerCase());
}

/** Whether `text` is a plain host name: no scheme, port, wildcard or path. */
export function isHostName(text: string): boolean {
  const name = hostName(text);
  return name !== '' && name.length <= 253 && name.split('.').every((label) => HOST_LABEL.test(label));
}

function hostProblem(host: string): string | null {
  if (/^https?:$/i.test(host)) return 'leave the scheme out; write "api.example.com/v1/*"';
  if (host.includes(':')) return 'leave the port out; a route holds for every port';
  if (host.includes('*')) return 'a host has no wildcard; name each host in a route of its own';
  return isHostName(host) ? null : `"${host}" is not a host name`;
}

function pathProblem(path: string): string | null {
  if (/[?#]/.test(path)) {
    return 'a path has no query, fragment or optional parameter; write two routes for an optional part';
  }
  if (path === '/') return null;
  const segments = path.slice(1).split('/');
  const names = new Set<string>();
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '') {
      if (last) continue;
      return 'it has an empty part ("//")';
    }
    if (segment === '*') {
      if (!last) return '"*" may only stand at the end; use a parameter such as ":part" in the middle';
    } else if (segment.startsWith(':')) {
      if (!PARAMETER.test(segment)) return `"${segment}" is not a parameter; use ":" and letters, digits or "_"`;
      if (names.has(segment)) return `the parameter "${segment}" stands in it twice; give them different names`;
      names.add(segment);
    } else if (segment.includes('*'))
      return '"*" stands alone between slashes; a part of a segment cannot be a wildcard';
    else if (segment === '.' || segment === '..') return `"${segment}" never reaches a server; leave it out`;
    else if (!SEGMENT.test(segment)) return `"${segment}" holds characters a URL path cannot; percent-encode them`;
  }
  const [head = ''] = segments;
  if (RESERVED.includes(head)) return `"/${head}/" belongs to the host; choose another path`;
  return null;
}

/** Refuses routes that match the same requests with the same specificity. */
export function refuseTies(functions: readonly FunctionSpec[], problems: Problems): void {
  const seen = new Map<string, { readonly owner: string; readonly text: string }>();
  for (const spec of functions) {
    for (const [index, route] of spec.routes.entries()) {
      const key = `${route.method ?? '*'} ${route.host ?? ''}${route.path.replace(/\/:[^/]+/g, '/:')}`;
      const other = seen.get(key);
      if (other === undefined) {
        seen.set(key, { owner: spec.name, text: route.text });
      } else if (other.owner === spec.name) {
        problems.refuse(
          `functions.${spec.name}.routes[${index}] is "${route.text}", which matches the same requests as "${other.text}" of the same function; leave one out.`,
        );
      } else {
        problems.refuse(
          `functions.${spec.name}.routes[${index}] is "${route.text}", which ties with "${other.text}" of functions.${other.owner}; change one of the two routes.`,
        );
      }
    }
  }
}

function problem(words: string): ParsedRoute {
  return { problem: words };
}
