import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Catalog } from '../../../src/catalog/catalog.ts';
import { HostError } from '../../../src/contract/errors.ts';
import type { FunctionSpec } from '../../../src/contract/function.ts';
import type { Limits } from '../../../src/contract/limits.ts';
import { Project } from '../config/project.ts';
import { spec } from './spec.ts';

let project: Project;
let dataDir: string;
beforeEach(() => {
  project = new Project({
    'a.ts': "import { greet } from './lib/greet.ts';\nexport default { fetch: (): string => greet('a') };\n",
    'lib/greet.ts': "export const greet = (who: string): string => 'hi ' + who;\n",
    'b.ts': 'export default function named() { return 1 }\n',
  });
  dataDir = mkdtempSync(join(tmpdir(), 'isolane-data-'));
});
afterEach(() => {
  project.remove();
  rmSync(dataDir, { recursive: true, force: true });
});

const catalog = () => new Catalog({ dataDir, root: project.directory });
const at = (name: string) => join(project.directory, name);
const specs = () => [spec('a', at('a.ts')), spec('b', at('b.ts'))];
const refusal = async (work: Promise<unknown>): Promise<HostError> => {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof HostError) return error;
  throw new Error(`no refusal but ${String(error)}`);
};

describe('publish', () => {
  it('stores one ES module and its map per function, by content hash', async () => {
    const { versions, warnings, inputs } = await catalog().publish(specs());
    expect(warnings).toEqual([]);
    expect(inputs.toSorted()).toEqual([at('a.ts'), at('b.ts'), at('lib/greet.ts')]);
    const [a, b] = versions;
    const code = readFileSync(a!.bundlePath);
    expect(a).toMatchObject({
      version: 1,
      hash: createHash('sha256').update(code).digest('hex'),
      bundleBytes: code.length,
    });
    expect(a!.bundlePath).toBe(join(dataDir, 'bundles', `${a!.hash}.mjs`));
    const module = await import(pathToFileURL(a!.bundlePath).href);
    expect(module.default.fetch()).toBe('hi a');
    const map = JSON.parse(readFileSync(`${a!.bundlePath}.map`, 'utf8'));
    expect(map.sources).toEqual(['lib/greet.ts', 'a.ts']);
    expect(map.sourcesContent[1]).toContain('(): string');
    expect(b!.key).not.toBe(a!.key);
    expect(readdirSync(join(dataDir, 'bundles')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(statSync(join(dataDir, 'catalog.json')).mode & 0o777).toBe(0o600);
  });

  it('keeps the number of what did not change, also in a new process, and counts what did', async () => {
    const numbers = async (list = specs()) =>
      (await catalog().publish(list)).versions.map((version) => version.version);
    expect(await numbers()).toEqual([1, 1]);
    expect(await numbers()).toEqual([1, 1]);
    project.write('lib/greet.ts', "export const greet = (who: string): string => 'hello ' + who;\n");
    expect(await numbers()).toEqual([2, 1]);
    expect(await numbers([spec('a', at('a.ts')), spec('b', at('b.ts'), { env: { X: '1' } })])).toEqual([2, 2]);
    project.write('lib/greet.ts', "export const greet = (who: string): string => 'hi ' + who;\n");
    expect(await numbers()).toEqual([1, 1]);
  });

  it('goes one after the other when several come at once: each has a number of its own, none fails', async () => {
    const one = catalog();
    const versions = Array.from({ length: 12 }, (_, n) => spec('a', at('a.ts'), { env: { N: String(n) } }));
    const published = await Promise.all(versions.map((each) => one.publish([each])));
    expect(published.map(({ versions: [version] }) => version?.version)).toEqual(versions.map((_, n) => n + 1));
  });

  it('sees a saved file within one catalog', async () => {
    const one = catalog();
    const before = await one.publish(specs());
    const same = await one.publish(specs());
    project.write('lib/greet.ts', 'export const greet = () => 5;\n');
    const after = await one.publish(specs());
    expect(same.versions).toEqual(before.versions);
    expect(after.versions.map(({ version }) => version)).toEqual([2, 1]);
  });

  it('takes bundles from disk while nothing they came from has changed', async () => {
    const run = async () => (await catalog().publish(specs())).versions[0]!;
    const then = new Date('2026-01-01T00:00:00Z');
    utimesSync(at('a.ts'), then, then);
    const { bundlePath } = await run();
    // A change esbuild would see, under a time stamp that says there was none: ctime tells.
    project.write(
      'a.ts',
      "import { greet } from './lib/greet.ts';\nexport default { fetch: (): string => greet('z') };\n",
    );
    utimesSync(at('a.ts'), then, then);
    expect((await run()).bundlePath).not.toBe(bundlePath);
    // No input changed, but what steers their resolution did.
    const steer = (file: string) => project.write('package.json', JSON.stringify({ imports: { '#greet': file } }));
    project.write('a.ts', "import { greet } from '#greet';\nexport default greet;\n");
    steer('./lib/greet.ts');
    const before = (await run()).hash;
    steer('./b.ts');
    await expect(run()).rejects.toThrow('No matching export in "b.ts" for import "greet"');
    steer('./lib/greet.ts');
    expect((await run()).hash).toBe(before);
    writeFileSync(join(dataDir, 'bundles/cache.json'), '[{');
    expect((await run()).hash).toBe(before);
  });

  it.each<[string, Partial<FunctionSpec>, Partial<Limits>?]>([
    ['env', { env: { A: '1' } }],
    ['tenant', { tenant: 'x' }],
    ['services', { services: { A: 'b' } }],
    ['egress', { egressAllow: [] }],
    ['limits', {}, { cpuMs: 7 }],
  ])('gives another key when %s differs, and only then', async (_, more, limits = {}) => {
    const { versions } = await catalog().publish([
      spec('a', at('a.ts')),
      spec('a', at('a.ts'), more, limits),
      spec('a', at('a.ts'), { url: true }),
    ]);
    expect(versions[1]!.key).not.toBe(versions[0]!.key);
    expect(versions[2]!.key).toBe(versions[0]!.key);
    expect(versions[1]!.hash).toBe(versions[0]!.hash);
  });

  it('lowers async functions only above concurrency 1', async () => {
    project.write(
      'c.ts',
      'export default async () => { for await (const x of []) await x; async function* g() {} };\n',
    );
    const { versions } = await catalog().publish([
      spec('c', at('c.ts')),
      spec('c', at('c.ts'), {}, { concurrency: 2 }),
    ]);
    const [native, lowered] = versions.map((version) => readFileSync(version.bundlePath, 'utf8'));
    expect(native).toMatch(/async|await/);
    expect(lowered!.replace(/__\w+/g, '')).not.toMatch(/\basync\b|\bawait\b/);
  });

  it('takes npm packages, text files and a CommonJS Lambda handler', async () => {
    project.write('node_modules/pkg/package.json', '{"name":"pkg","exports":{"workerd":"./w.js","default":"./d.js"}}');
    project.write('node_modules/pkg/w.js', "export default 'for workers';");
    project.write('node_modules/pkg/d.js', "export default 'for node';");
    project.write('page.md', '# page');
    project.write(
      'c.ts',
      "import pkg from 'pkg';\nimport page from './page.md';\nexport default [pkg, page, import.meta.url];\n",
    );
    project.write('l.js', 'exports.handler = async () => 1;\n');
    const lambda = { kind: 'lambda', exportName: 'handler' } as const;
    const { versions } = await catalog().publish([spec('c', at('c.ts')), spec('l', at('l.js'), { handler: lambda })]);
    const module = await import(pathToFileURL(versions[0]!.bundlePath).href);
    expect(module.default).toEqual(['for workers', '# page', 'file:///c.mjs']);
  });
});

describe('what cannot be published', () => {
  it('is refused with file, line and column, for every function at once, and nothing is written', async () => {
    project.write('a.ts', "import { x } from 'no-such-package';\nexport default x;\n");
    project.write('b.ts', 'export default {\n  fetch() { return 1 +; }\n};\n');
    const error = await refusal(catalog().publish(specs()));
    expect(error.code).toBe('BUNDLE_FAILED');
    expect(error.message).toMatch(
      /^function "a" cannot be bundled: Could not resolve "no-such-package" \(a\.ts:1:19\)\.$/m,
    );
    expect(error.message).toMatch(
      /^function "b" cannot be bundled: Unexpected ";" \(b\.ts:2:23\)\.\n {2}2 \| {3}fetch\(\) \{ return 1 \+; \}\n {4}\| {23}\^$/m,
    );
    expect(existsSync(join(dataDir, 'bundles'))).toBe(false);
    expect(existsSync(join(dataDir, 'catalog.json'))).toBe(false);
  });

  it('has no handler', async () => {
    project.write('a.ts', 'export const fetch = 1;\n');
    const fetch = await refusal(catalog().publish([spec('a', at('a.ts'))]));
    expect(fetch.message).toBe(
      'function "a" cannot be bundled: a.ts has no default export; write "export default { fetch(request, env, ctx) { … } }".',
    );
    const lambda = await refusal(
      catalog().publish([spec('a', at('a.ts'), { handler: { kind: 'lambda', exportName: 'main' } })]),
    );
    expect(lambda.message).toContain('a.ts has no export "main" (it exports fetch)');
  });

  it('is too big', async () => {
    const error = await refusal(catalog().publish([spec('a', at('a.ts'), {}, { bundleBytes: 10 })]));
    expect(error.message).toMatch(
      /^function "a" cannot be bundled: its bundle has \d+ bytes, its limit is 10 \(limits\.bundleBytes\); /,
    );
  });
});

describe('the data dir', () => {
  it('is refused when it cannot be written', async () => {
    const file = project.write('file', '');
    const error = await refusal(new Catalog({ dataDir: join(file, 'x'), root: project.directory }).publish(specs()));
    expect([error.code, error.message]).toEqual([
      'DATA_DIR_UNUSABLE',
      `The data directory ${join(file, 'x')} cannot be used (ENOTDIR); make it writable or choose another with --data-dir.`,
    ]);
  });

  it('is refused when the catalog is damaged, and left as it is', async () => {
    writeFileSync(join(dataDir, 'catalog.json'), '{"format":1,');
    const error = await refusal(catalog().publish(specs()));
    expect(error.code).toBe('DATA_DIR_UNUSABLE');
    expect(readFileSync(join(dataDir, 'catalog.json'), 'utf8')).toBe('{"format":1,');
  });

  it('heals a damaged bundle and clears what an interrupted write left', async () => {
    const { versions } = await catalog().publish(specs());
    const path = versions[0]!.bundlePath;
    const code = readFileSync(path);
    chmodSync(path, 0o600);
    writeFileSync(path, 'half');
    writeFileSync(`${path}.17.tmp`, 'half');
    await catalog().publish(specs());
    expect(readFileSync(path).equals(code)).toBe(true);
    expect(existsSync(`${path}.17.tmp`)).toBe(false);
  });
});
