import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Script } from 'node:vm';
import { afterAll, expect, it } from 'vitest';
import { bundleUrl } from '../../../src/catalog/bundle.ts';
import { Catalog } from '../../../src/catalog/catalog.ts';
import { SourceMaps } from '../../../src/catalog/source-maps.ts';
import { Project } from '../config/project.ts';
import { spec } from './spec.ts';

const THROWER =
  '// a comment\n\ninterface Gone { x: 1 }\nexport function thrower(): never {\n  throw new Error("two\\nlines");\n}\n';
const project = new Project({
  'src/deep/thrower.ts': THROWER,
  'a.ts': "import { thrower } from './src/deep/thrower.ts';\nexport default { fetch() { thrower(); } };\n",
});
const dataDir = mkdtempSync(join(tmpdir(), 'isolane-data-'));
afterAll(() => {
  project.remove();
  rmSync(dataDir, { recursive: true, force: true });
});

const publish = async () => {
  const catalog = new Catalog({ dataDir, root: project.directory });
  return (await catalog.publish([spec('a', join(project.directory, 'a.ts'))])).versions[0]!;
};

/** Runs the bundle under the file name it has in isolates. */
function stackOf(path: string): string {
  const code = readFileSync(path, 'utf8').replace(/export \{\s*(\w+) as default\s*\};?\s*$/, '$1.fetch()');
  try {
    new Script(`{${code}\n}`, { filename: bundleUrl('a') }).runInThisContext({ displayErrors: false });
  } catch (error) {
    return (error as Error).stack ?? '';
  }
  throw new Error('did not throw');
}

it("shows the user's own files and drops the frames of the host", async () => {
  const version = await publish();
  const stack = stackOf(version.bundlePath);
  expect(stack).toContain('node:vm');
  const mapped = new SourceMaps({ dataDir }).mapStack(stack, version.hash).split('\n');
  expect(mapped.slice(0, 4)).toEqual([
    'Error: two',
    'lines',
    '    at thrower (src/deep/thrower.ts:5:9)',
    '    at Object.fetch (a.ts:2:28)',
  ]);
  // Then the call that this test put into the bundle itself, and nothing of the host.
  expect(mapped.slice(4)).toEqual([expect.stringMatching(/^ {4}at isolane:\/\/\/a\.mjs:\d+:\d+$/)]);
});

it('follows a map that changed under the same code', async () => {
  const version = await publish();
  const maps = new SourceMaps({ dataDir });
  const stack = stackOf(version.bundlePath);
  expect(maps.mapStack(stack, version.hash)).toContain('thrower.ts:5:9');
  project.write('src/deep/thrower.ts', `// one more\n${THROWER}`);
  const again = await publish();
  expect(again.hash).toBe(version.hash);
  expect(maps.mapStack(stack, version.hash)).toContain('thrower.ts:6:9');
});

it('names what lies outside the project without the way there', async () => {
  const inner = new Project({
    'a.ts': "import { thrower } from '../shared/thrower.ts';\nexport default { fetch() { thrower(); } };\n",
  });
  const outer = new Project({
    'deep/er/src/thrower.ts': THROWER,
    'node_modules/p/index.js': THROWER.replace(/: never|interface.*/g, ''),
  });
  const from = relative(inner.directory, outer.directory);
  const stackFrom = async (file: string): Promise<string> => {
    inner.write('a.ts', `import { thrower } from '${from}/${file}';\nexport default { fetch() { thrower(); } };\n`);
    const catalog = new Catalog({ dataDir, root: inner.directory });
    const version = (await catalog.publish([spec('a', join(inner.directory, 'a.ts'))])).versions[0]!;
    return new SourceMaps({ dataDir }).mapStack(stackOf(version.bundlePath), version.hash);
  };
  expect(await stackFrom('deep/er/src/thrower.ts')).toContain('at thrower (…/er/src/thrower.ts:5:9)');
  expect(await stackFrom('node_modules/p/index.js')).toContain('at thrower (node_modules/p/index.js:5:9)');
  inner.remove();
  outer.remove();
});

it('leaves the built-ins in a stack, and what follows the last frame', async () => {
  const version = await publish();
  const [, frame = ''] = /^( {4}at thrower .*)$/m.exec(stackOf(version.bundlePath)) ?? [];
  const maps = new SourceMaps({ dataDir });
  const stack = [
    'Error: x',
    frame,
    '    at Array.map (<anonymous>)',
    '    at async Promise.all (index 0)',
    '    at __require (isolane:///a.mjs:99999:1)',
    '    at host (file:///srv/host.ts:1:1) {',
    '  [cause]: Error: y',
    `  ${frame}`,
    '}',
  ];
  const [head, , ...rest] = stack;
  const place = '    at thrower (src/deep/thrower.ts:';
  expect(maps.mapStack(stack.join('\n'), version.hash).split('\n')).toEqual([
    head,
    expect.stringContaining(place),
    rest[0],
    `${rest[1]} {`,
    rest[4],
    expect.stringContaining(place.trim()),
    '}',
  ]);
});

it('maps frames wherever a console line holds them, and takes nothing else away', async () => {
  const version = await publish();
  const [, frame = ''] = /^( {4}at thrower .*)$/m.exec(stackOf(version.bundlePath)) ?? [];
  const maps = new SourceMaps({ dataDir });
  const text = `seen\n    at the baker's\n${frame}\n    at f (isolane:prelude:1:2)\n    at /etc/passwd`;
  expect(maps.mapText(text, version.hash).split('\n')).toEqual([
    'seen',
    "    at the baker's",
    expect.stringMatching(/^ {4}at thrower \(src\/deep\/thrower\.ts:\d+:\d+\)$/),
    '    at /etc/passwd',
  ]);
});

it('keeps the frames where no map is, and never throws on what a guest may write', async () => {
  const maps = new SourceMaps({ dataDir });
  const frame = '    at x (isolane:///a.mjs:1:1)';
  expect(maps.mapStack(`Error\n${frame}`, '0'.repeat(64))).toBe(`Error\n${frame}`);
  expect(maps.mapStack(`Error\n${frame}`, '../../etc/passwd')).toBe(`Error\n${frame}`);
  const version = await publish();
  for (const text of [
    '',
    '    at ',
    'isolane:///a.mjs:0:0',
    '    at isolane:///a.mjs:99999999999999999999:0',
    '\0'.repeat(9),
  ]) {
    expect(() => maps.mapStack(text, version.hash)).not.toThrow();
  }
  const endless = maps.mapStack(`Error\n${`${frame}\n`.repeat(100_000)}`, version.hash);
  expect(endless.split('\n').length).toBeLessThan(60);
});
