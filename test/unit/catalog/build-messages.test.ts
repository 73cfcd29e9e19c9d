/** What cannot be bundled is refused in one readable message: file, line, column, the line itself, and what to do. */
import { afterEach, expect, it } from 'vitest';
import { bundle } from '../../../src/catalog/bundle.ts';
import { Project } from '../config/project.ts';
import { spec } from './spec.ts';

let project: Project;
afterEach(() => project.remove());

const CASES: readonly (readonly [code: string, message: string])[] = [
  [
    "import x from 'lodahs/fp';\nexport default x;",
    'function "a" cannot be bundled: Could not resolve "lodahs/fp" (a.ts:1:15); is "lodahs" installed? npm install lodahs.\n' +
      "  1 | import x from 'lodahs/fp';\n    |               ^^^^^^^^^^^",
  ],
  [
    "\nimport x from './no.ts';\nexport default x;",
    'function "a" cannot be bundled: Could not resolve "./no.ts" (a.ts:2:15); there is no such file.\n' +
      "  2 | import x from './no.ts';\n    |               ^^^^^^^^^",
  ],
  [
    'export default { fetch() { return 1 + ; } };',
    'function "a" cannot be bundled: Unexpected ";" (a.ts:1:39).\n' +
      '  1 | export default { fetch() { return 1 + ; } };\n    |                                       ^',
  ],
  [
    "import page from './x.png';\nexport default page;",
    'function "a" cannot be bundled: No loader is configured for ".png" files: x.png (a.ts:1:18); ' +
      'what can be imported beside code: .json, .txt, .md, .html, .svg, .sql.\n' +
      "  1 | import page from './x.png';\n    |                  ^^^^^^^^^",
  ],
  [
    "import { AsyncLocalStorage as A } from 'async_hooks';\nawait new A();\nexport default { fetch() {} };",
    'function "a" cannot be bundled: Top-level await is not available (a.ts:2:1); ' +
      'not beside node:async_hooks or limits.concurrency above 1; await inside of a function.\n' +
      '  2 | await new A();\n    | ^^^^^',
  ],
];

it.each(CASES)('%j', async (code, message) => {
  project = new Project({ 'a.ts': code, 'x.png': '' });
  await expect(bundle(spec('a', `${project.directory}/a.ts`), project.directory)).rejects.toThrow(
    expect.objectContaining({ code: 'BUNDLE_FAILED', message }),
  );
});

it('warns once of a built-in that is not there, with the way to it and the remedy', async () => {
  project = new Project({
    'a.ts': "import './lib/b.js';\nimport net from 'node:net';\nexport default { fetch: () => net.connect(1) };",
    'lib/b.js': "import deep from 'deep';\ndeep();",
    'node_modules/deep/package.json': '{"name":"deep","main":"d.js","version":"1.0.0"}',
    'node_modules/deep/d.js':
      "const fs = require('fs');\nconst again = require('fs');\nmodule.exports = () => [fs.readFile, again];",
  });
  const { warnings } = await bundle(spec('a', `${project.directory}/a.ts`), project.directory);
  expect(warnings).toEqual([
    'function "a" imports node:fs (a.ts → lib/b.js → deep/d.js), which is not available in an isolate; what is called of it throws: there is no ' +
      'file system here; import the file (.json, .txt, .md, .html, .sql, .svg) so that it is bundled, or fetch it.',
    'function "a" imports node:net (a.ts), which is not available in an isolate; what is called of it throws: there are no raw sockets here; ' +
      'use fetch or WebSocket, or a driver that speaks HTTP.',
  ]);
});

it('takes what a package maps for browsers in place of a built-in', async () => {
  project = new Project({
    'a.ts': "import deep from 'deep';\nexport default { fetch: () => deep };",
    'node_modules/deep/package.json': '{"name":"deep","main":"d.js","browser":{"fs":false,"net":"./n.js"}}',
    'node_modules/deep/d.js': "module.exports = [require('fs'), require('net')];",
    'node_modules/deep/n.js': "module.exports = 'mapped';",
  });
  const { code, warnings } = await bundle(spec('a', `${project.directory}/a.ts`), project.directory);
  expect(warnings).toEqual([]);
  expect(Buffer.from(code).toString()).toContain('mapped');
});

it('names the guest modules of the host, and not where they lie, in source maps', async () => {
  project = new Project({
    'a.ts': "import { EventEmitter } from 'events';\nexport default { fetch: () => new EventEmitter() };",
  });
  const { map, inputs } = await bundle(spec('a', `${project.directory}/a.ts`), project.directory);
  const { sources } = JSON.parse(Buffer.from(map).toString()) as { sources: string[] };
  expect(sources).toContain('isolane:node/events.ts');
  expect(sources.filter((source) => source.includes('sandbox'))).toEqual([]);
  expect(inputs).toEqual([`${project.directory}/a.ts`]);
});
