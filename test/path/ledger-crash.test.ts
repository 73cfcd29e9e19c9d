/**
 * The ledger's promise at the door (CONTRACT §8): every response a client received has its record, also after
 * `kill -9`. A client counts the invocation ids of complete responses, the host is killed in the middle of its work,
 * starts again on the same data, and must name each of them exactly once.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningHost, startHost } from '../support/host.ts';

const CLIENTS = 8;
/** Complete responses after which the host is killed: at different moments of its batches. */
const ROUNDS = [3, 40, 333];

const FUNCTIONS = {
  quick: `return new Response('quick')`,
  // Answers, then works on: its END row comes after its response.
  later: `ctx.waitUntil(new Promise((done) => setTimeout(done, 20))); return new Response('later')`,
  streamed: `let left = 3; return new Response(new ReadableStream({ pull(c) { left-- ? c.enqueue(new Uint8Array(64)) : c.close(); } }))`,
  thrown: `throw new Error('no')`,
};
const NAMES = Object.keys(FUNCTIONS);

let dir: string;
let config: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'isolane-crash-'));
  const functions: Record<string, object> = {};
  for (const [name, body] of Object.entries(FUNCTIONS)) {
    writeFileSync(join(dir, `${name}.mjs`), `export default { async fetch(request, env, ctx) { ${body} } };`);
    functions[name] = { entry: `${name}.mjs`, url: true };
  }
  config = join(dir, 'isolane.json');
  writeFileSync(config, JSON.stringify({ functions }));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The invocation id of a response that arrived whole, else `null`. */
function invoke(url: string, agent: Agent): Promise<string | null> {
  return new Promise((resolve) => {
    get(url, { agent }, (response) => {
      const id = response.headers['x-invocation-id'];
      response.on('end', () => resolve(response.complete && typeof id === 'string' ? id : null));
      response.on('error', () => resolve(null));
      response.resume();
    }).on('error', () => resolve(null));
  });
}

/** Keeps the host busy until it dies; kills it once `after` responses are complete. */
async function loadUntilKilled(host: RunningHost, after: number): Promise<string[]> {
  const agent = new Agent({ keepAlive: true });
  const received: string[] = [];
  const client = async (number: number): Promise<void> => {
    for (let i = number; ; i++) {
      const id = await invoke(`${host.url}/fn/${NAMES[i % NAMES.length]}/`, agent);
      if (id !== null) received.push(id);
      if (received.length >= after) host.child.kill('SIGKILL');
      if (id === null) return;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  agent.destroy();
  return received;
}

async function recordedIds(host: RunningHost): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page = (await (await host.admin(`/v1/usage/records?limit=1000${query}`)).json()) as {
      items: { invocationId: string }[];
      nextCursor: string | null;
    };
    ids.push(...page.items.map((item) => item.invocationId));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return ids;
}

describe('the ledger of a host that was killed', () => {
  for (const after of ROUNDS) {
    it(`names every response a client received, once (killed after ${after})`, async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'isolane-crash-data-'));
      try {
        const host = await startHost({ config, dataDir });
        const received = await loadUntilKilled(host, after);
        const { signal } = await host.stop('SIGKILL');
        expect(signal).toBe('SIGKILL');
        expect(received.length).toBeGreaterThanOrEqual(after);

        const again = await startHost({ config, dataDir });
        const recorded = await recordedIds(again);
        const stopped = await again.stop();
        expect(new Set(recorded).size).toBe(recorded.length);
        const known = new Set(recorded);
        expect(received.filter((id) => !known.has(id))).toEqual([]);
        expect(stopped.code).toBe(0);
      } finally {
        rmSync(dataDir, { recursive: true, force: true });
      }
    }, 30_000);
  }
});
