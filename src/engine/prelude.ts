/**
 * The guest runtime as one text: `prelude.bundle.js` beside this file when the package was built, otherwise bundled
 * from `sandbox/` on the spot. It is a classic script, which evaluated in a fresh context adds one global, `__isolane` (see
 * contract/turn.ts), and after it the late parts: what `rare` builds on first touch. Those are cut out here, because source
 * that never runs still lies in the heap of every isolate; the host gives one to an isolate that asks.
 */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildOptions } from 'esbuild';
import { askLate, lateModules } from './late-modules.ts';

/** File name the prelude is compiled under; its frames are left out of guest stack traces. */
export const PRELUDE_NAME = 'isolane:prelude';

const built = (): string => fileURLToPath(new URL('./prelude.bundle.js', import.meta.url));
const entry = (): string => fileURLToPath(new URL('../../sandbox/99-entry.ts', import.meta.url));

const SEPARATOR = '\n//\u0001\n';

export interface Prelude {
  readonly script: string;
  /** By number: the text of a function that the script evaluates in its own scope. */
  readonly late: readonly string[];
}

export const preludeParts = (text: string): Prelude => {
  const [script = '', ...late] = text.split(SEPARATOR);
  return { script, late };
};

/** `rare("name>", "names", build, "<name")`: build goes to the late parts, and its number into the last text. */
const RARE = /"([\w-]+)>","[^"]*",/g;
/** Evaluates a late part in the scope of the script: one function for all of them. No name that the bundler makes is as long. */
const WITHIN = 'evaluateHere';

const cut = (bundle: string): string => {
  const late: string[] = [];
  let script = '';
  let from = 0;
  for (const found of bundle.matchAll(RARE)) {
    if (found.index < from) continue;
    const end = `,"<${found[1]}")`;
    const start = found.index + found[0].length;
    const stop = bundle.indexOf(end, start);
    if (stop < 0) throw new Error(`rare("${found[1]}>", …) in sandbox/ does not end in "<${found[1]}"`);
    script += `${bundle.slice(from, start)}${WITHIN},"<${late.length}")`;
    late.push(`(${bundle.slice(start, stop)})\n//# sourceURL=${PRELUDE_NAME}`);
    from = stop + end.length;
  }
  script += bundle.slice(from);
  const open = /^(?:"use strict";\s*)+\(\(\)=>\{/;
  if (!open.test(script)) throw new Error('the bundle of sandbox/ does not begin as it should');
  script = script.replace(open, (whole) => `${whole}const ${WITHIN}=lateText=>eval(lateText);`);
  return [script, ...late].join(SEPARATOR);
};

/** Where the streams library goes. */
const LIBRARY = 'STREAMS_LIBRARY';

const MINIFIED: BuildOptions = {
  bundle: true,
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
};

/** Bundles `sandbox/`; what `npm pack` writes to `prelude.bundle.js`. */
export const bundlePrelude = async (): Promise<string> => {
  const { build } = await import('esbuild');
  const { plugin, define } = lateModules(dirname(entry()));
  const result = await build({ ...MINIFIED, write: false, entryPoints: [entry()], plugins: [plugin], define });
  const library = await build({
    ...MINIFIED,
    write: false,
    entryPoints: ['web-streams-polyfill'],
    globalName: 'streams',
    absWorkingDir: fileURLToPath(new URL('../../', import.meta.url)),
  });
  const expression = textOf(library)
    .replace(/^"use strict";\s*var streams=/, '')
    .replace(/;\s*$/, '');
  const prelude = cut(askLate(textOf(result)));
  if (prelude.split(LIBRARY).length !== 2) throw new Error(`sandbox/ mentions ${LIBRARY} in one late part`);
  return prelude.replace(LIBRARY, () => expression);
};

function textOf({ outputFiles }: { readonly outputFiles: readonly { readonly text: string }[] }): string {
  const [file] = outputFiles;
  if (file === undefined) throw new Error('esbuild produced no prelude');
  return file.text;
}

export const preludeSource = async (): Promise<string> => {
  try {
    return await readFile(built(), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return await bundlePrelude();
  }
};
