/** How what npm packages say of themselves is read: maps for browsers, packages that may be missing, builds that need a DOM. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { bundle } from '../../../src/catalog/bundle.ts';
import { Project } from '../config/project.ts';
import { spec } from './spec.ts';

let project: Project;
afterEach(() => project.remove());

const entry = (from: string) =>
  `import * as all from '${from}';\nexport default { fetch: () => all.default ?? all };\n`;

/** What the bundled function's `fetch` gives. */
async function run(
  files: Record<string, string>,
  from = 'a',
): Promise<{ value: unknown; warnings: readonly string[] }> {
  project = new Project({ 'f.js': entry(from), ...files });
  const { code, warnings } = await bundle(spec('f', join(project.directory, 'f.js')), project.directory);
  const file = join(project.directory, 'out.mjs');
  writeFileSync(file, code);
  const module = (await import(pathToFileURL(file).href)) as { default: { fetch(): unknown } };
  return { value: module.default.fetch(), warnings };
}

it("a package's map for browsers holds for its files and for what it imports", async () => {
  const { value } = await run({
    'node_modules/a/package.json': JSON.stringify({
      name: 'a',
      main: 'index.js',
      browser: { './lib/node.js': './lib/web.js', b: false },
    }),
    'node_modules/a/index.js': "module.exports = [require('./lib/node'), require('b')];",
    'node_modules/a/lib/node.js': "module.exports = require('fs');",
    'node_modules/a/lib/web.js': "module.exports = 'web';",
    'node_modules/b/index.js': "module.exports = 'b';",
  });
  expect(value).toEqual(['web', {}]);
});

it('a package that another requires and that is missing fails where it is reached', async () => {
  const { value } = await run({
    'node_modules/a/index.js':
      "module.exports = ['drivers', 'drivers/a.b', '@x/y'].map((name) => () => name === 'drivers' ? require('drivers') : name === '@x/y' ? require('@x/y') : require('drivers/a.b'));",
  });
  const reached = (value as (() => void)[]).map((reach) => {
    try {
      return reach();
    } catch (error) {
      return [(error as Error).message, (error as { code?: string }).code];
    }
  });
  expect(reached).toEqual([
    ["Cannot find module 'drivers'", 'MODULE_NOT_FOUND'],
    ["Cannot find module 'drivers/a.b'", 'MODULE_NOT_FOUND'],
    ["Cannot find module '@x/y'", 'MODULE_NOT_FOUND'],
  ]);
});

it('what is imported, or required by a file of the user, must be there', async () => {
  await expect(run({ 'node_modules/a/index.js': "import 'gone'; export default 1;" })).rejects.toThrow(
    /Could not resolve "gone" \(node_modules\/a\/index\.js:1:8\)/,
  );
  await expect(run({ 'a.cjs': "module.exports = () => require('gone');" }, './a.cjs')).rejects.toThrow(
    /Could not resolve "gone" \(a\.cjs:1:32\)/,
  );
  await expect(run({ 'node_modules/a/index.js': "module.exports = () => require('./gone');" })).rejects.toThrow(
    /Could not resolve "\.\/gone"/,
  );
});

it('where the build for browsers needs a document, the one for Node is taken', async () => {
  const { value } = await run(
    {
      'node_modules/turndown/package.json': JSON.stringify({
        name: 'turndown',
        module: 'lib/turndown.es.js',
        browser: { '@mixmark-io/domino': false, './lib/turndown.es.js': './lib/turndown.browser.es.js' },
      }),
      'node_modules/turndown/lib/turndown.es.js': "export { default } from '@mixmark-io/domino';",
      'node_modules/turndown/lib/turndown.browser.es.js': 'export default document;',
      'node_modules/@mixmark-io/domino/index.js': "module.exports = 'a DOM';",
    },
    'turndown',
  );
  expect(value).toBe('a DOM');
});
