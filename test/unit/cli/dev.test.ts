import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runCli } from '../../../src/cli/cli.ts';
import { HostError } from '../../../src/contract/errors.ts';
import { Project } from '../config/project.ts';
import { FakeTerminal } from './terminal.ts';

let project: Project;
let elsewhere: Project;
let terminal: FakeTerminal;
let exit: Promise<number>;
const CONFIG = { functions: { a: { entry: 'a.ts' } } };

beforeEach(async () => {
  project = new Project();
  elsewhere = new Project({ 'lib.ts': '' });
  project.write('isolane.json', JSON.stringify(CONFIG));
  project.write('node_modules/x/index.js', '');
  mkdirSync(join(project.directory, 'data'));
  terminal = new FakeTerminal(project.directory);
  const own = ['a.ts', 'b.ts'].map((name) => join(project.directory, name));
  terminal.inputs = [...own, join(elsewhere.directory, 'lib.ts')];
  exit = runCli(['dev', '--json', '--data-dir', 'data'], terminal);
  await vi.waitUntil(() => terminal.stdout.length > 0);
});
afterEach(async () => {
  terminal.signal('SIGTERM');
  terminal.closed();
  expect(await exit).toBe(0);
  project.remove();
  elsewhere.remove();
});

const events = () => terminal.stdout.slice(1).map((line) => JSON.parse(line));

it('reloads what was saved, once per burst', async () => {
  expect(terminal.starts[0]?.dev).toBe(true);
  project.write('a.ts', '1');
  project.write('b.ts', '2');
  await vi.waitUntil(() => events().length > 0);
  expect(events()).toEqual([{ event: 'reloaded', ms: expect.any(Number), files: ['a.ts', 'b.ts'] }]);
  expect(terminal.reloads).toHaveLength(1);
});

it('follows imported files outside the project, and nothing the host, npm or a shell writes', async () => {
  project.write('dev.log', 'x');
  project.write('a.test.ts', 'x');
  project.write('data/ledger.sqlite', 'x');
  project.write('node_modules/x/index.js', 'x');
  project.write('.git/index', 'x');
  elsewhere.write('lib.ts', 'x');
  await vi.waitUntil(() => events().length > 0);
  expect(events()).toEqual([
    expect.objectContaining({ event: 'reloaded', files: [expect.stringMatching(/^\.\..*lib\.ts$/)] }),
  ]);
});

it('reports what cannot be loaded and goes on watching', async () => {
  project.write('isolane.json', '{ "functions": { "a": { "entry": "gone.ts" } } }');
  await vi.waitUntil(() => events().length === 1);
  expect(events()[0]).toMatchObject({
    event: 'problem',
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('there is no such file'),
  });
  terminal.onReload = () => Promise.reject(new HostError('BUNDLE_FAILED', 'function "a" cannot be bundled: x.'));
  project.write('isolane.json', JSON.stringify(CONFIG));
  await vi.waitUntil(() => events().length === 2);
  expect(events()[1]).toMatchObject({ event: 'problem', code: 'BUNDLE_FAILED' });
  terminal.onReload = async () => undefined;
  project.write('a.ts', '3');
  await vi.waitUntil(() => events().length === 3);
  expect(events()[2]).toMatchObject({ event: 'reloaded' });
});

it('tells a problem once, and takes any code for its remedy', async () => {
  // What is printed may lie in the project: it must not be read as a change that prints it again.
  terminal.onReload = () => Promise.reject(new HostError('BUNDLE_FAILED', 'Could not resolve "./new.ts".'));
  project.write('a.ts', '1');
  await vi.waitUntil(() => terminal.reloads.length === 1);
  project.write('a.ts', '2');
  await vi.waitUntil(() => terminal.reloads.length === 2);
  terminal.onReload = async () => undefined;
  project.write('new.ts', '3');
  await vi.waitUntil(() => events().length === 2);
  expect(events()).toMatchObject([{ event: 'problem' }, { event: 'reloaded', files: ['new.ts'] }]);
});

it('lets a save during a reload follow in one of its own', async () => {
  let running = 0;
  let most = 0;
  // Longer than the watcher waits for a burst to end: an overlapping reload would begin in that time.
  terminal.onReload = async () => {
    most = Math.max(most, ++running);
    if (terminal.reloads.length === 1) await setTimeout(200);
    running--;
  };
  project.write('a.ts', '1');
  await vi.waitUntil(() => terminal.reloads.length === 1);
  project.write('b.ts', '1');
  await vi.waitUntil(() => events().length === 2);
  expect(events().map((event) => event.files)).toEqual([['a.ts'], ['b.ts']]);
  expect(most).toBe(1);
});
