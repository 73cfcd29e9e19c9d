/** The real command line as a child process: exit codes, one sentence on stderr, a project that runs as it was written. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { loadConfig } from '../../src/config/config.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isolane-cli-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function isolane(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: directory,
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

it('prints help and version', () => {
  expect(isolane('help')).toMatchObject({
    status: 0,
    stderr: '',
    stdout: expect.stringContaining('isolane <command>'),
  });
  expect(isolane('--version').stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

it('exits 2 with one sentence on wrong usage', () => {
  expect(isolane('srve')).toEqual({
    status: 2,
    stdout: '',
    stderr: 'isolane: "srve" is not a command; did you mean "serve"? [USAGE]\n',
  });
  expect(isolane('serve', '--prot=1')).toMatchObject({ status: 2, stdout: '' });
});

describe('init', () => {
  it('writes a project whose configuration, bundle and test hold', async () => {
    const { status, stdout } = isolane('init', 'My Demo');
    expect(status).toBe(0);
    expect(stdout).toContain('npx isolane dev');
    const project = join(directory, 'My Demo');
    expect(JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))).toMatchObject({
      name: 'my-demo',
      type: 'module',
    });
    const { config, warnings } = loadConfig(join(project, 'isolane.json'), { env: {} });
    expect(warnings).toEqual([]);
    const published = await new Catalog({ dataDir: join(project, '.isolane'), root: project }).publish(
      config.functions,
    );
    expect(published.warnings).toEqual([]);
    const test = spawnSync(process.execPath, ['--test'], {
      cwd: project,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
    });
    expect(test.stdout).toMatch(/pass 2/);
    expect(test.status).toBe(0);
  });

  it('overwrites nothing', () => {
    writeFileSync(join(directory, 'hello.ts'), 'mine');
    const first = isolane('init', '--json');
    expect(JSON.parse(first.stdout)).toMatchObject({
      kept: ['hello.ts'],
      written: expect.arrayContaining(['isolane.json']),
    });
    expect(readFileSync(join(directory, 'hello.ts'), 'utf8')).toBe('mine');
    expect(isolane('init')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'isolane: . holds an isolane.json already; choose another directory. [ALREADY_EXISTS]\n',
    });
  });
});

describe('serve refuses with one sentence, exit 1 and nothing half-written', () => {
  const config = (value: unknown) => writeFileSync(join(directory, 'isolane.json'), JSON.stringify(value));

  it('no configuration', () => {
    expect(isolane('serve')).toEqual({
      status: 1,
      stdout: '',
      stderr:
        'isolane: There is no isolane.json; "isolane init" writes one, --config names another. [CONFIG_NOT_FOUND]\n',
    });
  });

  it('bad configuration, one sentence for each problem', () => {
    config({ functions: { a: { entry: 'a.ts', rotues: [] }, b: { entry: 'b.ts' } } });
    expect(isolane('serve')).toEqual({
      status: 1,
      stdout: '',
      stderr: [
        'isolane: isolane.json has 2 problems: [CONFIG_INVALID]',
        '  functions.a.rotues is not a known key; did you mean "routes"?',
        '  functions.b.entry is "b.ts", but there is no such file; create it or correct the path (relative to the configuration file).',
        '',
      ].join('\n'),
    });
    expect(existsSync(join(directory, '.isolane'))).toBe(false);
  });

  it('bad bundle', () => {
    writeFileSync(join(directory, 'a.ts'), 'export default {');
    config({ functions: { a: { entry: 'a.ts' } } });
    const { status, stdout, stderr } = isolane('serve', '--port', '0', '--admin-port', '0');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^isolane: function "a" cannot be bundled: .* \(a\.ts:1:\d+\)\. \[BUNDLE_FAILED\]$/m);
    const bundles = join(directory, '.isolane/bundles');
    expect(existsSync(bundles) ? readdirSync(bundles) : []).toEqual([]);
  });

  it('port in use', async () => {
    writeFileSync(join(directory, 'a.ts'), 'export default { fetch: () => new Response() }');
    config({ functions: { a: { entry: 'a.ts' } } });
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    const { status, stdout, stderr } = isolane('serve', '--port', port, '--admin-port', '0');
    server.close();
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/\[PORT_IN_USE\]$/m);
  });

  it('broken data dir', () => {
    writeFileSync(join(directory, 'a.ts'), 'export default {}');
    writeFileSync(join(directory, 'file'), '');
    config({ functions: { a: { entry: 'a.ts' } } });
    const { status, stdout, stderr } = isolane('serve', '--data-dir', 'file/x', '--port', '0', '--admin-port', '0');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^isolane: The data directory .*file\/x .*\. \[DATA_DIR_UNUSABLE\]$/m);
  });
});

it('examines the machine', () => {
  writeFileSync(join(directory, 'a.ts'), 'export default {}');
  const config = { functions: { a: { entry: 'a.ts' } }, server: { port: 0, adminPort: 0 } };
  writeFileSync(join(directory, 'isolane.json'), JSON.stringify(config));
  const { status, stdout } = isolane('doctor', '--json');
  const report = JSON.parse(stdout) as { ok: boolean; checks: { check: string; ok: boolean }[] };
  expect(report.checks.map(({ check, ok }) => [check, ok])).toEqual(
    [
      'Node',
      'engine',
      'hosts',
      'memory of engine processes',
      'configuration',
      'data dir',
      'port',
      'admin port',
      'clock',
    ].map((check) => [check, true]),
  );
  expect([status, report.ok]).toEqual([0, true]);
});
