/** The brake in a real host: it holds more than it may for isolates, so it keeps fewer of them, says so, and serves on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startHost } from '../support/host.ts';

const FUNCTIONS = 12;
const ROUNDS = 60;
/** Keys are kept by the host, outside the isolate: their bytes are in nobody's heap, and what has been given up is garbage of the host's. */
const CODE = `const bytes = new Uint8Array(2 ** 20);
  export default { async fetch() {
    for (let n = 0; n < 16; n++) await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, true, ['sign']);
    return new Response('made');
  } };`;

interface Stats {
  readonly pid: number;
  readonly rssBytes: number;
  readonly pool: { readonly allowedBytes: number; readonly bytes: number; readonly evictions: number };
}

it('is seen to act', { timeout: 120_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'isolane-brake-'));
  writeFileSync(join(directory, 'fills.mjs'), CODE);
  const limits = { memoryMiB: 32, cpuMs: 5000 };
  const functions = Object.fromEntries(
    Array.from({ length: FUNCTIONS }, (_, n) => [`fills-${n}`, { entry: 'fills.mjs', url: true, limits }]),
  );
  const config = join(directory, 'isolane.json');
  writeFileSync(config, JSON.stringify({ functions, server: { memoryMiB: 64 } }));
  const host = await startHost({ config, supervised: true });
  try {
    const stats = async (): Promise<Stats> => (await (await host.admin('/v1/stats')).json()) as Stats;
    const first = await stats();
    expect(first.pool.allowedBytes).toBe(64 * 2 ** 20);
    const statuses = new Map<number, number>();
    let last = first;
    for (let round = 0; round < ROUNDS && last.pool.allowedBytes >= first.pool.allowedBytes; round++) {
      const names = Object.keys(functions);
      const answers = await Promise.all(names.map((name) => fetch(`${host.url}/fn/${name}/`)));
      for (const answer of answers) {
        await answer.arrayBuffer();
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      }
      last = await stats();
    }
    const { allowedBytes, evictions } = last.pool;
    console.log(
      `held ${last.rssBytes >> 20} MiB, ${first.rssBytes >> 20} at first: allows ${allowedBytes >> 20}, evicted ${evictions}`,
    );
    expect(allowedBytes).toBeLessThan(first.pool.allowedBytes);
    expect([...statuses.keys()]).toEqual([200]);
    expect(last.pid).toBe(first.pid);
    expect(evictions).toBeGreaterThan(0);
    expect(last.pool.bytes).toBeLessThan(64 * 2 ** 20);
    expect(host.stderr()).toContain('The host holds more than server.memoryMiB, which is 64');
    expect(await (await host.admin('/metrics')).text()).toMatch(/^isolane_pool_memory_allowed\S* \d/m);
  } finally {
    await host.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});
