/** node:module: everything was resolved when the bundle was made, so what loads at run time is missing. */
import { missing } from './absent.ts';
import { coded } from './errors.ts';

const REMEDY = 'import it at the top of a file, so that it is bundled';
const gone = (name: string) => missing(`node:module.${name}`, REMEDY);

export const builtinModules: string[] =
  'assert async_hooks buffer console constants crypto diagnostics_channel events http https module os path perf_hooks process punycode querystring stream string_decoder sys timers url util zlib'.split(
    ' ',
  );
export const isBuiltin = (name: string): boolean => builtinModules.includes(name.replace(/^node:/, ''));

/** It can be made, as bundles of ES modules do at their top; what it is asked for is not there. */
export const createRequire = (): ((id: string) => never) => {
  const require = (id: string): never => {
    throw coded(
      Error,
      'MODULE_NOT_FOUND',
      `Cannot find module '${id}': createRequire cannot load at run time; ${REMEDY}`,
    );
  };
  return Object.assign(require, { resolve: require, cache: {}, extensions: {}, main: undefined });
};

export const Module = Object.assign(gone('Module'), { builtinModules, createRequire, isBuiltin });
export const SourceMap = gone('SourceMap');
export const _cache = {};
export const _extensions = {};
export const _pathCache = {};
export const constants = {};
export const globalPaths: string[] = [];
export const _findPath = gone('_findPath');
export const _initPaths = gone('_initPaths');
export const _load = gone('_load');
export const _nodeModulePaths = gone('_nodeModulePaths');
export const _preloadModules = gone('_preloadModules');
export const _resolveFilename = gone('_resolveFilename');
export const _resolveLookupPaths = gone('_resolveLookupPaths');
export const enableCompileCache = (): object => ({ status: 3 });
export const findPackageJSON = gone('findPackageJSON');
export const findSourceMap = (): undefined => undefined;
export const flushCompileCache = (): void => {};
export const getCompileCacheDir = (): undefined => undefined;
export const getSourceMapsSupport = (): object => ({ enabled: false, nodeModules: false, generatedCode: false });
export const register = gone('register');
export const registerHooks = gone('registerHooks');
export const runMain = gone('runMain');
export const setSourceMapsSupport = (): void => {};
export const stripTypeScriptTypes = gone('stripTypeScriptTypes');
export const syncBuiltinESMExports = (): void => {};

export default Object.assign(Module, {
  ...{
    Module,
    SourceMap,
    _cache,
    _extensions,
    _findPath,
    _initPaths,
    _load,
    _nodeModulePaths,
    _pathCache,
    _preloadModules,
  },
  ...{
    _resolveFilename,
    _resolveLookupPaths,
    constants,
    enableCompileCache,
    findPackageJSON,
    findSourceMap,
    flushCompileCache,
  },
  ...{ getCompileCacheDir, getSourceMapsSupport, globalPaths, register, registerHooks, runMain, setSourceMapsSupport },
  ...{ stripTypeScriptTypes, syncBuiltinESMExports },
});
