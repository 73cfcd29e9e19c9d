/** A function as the host runs it: its complete, default-free configuration and one immutable version of its code. */
import type { Limits } from './limits.ts';

/** `"GET api.example.com/v1/:id"` parsed. `path` is a Hono pattern that begins with `/`. */
export interface Route {
  /** Upper case; `null`: any method. */
  readonly method: string | null;
  /** Lower case, without port; `null`: any host. */
  readonly host: string | null;
  readonly path: string;
  /** The route as the user wrote it: the `source` of records and the `http.route` of spans. */
  readonly text: string;
}

export interface CronEntry {
  readonly schedule: string;
  readonly timezone: string;
}

export type Handler = { readonly kind: 'fetch' } | { readonly kind: 'lambda'; readonly exportName: string };

/** One function of `isolane.json` with every default filled in and every value resolved. */
export interface FunctionSpec {
  readonly name: string;
  readonly tenant: string;
  /** Absolute path of the entry file. */
  readonly entry: string;
  readonly handler: Handler;
  readonly routes: readonly Route[];
  /** Also served at `/fn/<name>/…`. */
  readonly url: boolean;
  readonly auth: 'none' | 'token';
  readonly env: Readonly<Record<string, string>>;
  /** Binding name → function name. */
  readonly services: Readonly<Record<string, string>>;
  readonly limits: Limits;
  readonly rate: { readonly perSecond: number; readonly burst: number } | null;
  /** Host names the function may reach; `null`: any public address. */
  readonly egressAllow: readonly string[] | null;
  /** `host:port` pairs on private addresses that the operator lifted for the tenant. */
  readonly privateHosts: readonly string[];
  readonly idempotencyTtlHours: number | null;
  /** Isolates kept ready. */
  readonly warm: number;
  /** Isolates for which room is kept: no other function may take it. */
  readonly reserved: number;
  readonly cron: readonly CronEntry[];
  /** Whose process its isolates share: the host's, one for its tenant (the operator demands it), one of its own. */
  readonly isolation: 'shared' | 'tenant' | 'process';
  readonly wasm: boolean;
}

/** One immutable version: what an isolate is loaded from. */
export interface FunctionVersion {
  readonly spec: FunctionSpec;
  readonly version: number;
  /** SHA-256 of the bundled code, hex; the bundle's name on disk. */
  readonly hash: string;
  /** Absolute path of the bundle (one ES module). */
  readonly bundlePath: string;
  readonly bundleBytes: number;
  /** Identity for warm isolates: two versions with one key may never differ in code, env, limits or tenant. */
  readonly key: string;
}
