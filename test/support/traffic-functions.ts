/** The functions that chaos and soak send their traffic to, written into a folder with a configuration. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const HOOK_SECRET = 'traffic-secret';
/** Functions that differ only in name: more than the pool holds, so that taking turns means cold starts. */
export const COLD = 40;
const MAX_ISOLATES = 30;

const BODIES: Readonly<Record<string, string>> = {
  hello: `return new Response('hello')`,
  json: `const { list } = await request.json(); return Response.json({ sum: list.reduce((a, b) => a + b, 0), list })`,
  stream: `let left = 8; return new Response(new ReadableStream({ async pull(c) { await new Promise((r) => setTimeout(r, 5)); left-- ? c.enqueue(new Uint8Array(1000)) : c.close(); } }))`,
  timers: `await Promise.all([5, 10, 20].map((ms) => new Promise((r) => setTimeout(r, ms)))); ctx.waitUntil(new Promise((r) => setTimeout(r, 10))); return new Response('timers')`,
  fetcher: `const r = await fetch(env.UPSTREAM); return new Response(await r.text())`,
  calls: `const r = await env.HELLO.fetch(new Request('http://hello/')); return new Response(await r.text())`,
  logs: `for (let i = 0; i < 20; i++) console.log('line', i, 'x'.repeat(50)); return new Response('logs')`,
  slow: `await new Promise((r) => setTimeout(r, 150)); return new Response('slow')`,
  throws: `throw new Error('on purpose')`,
  burn: `for (;;) { Math.sqrt(2); }`,
  hog: `const all = []; for (;;) all.push(new Array(10000).fill(all.length));`,
  hook: `return new Response(ctx.webhook.deliveryId)`,
};

const LIMITS: Readonly<Record<string, object>> = { burn: { cpuMs: 20 }, hog: { memoryMiB: 16 } };

export interface TrafficConfig {
  /** `host:port` that `fetcher` may reach. */
  readonly upstream: string;
  /** These run in an engine process of their own. */
  readonly apart?: readonly string[];
  readonly durability?: 'process' | 'power';
  readonly queueDepth?: number;
}

/** Writes everything below `dir` and returns the path of its `isolane.json`. */
export function writeTrafficFunctions(dir: string, options: TrafficConfig): string {
  mkdirSync(dir, { recursive: true });
  const functions: Record<string, object> = {};
  const add = (name: string, body: string): void => {
    writeFileSync(join(dir, `${name}.mjs`), `export default { async fetch(request, env, ctx) { ${body} } };`);
    const isolation = options.apart?.includes(name) === true ? { isolation: 'process' } : {};
    functions[name] = { entry: `${name}.mjs`, url: true, limits: LIMITS[name] ?? {}, ...isolation, ...MORE[name] };
  };
  const MORE: Record<string, object> = {
    fetcher: { env: { UPSTREAM: `http://${options.upstream}/` } },
    calls: { services: { HELLO: 'hello' } },
  };
  for (const [name, body] of Object.entries(BODIES)) add(name, body);
  for (let i = 0; i < COLD; i++) add(`cold-${i}`, `return new Response('cold ${i}')`);
  const config = {
    functions,
    webhooks: { hook: { provider: 'github', secrets: [HOOK_SECRET], function: 'hook', attempts: 8 } },
    tenants: { local: { functions: ['fetcher'], privateHosts: [options.upstream] } },
    server: { maxIsolates: MAX_ISOLATES, queueDepth: options.queueDepth ?? 10_000 },
    billing: { durability: options.durability ?? 'process' },
  };
  const path = join(dir, 'isolane.json');
  writeFileSync(path, JSON.stringify(config));
  return path;
}
