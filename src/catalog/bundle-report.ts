/** What a finished bundle tells about itself: which built-ins of Node it took, who wanted them, and which files went in. */
import { resolve } from 'node:path';
import type { Metafile } from 'esbuild';
import type { FunctionSpec } from '../contract/function.ts';
import { NODE_DIRECTORY, nodeFile, nodeModule } from './node-modules.ts';
import { NODE_NAMESPACE, stubOf } from './node-plugin.ts';
import { isMissingInput } from './optional-modules.ts';

/** Files shown of a chain of importers. */
const CHAIN_MAX = 6;

/** Paths of what is in the output, as esbuild names its inputs. */
function kept(meta: Metafile): readonly string[] {
  return Object.values(meta.outputs).flatMap((output) => Object.keys(output.inputs));
}

export function hasAsyncContext(meta: Metafile, root: string): boolean {
  const file = nodeFile('async_hooks');
  return kept(meta).some((path) => resolve(root, path) === file);
}

/** Absolute paths of the files of the user's that went in; the guest modules are part of the host. */
export function realInputs(meta: Metafile, root: string): readonly string[] {
  return Object.keys(meta.inputs)
    .filter((path) => !path.startsWith(`${NODE_NAMESPACE}:`) && !path.startsWith('(disabled)') && !isMissingInput(path))
    .map((path) => resolve(root, path))
    .filter((path) => !path.startsWith(NODE_DIRECTORY));
}

/** One sentence for each built-in in the bundle that throws when it is called. */
export function missingWarnings(spec: FunctionSpec, meta: Metafile, root: string): readonly string[] {
  const entry = Object.values(meta.outputs).find((output) => output.entryPoint !== undefined)?.entryPoint ?? '';
  return kept(meta)
    .flatMap((path) => {
      const name = stubOf(path);
      return name === null ? [] : [{ path, name }];
    })
    .filter(({ path }) => !onlyOurs(meta, path, root))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ path, name }) => {
      const { remedy } = nodeModule(name);
      const way = chain(meta, entry, path, root).join(' → ');
      return (
        `function "${spec.name}" imports node:${name} (${way}), which is not available in an isolate; ` +
        `what is called of it throws${remedy === undefined ? '' : `: ${remedy}`}.`
      );
    });
}

/** Nobody but the guest's own Node modules imports it. */
function onlyOurs(meta: Metafile, path: string, root: string): boolean {
  return importers(meta, path).every((file) => resolve(root, file).startsWith(NODE_DIRECTORY));
}

function importers(meta: Metafile, path: string): readonly string[] {
  return Object.entries(meta.inputs)
    .filter(([, input]) => input.imports.some((imported) => imported.path === path))
    .map(([file]) => file)
    .sort();
}

/** The shortest way from the entry file to what it imports in the end, without the latter. */
function chain(meta: Metafile, entry: string, path: string, root: string): readonly string[] {
  const before = new Map<string, string>();
  const queue = [entry];
  for (let at = queue.shift(); at !== undefined && !before.has(path); at = queue.shift()) {
    for (const { path: next } of meta.inputs[at]?.imports ?? []) {
      if (before.has(next) || next === entry) continue;
      before.set(next, at);
      queue.push(next);
    }
  }
  const files: string[] = [];
  for (let at = before.get(path); at !== undefined; at = before.get(at)) files.unshift(at);
  const shown = files.filter((file) => !resolve(root, file).startsWith(NODE_DIRECTORY));
  if (shown.length <= CHAIN_MAX) return shown.map(short);
  return [...shown.slice(0, CHAIN_MAX - 2).map(short), '…', short(shown.at(-1) ?? '')];
}

/** A package's file without the way to its package. */
function short(file: string): string {
  const at = file.lastIndexOf('node_modules/');
  return at < 0 ? file : file.slice(at + 'node_modules/'.length);
}

/** The map with the guest modules' files named `isolane:node/…`: where the host is installed is no business of a stack. */
export function publicMap(map: Uint8Array, root: string): Uint8Array {
  const json = JSON.parse(Buffer.from(map).toString()) as { sources: string[]; sourcesContent?: (string | null)[] };
  let changed = false;
  json.sources.forEach((source, index) => {
    const path = resolve(root, source);
    if (!path.startsWith(NODE_DIRECTORY)) return;
    changed = true;
    json.sources[index] = `isolane:node/${path.slice(NODE_DIRECTORY.length)}`;
    if (json.sourcesContent !== undefined) json.sourcesContent[index] = null;
  });
  return changed ? Buffer.from(JSON.stringify(json)) : map;
}
