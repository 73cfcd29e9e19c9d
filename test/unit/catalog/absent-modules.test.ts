/** Modules of the operating system in functions: they load and throw by name (catalogue 55). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Catalog } from '../../../src/catalog/catalog.ts';
import { Project } from '../config/project.ts';
import { spec } from './spec.ts';

const CODE = `
import fs, { readFile as read } from 'node:fs';
import * as crypto from 'crypto';
import unused from 'node:net';
import events from 'events';
import EventEmitter from 'node:events';
class Emitter extends EventEmitter {}
const os = require('os');
export default {
  named: () => read('x'),
  byDefault: () => fs.promises.readFile('x'),
  star: () => crypto.createHash('md5'),
  required: () => os.cpus(),
  constructed: () => new Emitter(),
  assigned: () => { fs.x = 1 },
  events,
  thenable: () => Promise.resolve(fs),
};
`;
const project = new Project({
  'lib/deep.js': CODE,
  'a.ts': "export { default } from './lib/deep.js';\n",
  'node_modules/events/package.json': '{"name":"events","main":"e.js"}',
  'node_modules/events/e.js': "module.exports = 'from npm';",
});
const dataDir = mkdtempSync(join(tmpdir(), 'isolane-data-'));
let module: Record<string, () => unknown> & { events: string };
let warnings: readonly string[];

beforeAll(async () => {
  const published = await new Catalog({ dataDir, root: project.directory }).publish([
    spec('a', join(project.directory, 'a.ts')),
  ]);
  warnings = published.warnings;
  module = (await import(pathToFileURL(published.versions[0]!.bundlePath).href)).default;
});
afterAll(() => {
  project.remove();
  rmSync(dataDir, { recursive: true, force: true });
});

it.each([
  ['named', 'node:fs.readFile is not available in isolane functions'],
  ['byDefault', 'node:fs.promises.readFile is not available in isolane functions'],
  ['star', 'node:crypto.createHash is not available in isolane functions yet (it arrives with the guest runtime)'],
  ['required', 'node:os.cpus is not available in isolane functions'],
  ['constructed', 'node:events is not available in isolane functions yet (it arrives with the guest runtime)'],
  ['assigned', 'node:fs is not available in isolane functions'],
])('loads, and throws by name when called: %s', (key, message) => {
  expect(module[key]!).toThrow(expect.objectContaining({ name: 'NotSupportedError', message }));
});

it('is no thenable, so that a stub can be awaited', async () => {
  await expect(module['thenable']!()).resolves.toBeTypeOf('function');
});

it('prefers an npm package of the same bare name', () => {
  expect(module.events).toBe('from npm');
});

it('warns of what is used, naming module and importer', () => {
  expect(warnings).toEqual([
    'function "a" imports node:crypto (in lib/deep.js), but node:crypto is not available in isolane functions yet (it arrives with the guest runtime); calls to it throw.',
    'function "a" imports node:events (in lib/deep.js), but node:events is not available in isolane functions yet (it arrives with the guest runtime); calls to it throw.',
    'function "a" imports node:fs (in lib/deep.js), but node:fs is not available in isolane functions; calls to it throw.',
    'function "a" imports node:os (in lib/deep.js), but node:os is not available in isolane functions; calls to it throw.',
  ]);
});
