/** Many functions in a real host: more than fit, some kept ready, some with room of their own, tenants with limits. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { type RunningHost, startHost } from '../support/host.ts';

interface FunctionView {
  readonly name: string;
  readonly isolates: number;
  readonly warm: number;
  readonly reserved: number;
}
interface Pool {
  readonly isolates: number;
  readonly evictions: number;
  readonly reserved: number;
  readonly tenants: readonly { readonly name: string; readonly isolates: number }[];
}

let directory = '';
let host: RunningHost | null = null;
afterEach(async () => {
  await host?.stop();
  host = null;
  await rm(directory, { recursive: true, force: true });
});

async function serve(functions: Record<string, object>, more: object): Promise<RunningHost> {
  directory = await mkdtemp(join(tmpdir(), 'isolane-scaling-'));
  const source = `export default { async fetch(request) {
    await new Promise((done) => setTimeout(done, Number(new URL(request.url).searchParams.get('ms') ?? 0)));
    return new Response('ok');
  } };`;
  await writeFile(join(directory, 'f.ts'), source);
  const all = Object.entries(functions).map(([name, own]) => [name, { entry: 'f.ts', url: true, ...own }]);
  const config = join(directory, 'isolane.json');
  await writeFile(config, JSON.stringify({ functions: Object.fromEntries(all), ...more }));
  host = await startHost({ config });
  return host;
}

const call = async (name: string, query = ''): Promise<number> => {
  const response = await fetch(`${host!.url}/fn/${name}/${query}`);
  await response.arrayBuffer();
  return response.status;
};
const get = async <T>(path: string): Promise<T> => (await host!.admin(path)).json() as Promise<T>;
const pool = async (): Promise<Pool> => (await get<{ pool: Pool }>('/v1/stats')).pool;
const view = (name: string): Promise<FunctionView> => get(`/v1/functions/${name}`);
const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await sleep(20);
};

it('functions in turn, six times as many as fit: none fails, what is kept ready stays', async () => {
  const names = Array.from({ length: 48 }, (_, n) => `f-${n}`);
  const functions = Object.fromEntries(names.map((name) => [name, {}]));
  await serve({ ...functions, ready: { warm: 1 }, kept: { reserved: 2 } }, { server: { maxIsolates: 10 } });
  await until(async () => (await view('ready')).isolates === 1);
  for (let round = 0; round < 2; round++) for (const name of names) expect(await call(name)).toBe(200);
  const stats = await pool();
  expect(stats.isolates).toBeLessThanOrEqual(8);
  expect(stats.evictions).toBeGreaterThan(80);
  expect(stats.reserved).toBe(2);
  expect(await view('ready')).toMatchObject({ isolates: 1, warm: 1 });
  expect(await Promise.all([call('kept', '?ms=50'), call('kept', '?ms=50')])).toEqual([200, 200]);
  expect(await view('kept')).toMatchObject({ reserved: 2 });
});

it('a tenant keeps to its instances, and its flood keeps nobody else out', async () => {
  await serve(
    { 'loud-a': {}, 'loud-b': {}, quiet: {} },
    {
      server: { maxIsolates: 6, queueDepth: 20 },
      tenants: {
        loud: { functions: ['loud-*'], instances: 3 },
        quiet: { functions: ['quiet'] },
      },
    },
  );
  const flood = Array.from({ length: 60 }, (_, n) => call(n % 2 === 0 ? 'loud-a' : 'loud-b', '?ms=30'));
  await until(async () => (await pool()).tenants.some(({ name, isolates }) => name === 'loud' && isolates > 0));
  for (let i = 0; i < 5; i++) {
    expect(await call('quiet', '?ms=5')).toBe(200);
    expect((await pool()).tenants.find(({ name }) => name === 'loud')?.isolates).toBeLessThanOrEqual(3);
  }
  const statuses = await Promise.all(flood);
  expect(new Set(statuses)).toEqual(new Set([200, 503]));
});
