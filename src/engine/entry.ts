/** Where a thread or process of the engine begins: TypeScript in the repository, JavaScript in the package. */

/** The file `name` (as it is called in the repository) beside the module at `from`, with that module's own ending. */
export function entryBeside(from: string, name: string): URL {
  return new URL(from.endsWith('.ts') ? name : name.replace(/\.ts$/, '.js'), from);
}
