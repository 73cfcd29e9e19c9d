/**
 * Which of Node's built-in modules a function has, and from where: a file of `sandbox/node` (JavaScript beside this one in
 * the package), a stub that throws by name when something of it is called, or a stub that answers where an answer is known.
 */
import { fileURLToPath } from 'node:url';

/** `works` and `part`: a file of its own name with every export Node has. `stub`: nothing but known members works. */
export type Support = 'works' | 'part' | 'stub';

export interface NodeModule {
  readonly support: Support;
  /** A stub's file of known members. */
  readonly known?: true;
  /** What to do instead. */
  readonly remedy?: string;
}

const NO_PROCESSES = 'there are no processes or threads here; call another function through a service binding';
const NO_SOCKETS = 'there are no raw sockets here; use fetch or WebSocket, or a driver that speaks HTTP';
const NO_FILES =
  'there is no file system here; import the file (.json, .txt, .md, .html, .sql, .svg) so that it is bundled, or fetch it';
const NO_CONSOLE = 'there is no terminal here; use console.log';
const NO_ENGINE = 'the engine itself is out of reach here';

const works: NodeModule = { support: 'works' };
const part = (remedy: string): NodeModule => ({ support: 'part', remedy });
const stub = (remedy: string): NodeModule => ({ support: 'stub', remedy });
const known = (remedy: string): NodeModule => ({ support: 'stub', known: true, remedy });

const MODULES: Readonly<Record<string, NodeModule>> = {
  assert: works,
  'assert/strict': works,
  async_hooks: works,
  buffer: works,
  child_process: stub(NO_PROCESSES),
  cluster: known(NO_PROCESSES),
  console: works,
  constants: works,
  crypto: part('the guide `crypto` says what there is'),
  dgram: stub(NO_SOCKETS),
  diagnostics_channel: works,
  dns: stub(NO_SOCKETS),
  'dns/promises': stub(NO_SOCKETS),
  domain: stub('use try … catch, or AsyncLocalStorage'),
  events: works,
  ffi: stub(NO_ENGINE),
  fs: known(NO_FILES),
  'fs/promises': known(NO_FILES),
  http: part('export a fetch handler; clients run on fetch'),
  http2: known('use fetch'),
  https: part('export a fetch handler; clients run on fetch'),
  inspector: known(NO_ENGINE),
  'inspector/promises': stub(NO_ENGINE),
  module: part('import it at the top of a file, so that it is bundled'),
  net: known(NO_SOCKETS),
  os: part('functions see no machine'),
  path: works,
  'path/posix': works,
  'path/win32': works,
  perf_hooks: part('use performance.now()'),
  process: part('functions have no process of their own'),
  punycode: works,
  querystring: works,
  readline: stub(NO_CONSOLE),
  'readline/promises': stub(NO_CONSOLE),
  repl: stub(NO_CONSOLE),
  sea: stub(NO_FILES),
  sqlite: stub('use a database that speaks HTTP'),
  stream: works,
  'stream/consumers': works,
  'stream/promises': works,
  'stream/web': works,
  string_decoder: works,
  sys: works,
  test: stub('run tests outside functions'),
  'test/reporters': stub('run tests outside functions'),
  timers: works,
  'timers/promises': works,
  tls: known(NO_SOCKETS),
  trace_events: stub(NO_ENGINE),
  tty: known(NO_CONSOLE),
  url: works,
  util: works,
  'util/types': works,
  v8: known(NO_ENGINE),
  vm: known('code from strings cannot run in a context of its own here'),
  wasi: stub(NO_ENGINE),
  worker_threads: known(NO_PROCESSES),
  zlib: part('use a package for zip archives, such as fflate'),
  _http_agent: stub('import node:http'),
  _http_client: stub('import node:http'),
  _http_common: stub('import node:http'),
  _http_incoming: stub('import node:http'),
  _http_outgoing: stub('import node:http'),
  _http_server: stub('import node:http'),
  _tls_common: stub(NO_SOCKETS),
  _tls_wrap: stub(NO_SOCKETS),
};
const TABLE: ReadonlyMap<string, NodeModule> = new Map(Object.entries(MODULES));

/** Modules that Node knows under `node:` only; bare, such a name is a package's. */
const PREFIX_ONLY: ReadonlySet<string> = new Set(['ffi', 'sea', 'sqlite', 'test', 'test/reporters']);

export const MODULE_NAMES: readonly string[] = [...TABLE.keys()];

/** `fs` for `fs`, `node:fs`, and `fs/` as readable-stream and others write it; `null` when it is no built-in. */
export function builtinName(specifier: string): string | null {
  const prefixed = specifier.startsWith('node:');
  const name = (prefixed ? specifier.slice(5) : specifier).replace(/\/$/, '');
  if (!prefixed && PREFIX_ONLY.has(name)) return null;
  return TABLE.has(name) || prefixed ? name : null;
}

/** A name that Node does not know is a stub like any other. */
export function nodeModule(name: string): NodeModule {
  return TABLE.get(name) ?? { support: 'stub' };
}

const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
/** Absolute path of the guest modules' folder, with a slash at its end. */
export const NODE_DIRECTORY: string = fileURLToPath(
  new URL(EXTENSION === '.ts' ? '../../sandbox/node/' : './node/', import.meta.url),
);

export function nodeFile(name: string): string {
  return `${NODE_DIRECTORY}${name}${EXTENSION}`;
}
