/** A quarantine as the operator of a real host meets it: it outlives the host, callers are told, and it can be lifted. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type RunningHost, startHost } from '../support/host.ts';

const SOURCE = `export default { fetch(request) {
  return new Response(request.url.endsWith('/wedge') ? \`\${2n ** (2n ** 27n)}\` : 'fine');
} };`;

let directory: string;
let host: RunningHost;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isolane-quarantine-'));
  writeFileSync(join(directory, 'bad.js'), SOURCE);
  const functions = { bad: { entry: 'bad.js', url: true, limits: { cpuMs: 50 } } };
  writeFileSync(join(directory, 'isolane.json'), JSON.stringify({ functions }));
});
afterEach(async () => {
  await host.stop('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

async function start(): Promise<void> {
  host = await startHost({ config: join(directory, 'isolane.json'), dataDir: join(directory, 'data') });
}

async function shown(): Promise<unknown> {
  const { items } = (await (await host.admin('/v1/functions')).json()) as { items: unknown[] };
  return items[0];
}

it('outlives its host, is told to callers, and is lifted', async () => {
  await start();
  expect(await (await fetch(`${host.url}/fn/bad/`)).text()).toBe('fine');
  expect(await shown()).toMatchObject({ isolation: 'shared', realm: '', quarantine: { state: 'ordinary' } });
  const fall = await fetch(`${host.url}/fn/bad/wedge`);
  expect([fall.status, await fall.json()]).toMatchObject([502, { error: { code: 'crashed' } }]);
  const confined = {
    isolation: 'process',
    realm: 'function:default/bad',
    quarantine: { state: 'confined', strikes: 1 },
  };
  expect(await shown()).toMatchObject(confined);
  // Nobody says good-bye to a host that dies.
  await host.stop('SIGKILL');

  const file = join(directory, 'data/quarantine.json');
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: object[] };
  const closed = { state: 'quarantined', strikes: 3, probeAtMs: Date.now() + 60_000 };
  writeFileSync(file, JSON.stringify({ cases: [{ ...cases[0], ...closed }] }));
  await start();
  expect(await shown()).toMatchObject({ quarantine: { state: 'quarantined', strikes: 3 } });
  expect(await (await host.admin('/metrics')).text()).toMatch(/^isolane_functions_quarantined\S* 1/m);
  const refused = await fetch(`${host.url}/fn/bad/`);
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'quarantined' } }]);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(30);
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);

  const lifted = await host.admin('/v1/functions/bad/quarantine', { method: 'DELETE' });
  expect([lifted.status, await lifted.json()]).toMatchObject([200, { realm: '', quarantine: { state: 'ordinary' } }]);
  expect(await (await fetch(`${host.url}/fn/bad/`)).text()).toBe('fine');
  const { strays } = (await (await host.admin('/v1/functions/bad')).json()) as { strays: { text: string }[] };
  expect(strays.map(({ text }) => text)).toEqual([
    'function `bad` has been lifted from its quarantine by the operator.',
  ]);
  expect(host.stderr()).toContain('function `bad` has been lifted');
});
