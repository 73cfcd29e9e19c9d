/**
 * Files of `sandbox/` that are late parts as a whole. One that says `// late: Blob File fetch()` is no code of the script: its body
 * becomes a call of `rare` (sandbox/13-rare.ts) with those globals, and whoever imports from it asks that call each time he uses
 * a name of it. The sources stay plain modules; what may be late is a matter of the one line. Refuses names that two such files
 * export, and `export let`, whose later values nobody would see.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Plugin } from 'esbuild';

const MARK = /^\/\/ late:(.*)$/m;
const BRANDS = /^\/\/ brands:(.*)$/m;
const IMPORT = /^import (type )?(?:\{([^}]*)\} from |[^'{]*)?'\.\/([\w-]+)\.ts';\n/gm;
const ANY_IMPORT = /^import [^;]*;\n/gm;
const EXPORTED = /^export (?:const|class|async function|function) (\w+)/gm;
/** Stands before a name that is asked of a late file; `askLate` turns it into a call in the finished text. */
const ASKED = 'late$';
const BRAND_ASKED = 'brand$';

interface Late {
  readonly globals: readonly string[];
  readonly exports: readonly string[];
  /** Checks that are false of every value as long as the file was never built. */
  readonly brands: readonly string[];
}

const binding = (stem: string): string => `late_${stem.replace(/\W/g, '_')}`;

const words = (found: RegExpExecArray | null): readonly string[] =>
  (found?.[1] ?? '').split(' ').filter((word) => word !== '');

const read = (text: string, stem: string): Late | null => {
  const mark = MARK.exec(text);
  if (mark === null) return null;
  if (/^export let /m.test(text)) throw new Error(`sandbox/${stem}.ts is late and exports a variable`);
  const exports = [...text.matchAll(EXPORTED)].map((found) => found[1] as string);
  return { globals: words(mark), exports, brands: words(BRANDS.exec(text)) };
};

export interface LateModules {
  readonly plugin: Plugin;
  readonly define: Record<string, string>;
}

export const lateModules = (folder: string): LateModules => {
  const late = new Map<string, Late>();
  const define: Record<string, string> = {};
  const brands: string[] = [];
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.ts')) continue;
    const stem = basename(file, '.ts');
    const found = read(readFileSync(join(folder, file), 'utf8'), stem);
    if (found === null) continue;
    late.set(stem, found);
    for (const name of found.exports) {
      if (define[name] !== undefined) throw new Error(`two late files of sandbox/ export ${name}`);
      define[name] = `${binding(stem)}.${found.brands.includes(name) ? BRAND_ASKED : ASKED}${name}`;
    }
    brands.push(...found.brands);
  }
  define['BRANDS'] = JSON.stringify(brands.join(' '));
  const rewrite = (text: string, stem: string): string => {
    const loads: string[] = [];
    const given = text.replace(IMPORT, (whole, type: string | undefined, names: string | undefined, from: string) => {
      const target = late.get(from);
      if (target === undefined || type !== undefined) return whole;
      if (names === undefined) loads.push(`${binding(from)}();`);
      else if (names.split(',').every((name) => name.trim() === '' || /^\s*type /.test(name))) return '';
      return `import { ${binding(from)} } from './${from}.ts';\n`;
    });
    const own = late.get(stem);
    if (own === undefined) return given;
    const imports = [...given.matchAll(ANY_IMPORT)].map((found) => found[0]).join('');
    const body = given.replace(ANY_IMPORT, '').replace(/^export /gm, '');
    return `${imports}import { rare as lateFile } from './13-rare.ts';
export const ${binding(stem)} = lateFile('${stem}>', '${own.globals.join(' ')}', () => {
${loads.join('')}${body}
return { ${own.exports.join(', ')} };
}, '<${stem}');\n`;
  };
  const plugin: Plugin = {
    name: 'late-modules',
    setup(build) {
      build.onLoad({ filter: /[\\/]sandbox[\\/][\w-]+\.ts$/ }, ({ path }) => ({
        contents: rewrite(readFileSync(path, 'utf8'), basename(path, '.ts')),
        loader: 'ts',
      }));
    },
  };
  return { plugin, define };
};

/** In the finished text: `a.late$B` is `a().B`. */
export const askLate = (text: string): string =>
  text
    .replace(/\bnew ([\w$]+)\.late\$([\w$]+)/g, 'new($1().$2)')
    .replaceAll(`.${ASKED}`, '().')
    .replaceAll(`.${BRAND_ASKED}`, '(!0).');
