/**
 * Deployments under attack (isolation catalogue 42, 64, 69, 104): again and again, in a race, with code that does not
 * bundle, under traffic. One good version serves at any time, and nothing of an old one stays.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EmbeddedHost } from '../support/embedded-host.ts';
import { residentBytes, threadsOf } from '../support/processes.ts';

const MIB = 1024 * 1024;

let directory: string;
let host: EmbeddedHost;

const code = (answer: string): string =>
  `let kept = globalThis.kept ??= ${JSON.stringify(answer)}; const ballast = new Array(1e5).fill(kept);
  export default { fetch: (request, env) => new Response(kept + ' ' + env.SECRET + (ballast.length === 1e5 ? '' : '?')) };`;

/** Writes a configuration whose function answers with `answer` and `secret`. */
function project(answer: string, secret = 's'): string {
  writeFileSync(join(directory, `${answer}.mjs`), code(answer));
  const config = join(directory, `${answer}-${secret}.json`);
  const f = { entry: `${answer}.mjs`, url: true, env: { SECRET: secret }, limits: { memoryMiB: 32 } };
  writeFileSync(config, JSON.stringify({ functions: { f } }));
  return config;
}
const ask = async (): Promise<string> => (await fetch(`${host.url}/fn/f/`)).text();

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isolane-redeploy-'));
  host = await EmbeddedHost.start(project('v0'), join(directory, 'data'));
});
afterEach(async () => {
  await host.close();
  rmSync(directory, { recursive: true, force: true });
});

it('a version that is gone serves nobody, and neither do its globals or its variables', async () => {
  expect(await Promise.all([ask(), ask(), ask()])).toEqual(['v0 s', 'v0 s', 'v0 s']);
  await host.reload(project('v1'));
  expect(await Promise.all([ask(), ask(), ask(), ask()])).toEqual(Array(4).fill('v1 s'));
  await host.reload(project('v1', 'rotated'));
  expect(await Promise.all([ask(), ask(), ask(), ask()])).toEqual(Array(4).fill('v1 rotated'));
});

it('deployments without end leave neither isolates nor memory nor threads behind', async () => {
  const rounds = async (from: number, count: number): Promise<void> => {
    for (let n = from; n < from + count; n++) {
      await host.reload(project(`r${n}`));
      expect(await ask()).toBe(`r${n} s`);
    }
  };
  await rounds(0, 15);
  const before = { bytes: residentBytes(host.child.pid!), threads: threadsOf(host.child.pid!) };
  await rounds(15, 30);
  const { pool } = (await (await host.admin('/v1/stats')).json()) as { pool: { isolates: number } };
  expect(pool.isolates).toBeLessThanOrEqual(2);
  expect(threadsOf(host.child.pid!)).toBeLessThanOrEqual(before.threads + 4);
  // Thirty isolates that stayed would hold more than a hundred.
  expect(residentBytes(host.child.pid!) - before.bytes).toBeLessThan(80 * MIB);
});

it('deployments that race, and one that does not bundle, leave a whole version that serves', async () => {
  writeFileSync(join(directory, 'broken.mjs'), 'export default {');
  const broken = join(directory, 'broken.json');
  writeFileSync(broken, JSON.stringify({ functions: { f: { entry: 'broken.mjs', url: true } } }));
  const configs = Array.from({ length: 6 }, (_, n) => project(`c${n}`));
  const answers: Promise<string>[] = [];
  const traffic = setInterval(() => answers.push(ask()), 5);
  const reloads = await Promise.allSettled([...configs, broken].map((config) => host.reload(config)));
  expect(reloads.map(({ status }) => status)).toEqual([...Array(6).fill('fulfilled'), 'rejected']);
  clearInterval(traffic);
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^(v0|c[0-5]) s$/);
  expect(await ask()).toMatch(/^c[0-5] s$/);
  await expect(host.reload(broken)).rejects.toThrow(/broken/);
  expect(await ask()).toMatch(/^c[0-5] s$/);
  await host.reload(configs[2]!);
  expect(await ask()).toBe('c2 s');
});
