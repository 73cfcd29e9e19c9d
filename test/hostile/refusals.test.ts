/**
 * What the host refuses to run on or with (isolation catalogue 111, 112): an engine with a known hole, and a feature
 * that aborts the process on Node 26.
 */
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { ISOLATED_VM_MIN } from '../../src/engine/flags.ts';
import { checkEngine } from '../../src/engine/image.ts';
import { ROOT } from '../support/fixtures.ts';

vi.mock('node:module', async (original) => {
  const real = await original<typeof import('node:module')>();
  return {
    ...real,
    createRequire: (from: string) =>
      Object.assign((name: string) => (installed === '' ? real.createRequire(from)(name) : { version: installed }), {}),
  };
});
let installed = '';

it.each(['7.0.0', '6.9.9', '4.7.2', '7.0.0-beta.1'])('refuses isolated-vm %s', (version) => {
  installed = version;
  expect(checkEngine).toThrow(expect.objectContaining({ code: 'ENGINE_UNSUPPORTED' }));
});

it.each(['7.0.1', '7.0.2', '7.1.0', '10.0.0'])('takes isolated-vm %s', (version) => {
  installed = version;
  expect(checkEngine).not.toThrow();
});

it('what is installed is new enough, and the package asks for no less', () => {
  installed = '';
  expect(checkEngine).not.toThrow();
  const { dependencies, optionalDependencies } = createRequire(import.meta.url)(join(ROOT, 'package.json')) as {
    dependencies?: Record<string, string>;
    optionalDependencies?: Record<string, string>;
  };
  const asked = { ...dependencies, ...optionalDependencies }['isolated-vm'] ?? '';
  const [major, ...rest] = asked
    .replace(/^[^\d]*/, '')
    .split('.')
    .map(Number);
  const [leastMajor, ...leastRest] = ISOLATED_VM_MIN.split('.').map(Number);
  expect([major, ...rest] >= [leastMajor, ...leastRest]).toBe(true);
});

it('nothing makes an isolate inspectable', () => {
  // Modules for bundles may be called what they stand in for.
  const files = globSync(['src/**/*.ts', 'sandbox/*.ts'], { cwd: ROOT });
  expect(files.length).toBeGreaterThan(100);
  const guilty = files.filter((file) =>
    /createInspectorSession|inspector:\s*true|node:inspector/.test(readFileSync(join(ROOT, file), 'utf8')),
  );
  expect(guilty).toEqual([]);
});
