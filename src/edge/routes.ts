/**
 * Which function answers: one table per host and one for routes without a host, each a TrieRouter filled in order of
 * specificity so that the first match is the right one (static over parameter over wildcard, segment by segment, then
 * method over any). Built anew when functions change; matching changes nothing. Paths are matched raw: `/a%2Fb` is one
 * segment.
 */
import { TrieRouter } from 'hono/router/trie-router';
import { checkOptionalParameter } from 'hono/utils/url';
import type { FunctionVersion, Route } from '../contract/function.ts';

export interface Destination {
  readonly version: FunctionVersion;
  /** The route as written, or `/fn/<name>`. */
  readonly source: string;
  readonly hostRouted: boolean;
}

export interface Match {
  readonly destination: Destination;
  readonly params: Readonly<Record<string, string>>;
}

interface Entry {
  readonly method: string;
  readonly path: string;
  /** Kind of each segment, most specific lowest; compared from the left. */
  readonly ranks: readonly number[];
  readonly methodRank: number;
  readonly destination: Destination;
}

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

export class Routes {
  readonly #byHost = new Map<string, Table>();
  readonly #anyHost: Table;
  readonly #urls = new Map<string, Match>();

  constructor(versions: readonly FunctionVersion[]) {
    const anyHost: Entry[] = [];
    const byHost = new Map<string, Entry[]>();
    for (const version of versions) {
      if (version.spec.url) {
        const destination = { version, source: `/fn/${version.spec.name}`, hostRouted: false };
        this.#urls.set(version.spec.name, { destination, params: NO_PARAMS });
      }
      for (const route of version.spec.routes) {
        const entries = route.host === null ? anyHost : (byHost.get(route.host) ?? []);
        entries.push(...entriesOf(route, { version, source: route.text, hostRouted: route.host !== null }));
        if (route.host !== null) byHost.set(route.host, entries);
      }
    }
    this.#anyHost = new Table(anyHost);
    for (const [host, entries] of byHost) this.#byHost.set(host, new Table(entries));
  }

  /** The function whose own URL is `/fn/<name>/…`. */
  url(name: string): Match | null {
    return this.#urls.get(name) ?? null;
  }

  match(method: string, host: string, path: string): Match | null {
    return this.#byHost.get(host)?.match(method, path) ?? this.#anyHost.match(method, path);
  }
}

class Table {
  readonly #router = new TrieRouter<Destination>();
  /** Path → method → match, for routes that are static throughout: nothing can be more specific. */
  readonly #exact = new Map<string, Map<string, Match>>();

  constructor(entries: Entry[]) {
    for (const { method, path, ranks, destination } of entries.sort(bySpecificity)) {
      this.#router.add(method, path, destination);
      if (ranks.some((rank) => rank !== 0)) continue;
      const methods = this.#exact.get(path) ?? new Map<string, Match>();
      if (!methods.has(method)) methods.set(method, { destination, params: NO_PARAMS });
      this.#exact.set(path, methods);
    }
  }

  match(method: string, path: string): Match | null {
    const methods = this.#exact.get(path);
    const exact = methods?.get(method) ?? methods?.get('ALL');
    if (exact !== undefined) return exact;
    const found = this.#router.match(method, path)[0][0];
    if (found === undefined) return null;
    // A TrieRouter has no stash of parameters: they come as an object, made for this match.
    const params = found[1] as Record<string, string>;
    for (const name in params) {
      const value = params[name]!;
      if (value.includes('%')) params[name] = decoded(value);
    }
    return { destination: found[0], params };
  }
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function entriesOf(route: Route, destination: Destination): Entry[] {
  return (checkOptionalParameter(route.path) ?? [route.path]).flatMap((path) => {
    const ranks = path.slice(1).split('/').map(rankOf);
    const entry = { path, ranks, destination };
    if (route.method === null) return [{ ...entry, method: 'ALL', methodRank: 2 }];
    const own = { ...entry, method: route.method, methodRank: 0 };
    return route.method === 'GET' ? [own, { ...entry, method: 'HEAD', methodRank: 1 }] : [own];
  });
}

function rankOf(segment: string): number {
  if (segment === '*') return 4;
  if (segment.startsWith(':')) return segment.includes('{') ? 2 : 3;
  return segment.endsWith('*') ? 1 : 0;
}

function bySpecificity(a: Entry, b: Entry): number {
  const length = Math.max(a.ranks.length, b.ranks.length);
  for (let i = 0; i < length; i++) {
    // `/a/*` also matches `/a`: the route that ends there is the more specific one.
    const order = (a.ranks[i] ?? -1) - (b.ranks[i] ?? -1);
    if (order !== 0) return order;
  }
  return a.methodRank - b.methodRank;
}
