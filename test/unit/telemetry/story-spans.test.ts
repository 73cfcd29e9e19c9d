import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { emptyResource } from '@opentelemetry/resources';
import { describe, expect, it } from 'vitest';
import type { SubrequestFacts } from '../../../src/contract/engine-port.ts';
import { isKept } from '../../../src/telemetry/keep.ts';
import { jsonSpan } from '../../../src/telemetry/otlp-json.ts';
import { storySpans } from '../../../src/telemetry/story-spans.ts';
import { aStory, SPAN_ID, STARTED_NS, type StoryChanges, TRACE_ID } from './story.ts';

const origin = { resource: emptyResource(), scope: { name: 'isolane' } };

function spansOf(changes: StoryChanges) {
  let next = 0;
  return storySpans(aStory(changes), origin, (++next).toString(16).padStart(16, '0'));
}

function rootOf(changes: StoryChanges) {
  const [root] = spansOf(changes);
  if (root === undefined) throw new Error('no span');
  return root;
}

function fetched(changes: Partial<SubrequestFacts> = {}): SubrequestFacts {
  return {
    spanId: 'c0ffee0000000001',
    method: 'GET',
    url: 'https://user:pw@api.example.com/v1/x?token=t0ps3cret',
    service: null,
    startedNs: STARTED_NS + 1000,
    endedNs: STARTED_NS + 90_000,
    status: 200,
    error: null,
    ...changes,
  };
}

describe('the merged SERVER span', () => {
  it('of a warm success is alone and says who, what and how much', () => {
    const spans = spansOf({});
    expect(spans).toHaveLength(1);
    const root = rootOf({});
    expect([root.name, root.kind, root.status.code]).toEqual([
      'GET /hello/:who',
      SpanKind.SERVER,
      SpanStatusCode.UNSET,
    ]);
    expect(root.spanContext()).toMatchObject({ traceId: TRACE_ID, spanId: SPAN_ID, traceFlags: 1 });
    expect(root.parentSpanContext).toBeUndefined();
    expect(root.attributes).toMatchObject({
      'http.request.method': 'GET',
      'http.route': '/hello/:who',
      'http.response.status_code': 200,
      'url.path': '/hello/you',
      'url.query': 'lang=en&sig=REDACTED',
      'url.scheme': 'http',
      'server.address': 'localhost',
      'server.port': 8787,
      'client.address': '203.0.113.9',
      'user_agent.original': 'curl/8',
      'faas.trigger': 'http',
      'faas.name': 'hello',
      'faas.version': '1',
      'faas.instance': 'i-7',
      'faas.max_memory': 134_217_728,
      'faas.invocation.id': '019aa000-0000-7000-8000-000000000001',
      'faas.coldstart': false,
      'isolane.outcome': 'ok',
      'isolane.billed_ms': 1,
      'isolane.cpu_ms': 0.3,
      'isolane.queue_ms': 0.1,
    });
    expect(root.attributes['error.type']).toBeUndefined();
  });

  it('runs from acceptance to settling, in time of day', () => {
    const span = jsonSpan(rootOf({}));
    const firstTurn = BigInt(Date.parse('2026-11-20T10:00:00.250Z')) * 1_000_000n;
    expect(span.startTimeUnixNano).toBe(String(firstTurn - 100_000n));
    expect(span.endTimeUnixNano).toBe(String(firstTurn + 500_000n));
    expect(span.kind).toBe(2);
  });

  it('crosses a second backwards', () => {
    const record = { startedAt: '2026-11-20T10:00:00.000Z' };
    const { startTime, duration } = rootOf({ record, invocation: { acceptedNs: STARTED_NS - 1 } });
    expect(startTime).toEqual([Date.parse('2026-11-20T09:59:59Z') / 1000, 999_999_999]);
    expect(duration).toEqual([0, 500_001]);
  });

  it.each([
    ['ok', 404, null, SpanStatusCode.UNSET],
    ['ok', 500, '500', SpanStatusCode.ERROR],
    ['cpu_exceeded', 503, 'cpu_exceeded', SpanStatusCode.ERROR],
    ['function_error', 200, 'function_error', SpanStatusCode.ERROR],
    ['payload_too_large', 413, 'payload_too_large', SpanStatusCode.UNSET],
    ['client_closed', 499, null, SpanStatusCode.UNSET],
  ] as const)('of %s %d: error.type %s', (outcome, status, type, code) => {
    const root = rootOf({ record: { outcome, status } });
    expect(root.attributes['error.type'] ?? null).toBe(type);
    expect(root.status.code).toBe(code);
  });

  it('carries the guest’s problem', () => {
    const problem = { name: 'TypeError', message: 'x is not a function', stack: 'TypeError: x\n at hello.ts:3:1' };
    const root = rootOf({ record: { outcome: 'function_error', status: 500 }, story: { problem } });
    expect(root.attributes).toMatchObject({
      'exception.type': 'TypeError',
      'exception.message': 'x is not a function',
      'exception.stacktrace': 'TypeError: x\n at hello.ts:3:1',
    });
    expect(root.status.message).toBe('TypeError: x is not a function');
  });

  it('continues a trusted parent and links a stranger', () => {
    const parent = rootOf({ trace: { parentSpanId: 'aaaaaaaaaaaaaaaa' } });
    expect(parent.parentSpanContext).toMatchObject({ spanId: 'aaaaaaaaaaaaaaaa', isRemote: true });
    const link = { traceId: 'f'.repeat(32), spanId: 'e'.repeat(16) };
    expect(rootOf({ trace: { link } }).links).toMatchObject([{ context: link }]);
  });

  it('keeps an unknown method out of name and method', () => {
    const http = { method: 'BREW', path: '/', query: '', scheme: 'http', host: '', userAgent: '' } as const;
    const root = rootOf({ invocation: { http, clientAddress: '' } });
    expect(root.name).toBe('HTTP /hello/:who');
    expect(root.attributes).toMatchObject({ 'http.request.method': '_OTHER', 'http.request.method_original': 'BREW' });
    for (const absent of ['url.query', 'server.address', 'user_agent.original', 'client.address']) {
      expect(root.attributes).not.toHaveProperty([absent]);
    }
  });
});

describe('other triggers', () => {
  it('a webhook attempt is a CONSUMER root with a link', () => {
    const webhook = {
      endpoint: 'github',
      provider: 'github',
      deliveryId: 'd-1',
      dedupKey: 'k',
      attempt: 2,
      receivedAt: '2026-11-20T09:00:00.000Z',
      keyId: 'k1',
    };
    const link = { traceId: 'f'.repeat(32), spanId: 'e'.repeat(16) };
    const record = { trigger: 'webhook', source: 'github', attempt: 2, status: 404 } as const;
    const root = rootOf({ record, invocation: { webhook, http: null }, trace: { link } });
    expect([root.name, root.kind, root.status.code]).toEqual([
      'process github',
      SpanKind.CONSUMER,
      SpanStatusCode.ERROR,
    ]);
    expect(root.links).toHaveLength(1);
    expect(root.parentSpanContext).toBeUndefined();
    expect(root.attributes).toMatchObject({
      'faas.trigger': 'pubsub',
      'messaging.system.name': 'isolane',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'github',
      'messaging.message.id': 'd-1',
      'isolane.attempt': 2,
      'error.type': '404',
    });
    expect(rootOf({ record: { ...record, status: 410 }, invocation: { webhook, http: null } }).status.code).toBe(0);
  });

  it('a cron run is named by its function and says its schedule', () => {
    const event = { kind: 'scheduled', cron: '*/5 * * * *', scheduledEpochMs: 1_763_632_800_000 } as const;
    const root = rootOf({
      record: { trigger: 'cron', source: '*/5 * * * *', status: 0 },
      invocation: { event, http: null },
    });
    expect(root.name).toBe('hello');
    expect(root.attributes).toMatchObject({
      'faas.trigger': 'timer',
      'faas.cron': '*/5 * * * *',
      'faas.invocation.start_time': '2025-11-20T10:00:00.000Z',
    });
  });
});

describe('children', () => {
  it('isolate.init ends where the first turn begins', () => {
    const [root, init] = spansOf({ record: { cold: true, initNs: 3_000_000 } });
    expect(init).toMatchObject({ name: 'isolate.init', kind: SpanKind.INTERNAL, duration: [0, 3_000_000] });
    expect(init?.parentSpanContext?.spanId).toBe(SPAN_ID);
    expect(init?.endTime).toEqual([root?.startTime[0], (root?.startTime[1] ?? 0) + 100_000]);
  });

  it('a fetch is a CLIENT span without the secrets of its URL', () => {
    const [, client] = spansOf({ story: { subrequests: [fetched()] } });
    expect(client).toMatchObject({ name: 'GET', kind: SpanKind.CLIENT, status: { code: 0 } });
    expect(client?.spanContext().spanId).toBe('c0ffee0000000001');
    expect(client?.attributes).toMatchObject({
      'url.full': 'https://api.example.com/v1/x?token=REDACTED',
      'server.address': 'api.example.com',
      'server.port': 443,
      'http.response.status_code': 200,
    });
    expect(JSON.stringify(client?.attributes)).not.toMatch(/t0ps3cret|pw/);
  });

  it('a failed fetch has a short error.type and a redacted description', () => {
    const error = 'connect failed to https://u:pw@db.example.com/?key=abc';
    const [, client] = spansOf({ story: { subrequests: [fetched({ status: 0, error })] } });
    expect(client?.attributes['error.type']).toBe('_OTHER');
    expect(client?.attributes).not.toHaveProperty(['http.response.status_code']);
    expect(client?.status.message).toBe('connect failed to https://db.example.com/?key=REDACTED');
    const [, refused] = spansOf({ story: { subrequests: [fetched({ status: 0, error: 'ECONNREFUSED' })] } });
    expect(refused?.attributes['error.type']).toBe('ECONNREFUSED');
    const [, missing] = spansOf({ story: { subrequests: [fetched({ status: 404 })] } });
    expect([missing?.attributes['error.type'], missing?.status.code]).toEqual(['404', SpanStatusCode.ERROR]);
  });

  it('a service call names the function', () => {
    const [, client] = spansOf({ story: { subrequests: [fetched({ service: 'users', url: 'http://users/x' })] } });
    expect(client?.name).toBe('users');
    expect(client?.attributes).toMatchObject({ 'faas.invoked_name': 'users', 'faas.invoked_provider': 'isolane' });
    expect(client?.attributes).not.toHaveProperty(['server.address']);
  });
});

it('a limit nearly or wholly used is an event with its figures', () => {
  const limits = [{ limit: 'cpuMs', used: 900, allowed: 1000, reached: false }] as const;
  const [root] = storySpans(aStory({ story: { limits } }), origin, 'c'.repeat(16));
  expect(root?.events).toMatchObject([
    {
      name: 'isolane.limit.warning',
      attributes: { 'isolane.limit': 'cpuMs', 'isolane.limit.used': 900, 'isolane.limit.allowed': 1000 },
    },
  ]);
});

describe('what is kept', () => {
  it.each([
    ['a plain call', {}, false],
    ['a sampled one', { trace: { sampled: true } }, true],
    ['a cold start', { record: { cold: true } }, true],
    ['an error', { record: { outcome: 'crashed', status: 502 } }, true],
    ['a 500 of the function', { record: { status: 500 } }, true],
    ['a 404 of the function', { record: { status: 404 } }, false],
    ['a warning', { story: { limits: [{ limit: 'cpuMs', used: 900, allowed: 1000, reached: false }] } }, true],
    ['a slow call', { story: { endedNs: STARTED_NS + 1_000_000_000 } }, true],
    ['a client that went away', { record: { outcome: 'client_closed', status: 499 } }, false],
  ] as const)('%s', (_what, changes, kept) => {
    expect(isKept(aStory(changes as StoryChanges))).toBe(kept);
  });
});
