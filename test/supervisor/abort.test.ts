/** Native code ends a host: the first time nobody knows by whom, the second time the board of the dead one says it. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ask, FunctionFolder, isAlive, type Supervised, startSupervised } from '../support/supervised.ts';

const folder = new FunctionFolder();
let host: Supervised;
beforeAll(async () => {
  const config = folder.write(
    {
      quick: `return new Response('quick')`,
      waits: `await new Promise((done) => setTimeout(done, 20_000)); return new Response('late')`,
      // What brings a process down by itself differs from Node to Node: here the test does, in the middle of its turn.
      guilty: `for (const until = 4e9, x = { n: 0 }; x.n < until; x.n++); return new Response('over')`,
    },
    {},
    { cpuMs: 60_000, wallMs: 60_000 },
  );
  host = await startSupervised({ config });
});
afterAll(async () => {
  await host?.stop('SIGKILL');
  folder.remove();
});

interface Listed {
  readonly items: readonly { readonly name: string; readonly quarantine: { readonly state: string } }[];
}

async function states(): Promise<Record<string, string>> {
  const { items } = (await (await host.admin('/v1/functions')).json()) as Listed;
  return Object.fromEntries(items.map(({ name, quarantine }) => [name, quarantine.state]));
}

/** While `guilty` is in its turn, and `waits` waits. Resolves when another host is whole; gives the ids of both. */
async function abort(): Promise<void> {
  const { pid } = await host.whole();
  const broken = ['guilty', 'waits'].map((name) => ask(`${host.url}/fn/${name}/`).catch(() => null));
  await vi.waitUntil(async () => (await host.stats()).running === 2, { timeout: 10_000 });
  // Beyond its first looks: its START row is in the ledger.
  await new Promise((resolve) => setTimeout(resolve, 300));
  process.kill(pid, 'SIGABRT');
  expect(await Promise.all(broken)).toEqual([null, null]);
  await host.whole((now) => now.pid !== pid);
  expect(isAlive(pid)).toBe(false);
}

async function outcomes(name: string): Promise<readonly string[]> {
  const path = `/v1/usage/records?function=${name}&limit=100`;
  return vi.waitUntil(
    async () => {
      const { items } = (await (await host.admin(path)).json()) as { items: { outcome: string }[] };
      return items.length > 0 ? items.map(({ outcome }) => outcome) : null;
    },
    { timeout: 10_000 },
  );
}

it('a second abort by the same function costs no host any more', { timeout: 90_000 }, async () => {
  await abort();
  expect(await outcomes('guilty')).toEqual(['aborted']);
  expect(await states()).toEqual({ quick: 'ordinary', waits: 'ordinary', guilty: 'ordinary' });
  await abort();
  await vi.waitUntil(async () => (await states())['guilty'] === 'confined', { timeout: 10_000 });
  expect((await outcomes('guilty')).toSorted()).toEqual(['aborted', 'crashed']);
  // Who only waited is nobody to blame.
  expect(await outcomes('waits')).toEqual(['aborted', 'aborted']);
  expect(await states()).toMatchObject({ quick: 'ordinary', waits: 'ordinary' });
  expect((await ask(`${host.url}/fn/quick/`)).text).toBe('quick');
});

it('a host that somebody kills blames nobody', { timeout: 60_000 }, async () => {
  const { pid } = await host.whole();
  const broken = ask(`${host.url}/fn/waits/`).catch(() => null);
  const spins = ask(`${host.url}/fn/quick/`);
  await spins;
  process.kill(pid, 'SIGKILL');
  await broken;
  await host.whole((now) => now.pid !== pid);
  expect(await states()).toMatchObject({ quick: 'ordinary', waits: 'ordinary' });
});
