/**
 * The guest runtime as one classic script: `prelude.bundle.js` beside this file when the package was built, otherwise bundled
 * from `sandbox/` on the spot. Evaluated in a fresh context it adds one global, `__isolane` (see contract/turn.ts).
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const built = (): string => fileURLToPath(new URL('./prelude.bundle.js', import.meta.url));
const entry = (): string => fileURLToPath(new URL('../../sandbox/99-entry.ts', import.meta.url));

/** Bundles `sandbox/`; what `npm pack` writes to `prelude.bundle.js`. */
export const bundlePrelude = async (): Promise<string> => {
  const result = await build({
    entryPoints: [entry()],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'node24',
    minify: true,
    legalComments: 'none',
    // A text of one-byte characters takes half the room in every isolate.
    charset: 'ascii',
    banner: { js: '"use strict";' },
    logLevel: 'silent',
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error('esbuild produced no prelude');
  return file.text;
};

export const preludeSource = async (): Promise<string> => {
  try {
    return await readFile(built(), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return await bundlePrelude();
  }
};
