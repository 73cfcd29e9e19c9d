/**
 * Variations of the catalogue, made up from seeds: what is attacked (CPU, memory, floods) × where in the life of an
 * invocation × the size of the limit. The class of outcome follows from these alone; whatever comes, the host answers,
 * a neighbour is served and the ledger has one record.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/contract/outcome.ts';
import { type RunningHost, startHost } from '../support/host.ts';

const RUNS = process.env['ISOLANE_TEST_ALL'] === '1' ? 150 : 40;
const SEED = Number(process.env['ISOLANE_TEST_SEED'] ?? 7_013);

type Class = 'cpu' | 'memory';

/** Statements that never come to an end by themselves. */
const ATTACKS: Readonly<Record<Class, readonly string[]>> = {
  cpu: [
    'for (;;);',
    'let x = 0; while (true) x = Math.sqrt(x + 1);',
    'for (;;) new Array(100).fill(1).slice();',
    "for (let s = 'a'; ; ) s = s.slice(0, 9) + s.length;",
    'for (;;) JSON.parse(\'[1,2,{"a":3}]\');',
    'for (;;) try { null.x; } catch {}',
    'const f = () => { try { f(); } catch {} }; for (;;) f();',
    "for (;;) 'abc'.replace(/b/g, (m) => m + m);",
    'for (;;) new Map([[1, 2]]).forEach(() => {});',
    'for (const x of (function* () { for (;;) yield 1; })()) void x;',
    'for (;;) Object.keys({ a: 1, b: 2 });',
    'for (;;) crypto.randomUUID();',
    "for (;;) new URL('http://a/b?c#d');",
    "for (;;) new TextEncoder().encode('text');",
    'for (let n = 1n; ; n = (n * 3n) % 1000007n);',
  ],
  memory: [
    'const a = []; for (;;) a.push({ a });',
    "let s = 'x'; const a = []; for (let n = 0; ; n++) a.push(s + n + 'y'.repeat(1000));",
    'const m = new Map(); for (let n = 0; ; n++) m.set(n, [n]);',
    'const a = []; for (;;) a.push(() => a);',
    'const o = {}; for (let n = 0; ; n++) o["k" + n] = { n };',
    'const s = new Set(); for (let n = 0; ; n++) s.add({ n });',
    'const a = []; for (;;) a.push(new Array(1000).fill(a.length));',
  ],
};

/** After it has answered, the answer stands, unless both fall into one turn; while a body is sent, it breaks off. */
type When = 'before' | 'same turn' | 'after' | 'during';

/** Where the statements sit; `$` stands for them. */
const PLACES: Readonly<Record<string, { readonly when: When; readonly code: string }>> = {
  handler: { when: 'before', code: '$' },
  'after a microtask': { when: 'before', code: 'await null; $' },
  'after a service call': { when: 'before', code: "await env.NEXT.fetch('http://next/'); $" },
  'after a timer': { when: 'before', code: 'await new Promise((f) => setTimeout(f, 3)); $' },
  'in a timer': { when: 'before', code: 'await new Promise(() => setTimeout(() => { $ }, 2));' },
  'in an interval': { when: 'before', code: 'await new Promise(() => setInterval(() => { $ }, 2));' },
  'in a microtask': { when: 'before', code: 'await new Promise(() => queueMicrotask(() => { $ }));' },
  'in a message getter': { when: 'before', code: 'throw { get message() { $ } };' },
  'in a stack getter': { when: 'before', code: 'throw { get stack() { $ } };' },
  'in prepareStackTrace': { when: 'before', code: 'Error.prepareStackTrace = () => { $ }; throw new Error("x");' },
  'in toJSON': { when: 'before', code: 'return Response.json({ toJSON() { $ } });' },
  'in toString': { when: 'before', code: 'return new Response({ toString() { $ } });' },
  'in a thenable': { when: 'before', code: 'return { then() { $ } };' },
  'in a getter of a thenable': { when: 'before', code: 'return { get then() { $ } };' },
  'in a proxy trap': { when: 'before', code: 'return new Response("x", new Proxy({}, { get() { $ } }));' },
  'in a status getter': { when: 'before', code: 'return new Response("x", { get status() { $ } });' },
  'in a headers getter': { when: 'before', code: 'return new Response("x", { get headers() { $ } });' },
  'in an iterator of headers': {
    when: 'before',
    code: 'return new Response("x", { headers: { *[Symbol.iterator]() { $ } } });',
  },
  'in an abort listener': {
    when: 'before',
    code: 'const c = new AbortController(); c.signal.addEventListener("abort", () => { $ }); c.abort();',
  },
  'in a start of a stream': { when: 'before', code: 'return new Response(new ReadableStream({ start() { $ } }));' },
  'in a transform': {
    when: 'before',
    code: `const t = new TransformStream({ transform() { $ } }); const w = t.writable.getWriter(); w.write('x').catch(() => {});
      await t.readable.getReader().read(); await new Promise(() => {});`,
  },
  'in a clone': { when: 'before', code: 'structuredClone({ get x() { $ } });' },
  'in a sort': { when: 'before', code: '[3, 2, 1].sort(() => { $ });' },
  'in a replacer': { when: 'before', code: 'JSON.stringify({ a: 1 }, () => { $ });' },
  'in a tag': { when: 'before', code: '(() => { $ })`x`;' },
  'in a class field': { when: 'before', code: 'new (class { x = (() => { $ })(); })();' },
  'in generated code': { when: 'before', code: 'new Function(STATEMENTS)();' },
  'in waitUntil': {
    when: 'same turn',
    code: 'ctx.waitUntil((async () => { await 0; await 0; $ })()); return new Response("kept");',
  },
  'in waitUntil, after a timer': {
    when: 'after',
    code: 'ctx.waitUntil((async () => { await new Promise((f) => setTimeout(f, 20)); $ })()); return new Response("kept");',
  },
  'in waitUntil, after a call': {
    when: 'after',
    code: 'ctx.waitUntil((async () => { await env.NEXT.fetch("http://next/"); $ })()); return new Response("kept");',
  },
  'in a first pull': {
    when: 'during',
    code: 'return new Response(new ReadableStream({ pull() { $ } }, { highWaterMark: 0 }));',
  },
  'in a later pull': {
    when: 'during',
    code: `let n = 0; return new Response(new ReadableStream({ async pull(c) { await new Promise((f) => setTimeout(f, 10));
      if (n++ < 2) c.enqueue(new Uint8Array(100)); else { $ } } }));`,
  },
};

interface Variation {
  readonly attack: Class;
  readonly statements: string;
  readonly place: string;
  readonly limit: number;
}

const LIMITS = { cpu: [20, 50, 120], memory: [16, 32, 64] } as const;
const EXPECTED: Readonly<Record<Class, readonly Outcome[]>> = {
  cpu: ['cpu_exceeded'],
  memory: ['memory_exceeded'],
};

const variation: fc.Arbitrary<Variation> = fc.constantFrom<Class>('cpu', 'cpu', 'memory').chain((attack) =>
  fc.record({
    attack: fc.constant(attack),
    statements: fc.constantFrom(...ATTACKS[attack]),
    place: fc.constantFrom(...Object.keys(PLACES)),
    limit: fc.constantFrom(...LIMITS[attack]),
  }),
);

let directory: string;
let host: RunningHost;

const bodyOf = ({ statements, place }: Variation): string =>
  PLACES[place]!.code.replace('STATEMENTS', () => JSON.stringify(statements)).replace('$', () => statements);
const functionOf = ({ attack, limit }: Variation): string => `${attack}-${limit}`;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isolane-variations-'));
  writeFileSync(join(directory, 'next.mjs'), 'export default { fetch: () => new Response("next") };');
  writeFileSync(
    join(directory, 'attacked.mjs'),
    `const Code = (async () => {}).constructor; export default { async fetch(request, env, ctx) {
      return new Code('request', 'env', 'ctx', await request.text())(request, env, ctx); } };`,
  );
  const functions: Record<string, unknown> = { next: { entry: 'next.mjs', url: true } };
  const declare = (attack: Class, limit: number): object => ({
    entry: 'attacked.mjs',
    url: true,
    services: { NEXT: 'next' },
    limits: attack === 'cpu' ? { cpuMs: limit, memoryMiB: 128 } : { memoryMiB: limit, cpuMs: 20_000 },
  });
  for (const limit of LIMITS.cpu) functions[`cpu-${limit}`] = declare('cpu', limit);
  for (const limit of LIMITS.memory) functions[`memory-${limit}`] = declare('memory', limit);
  const loads = fc.sample(fc.record({ attack: fc.constantFrom<Class>('cpu', 'memory'), index: fc.nat(7) }), {
    seed: SEED,
    numRuns: 6,
  });
  for (const [n, { attack, index }] of loads.entries()) {
    writeFileSync(
      join(directory, `load-${n}.mjs`),
      `{ ${ATTACKS[attack][index % ATTACKS[attack].length]} }\nexport default { fetch() {} };`,
    );
    functions[`load-${n}-${attack}`] = {
      entry: `load-${n}.mjs`,
      url: true,
      limits: { initMs: 400, cpuMs: 200, memoryMiB: 32 },
    };
  }
  const config = join(directory, 'isolane.json');
  writeFileSync(config, JSON.stringify({ functions }));
  host = await startHost({ config, supervised: true });
});
afterAll(async () => {
  await host.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface End {
  readonly status: number;
  readonly body: string | null;
  readonly outcome: string;
  readonly billedMs: number;
}

async function send(name: string, code: string): Promise<End> {
  const response = await fetch(`${host.url}/fn/${name}/`, { method: 'POST', body: code });
  const body = await response.text().catch(() => null);
  const id = response.headers.get('x-invocation-id');
  for (let n = 0; n < 1000; n++) {
    const known = await host.admin(`/v1/invocations/${id}`);
    const { record } = (known.ok ? await known.json() : {}) as {
      record?: { outcome: string; billedMs: number } | null;
    };
    if (record != null) return { status: response.status, body, ...record };
    await sleep(10);
  }
  throw new Error(`${name} never got a record`);
}

async function neighbourAnswers(): Promise<void> {
  expect(await (await fetch(`${host.url}/fn/next/`)).text()).toBe('next');
}

it('every attack ends as its kind and its place say', { timeout: 240_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(variation, async (one) => {
      const end = await send(functionOf(one), bodyOf(one));
      expect(EXPECTED[one.attack]).toContain(end.outcome);
      const { when } = PLACES[one.place]!;
      if (when === 'before') expect([end.status, end.body]).toEqual([503, expect.stringContaining(end.outcome)]);
      else if (when === 'same turn') expect(end.status === 503 || end.body === 'kept').toBe(true);
      else if (when === 'after') expect([end.status, end.body]).toEqual([200, 'kept']);
      else expect(end.status === 503 || (end.status === 200 && end.body === null)).toBe(true);
      await neighbourAnswers();
    }),
    { seed: SEED, numRuns: RUNS, endOnFailure: true },
  );
});

describe('while loading', () => {
  it('it is the load that fails', async () => {
    const { items } = (await (await host.admin('/v1/functions')).json()) as { items: { name: string }[] };
    const loads = items.map(({ name }) => name).filter((name) => name.startsWith('load-'));
    expect(loads.length).toBe(6);
    for (const name of loads) {
      const { outcome, status } = await send(name, '');
      expect(['init_error', 'cpu_exceeded', 'memory_exceeded'], name).toContain(outcome);
      expect([500, 503]).toContain(status);
      await neighbourAnswers();
    }
  });
});

it('sizes at every limit are let through below it and refused above', { timeout: 120_000 }, async () => {
  const size = fc.integer({ min: 1, max: 40_000_000 });
  await fc.assert(
    fc.asyncProperty(size, fc.constantFrom('response', 'log', 'header'), async (bytes, what) => {
      const code: Readonly<Record<string, string>> = {
        response: `return new Response('x'.repeat(${bytes}))`,
        log: `console.log('x'.repeat(${bytes})); return new Response('logged')`,
        header: `return new Response('x', { headers: { a: 'x'.repeat(${bytes}) } })`,
      };
      const end = await send('memory-64', code[what]!);
      if (end.outcome === 'memory_exceeded') expect(bytes).toBeGreaterThan(8_000_000);
      else if (what === 'log') expect(end.outcome).toBe('ok');
      else if (what === 'header') expect(end.outcome).toBe(bytes < 60_000 ? 'ok' : 'function_error');
      else expect(end.outcome).toBe(bytes <= 20_971_520 ? 'ok' : 'response_too_large');
      await neighbourAnswers();
    }),
    { seed: SEED, numRuns: Math.ceil(RUNS / 3), endOnFailure: true },
  );
});

it('and the host is as it was', async () => {
  await neighbourAnswers();
  const { running, queued } = (await (await host.admin('/v1/stats')).json()) as { running: number; queued: number };
  expect([running, queued]).toEqual([0, 0]);
  const lines = host.stderr().split('\n');
  expect(lines.filter((line) => line !== '' && !/^Function "load-\d+-\w+" failed to load: /.test(line))).toEqual([]);
});
