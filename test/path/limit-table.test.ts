/**
 * Every limit of the table, one by one: what happens at it, what the client and what the log is told, and that 80 % of it
 * is a warning. A limit without a case here fails to compile.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMIT_RULES, type LimitName, type Limits, limitSentence } from '../../src/contract/limits.ts';
import type { InvocationStory } from '../../src/contract/observer.ts';
import { MIB, NS_PER_MS } from '../../src/contract/units.ts';
import { Path, type Reply, type RequestInit } from '../support/path.ts';

let path: Path;
beforeAll(async () => {
  path = await Path.open();
  path.handler("return new Response('leaf')", {}, { name: 'leaf' });
});
afterAll(async () => {
  await path.close();
});

/** A function, how it is called, and with what limits. */
interface Case {
  readonly body?: string;
  readonly module?: string;
  readonly limits: Partial<Limits>;
  readonly request?: () => RequestInit;
}

interface Row {
  /** Outcome and status of what goes beyond; `null` where nothing that runs can. */
  readonly beyond: (Case & { readonly outcome: string; readonly status: number }) | null;
  /** Uses at least 80 % and not all; or why there is no such case. */
  readonly near: Case | string;
}

const LEAF = { services: { LEAF: 'leaf' } };
const calls = (count: number) =>
  `for (let i = 0; i < ${count}; i++) await env.LEAF.fetch('http://leaf/'); return new Response('ok')`;
const lines = (count: number, text: string) =>
  `for (let i = 0; i < ${count}; i++) console.log('${text}'); return new Response('ok')`;
const timers = (count: number) =>
  `for (let i = 0; i < ${count}; i++) setTimeout(() => {}, 1e6); return new Response('ok')`;
const wait = (ms: number) => `await new Promise((f) => setTimeout(f, ${ms})); return new Response('ok')`;
const after = (ms: number) => `ctx.waitUntil(new Promise((f) => setTimeout(f, ${ms}))); return new Response('ok')`;
const chunks = (count: number, size: number) =>
  `let n = 0; return new Response(new ReadableStream({ pull(c) { if (n++ < ${count}) c.enqueue(new Uint8Array(${size})); else c.close(); } }))`;
const stream = (count: number, size: number) => (): RequestInit => ({
  method: 'POST',
  body: {
    stream: (async function* () {
      for (let i = 0; i < count; i++) yield new Uint8Array(size);
    })(),
  },
});
const READ = 'return new Response(String((await request.arrayBuffer()).byteLength))';

const TABLE: Readonly<Record<LimitName, Row>> = {
  memoryMiB: {
    beyond: {
      body: 'const a = []; for (;;) a.push({ x: 1 })',
      limits: { memoryMiB: 16, cpuMs: 20_000 },
      outcome: 'memory_exceeded',
      status: 503,
    },
    near: {
      body: 'globalThis.keep = new Uint8Array(13.5 * 2 ** 20); return new Response("ok")',
      limits: { memoryMiB: 16 },
    },
  },
  cpuMs: {
    beyond: { body: 'for (;;);', limits: { cpuMs: 30 }, outcome: 'cpu_exceeded', status: 503 },
    near: 'a guest cannot know what it has used; see "CPU" below',
  },
  wallMs: {
    beyond: { body: 'await new Promise(() => {})', limits: { wallMs: 50 }, outcome: 'wall_timeout', status: 504 },
    near: { body: wait(1700), limits: { wallMs: 2000 } },
  },
  initMs: {
    beyond: { module: 'for (;;); export default {}', limits: { initMs: 40 }, outcome: 'init_error', status: 500 },
    near: 'loading is measured in wall time of a busy machine; the unit test of `limitUses` has it',
  },
  concurrency: { beyond: null, near: 'others wait; waiting has its own limit' },
  instances: { beyond: null, near: 'others wait; waiting has its own limit' },
  queueMs: { beyond: null, near: 'the unit test of `limitUses` has it' },
  subrequests: {
    beyond: { body: calls(11), limits: { subrequests: 10 }, outcome: 'subrequests_exceeded', status: 500 },
    near: { body: calls(8), limits: { subrequests: 10 } },
  },
  requestBytes: {
    beyond: null,
    near: { body: READ, limits: { requestBytes: 1000 }, request: stream(9, 100) },
  },
  responseBytes: {
    beyond: {
      body: "return new Response('x'.repeat(1001))",
      limits: { responseBytes: 1000 },
      outcome: 'response_too_large',
      status: 502,
    },
    near: { body: "return new Response('x'.repeat(800))", limits: { responseBytes: 1000 } },
  },
  streamedResponseBytes: {
    beyond: {
      body: chunks(11, 100),
      limits: { streamedResponseBytes: 1000 },
      outcome: 'response_too_large',
      status: 200,
    },
    near: { body: chunks(8, 100), limits: { streamedResponseBytes: 1000 } },
  },
  logBytes: {
    // Bytes and not characters: 9 lines of 57 characters are 999 bytes and 9 line ends.
    beyond: {
      body: lines(9, `${'ä€'.repeat(18)}${'z'.repeat(21)}`),
      limits: { logBytes: 1000 },
      outcome: 'ok',
      status: 200,
    },
    near: { body: lines(8, 'y'.repeat(99)), limits: { logBytes: 1000 } },
  },
  logLines: {
    beyond: { body: lines(11, ''), limits: { logLines: 10 }, outcome: 'ok', status: 200 },
    near: { body: lines(8, ''), limits: { logLines: 10 } },
  },
  timers: {
    beyond: { body: timers(11), limits: { timers: 10 }, outcome: 'function_error', status: 500 },
    near: { body: timers(8), limits: { timers: 10 } },
  },
  waitUntilMs: {
    beyond: { body: after(1e6), limits: { wallMs: 30, waitUntilMs: 50 }, outcome: 'wall_timeout', status: 200 },
    near: { body: after(1900), limits: { wallMs: 100, waitUntilMs: 2000 } },
  },
  bundleBytes: { beyond: null, near: 'known when it is built' },
};

async function run(of: Case): Promise<{ reply: Reply; story: InvocationStory }> {
  const deployed =
    of.module === undefined ? path.handler(of.body ?? '', of.limits, LEAF) : path.deploy(of.module, of.limits);
  return path.run(deployed, of.request?.());
}

describe.each(Object.keys(LIMIT_RULES) as LimitName[])('limits.%s', (limit) => {
  const { beyond, near } = TABLE[limit];
  const rule = LIMIT_RULES[limit];

  it.runIf(beyond !== null)(`${rule.at} what goes beyond, and says so in one sentence`, async () => {
    const { reply, story } = await run(beyond!);
    expect([reply.status, story.record.outcome]).toEqual([beyond!.status, beyond!.outcome]);
    const use = story.limits.find((one) => one.limit === limit);
    expect(use).toMatchObject({ reached: true, allowed: beyond!.limits[limit] });
    expect(use!.used).toBeGreaterThanOrEqual(use!.allowed);
    const sentence = limitSentence(story.record.function, use!);
    expect(sentence).toMatch(
      new RegExp(`^function \`f\\d+\` .*, its limit is [\\d,]+ ${rule.unit} \\(limits\\.${limit}\\)$`),
    );
    if (rule.at === 'ends' || beyond!.outcome === 'subrequests_exceeded') expect(story.problem?.message).toBe(sentence);
    // The client gets the fixed text of the outcome, never the figures.
    if (reply.status >= 400) expect(reply.text ?? '').not.toMatch(/its limit is|function `/);
  });

  it.runIf(typeof near !== 'string')('warns at 80 % and goes on', async () => {
    const { reply, story } = await run(near as Case);
    expect([reply.status, story.record.outcome]).toEqual([200, 'ok']);
    expect(story.limits).toMatchObject([{ limit, reached: false, allowed: (near as Case).limits[limit] }]);
    expect(story.problem).toBeNull();
  });
});

describe('what the table cannot hold', () => {
  it('CPU: a warning exactly from 80 % on', async () => {
    const work = 'let x = 0; for (let i = 0; i < 2e7; i++) x += i % 7; return new Response("" + x)';
    const { story: whole } = await path.run(path.handler(work, { cpuMs: 20_000 }));
    const usedMs = Math.ceil(whole.record.cpuNs / NS_PER_MS);
    for (const share of [1, 1.05, 1.1, 1.2, 1.4, 3]) {
      const { story } = await path.run(path.handler(work, { cpuMs: Math.ceil(usedMs * share) }));
      const { cpuNs, outcome } = story.record;
      const share80 = cpuNs >= 0.8 * story.invocation.version.spec.limits.cpuMs * NS_PER_MS;
      expect(story.limits.some(({ limit }) => limit === 'cpuMs')).toBe(share80);
      expect(story.limits.some(({ reached }) => reached)).toBe(outcome === 'cpu_exceeded');
    }
  });

  it('requestBytes: a body that outgrows its limit while it is read', async () => {
    const reader = path.handler(READ, { requestBytes: 1000 });
    const tooMuch = Object.assign(new Error('too much'), { code: 'payload_too_large' });
    const body = (async function* () {
      for (let i = 0; i < 9; i++) yield new Uint8Array(100);
      throw tooMuch;
    })();
    const { reply, story } = await path.run(reader, { method: 'POST', body: { stream: body } });
    expect([reply.status, story.record.outcome]).toEqual([413, 'payload_too_large']);
    expect(story.limits).toMatchObject([{ limit: 'requestBytes', reached: true, allowed: 1000 }]);
    expect(story.problem?.message).toContain('(limits.requestBytes)');
  });

  it('queueMs, instances, concurrency: what finds no place in time is refused and counted', async () => {
    const slow = path.handler(wait(300), { instances: 1, concurrency: 1, queueMs: 50 });
    await path.request(slow);
    const shed = path.sheds.length;
    const replies = await Promise.all([path.request(slow), path.request(slow), path.request(slow)]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 503, 503]);
    expect(path.sheds.slice(shed)).toEqual(['overloaded queueMs', 'overloaded queueMs']);
    expect(path.pool.census(slow).isolates).toBe(1);
  });
});

describe('concurrency above 1', () => {
  const shared = { concurrency: 8, instances: 1, cpuMs: 100, wallMs: 5000 };
  // No async functions: only a bundle lowers them, so that its continuations know whose they are.
  const pause = (ms: number) => `new Promise((f) => setTimeout(f, ${ms}))`;
  const source = (spin: string) => `export default { fetch(request) {
    return ${pause(30)}.then(() => {
      if (request.url.endsWith('spin')) { ${spin} }
      return ${pause(500)};
    }).then(() => new Response('ok')); } }`;

  it('one invocation over its CPU limit ends as that; its neighbours are aborted and not billed', async () => {
    const of = path.deploy(source('for (;;);'), shared);
    const runs = await Promise.all([
      ...Array.from({ length: 4 }, () => path.run(of, { path: '/wait' })),
      path.run(of, { path: '/spin' }),
    ]);
    const outcomes = runs.map(({ story }) => story.record.outcome);
    expect(outcomes).toEqual(['aborted', 'aborted', 'aborted', 'aborted', 'cpu_exceeded']);
    for (const { story } of runs.slice(0, 4)) expect(story.record.billedMs).toBe(0);
  });

  it('the wall limit of one ends that one', async () => {
    const of = path.deploy(source('return new Promise(() => {});'), { ...shared, wallMs: 900 });
    const [stuck, fine] = await Promise.all([path.run(of, { path: '/spin' }), path.run(of, { path: '/wait' })]);
    expect([stuck.story.record.outcome, fine.story.record.outcome]).toEqual(['wall_timeout', 'ok']);
  });
});

describe('the soft memory limit', () => {
  it('retires an isolate that leaks before it fails anybody', async () => {
    const of = path.handler('(globalThis.x ??= []).push(new Uint8Array(2 ** 19).fill(1)); return new Response("ok")', {
      memoryMiB: 32,
    });
    const before = path.pool.stats().loads;
    for (let i = 0; i < 200; i++) expect((await path.request(of)).status).toBe(200);
    // 100 MB leaked at 32 MiB an isolate: at least three were replaced, and not one for every request.
    const loads = path.pool.stats().loads - before;
    expect(loads).toBeGreaterThanOrEqual(3);
    expect(loads).toBeLessThan(20);
  });

  it('holds for what code leaves behind', async () => {
    const of = path.handler(
      'for (let i = 0; i < 50; i++) (globalThis.x ??= []).push(new Function("a", "return [" + "a,".repeat(2000) + Math.random() + "]")); return new Response("" + globalThis.x[0](1).length)',
      { memoryMiB: 16, cpuMs: 20_000 },
    );
    const rss = process.memoryUsage.rss();
    for (let i = 0; i < 200; i++) expect((await path.request(of)).status).toBe(200);
    expect(process.memoryUsage.rss() - rss).toBeLessThan(400 * MIB);
  });

  it('counts what lies outside the heap: formatters, and what is handed to the host', async () => {
    const flood = path.handler("const a = []; for (;;) a.push(new Intl.DateTimeFormat('en', { timeStyle: 'full' }))", {
      memoryMiB: 32,
      cpuMs: 20_000,
    });
    const rss = process.memoryUsage.rss();
    expect((await path.run(flood)).story.record.outcome).toBe('memory_exceeded');
    const big = path.handler("return new Response(new TextEncoder().encode('ä'.repeat(2 ** 25)).length)", {
      memoryMiB: 32,
    });
    expect((await path.run(big)).story.problem?.message).toContain('limits.memoryMiB');
    expect(process.memoryUsage.rss() - rss).toBeLessThan(500 * MIB);
  });

  it('leaves alone a function that needs its memory to begin with', async () => {
    const of = path.deploy(
      'let keep; export default { fetch() { keep ??= new Uint8Array(27.5 * 2 ** 20).fill(1); return new Response("" + keep[5]) } }',
      { memoryMiB: 32 },
    );
    const before = path.pool.stats().loads;
    for (let i = 0; i < 50; i++) expect((await path.request(of)).text).toBe('1');
    expect(path.pool.stats().loads - before).toBe(1);
  });
});
