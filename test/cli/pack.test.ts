/**
 * The package as a stranger gets it: packed by npm, laid out as npm lays it out with its own dependencies and no others,
 * then a project, a host, one request. No registry: what the package depends on is linked from here.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { NODE_FLAGS } from '../../src/engine/flags.ts';

const ROOT = join(import.meta.dirname, '../..');
const SOURCES = ['.ci', 'src', 'sandbox', 'package.json', 'tsconfig.json', 'README.md', 'CHANGELOG.md', 'LICENSE'];
const MAX_BYTES = 2 * 1024 * 1024;

const directory = mkdtempSync(join(tmpdir(), 'isolane-pack-'));
const checkout = join(directory, 'checkout');
const app = join(directory, 'app');
const installed = join(app, 'node_modules/isolane');
const demo = join(app, 'demo');
let tarball = '';
let files: readonly string[] = [];

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly optional?: boolean }>>;
}

beforeAll(() => {
  mkdirSync(checkout);
  for (const name of SOURCES)
    cpSync(join(ROOT, name), join(checkout, name), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
  execFileSync('npm', ['pack', '--loglevel=error', '--pack-destination', directory], { cwd: checkout, stdio: 'pipe' });
  const { version } = manifest(checkout);
  tarball = join(directory, `isolane-${version}.tgz`);
  files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
  for (const [path, { dev }] of Object.entries(lock.packages)) {
    if (path === '' || dev === true || path.lastIndexOf('node_modules/') > 0 || !existsSync(join(ROOT, path))) continue;
    mkdirSync(dirname(join(app, path)), { recursive: true });
    symlinkSync(join(ROOT, path), join(app, path));
  }
  mkdirSync(join(app, 'node_modules/.bin'));
  symlinkSync('../isolane/dist/bin.js', join(app, 'node_modules/.bin/isolane'));
  chmodSync(join(installed, 'dist/bin.js'), 0o755);
}, 60_000);

const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

function manifest(at: string) {
  return JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
    optionalDependencies?: Record<string, string>;
  };
}

const ENV = { PATH: `${dirname(process.execPath)}:${process.env['PATH']}`, HOME: directory };

function isolane(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(join(app, 'node_modules/.bin/isolane'), args, {
    cwd,
    encoding: 'utf8',
    env: ENV,
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

describe('the tarball', () => {
  it('holds the built code and its assets, nothing of the workshop, and is small', () => {
    expect(statSync(tarball).size).toBeLessThan(MAX_BYTES);
    const parts = [
      'bin.js',
      'index.js',
      'index.d.ts',
      'engine/prelude.bundle.js',
      'engine/lane-thread.js',
      'store/thread.js',
    ];
    const assets = ['config/isolane.schema.json', 'admin/console/console.html', 'admin/console/console.css'];
    for (const name of [...parts, ...assets]) expect(files).toContain(`package/dist/${name}`);
    const top = files.filter((file) => !file.startsWith('package/dist/')).sort();
    expect(top).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'].map((name) => `package/${name}`));
    expect(files.filter((file) => /\.test\.|(?<!\.d)\.ts$|tsconfig|dist\/README/.test(file))).toEqual([]);
  });

  it('asks for the engine as optional, and leaves package.json as it was', () => {
    const packed = manifest(installed);
    const { dependencies } = manifest(ROOT);
    expect(packed.optionalDependencies).toEqual({ 'isolated-vm': dependencies['isolated-vm'] });
    expect(packed.dependencies).not.toHaveProperty('isolated-vm');
    expect(readFileSync(join(checkout, 'package.json'), 'utf8')).toBe(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  });
});

it('says which Node it needs on one it cannot run on', () => {
  const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`;
  const preload = join(directory, 'old-node.cjs');
  writeFileSync(preload, old);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--require', preload, join(app, 'node_modules/.bin/isolane'), 'serve'],
    { cwd: app, encoding: 'utf8', env: ENV },
  );
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: '',
    stderr:
      'isolane: Node 20.20.2 cannot run isolane; install Node 24 (24.15 or later) or Node 26. [NODE_UNSUPPORTED]\n',
  });
});

it('makes a project, serves it and answers every command', { timeout: 60_000 }, async () => {
  expect(isolane(app, 'init', 'demo')).toMatchObject({ status: 0, stderr: '' });
  const host = spawn(join(app, 'node_modules/.bin/isolane'), ['serve', '--json', '--port', '0', '--admin-port', '0'], {
    cwd: demo,
    env: ENV,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(host);
  let stdout = '';
  let stderr = '';
  host.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  host.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await vi.waitUntil(() => stdout.includes('\n') || host.exitCode !== null, { timeout: 30_000 });
  expect(stderr).toBe('');
  const { url, adminUrl } = JSON.parse(stdout) as { url: string; adminUrl: string };
  expect(await (await fetch(`${url}/hello/Ada`)).json()).toEqual({ message: 'Hello, Ada!' });
  expect((await fetch(`${adminUrl}/`)).status).toBe(200);
  const at = ['--admin-url', adminUrl];
  expect(isolane(demo, 'list', ...at)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^hello /m) });
  expect(isolane(demo, 'invoke', 'hello', ...at)).toMatchObject({ status: 0, stdout: '{"message":"Hello, world!"}\n' });
  expect(isolane(demo, 'usage', '--format', 'csv', ...at).stdout).toMatch(/^hello,2,/m);
  expect(isolane(demo, 'help', 'serve')).toMatchObject({ status: 0, stderr: '' });
  // Its default ports may be taken on this machine; all else must hold.
  const { checks } = JSON.parse(isolane(demo, 'doctor', '--json').stdout) as {
    checks: { check: string; ok: boolean }[];
  };
  expect(checks.filter(({ check, ok }) => !ok && !check.endsWith('port'))).toEqual([]);
  const ended = new Promise((resolve) => host.once('close', (code, signal) => resolve([code, signal])));
  host.kill('SIGINT');
  expect(await ended).toEqual([0, null]);
});

describe('as a library', () => {
  const program = join(app, 'program.mts');
  const source = `import { type Config, HostError, loadConfig, startHost } from 'isolane';
const { config, warnings } = loadConfig('library.json', { env: process.env, flags: { port: 0, adminPort: 0 } });
const same: Config = config;
try {
  const host = await startHost({ config: same, warnings, log: console.error });
  console.log(await (await fetch(host.url + '/fn/a/')).text());
  await host.close(1000);
} catch (error) {
  if (!(error instanceof HostError)) throw error;
  console.log(error.code, error.message);
}
`;
  beforeAll(() => {
    writeFileSync(program, source);
    writeFileSync(join(app, 'a.ts'), `export default { fetch: (): Response => new Response('from a library') };\n`);
    writeFileSync(join(app, 'library.json'), JSON.stringify({ functions: { a: { entry: 'a.ts', url: true } } }));
  });
  const run = (...flags: readonly string[]) =>
    spawnSync(process.execPath, [...flags, program], { cwd: app, encoding: 'utf8', env: ENV, timeout: 30_000 });

  it('runs a host inside another program, and lets it end', () => {
    const { status, stdout, stderr } = run(...NODE_FLAGS);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'from a library\n', stderr: '' });
  });

  it('refuses a process without the flags and names them', () => {
    const { status, stdout } = run();
    expect(status).toBe(0);
    expect(stdout).toBe(
      `ENGINE_UNSUPPORTED This process runs without ${NODE_FLAGS.join(' ')}, so limits or latency would not hold; start it with "node ${NODE_FLAGS.join(' ')} …".\n`,
    );
  });

  it('has types that a strict program compiles against', () => {
    const types = ['--typeRoots', join(ROOT, 'node_modules/@types'), '--types', 'node'];
    const options = ['--module', 'nodenext', '--target', 'es2024', '--strict', '--noEmit', ...types];
    const { status, stdout } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), [...options, program], {
      cwd: app,
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });
});
