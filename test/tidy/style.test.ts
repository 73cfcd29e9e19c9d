/** What STYLE asks of files: size, names, opening comment, words. Budgets have allowances that may only shrink. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, sources } from './sources.ts';

const CODE = sources('src/**/*.ts', 'sandbox/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', '.ci/*.ts');
const LINES = 400;
/** Files above the budget, with their own ceiling. */
const ALLOWANCES: Readonly<Record<string, number>> = {};
const BANNED_NAMES = /(^|[-/.])(utils?|helpers?|common|misc|managers?|core|shared|types)(\.|\/|$)/;
/** Made in halves so that this file may name them. */
const BANNED_WORDS = [
  ['/wo', 'rk/'],
  ['registry.np', 'mjs.org'],
  ['deb.deb', 'ian.org'],
  ['TO', 'DO'],
  ['FIX', 'ME'],
  ['clau', 'de'],
  ['anthr', 'opic'],
].map((halves) => halves.join(''));
const TOP = [
  '.ci',
  '.git',
  '.gitignore',
  '.npmrc',
  '.biome.json',
  '.isolane',
  'CHANGELOG.md',
  'LICENSE',
  'Makefile',
  'README.md',
  'bench',
  'dist',
  'fixtures',
  'node_modules',
  'package-lock.json',
  'package.json',
  'sandbox',
  'src',
  'test',
  'tsconfig.json',
];

describe('style', () => {
  it('files stay within their budget', () => {
    const wrong = CODE.filter((source) => source.lines > (ALLOWANCES[source.path] ?? LINES));
    expect(wrong.map((source) => `${source.path}: ${source.lines} lines`)).toEqual([]);
  });

  it('allowances are needed', () => {
    const spare = CODE.filter((source) => source.path in ALLOWANCES && source.lines <= LINES);
    expect(spare.map((source) => source.path)).toEqual([]);
  });

  it('names say what a file holds', () => {
    const wrong = CODE.filter(
      (source) =>
        !source.path.startsWith('sandbox/node/') && // named as Node names its modules
        (BANNED_NAMES.test(source.path) || /[A-Z_]/.test(source.path.replace(/README|CHANGELOG/, ''))),
    );
    expect(wrong.map((source) => source.path)).toEqual([]);
  });

  it('a source file opens by saying why it exists', () => {
    const wrong = CODE.filter(
      (source) => !/^(#!.*\n)?(\/\*\*|\/\/|"use)/.test(source.text) && !source.path.endsWith('.d.ts'),
    );
    expect(
      wrong.map((source) => source.path).filter((path) => path.startsWith('src/') || path.startsWith('sandbox/')),
    ).toEqual([]);
  });

  it('src has no default exports and no enums', () => {
    const wrong = CODE.filter(
      (source) => source.path.startsWith('src/') && /^export default |^\s*(export )?(const )?enum /m.test(source.text),
    );
    expect(wrong.map((source) => source.path)).toEqual([]);
  });

  it('the project speaks of the project alone', () => {
    const files = globSync(
      [
        'src/**/*',
        'sandbox/**/*',
        'test/**/*',
        'bench/**/*',
        'fixtures/**/*',
        '.ci/*',
        '*.md',
        'Makefile',
        'package*.json',
      ],
      {
        cwd: ROOT,
        withFileTypes: true,
        exclude: (file) => file.name === 'node_modules',
      },
    );
    const wrong = files
      .filter((file) => file.isFile() && /\.(ts|js|json|jsonc|md|html|css|capnp|run)$|Makefile|run$/.test(file.name))
      .filter((file) => !file.parentPath.includes('bench/results'))
      .map((file) => join(file.parentPath, file.name))
      .flatMap((path) => {
        const text = readFileSync(path, 'utf8');
        return BANNED_WORDS.filter((word) => text.includes(word)).map((word) => `${path.slice(ROOT.length)}: ${word}`);
      });
    expect(wrong).toEqual([]);
  });

  it('the top level is fixed', () => {
    expect(readdirSync(ROOT).filter((name) => !TOP.includes(name) && !name.endsWith('.tgz'))).toEqual([]);
  });

  it('every top folder has a README of at most 40 lines', () => {
    for (const folder of ['src', 'sandbox', 'test', 'bench', 'fixtures']) {
      const path = join(ROOT, folder, 'README.md');
      expect(existsSync(path), `${folder}/README.md`).toBe(true);
      if (folder !== 'src')
        expect(readFileSync(path, 'utf8').split('\n').length, `${folder}/README.md`).toBeLessThanOrEqual(60);
    }
  });
});
