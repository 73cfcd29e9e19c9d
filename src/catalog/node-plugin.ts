/**
 * Resolves Node's built-in modules, and the globals Node programs expect, to the guest modules of `sandbox/node`. `require`
 * gets what `module.exports` is in Node. A package's own `browser` map goes first: it says how the package wants to run
 * where there is no Node.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';
import { builtinName, MODULE_NAMES, NODE_DIRECTORY, nodeFile, nodeModule } from './node-modules.ts';

export const NODE_NAMESPACE = 'isolane-node';
const HOST = 'isolane:host';
/** Virtual modules: `stub:fs`, `require:events`, `empty:`. */
const STUB = 'stub:';
const REQUIRE = 'require:';
const EMPTY = 'empty:';

/** Global name → module and its export; bundled where a bundle mentions the name. */
const GLOBALS: Readonly<Record<string, string>> = {
  process: 'process',
  Buffer: 'buffer',
  setImmediate: 'timers',
  clearImmediate: 'timers',
};

/** `globalThis.process` and the like are mentions too. */
export const GLOBAL_DEFINES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.keys(GLOBALS).flatMap((name) => [
    [`globalThis.${name}`, name],
    [`global.${name}`, name],
  ]),
);
export const GLOBALS_FILE: string = nodeFile('globals');
export const TIMERS_FILE: string = nodeFile('global-timers');

/** It reads the members of a global that isolates do not have, and prototypes by functions that may be lowered. */
const INSPECT = /[\\/]node-inspect-extracted[\\/]dist[\\/]inspect\.js$/;
function tame(source: string): string {
  return source.replace('"Atomics",', '').replaceAll(/async function(\*?)\(\)\{\}/g, 'function$1(){}');
}

export function nodePlugin(): Plugin {
  return {
    name: NODE_NAMESPACE,
    setup(build) {
      const maps = new BrowserMaps();
      build.onResolve({ filter: /^isolane:/ }, ({ path, importer }) =>
        path === HOST && importer.startsWith(NODE_DIRECTORY)
          ? { path, external: true }
          : { errors: [{ text: `"${path}" is the host's own module; functions cannot import it` }] },
      );
      build.onResolve({ filter: /^(node:.*|[a-z_0-9]+(\/[a-z_0-9]+)?\/?)$/ }, (from) =>
        resolveBuiltin(build, maps, from),
      );
      // The path package words its refusals by itself; Node's are compared.
      build.onResolve({ filter: /^\.\/validators\.js$/ }, ({ importer }) =>
        /[\\/]path-unified[\\/]/.test(importer) ? { path: nodeFile('path/validators'), sideEffects: false } : undefined,
      );
      // The streams package carries a polyfill of what is a global here.
      build.onResolve({ filter: /^abort-controller$/ }, ({ importer }) =>
        /[\\/]readable-stream[\\/]/.test(importer)
          ? { path: EMPTY, namespace: NODE_NAMESPACE, sideEffects: false }
          : undefined,
      );
      build.onLoad({ filter: INSPECT }, async ({ path }) => ({
        contents: tame(await readFile(path, 'utf8')),
        loader: 'js',
      }));
      build.onLoad({ filter: /.*/, namespace: NODE_NAMESPACE }, ({ path }) => ({
        contents: virtualSource(path),
        loader: 'js',
        resolveDir: NODE_DIRECTORY,
      }));
    },
  };
}

async function resolveBuiltin(
  build: PluginBuild,
  maps: BrowserMaps,
  from: OnResolveArgs,
): Promise<OnResolveResult | undefined> {
  const name = builtinName(from.path);
  if (name === null || from.kind === 'entry-point') return undefined;
  if (from.namespace === 'file' && !from.importer.startsWith(NODE_DIRECTORY)) {
    const mapped = await maps.find(from.resolveDir, from.path, name);
    if (mapped === false) return { path: EMPTY, namespace: NODE_NAMESPACE, sideEffects: false };
    if (mapped !== null && builtinName(mapped) !== name) {
      const { importer, namespace, resolveDir, kind } = from;
      const found = await build.resolve(mapped, { importer, namespace, resolveDir, kind });
      if (found.errors.length === 0) return { path: found.path, namespace: found.namespace };
    }
  }
  if (nodeModule(name).support === 'stub') {
    return { path: `${STUB}${name}`, namespace: NODE_NAMESPACE, sideEffects: false };
  }
  if (from.kind === 'require-call' || from.kind === 'require-resolve') {
    return { path: `${REQUIRE}${name}`, namespace: NODE_NAMESPACE, sideEffects: false };
  }
  return { path: nodeFile(name), sideEffects: false };
}

/** The module a virtual module's path stands for when it is a stub. */
export function stubOf(inputPath: string): string | null {
  const start = `${NODE_NAMESPACE}:${STUB}`;
  return inputPath.startsWith(start) ? inputPath.slice(start.length) : null;
}

function virtualSource(path: string): string {
  if (path.startsWith(REQUIRE)) {
    // What `require` gives is the default export: a namespace would be no class to extend.
    return `module.exports = require(${JSON.stringify(nodeFile(path.slice(REQUIRE.length)))}).default;`;
  }
  if (!path.startsWith(STUB)) return 'module.exports = {};';
  const name = path.slice(STUB.length);
  const { known, remedy } = nodeModule(name);
  const members = known === true ? `require(${JSON.stringify(nodeFile(name))}).default` : '{}';
  return `module.exports = require(${JSON.stringify(nodeFile('absent'))}).absent(${JSON.stringify(`node:${name}`)}, ${JSON.stringify(remedy ?? '')}, ${members});`;
}

/** Changes with every byte of what this plugin may put into a bundle. */
export async function nodeModulesStamp(): Promise<string> {
  const hash = createHash('sha256');
  const virtual = MODULE_NAMES.map((name) => [virtualSource(`${STUB}${name}`), nodeModule(name)]);
  hash.update(JSON.stringify([virtual, virtualSource(`${REQUIRE}name`)]));
  for (const file of (await readdir(NODE_DIRECTORY, { recursive: true })).sort()) {
    if (/\.[jt]s$/.test(file)) hash.update(file).update(await readFile(join(NODE_DIRECTORY, file)));
  }
  return hash.digest('hex');
}

type Mapped = string | false | null;

/** What the packages' `browser` fields say of built-ins; `null`: nothing. */
class BrowserMaps {
  readonly #byDirectory = new Map<string, Promise<ReadonlyMap<string, Mapped>>>();

  async find(directory: string, ...names: string[]): Promise<Mapped> {
    const map = await this.#of(directory);
    for (const name of names) {
      const found = map.get(name);
      if (found !== undefined) return found;
    }
    return null;
  }

  #of(directory: string): Promise<ReadonlyMap<string, Mapped>> {
    let found = this.#byDirectory.get(directory);
    if (found === undefined) {
      found = this.#read(directory);
      this.#byDirectory.set(directory, found);
    }
    return found;
  }

  async #read(directory: string): Promise<ReadonlyMap<string, Mapped>> {
    const text = await readFile(join(directory, 'package.json'), 'utf8').catch(() => null);
    if (text === null) {
      const parent = dirname(directory);
      return parent === directory ? new Map() : this.#of(parent);
    }
    try {
      const { browser } = JSON.parse(text) as { browser?: unknown };
      if (typeof browser !== 'object' || browser === null) return new Map();
      const entries = Object.entries(browser).filter(([, to]) => typeof to === 'string' || to === false);
      return new Map(entries as [string, Mapped][]);
    } catch {
      return new Map();
    }
  }
}
