/** The dependency rule of src/README.md: a stage imports `contract` and itself; packages stay where they belong. */
import { describe, expect, it } from 'vitest';
import { type Source, sources, target } from './sources.ts';

const SRC = sources('src/**/*.ts');
/** Doors may see several stages; everything else is a stage. */
const DOORS = new Set(['src/host.ts', 'src/main.ts', 'src/index.ts', 'src/supervised.ts']);
/** The command line is a door of its own: it reads configurations and bundles before there is a host. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  cli: [
    'config',
    'catalog',
    'engine/flags.ts',
    'engine/process/cgroup.ts',
    'host.ts',
    'index.ts',
    'admin/tokens.ts',
    'supervisor/supervisor.ts',
    'load',
  ],
};
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  hono: ['edge', 'admin'],
  '@hono/node-server': ['edge', 'admin'],
  ws: ['sockets'],
  'isolated-vm': ['engine'],
  undici: ['engine'],
  '@opentelemetry': ['telemetry'],
  'better-sqlite3': ['store'],
  'lru-cache': ['pool', 'engine', 'catalog', 'telemetry'],
  esbuild: ['catalog', 'engine'],
  croner: ['events', 'config'],
  zod: ['config', 'admin', 'catalog', 'cli'],
};
/** Run in a simulator: no Node, no timers, no clock of their own. */
const PURE = ['dispatch', 'pool', 'quarantine', 'contract'];
const PURE_EXCEPT = new Set(['src/contract/ids.ts']);

function stage(path: string): string {
  return path.split('/')[1] ?? '';
}

function allowed(source: Source, to: string): boolean {
  const from = stage(source.path);
  const at = stage(to);
  if (at === 'contract' || at === from || DOORS.has(source.path) || from === 'host') return true;
  return (ALLOWED[from] ?? []).some((name) => to === `src/${name}` || to.startsWith(`src/${name}/`));
}

describe('imports', () => {
  it('read every file', () => {
    expect(SRC.length).toBeGreaterThan(60);
    expect(SRC.flatMap((source) => source.imports).length).toBeGreaterThan(200);
  });

  it('a stage imports contract and itself', () => {
    const wrong = SRC.flatMap((source) =>
      source.imports
        .map(({ specifier }) => target(source, specifier))
        .filter((to) => to !== null)
        .filter((to) => to.startsWith('src/') && !allowed(source, to))
        .map((to) => `${source.path} → ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  it('packages stay in their stage', () => {
    const wrong = SRC.flatMap((source) =>
      source.imports
        .filter(({ specifier }) => {
          const name = Object.keys(PACKAGES).find((key) => specifier === key || specifier.startsWith(`${key}/`));
          return name !== undefined && !PACKAGES[name]!.includes(stage(source.path)) && stage(source.path) !== 'host';
        })
        .map(({ specifier }) => `${source.path} → ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('dispatch, pool, quarantine and contract use no Node and no timers', () => {
    const wrong = SRC.filter((source) => PURE.includes(stage(source.path)) && !PURE_EXCEPT.has(source.path)).filter(
      (source) =>
        source.imports.some(({ specifier }) => specifier.startsWith('node:')) ||
        /\b(setTimeout|setInterval|setImmediate|Date\.now|performance\.now|process\.)\b/.test(code(source.text)),
    );
    expect(wrong.map((source) => source.path)).toEqual([]);
  });

  it('sandbox imports lower numbers, types of the wire, and the streams ponyfill only', () => {
    const wrong = sources('sandbox/*.ts').flatMap((source) =>
      source.imports
        .filter(({ specifier, typeOnly }) => {
          const to = target(source, specifier);
          if (to === null) return !specifier.startsWith('web-streams-polyfill');
          if (to === 'src/contract/turn.ts') return !typeOnly;
          return !to.startsWith('sandbox/') || number(to) >= number(source.path);
        })
        .map(({ specifier }) => `${source.path} → ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('has no cycles of values', () => {
    const graph = new Map(
      [...SRC, ...sources('sandbox/*.ts')].map((source) => [
        source.path,
        source.imports
          .filter((one) => !one.typeOnly)
          .map((one) => target(source, one.specifier))
          .filter((to) => to !== null),
      ]),
    );
    expect(cycles(graph)).toEqual([]);
  });

  it('has no dead files', () => {
    const everything = sources('src/**/*.ts', 'sandbox/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', '.ci/*.ts');
    const reached = new Set(everything.flatMap((source) => source.imports.map((one) => target(source, one.specifier))));
    const named = everything.map((source) => source.text).join('\n');
    const dead = SRC.filter(
      (source) => !DOORS.has(source.path) && !source.path.endsWith('.d.ts') && !reached.has(source.path),
    ).filter(
      // A worker's entry point is named by a URL, not imported.
      (source) => !named.includes(`./${source.path.split('/').pop()}'`),
    );
    expect(dead.map((source) => source.path)).toEqual([]);
  });
});

function number(path: string): number {
  return Number(/^sandbox\/(\d+)-/.exec(path)?.[1] ?? Number.NaN);
}

/** Source text without comments and strings. */
function code(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
}

function cycles(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) found.push([...trail.slice(at), path].join(' → '));
    if (at >= 0 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}
