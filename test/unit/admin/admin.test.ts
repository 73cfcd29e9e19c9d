import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createAdminApp } from '../../../src/admin/admin.ts';
import { HostError } from '../../../src/contract/errors.ts';
import { SINGLE } from '../../../src/contract/host-wire.ts';
import { TRACE_ID } from '../telemetry/story.ts';
import { aDelivery, clientOf, codeOf, fakePorts, INVOCATION_ID, messageOf, TOKEN, withScopes } from './fakes.ts';

function setUp(changes: Parameters<typeof fakePorts>[0] = {}) {
  const { ports, asked } = fakePorts(changes);
  return { get: clientOf(ports), asked };
}

describe('health', () => {
  it('is live and ready', async () => {
    const { get } = setUp();
    expect((await get('/healthz')).json).toEqual({ status: 'live', reasons: [] });
    expect((await get('/readyz')).json).toEqual({ status: 'ready', reasons: [], ...SINGLE });
  });

  it('says why it is not', async () => {
    const reasons = [{ code: 'LEDGER_FAILED', message: 'The disk is full.' }];
    const { get } = setUp({ health: () => ({ live: true, ready: false, reasons }) });
    const answer = await get('/readyz');
    expect([answer.status, answer.json]).toEqual([503, { status: 'unready', reasons, ...SINGLE }]);
    expect((await get('/healthz')).status).toBe(200);
    const dead = setUp({ health: () => ({ live: false, ready: true, reasons }) });
    expect((await dead.get('/healthz')).status).toBe(503);
    expect((await dead.get('/readyz')).status).toBe(503);
  });
});

describe('/metrics', () => {
  it('is Prometheus text', async () => {
    const answer = await setUp().get('/metrics');
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.text).toBe('# TYPE up gauge\nup 1\n');
  });
});

describe('/v1/logs', () => {
  it('lists lines with their time', async () => {
    const { get, asked } = setUp();
    const { json } = await get('/v1/logs?function=hello&limit=5');
    const line = { at: '1970-01-01T00:00:00.001Z', level: 'info', text: 'hi', function: 'hello', invocationId: null };
    expect(json).toEqual({ items: [line], nextCursor: null });
    expect(asked.logs).toEqual([{ function: 'hello', limit: 5 }]);
  });

  it('follows, one function or all, and lets go when the reader leaves', async () => {
    const { ports, asked } = fakePorts();
    const app = createAdminApp(ports);
    const headers = { host: '127.0.0.1', authorization: `Bearer ${TOKEN}` };
    const response = await app.request('/v1/logs?function=hello&follow=1', { headers });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toBe(': \n\n');
    const line = { level: 'info', text: 'yes', epochMs: 1, function: 'hello', invocationId: null } as const;
    for (const tell of asked.followers) tell({ ...line, function: 'other' });
    for (const tell of asked.followers) tell(line);
    expect((await reader.read()).value).toContain('"text":"yes"');
    await reader.cancel();
    expect(asked.followers.size).toBe(0);
  });

  it('cuts off a reader that does not keep up, and refuses one too many', async () => {
    const { ports, asked } = fakePorts();
    const app = createAdminApp(ports);
    const headers = { host: '127.0.0.1', authorization: `Bearer ${TOKEN}` };
    const follow = () => app.request('/v1/logs?follow=1', { headers });
    const readers = await Promise.all(Array.from({ length: 16 }, follow));
    expect((await follow()).status).toBe(503);
    const line = { level: 'info', text: 'x', epochMs: 1, function: 'hello', invocationId: null } as const;
    const [slow] = asked.followers;
    for (let n = 0; n < 20_000 && asked.followers.size === 16; n++) slow?.(line);
    expect(asked.followers.size).toBe(15);
    await expect(readers[0]?.text()).rejects.toThrow('keep up');
    expect((await follow()).status).toBe(200);
  });
});

describe('/v1/functions', () => {
  it('lists what is live', async () => {
    const { json } = await setUp().get('/v1/functions');
    expect(json).toMatchObject({
      items: [{ name: 'hello', version: 3, routes: ['GET /hello/:who'], url: '/fn/hello/', isolates: 2, running: 1 }],
      nextCursor: null,
    });
  });

  it('shows one, its limits and the names of its environment, never values or paths', async () => {
    const { json, text } = await setUp().get('/v1/functions/hello');
    expect(json).toMatchObject({ name: 'hello', limits: { memoryMiB: 128 }, envNames: ['SECRET_TOKEN'], strays: [] });
    expect(text).not.toMatch(/env-value-never-shown|\/bundles|\/functions\/hello\.ts/);
  });

  it('shows the process it runs in and whether it is quarantined, and lifts it as often as asked', async () => {
    const { get, asked } = setUp();
    const { json } = await get('/v1/functions/hello');
    expect(json).toMatchObject({ isolation: 'shared', realm: '', quarantine: { state: 'quarantined', strikes: 3 } });
    for (let i = 0; i < 2; i++) {
      const answer = await get('/v1/functions/hello/quarantine', { method: 'DELETE' });
      expect([answer.status, answer.json]).toMatchObject([200, { name: 'hello', quarantine: { state: 'ordinary' } }]);
    }
    expect(asked.lifted).toEqual(['hello', 'hello']);
    expect((await get('/v1/functions/helo/quarantine', { method: 'DELETE' })).status).toBe(404);
    const reader = await withScopes('read', 'invoke')('/v1/functions/hello/quarantine', { method: 'DELETE' });
    expect([reader.status, codeOf(reader)]).toEqual([403, 'FORBIDDEN']);
    expect((await withScopes('deploy')('/v1/functions/hello/quarantine', { method: 'DELETE' })).status).toBe(200);
  });

  it('names the nearest when there is none', async () => {
    const answer = await setUp().get('/v1/functions/helo');
    expect([answer.status, codeOf(answer)]).toEqual([404, 'NOT_FOUND']);
    expect(messageOf(answer)).toBe('There is no function `helo`; did you mean `hello`?');
  });

  it('invokes with the body and without the caller’s credentials, and wraps the answer', async () => {
    const { get, asked } = setUp();
    const headers = { 'content-type': 'application/json', cookie: 'session=1' };
    const answer = await get('/v1/functions/hello/invoke', { method: 'POST', body: '{"a":1}', headers });
    expect(asked.invoked).toEqual([{ name: 'hello', body: '{"a":1}', headers: ['content-type', 'application/json'] }]);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect(answer.headers.get('x-invocation-id')).toBe(INVOCATION_ID);
    expect(answer.json).toEqual({
      invocationId: INVOCATION_ID,
      outcome: 'ok',
      status: 201,
      headers: [
        ['content-type', 'text/html'],
        ['set-cookie', 'a=b'],
      ],
      body: '<script>alert(1)</script>',
      bodyEncoding: 'text',
      problem: null,
    });
  });

  it('answers bytes as base64 and a refusal with its code', async () => {
    const bytes = new Uint8Array([0xff, 0x00]);
    const invoke = async () =>
      ({ invocationId: null, outcome: 'overloaded', status: 503, headers: [], body: bytes, problem: null }) as const;
    const shed = await setUp({ invoke }).get('/v1/functions/hello/invoke', { method: 'POST' });
    expect(shed.json).toMatchObject({
      invocationId: null,
      outcome: 'overloaded',
      body: '/wA=',
      bodyEncoding: 'base64',
    });
    const refuse = async () => {
      throw new HostError('UNAVAILABLE', 'The host is draining; try another.');
    };
    const refused = await setUp({ invoke: refuse }).get('/v1/functions/hello/invoke', { method: 'POST' });
    expect([refused.status, codeOf(refused), messageOf(refused)]).toEqual([
      503,
      'UNAVAILABLE',
      'The host is draining; try another.',
    ]);
  });

  it('has no GET invoke', async () => {
    const { get, asked } = setUp();
    expect((await get('/v1/functions/hello/invoke')).status).toBe(404);
    expect(asked.invoked).toEqual([]);
  });
});

describe('/v1/invocations', () => {
  it('lists with filters', async () => {
    const { get, asked } = setUp();
    const filters = 'function=hello&outcome=ok&trigger=http&from=2026-11-20&to=2026-11-21&limit=5&cursor=c1';
    const { json } = await get(`/v1/invocations?${filters}`);
    expect(json).toMatchObject({ items: [{ invocationId: INVOCATION_ID, seq: 1 }], nextCursor: 'next' });
    expect(asked.records).toEqual([
      {
        function: 'hello',
        outcome: 'ok',
        trigger: 'http',
        from: '2026-11-20T00:00:00.000Z',
        to: '2026-11-21T00:00:00.000Z',
        limit: 5,
        cursor: 'c1',
      },
    ]);
  });

  it('shows record, spans and logs together', async () => {
    const { json } = await setUp().get(`/v1/invocations/${INVOCATION_ID}`);
    expect(json).toMatchObject({
      record: { invocationId: INVOCATION_ID, outcome: 'ok' },
      spans: [{ name: 'GET /hello/:who' }],
      logs: [{ text: 'hi' }],
      problem: null,
      warnings: ['cpuMs'],
    });
  });

  it('shows a record of which nothing else is remembered', async () => {
    const recent = { ...fakePorts().ports.recent, invocation: () => null };
    const { json } = await setUp({ recent }).get(`/v1/invocations/${INVOCATION_ID}`);
    expect(json).toMatchObject({ record: { invocationId: INVOCATION_ID }, spans: [], logs: [], problem: null });
  });

  it.each([
    ['/v1/invocations/019aa000-0000-7000-8000-00000000ffff', 404],
    ['/v1/invocations/nonsense', 400],
    ['/v1/invocations?outcome=fine', 400],
    ['/v1/invocations?colour=red', 400],
    ['/v1/invocations?from=2026-11-21&to=2026-11-20', 400],
    ['/v1/usage/records?to=now', 400],
    ['/v1/usage?by=colour', 400],
    ['/v1/traces/xyz', 400],
    [`/v1/traces/${'0'.repeat(32)}`, 404],
    ['/v1/deliveries/none', 404],
    ['/v1/deliveries?state=lost', 400],
    ['/v1/stats?x=1', 400],
    ['/v1/nothing', 404],
  ])('%s answers %d in the form of errors', async (path, status) => {
    const answer = await setUp().get(path);
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.json as object)).toEqual(['error']);
    expect(messageOf(answer)).toMatch(/^[A-Z`].*[.?]$/);
  });
});

describe('/v1/usage', () => {
  it('groups by function unless told', async () => {
    const { get, asked } = setUp();
    expect((await get('/v1/usage')).json).toEqual({ items: [], nextCursor: null });
    await get('/v1/usage?by=trigger,outcome&from=2026-11-20T10:00:00.5Z');
    expect(asked.usage).toEqual([
      { by: ['function'], from: null, to: null },
      { by: ['trigger', 'outcome'], from: '2026-11-20T10:00:00.500Z', to: null },
    ]);
  });
});

describe('/v1/deliveries', () => {
  it('lists without bodies and headers', async () => {
    const { get, asked } = setUp();
    const { json } = await get('/v1/deliveries?endpoint=gh&state=dead');
    expect(asked.deliveries).toEqual([{ endpoint: 'gh', state: 'dead', limit: 50, cursor: null }]);
    const [item] = (json as { items: object[] }).items;
    expect(item).toMatchObject({ id: aDelivery().id, state: 'succeeded', dueAt: '2025-11-20T10:00:00.000Z' });
    expect(item).not.toHaveProperty('body');
    expect(item).not.toHaveProperty('headers');
  });

  it('shows one without what authenticates its sender', async () => {
    const { json, text } = await setUp().get(`/v1/deliveries/${aDelivery().id}`);
    expect(json).toMatchObject({
      body: '{"ok":true}',
      bodyEncoding: 'text',
      bodyBytes: 11,
      bodyCut: false,
      headers: [
        ['content-type', 'application/json'],
        ['X-Hub-Signature-256', 'REDACTED'],
        ['authorization', 'REDACTED'],
      ],
    });
    expect(text).not.toMatch(/feed|Basic/);
  });

  it('cuts a large body', async () => {
    const body = new Uint8Array(300_000).fill(97);
    const inbox = { ...fakePorts().ports.inbox, get: async () => aDelivery({ body }) };
    const { json } = await setUp({ inbox }).get('/v1/deliveries/x');
    expect(json).toMatchObject({ bodyBytes: 300_000, bodyCut: true });
    expect((json as { body: string }).body).toHaveLength(262_144);
  });
});

describe('/v1/traces and /v1/stats', () => {
  it('pass on what is known', async () => {
    const { get, asked } = setUp();
    expect((await get('/v1/traces?function=hello&limit=2')).json).toMatchObject({ items: [{ traceId: TRACE_ID }] });
    expect(asked.traces).toEqual([{ function: 'hello', limit: 2, cursor: null }]);
    expect((await get(`/v1/traces/${TRACE_ID}`)).json).toEqual({ resourceSpans: [] });
    expect((await get('/v1/stats')).json).toEqual({ isolates: 2 });
  });
});

describe('the console page', () => {
  it('runs only its own script and style, allowed by hash, and loads nothing', async () => {
    const { text, headers } = await setUp().get('/', { headers: { authorization: '' } });
    expect(headers.get('content-type')).toMatch(/^text\/html/);
    const csp = headers.get('content-security-policy') ?? '';
    for (const [tag, directive] of [
      ['script', 'script-src'],
      ['style', 'style-src'],
    ] as const) {
      const inner = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(text)?.[1] ?? '';
      expect(inner.length).toBeGreaterThan(500);
      expect(csp).toContain(`${directive} 'sha256-${createHash('sha256').update(inner).digest('base64')}'`);
    }
    expect(csp).not.toMatch(/unsafe|\*|https?:/);
    expect(text).not.toMatch(/(src|href)="(https?:)?\/\/|\son\w+=|style="|innerHTML|localStorage|document\.cookie/);
  });
});
