/**
 * The catalogue of hostile guests against the host as it is started for real: each attack ends in its own typed outcome,
 * and after all of them nothing runs, nothing waits and a neighbour is answered. Left out: built-ins that never check
 * for termination and hard aborts of V8; those need a process of their own.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningHost, startHost } from '../support/host.ts';

/** Outcomes, each with the handler bodies that must end in it. */
const ATTACKS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  cpu_exceeded: {
    loop: 'for (;;);',
    microtasks: 'const f = () => Promise.resolve().then(f); f(); await new Promise(() => {})',
    awaits: 'while (true) await null',
    queued: 'for (;;) await new Promise((f) => queueMicrotask(f))',
    'getter-of-error': 'throw { get message() { for (;;); } }',
    'stack-trace': 'Error.prepareStackTrace = () => { for (;;); }; null.x',
    'stray-getter': "Promise.reject({ get stack() { for (;;); } }); return new Response('x')",
    regexp: "return new Response(String(/^(a+)+$/.test('a'.repeat(40) + 'b')))",
    'log-flood': "for (;;) console.log('x')",
    uuids: 'for (;;) crypto.randomUUID()',
    urls: "for (let i = 0; ; i++) new URL('http://a/' + i)",
    encodings: "const s = 'ä'.repeat(1e5); for (;;) new TextEncoder().encode(s)",
    digests: "const b = new Uint8Array(1e6); for (;;) await crypto.subtle.digest('SHA-512', b)",
    keys: "for (;;) await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-521' }, true, ['sign'])",
    thenable: 'const t = { then(r) { r(t); } }; return t',
    'empty-chunks': 'return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(0)); } }))',
    'in-wait-until': "ctx.waitUntil((async () => { await 0; for (;;); })()); return new Response('x')",
    'in-timer': "ctx.waitUntil(new Promise(() => setTimeout(() => { for (;;); }, 5))); return new Response('x')",
  },
  memory_exceeded: {
    objects: 'const a = []; for (;;) a.push({})',
    'decoded-texts':
      "const b = new Uint8Array(8 << 20).fill(200); const a = []; for (;;) a.push(new TextDecoder('latin1').decode(b))",
    'random-bytes': 'const a = []; for (;;) a.push(crypto.getRandomValues(new Uint8Array(65536)))',
    'url-objects': "const a = []; const s = 'http://a/?' + 'x'.repeat(9e5); for (;;) a.push(new URL(s + a.length))",
    blobs: "let b = new Blob(['x'.repeat(1 << 20)]); for (;;) b = new Blob([b, b])",
    'unread-chunks': 'new ReadableStream({ start(c) { for (;;) c.enqueue(new Uint8Array(1000)); } })',
  },
  function_error: {
    'absurd-length': 'Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)',
    'sorted-holes': 'new Array(2 ** 32 - 1).sort()',
    'deep-array': 'let a = []; for (let i = 0; i < 2e5; i++) a = [a]; throw a',
    'deep-clone': 'let a = []; for (let i = 0; i < 2e5; i++) a = [a]; structuredClone(a)',
    'huge-message': "throw new Error('m'.repeat(1e7))",
    'huge-header': "return new Response('x', { headers: { a: 'm'.repeat(1e6) } })",
    'many-headers': "return new Response('x', { headers: Array.from({ length: 1e4 }, (_, i) => ['a' + i, 'v']) })",
    'timer-flood': 'for (;;) setTimeout(() => {}, 0)',
    'forged-memory': "throw Error('Isolate was disposed during execution due to memory limit')",
    'forged-timeout': "throw Error('Script execution timed out.')",
    'throws-null': 'throw null',
    'throws-proxy': 'throw new Proxy({}, { get() { throw 1; }, getPrototypeOf() { throw 2; } })',
    'cyclic-cause': "const e = new Error('c'); e.cause = e; throw e",
    'proxy-response': "return new Proxy(new Response('x'), {})",
    'bare-response': 'return Object.create(Response.prototype)',
    'self-resolving': 'const p = new Promise((f) => setTimeout(() => f(p), 1)); return p',
    'control-in-header': "return new Response('x', { headers: { a: 'a\\x01b' } })",
    'no-process': "return new Response(String(this.constructor.constructor('return process')()))",
    iterations: `const k = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);
      await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations: 1e9 }, k, 256)`,
  },
  wall_timeout: {
    'never-settles': 'await new Promise(() => {})',
    'never-pulls': 'return new Response(new ReadableStream({ pull: () => new Promise(() => {}) }))',
  },
  ok: {
    recursion: 'try { (function f() { f(); })(); } catch (e) { return new Response(e.name); }',
    'deep-json': "try { JSON.parse('['.repeat(1e5)); } catch (e) { return new Response(e.name); }",
    'stray-rejections': "for (let i = 0; i < 100; i++) Promise.reject(new Error('e' + i)); return new Response('x')",
    'evil-subclass': `class E extends Response { get status() { throw 1; } get body() { throw 2; } get headers() { throw 3; } }
      return new E('x')`,
    'hop-headers': "return new Response('x', { headers: { 'transfer-encoding': 'chunked', 'content-length': '99' } })",
    removed: `const gone = [typeof WebAssembly, typeof SharedArrayBuffer, typeof Atomics];
      if (gone.join('') !== 'undefined'.repeat(3)) throw new Error(gone); return new Response('x')`,
  },
};

let dir: string;
let host: RunningHost;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'isolane-attacks-'));
  const functions: Record<string, object> = { neighbour: { entry: 'neighbour.mjs', url: true } };
  writeFileSync(join(dir, 'neighbour.mjs'), "export default { fetch: () => new Response('fine') };");
  for (const [outcome, attacks] of Object.entries(ATTACKS)) {
    const cpuMs = outcome === 'cpu_exceeded' ? 60 : 20_000;
    const wallMs = outcome === 'wall_timeout' ? 100 : 25_000;
    for (const [name, body] of Object.entries(attacks)) {
      writeFileSync(join(dir, `${name}.mjs`), `export default { async fetch(request, env, ctx) { ${body} } };`);
      functions[name] = { entry: `${name}.mjs`, url: true, limits: { cpuMs, wallMs, memoryMiB: 48 } };
    }
  }
  const config = join(dir, 'isolane.json');
  writeFileSync(config, JSON.stringify({ functions }));
  host = await startHost({ config });
});
afterAll(async () => {
  await host.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** The outcome in the record, once it has settled. */
async function attack(name: string): Promise<string> {
  const response = await fetch(`${host.url}/fn/${name}/`);
  const id = response.headers.get('x-invocation-id');
  // A body that is cut off is an answer too; what it was, the record says.
  await response.arrayBuffer().catch(() => undefined);
  for (;;) {
    const known = await host.admin(`/v1/invocations/${id}`);
    const { record } = (known.status === 200 ? await known.json() : {}) as { record?: { outcome: string } | null };
    if (record != null) return record.outcome;
    await new Promise((done) => setTimeout(done, 10));
  }
}

for (const [outcome, attacks] of Object.entries(ATTACKS)) {
  for (const name of Object.keys(attacks)) {
    it(`${name}: ${outcome}`, async () => {
      expect(await attack(name)).toBe(outcome);
    });
  }
}

it('afterwards nothing is left of them', async () => {
  expect(await (await fetch(`${host.url}/fn/neighbour/`)).text()).toBe('fine');
  const { running, queued, lanes } = (await (await host.admin('/v1/stats')).json()) as {
    running: number;
    queued: number;
    lanes: { busy: boolean; unclaimed: number }[];
  };
  expect([running, queued]).toEqual([0, 0]);
  expect(lanes.filter((lane) => lane.busy || lane.unclaimed > 0)).toEqual([]);
  expect(host.stderr()).toBe('');
});
