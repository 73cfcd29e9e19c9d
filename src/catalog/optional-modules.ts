/**
 * Packages often `require` others that need not be installed, in functions nobody calls: drivers, for the most part. As
 * in Node such a call fails when it is reached, and not the bundle. What is imported, or required by the user's own
 * files, must be there.
 */
import type { BuildFailure, Plugin } from 'esbuild';

const NAMESPACE = 'isolane-missing';
const UNRESOLVED = /^Could not resolve "([^".][^"]*)"$/;
const IN_PACKAGE = /(^|[\\/])node_modules[\\/]/;

/** Names that a failed build did not find from within packages. */
export function missingModules(failure: unknown): readonly string[] {
  const { errors = [] } = failure as Partial<BuildFailure>;
  const names = errors.map(({ text, location }) =>
    IN_PACKAGE.test(location?.file ?? '') ? (UNRESOLVED.exec(text)?.[1] ?? null) : null,
  );
  return [...new Set(names.filter((name) => name !== null))];
}

/** Resolves these names, where packages require them, to modules that throw what Node throws. */
export function optionalModules(names: readonly string[]): Plugin {
  return {
    name: NAMESPACE,
    setup(build) {
      const filter = new RegExp(`^(${names.map((name) => name.replaceAll(/[^\w/@-]/g, '\\$&')).join('|')})$`);
      build.onResolve({ filter }, ({ path, kind, importer }) =>
        kind === 'require-call' && IN_PACKAGE.test(importer) ? { path, namespace: NAMESPACE } : undefined,
      );
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({
        contents: `throw Object.assign(new Error(${JSON.stringify(`Cannot find module '${path}'`)}), { code: 'MODULE_NOT_FOUND' });`,
        loader: 'js',
      }));
    },
  };
}

export function isMissingInput(path: string): boolean {
  return path.startsWith(`${NAMESPACE}:`);
}
