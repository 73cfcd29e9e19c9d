/**
 * The samples in plain Node, without isolane: what their expectations say must hold for the code itself before the host
 * is held to it. Routing is the least that will do; doors, limits and records are the other suite's matter.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { build } from 'esbuild';
import { Hono } from 'hono';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { bodyOf, type Example, expectLogs, expectResponse, FIXTURES, readSamples, type Sample } from './example.ts';
import { readSampleConfig } from './sample-config.ts';

type Fetch = (request: Request, env: unknown, ctx: unknown) => Promise<Response>;

interface Loaded {
  readonly fetch?: Fetch;
  readonly scheduled?: (event: unknown, env: unknown) => Promise<void>;
}

const config = readSampleConfig();
const loaded = new Map<string, Loaded>();
const lines: string[] = [];
let directory = '';

async function load(sample: Sample): Promise<Loaded> {
  const outfile = join(directory, `${sample.name}.mjs`);
  await build({
    entryPoints: [join(sample.directory, 'function.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser', 'import'],
    logLevel: 'silent',
  });
  const { default: exported } = (await import(pathToFileURL(outfile).href)) as { default?: Loaded | Fetch };
  return typeof exported === 'function' ? { fetch: exported } : (exported ?? {});
}

function envOf(name: string): Record<string, unknown> {
  const { env, services } = config.functions[name]!;
  const bindings = Object.entries(services).map(([binding, target]) => [
    binding,
    { fetch: async (input: Request | string, init?: RequestInit) => call(target, new Request(input, init)) },
  ]);
  return { ...env, ...Object.fromEntries(bindings) };
}

async function call(name: string, request: Request, context: object = {}): Promise<Response> {
  const pending: Promise<unknown>[] = [];
  const ctx = {
    params: {},
    invocationId: '019ab000-0000-7000-8000-000000000000',
    clientAddress: '127.0.0.1',
    waitUntil: (promise: Promise<unknown>) => pending.push(promise),
    ...context,
  };
  const response = await loaded.get(name)!.fetch!(request, envOf(name), ctx);
  await Promise.all(pending);
  const headers = new Headers(response.headers);
  headers.set('x-invocation-id', ctx.invocationId);
  // Whatever node:http would add for a body of known length.
  const bytes = response.body && !/stream|ndjson/.test(headers.get('content-type') ?? '') && (await response.bytes());
  if (bytes) headers.set('content-length', `${bytes.length}`);
  return new Response(bytes || response.body, { status: response.status, headers });
}

function door(): Hono {
  const app = new Hono();
  for (const [name, spec] of Object.entries(config.functions)) {
    for (const route of spec.routes) {
      const [path = '', method = 'ALL'] = route.split(' ').reverse();
      app.on(method === 'ALL' ? ['GET', 'POST'] : [method], [path], (c) =>
        call(name, c.req.raw, { params: c.req.param() }),
      );
    }
    if (spec.url) {
      app.all(`/fn/${name}/*`, (c) =>
        call(name, new Request(c.req.url.replace(`/fn/${name}/`, '/'), c.req.raw), { params: {} }),
      );
    }
  }
  return app;
}

async function run(sample: Sample, example: Example): Promise<void> {
  if (example.request) {
    const { path, method, headers } = example.request;
    const body = bodyOf(sample, example.request);
    const init: RequestInit = body ? { method, headers, body: new Uint8Array(body) } : { method, headers };
    return expectResponse(await door().request(new Request(new URL(path, 'http://127.0.0.1'), init)), example.expect);
  }
  if (example.webhook) {
    const { endpoint, provider, event } = example.webhook;
    const webhook = { endpoint, provider, deliveryId: 'd1', dedupKey: 'k1', attempt: 1, receivedAt: '', keyId: '' };
    const headers = event === undefined ? {} : { 'x-github-event': event };
    const init = { method: 'POST', body: new Uint8Array(bodyOf(sample, example.webhook)!), headers };
    const response = await call(sample.name, new Request('http://127.0.0.1/hooks/x', init), { webhook });
    expect(response.status < 400 || response.status === 410 || response.status === 406).toBe(true);
    return;
  }
  // Node has no server side of its own for these.
  if (example.websocket) return;
  const cron = config.functions[sample.name]!.cron[0]!.schedule;
  await loaded.get(sample.name)!.scheduled!({ cron, scheduledTime: Date.now() }, envOf(sample.name));
}

const samples = readSamples();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isolane-plain-'));
  for (const sample of samples) loaded.set(sample.name, await load(sample));
});
afterAll(() => rm(directory, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  lines.length = 0;
});

it('every folder is declared in fixtures/isolane.json, and nothing else is', () => {
  expect(Object.keys(config.functions).sort()).toEqual(samples.map((sample) => sample.name).sort());
  for (const [name, { entry }] of Object.entries(config.functions)) {
    expect(join(FIXTURES, entry)).toBe(join(FIXTURES, 'functions', name, 'function.ts'));
  }
});

it('the first example of every sample succeeds and fits on one line, for a curl line to be made of it', () => {
  for (const { name, examples } of samples) {
    const [{ request, webhook, expect: wanted } = examples[0]!] = examples;
    expect(Math.floor(wanted.status / 100), name).toBe(2);
    expect(JSON.stringify([request?.body, webhook?.body]), name).not.toContain('\\n');
  }
});

// What stands between HTTP and a Lambda handler is the host's own; test/functions/lambda.test.ts has that.
for (const sample of samples.filter(({ name }) => config.functions[name]?.handler === 'fetch')) {
  describe(`${sample.name} in plain Node`, () => {
    it.for(sample.examples)('$name', async (example) => {
      for (const level of ['log', 'warn', 'error'] as const) {
        vi.spyOn(console, level).mockImplementation((...args: unknown[]) => void lines.push(format(...args)));
      }
      await run(sample, example);
      expectLogs(lines, example.expect);
    });
  });
}
