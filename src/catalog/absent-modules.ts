/**
 * Node built-ins in functions: for now each is a stub that loads, and throws by name when something of it is called.
 * An npm package of the same bare name (`events`, `buffer`) goes first, as in any bundler that is not for Node.
 */
import { builtinModules } from 'node:module';
import type { Plugin } from 'esbuild';

export const ABSENT_NAMESPACE = 'isolane-absent';

/** What CONTRACT §4 promises: they need no operating system. */
const LATER: ReadonlySet<string> = new Set([
  'assert',
  'async_hooks',
  'buffer',
  'crypto',
  'events',
  'path',
  'process',
  'querystring',
  'stream',
  'string_decoder',
  'url',
  'util',
  'zlib',
]);
const BUILTINS: ReadonlySet<string> = new Set(builtinModules.filter((name) => !name.startsWith('node:')));

/** `node:fs is not available in isolane functions` */
export function absentSentence(name: string): string {
  const [family = ''] = name.replace(/^node:/, '').split('/');
  const later = LATER.has(family) ? ' yet (it arrives with the guest runtime)' : '';
  return `${name} is not available in isolane functions${later}`;
}

export function absentModules(): Plugin {
  return {
    name: ABSENT_NAMESPACE,
    setup(build) {
      const stub = (name: string) => ({ path: name, namespace: ABSENT_NAMESPACE, sideEffects: false });
      build.onResolve({ filter: /^node:/ }, ({ path }) => stub(path));
      build.onResolve({ filter: /^[a-z_]+(\/[a-z_/]+)?$/ }, async ({ path, pluginData, ...from }) => {
        if (!BUILTINS.has(path) || pluginData === RESOLVING) return undefined;
        const { importer, namespace, resolveDir, kind } = from;
        const found = await build.resolve(path, { importer, namespace, resolveDir, kind, pluginData: RESOLVING });
        return found.errors.length === 0 ? { path: found.path, namespace: found.namespace } : stub(`node:${path}`);
      });
      build.onLoad({ filter: /.*/, namespace: ABSENT_NAMESPACE }, ({ path }) => ({
        contents: stubSource(path),
        loader: 'js',
      }));
    },
  };
}

const RESOLVING = 'isolane: looking for an npm package';

/**
 * CommonJS, so that any named import links. esbuild builds the namespace on the prototype of `module.exports`, hence
 * the proxy there. `then`, `__esModule` and symbols stay absent: nothing may take a stub for a promise or an iterable.
 */
export function stubSource(name: string): string {
  return `
const reason = ${JSON.stringify(absentSentence(name).slice(name.length))};
const stub = (path) => {
  const fail = () => { throw Object.assign(new Error(path + reason), { name: 'NotSupportedError' }); };
  const get = (target, key) => {
    if (key === Symbol.toPrimitive) return () => path;
    if (typeof key === 'symbol' || key === 'then' || key === '__esModule' || key === 'toJSON') return undefined;
    return key in target ? target[key] : stub(path + '.' + key);
  };
  const members = new Proxy(Object.create(null), { get });
  return new Proxy(function () {}, { get, apply: fail, construct: fail, set: fail, getPrototypeOf: () => members });
};
module.exports = stub(${JSON.stringify(name)});
`;
}
