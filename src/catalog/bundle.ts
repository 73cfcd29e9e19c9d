/**
 * One function's entry file → one ES module and its source map, by esbuild, in memory. Resolves npm imports from where
 * the importing file lies, as a bundler for Workers does. Writes nothing and runs none of the code it reads.
 */
import { createHash } from 'node:crypto';
import { relative, resolve } from 'node:path';
import { type BuildOptions, type BuildResult, build, version } from 'esbuild';
import type { FunctionSpec } from '../contract/function.ts';
import { bundleError, warningLine } from './build-messages.ts';
import { hasAsyncContext, missingWarnings, publicMap, realInputs } from './bundle-report.ts';
import { callbackProblem } from './lambda-callback.ts';
import { GLOBAL_DEFINES, GLOBALS_FILE, nodePlugin, TIMERS_FILE } from './node-plugin.ts';
import { missingModules, optionalModules } from './optional-modules.ts';
import { replacedFiles } from './replaced-files.ts';

/** The file name of a function's bundle inside isolates: what stacks say before they are mapped. */
export function bundleUrl(name: string): string {
  return `isolane:///${name}.mjs`;
}

export interface Bundle {
  readonly code: Uint8Array;
  readonly map: Uint8Array;
  /** SHA-256 of `code`, hex. */
  readonly hash: string;
  /** Absolute paths of every file that went in. */
  readonly inputs: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Context that must follow `await` needs promises that can be hooked, and native `await` cannot be: so it is where an
 * isolate takes several invocations at once, and where a bundle has AsyncLocalStorage.
 */
const HOOKABLE_ASYNC: Readonly<Record<string, boolean>> = {
  'async-await': false,
  'async-generator': false,
  'for-await': false,
};

/** What a first look at the finished bundle asks of a second try. */
interface Needs {
  readonly lowered: boolean;
  /** Timers as objects: packages for Node call `unref` on what `setTimeout` gives them. */
  readonly timerObjects: boolean;
}
const ON_TIMERS = /\.(unref|hasRef)\b/;

/** `root`: the project's directory; paths in messages and source maps are relative to it. Throws BUNDLE_FAILED. */
export async function bundle(spec: FunctionSpec, root: string): Promise<Bundle> {
  const first = firstNeeds(spec);
  let result = await attempt(spec, root, first);
  const needs: Needs = {
    lowered: first.lowered || hasAsyncContext(result.metafile, root),
    timerObjects: result.outputFiles.some((file) => file.path.endsWith('.mjs') && ON_TIMERS.test(file.text)),
  };
  if (needs.lowered !== first.lowered || needs.timerObjects) result = await attempt(spec, root, needs);
  const code = result.outputFiles.find((file) => file.path.endsWith('.mjs'))?.contents ?? new Uint8Array();
  const map = result.outputFiles.find((file) => file.path.endsWith('.map'))?.contents ?? new Uint8Array();
  refuseSize(spec, code.byteLength);
  refuseExports(
    spec,
    Object.values(result.metafile.outputs).flatMap((output) => output.exports),
    root,
  );
  if (spec.handler.kind === 'lambda') refuseCallback(spec, Buffer.from(code).toString('utf8'), spec.handler.exportName);
  const own = result.warnings.filter((warning) => !(warning.location?.file ?? '').includes('node_modules/'));
  return {
    code,
    map: publicMap(map, root),
    hash: createHash('sha256').update(code).digest('hex'),
    inputs: realInputs(result.metafile, root),
    warnings: [...own.map((warning) => warningLine(spec, warning)), ...missingWarnings(spec, result.metafile, root)],
  };
}

type Built = BuildResult<{ write: false; metafile: true }>;

function firstNeeds(spec: FunctionSpec): Needs {
  return { lowered: spec.limits.concurrency > 1, timerObjects: false };
}

async function attempt(spec: FunctionSpec, root: string, needs: Needs): Promise<Built> {
  const chosen = { ...options(spec, root, needs), write: false, metafile: true } as const;
  try {
    return await build(chosen).catch((error: unknown) => {
      const missing = missingModules(error);
      if (missing.length === 0) throw error;
      return build({ ...chosen, plugins: [...(chosen.plugins ?? []), optionalModules(missing)] });
    });
  } catch (error) {
    throw bundleError(spec, error);
  }
}

/** Everything beside the files themselves that decides what comes out; `modules`: of `nodeModulesStamp`. */
export function recipe(spec: FunctionSpec, root: string, modules: string): string {
  const { plugins: _, ...plain } = options(spec, root, firstNeeds(spec));
  const parts = [version, plain, modules, spec.handler, spec.limits.bundleBytes];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function options(spec: FunctionSpec, root: string, needs: Needs): BuildOptions {
  const file = `/${spec.name}.mjs`;
  return {
    entryPoints: [spec.entry],
    absWorkingDir: root,
    outfile: resolve(root, `${spec.name}.mjs`),
    bundle: true,
    format: 'esm',
    // Main fields browser, module, main, and the packages' `browser` maps.
    platform: 'browser',
    // `import` and `require` join by themselves, each for its own kind of import.
    conditions: ['workerd', 'worker', 'browser'],
    target: ['es2024', 'node24'],
    keepNames: true,
    charset: 'utf8',
    legalComments: 'none',
    sourcemap: 'external',
    sourcesContent: true,
    define: {
      'process.env.NODE_ENV': '"production"',
      global: 'globalThis',
      ...GLOBAL_DEFINES,
      // Where the code would lie if there were files: programs take names apart, and find nothing by them.
      'import.meta.url': JSON.stringify(`file://${file}`),
      'import.meta.filename': JSON.stringify(file),
      'import.meta.dirname': '"/"',
      __filename: JSON.stringify(file),
      __dirname: '"/"',
    },
    loader: { '.md': 'text', '.txt': 'text', '.html': 'text', '.svg': 'text', '.sql': 'text' },
    inject: needs.timerObjects ? [GLOBALS_FILE, TIMERS_FILE] : [GLOBALS_FILE],
    ...(needs.lowered ? { supported: { ...HOOKABLE_ASYNC } } : {}),
    logLevel: 'silent',
    plugins: [nodePlugin(), replacedFiles()],
  };
}

function refuseSize(spec: FunctionSpec, bytes: number): void {
  const limit = spec.limits.bundleBytes;
  if (bytes <= limit) return;
  throw bundleError(
    spec,
    `its bundle has ${bytes} bytes, its limit is ${limit} (limits.bundleBytes); import less or raise the limit`,
  );
}

function refuseCallback(spec: FunctionSpec, text: string, exportName: string): void {
  const problem = callbackProblem(text, exportName);
  if (problem !== null) throw bundleError(spec, problem);
}

/** A CommonJS entry exports `default` alone; what is in it only shows when it runs. */
function refuseExports(spec: FunctionSpec, exports: readonly string[], root: string): void {
  const { handler } = spec;
  const file = relative(root, spec.entry);
  if (exports.includes('default')) return;
  if (handler.kind === 'fetch') {
    throw bundleError(spec, `${file} has no default export; write "export default { fetch(request, env, ctx) { … } }"`);
  }
  if (exports.includes(handler.exportName)) return;
  const names = exports.length === 0 ? 'it exports nothing' : `it exports ${exports.join(', ')}`;
  throw bundleError(
    spec,
    `${file} has no export "${handler.exportName}" (${names}); export it or name another after "lambda:"`,
  );
}
