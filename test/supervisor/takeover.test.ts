/**
 * A host that is killed under load (`kill -9`), several times (case 109): the spare answers those who come, nobody is refused who
 * was not in flight in the dead one, every answer a client received has its record, every accepted webhook is run.
 */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { signedHeaders } from '../functions/signature.ts';
import {
  ask,
  FunctionFolder,
  isAlive,
  Load,
  recordedIds,
  type Supervised,
  startSupervised,
} from '../support/supervised.ts';

const KILLS = 3;
const CONNECTIONS = 64;
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

const folder = new FunctionFolder();
let host: Supervised;
beforeAll(async () => {
  const endpoint = { provider: 'standard', secrets: [{ env: 'HOOK_SECRET' }], function: 'hook', attempts: 8 };
  const config = folder.write(
    {
      quick: `return new Response('quick')`,
      hook: `await new Promise((done) => setTimeout(done, 20)); return new Response('taken')`,
    },
    { webhooks: { in: endpoint } },
  );
  host = await startSupervised({ config, env: { HOOK_SECRET: SECRET } });
});
afterAll(async () => {
  await host?.stop();
  folder.remove();
});

/** Signed events, one after the other; the ids of those that were accepted. */
function sendWebhooks(url: string): { stop(): Promise<readonly string[]> } {
  const accepted: string[] = [];
  let over = false;
  const sender = (async () => {
    for (let number = 0; !over; number++) {
      const body = Buffer.from(JSON.stringify({ number }));
      const headers = { ...signedHeaders(body, { provider: 'standard', secret: SECRET }), connection: 'close' };
      const response = await fetch(`${url}/hooks/in`, { method: 'POST', headers, body }).catch(() => null);
      const text = await response?.text().catch(() => undefined);
      if (response?.status === 202 && text !== undefined) accepted.push((JSON.parse(text) as { id: string }).id);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  })();
  return {
    stop: async () => {
      over = true;
      await sender;
      return accepted;
    },
  };
}

it('loses nothing that was not in flight in the host that died', async () => {
  const url = `${host.url}/fn/quick/`;
  await host.whole();
  const kept = new Load(url, { clients: CONNECTIONS, pauseMs: 100, keepAlive: true });
  const fresh = new Load(url, { clients: 4, pauseMs: 20, keepAlive: false });
  const hooks = sendWebhooks(host.url);
  const served: number[] = [];
  let mayFail = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const { pid } = await host.whole(({ restarts }) => restarts.crashed === kill);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const killedMs = performance.now();
    process.kill(pid, 'SIGKILL');
    mayFail += fresh.inFlight;
    expect((await ask(url)).text).toBe('quick');
    served.push(performance.now() - killedMs);
    expect(isAlive(host.pid)).toBe(true);
  }
  const stats = await host.whole(({ restarts }) => restarts.crashed === KILLS);
  await Promise.all([kept.stop(), fresh.stop()]);
  const accepted = await hooks.stop();

  console.info(
    `a new connection was answered after ${served.map((ms) => ms.toFixed(1)).join(', ')} ms;`,
    `lost: ${kept.failures.length} of ${kept.received.length} on kept connections,`,
    `${fresh.failures.length} of ${fresh.received.length} on new ones; ${accepted.length} webhooks`,
  );
  expect(stats.restarts).toMatchObject({ crashed: KILLS, stopped: 0, sick: 0 });
  expect([...kept.failures, ...fresh.failures].filter(({ code }) => code === 'ECONNREFUSED')).toEqual([]);
  expect(fresh.failures.length).toBeLessThanOrEqual(mayFail);
  expect(kept.failures.length).toBeLessThanOrEqual(KILLS * CONNECTIONS);
  expect([...kept.statuses.keys(), ...fresh.statuses.keys()]).toEqual([200, 200]);

  const recorded = await recordedIds(host);
  const known = new Set(recorded);
  expect(known.size).toBe(recorded.length);
  expect([...kept.received, ...fresh.received].filter((id) => !known.has(id))).toEqual([]);

  expect(accepted.length).toBeGreaterThan(KILLS);
  const undelivered = async (): Promise<readonly string[]> => {
    const page = (await (await host.admin('/v1/deliveries?state=succeeded&limit=1000')).json()) as {
      items: { id: string }[];
    };
    const delivered = new Set(page.items.map(({ id }) => id));
    return accepted.filter((id) => !delivered.has(id));
  };
  await vi.waitUntil(async () => (await undelivered()).length === 0, { timeout: 30_000, interval: 500 });
}, 90_000);
