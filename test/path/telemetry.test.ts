/** From a settled invocation to a collector: a real OTLP receiver on a free port, the exporters of the SDK, real JSON. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createTelemetry, formatTraceparent, type Telemetry } from '../../src/telemetry/telemetry.ts';
import { aStory, aVersion, SPAN_ID, STARTED_NS, TRACE_ID } from '../unit/telemetry/story.ts';

interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

interface Attribute {
  readonly key: string;
  readonly value: Record<string, unknown>;
}

interface Span {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code?: number };
}

const open: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function receiver(status = 200): Promise<{ readonly url: string; readonly received: Received[] }> {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const whole = Buffer.concat(chunks);
      const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole;
      received.push({ path: request.url ?? '', headers: request.headers, body: JSON.parse(text.toString()) });
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

async function started(env: Record<string, string>, said: string[] = []): Promise<Telemetry> {
  const warn = (sentence: string) => said.push(sentence);
  const options = { env, sampleRatio: 1, serviceVersion: '1.2.3', hostId: 'host-1', now: Date.now, warn };
  const telemetry = createTelemetry(options);
  await telemetry.start();
  return telemetry;
}

function spansOf(received: readonly Received[]): readonly Span[] {
  return received
    .filter(({ path }) => path === '/v1/traces')
    .flatMap(({ body }) => (body as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}

function attribute(attributes: readonly Attribute[], key: string): unknown {
  const value = attributes.find((one) => one.key === key)?.value;
  return value === undefined ? undefined : Object.values(value)[0];
}

describe('OTLP export', () => {
  it('delivers the merged SERVER span with its cold start and its fetch, and nothing else', async () => {
    const { url, received } = await receiver();
    const telemetry = await started({
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=k%201',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_SERVICE_NAME: 'edge',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    });
    const fetched = {
      spanId: 'c0ffee0000000001',
      method: 'POST',
      url: 'https://api.example.com/x',
      service: null,
      startedNs: STARTED_NS + 1000,
      endedNs: STARTED_NS + 2000,
      status: 201,
      error: null,
    };
    // Not sampled: kept because it was cold, and sent although its head decision said no.
    telemetry.settled(aStory({ record: { cold: true, initNs: 3_000_000 }, story: { subrequests: [fetched] } }));
    telemetry.settled(aStory({ record: { invocationId: 'unsampled' } }));
    await telemetry.shutdown(5000);

    const spans = spansOf(received);
    expect(spans.map((span) => [span.name, span.kind])).toEqual([
      ['GET /hello/:who', 2],
      ['isolate.init', 1],
      ['POST', 3],
    ]);
    const [server, init, client] = spans;
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([TRACE_ID]));
    expect([server?.spanId, init?.parentSpanId, client?.parentSpanId]).toEqual([SPAN_ID, SPAN_ID, SPAN_ID]);
    expect(server?.parentSpanId ?? '').toBe('');
    expect(attribute(server?.attributes ?? [], 'faas.coldstart')).toBe(true);
    expect(Number(BigInt(init?.endTimeUnixNano ?? 0) - BigInt(init?.startTimeUnixNano ?? 0))).toBe(3_000_000);

    const request = received.find(({ path }) => path === '/v1/traces');
    expect(request?.headers).toMatchObject({ 'x-key': 'k 1', 'content-encoding': 'gzip' });
    const body = request?.body as { resourceSpans: { resource: { attributes: Attribute[] } }[] } | undefined;
    const resource = body?.resourceSpans[0]?.resource.attributes ?? [];
    expect(attribute(resource, 'service.name')).toBe('edge');
    expect(attribute(resource, 'service.instance.id')).toBe('host-1');
    expect(attribute(resource, 'deployment.environment.name')).toBe('test');
  });

  it('delivers metrics of all invocations, sampled or not', async () => {
    const { url, received } = await receiver();
    const telemetry = await started({ OTEL_EXPORTER_OTLP_ENDPOINT: url });
    for (let n = 0; n < 4; n++) telemetry.settled(aStory());
    telemetry.shed(aVersion(), 'throttled');
    await telemetry.shutdown(5000);
    expect(spansOf(received)).toEqual([]);
    type Metric = { name: string; sum?: { dataPoints: { asInt?: number; asDouble?: number }[] } };
    const metrics = received
      .filter(({ path }) => path === '/v1/metrics')
      .flatMap(({ body }) => (body as { resourceMetrics: { scopeMetrics: { metrics: Metric[] }[] }[] }).resourceMetrics)
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    const counts = (name: string) => {
      const [point] = metrics.findLast((metric) => metric.name === name)?.sum?.dataPoints ?? [];
      return point?.asInt ?? point?.asDouble;
    };
    expect(counts('faas.invocations')).toBe(4);
    expect(counts('isolane.shed')).toBe(1);
    expect(metrics.map((metric) => metric.name)).toContain('http.server.request.duration');
  });

  it('links each webhook attempt to its receipt', async () => {
    const { url, received } = await receiver();
    const telemetry = await started({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/traces` });
    const trace = telemetry.seed({ traceparent: null, trusted: false });
    const http = {
      method: 'POST',
      path: '/hooks/gh',
      query: '',
      scheme: 'http',
      host: 'h',
      userAgent: 'GitHub',
    } as const;
    telemetry.receipt({
      endpoint: 'gh',
      provider: 'github',
      deliveryId: 'd-1',
      duplicateOf: null,
      trace,
      http,
      clientAddress: '192.0.2.1',
      status: 202,
      bodyBytes: 17,
      receivedEpochMs: Date.now(),
      startedNs: 0,
      endedNs: 1_000_000,
    });
    const seed = telemetry.seed({ traceparent: formatTraceparent(trace), trusted: false, ours: true });
    const webhook = {
      endpoint: 'gh',
      provider: 'github',
      deliveryId: 'd-1',
      dedupKey: 'k',
      attempt: 1,
      receivedAt: '2026-11-20T10:00:00.000Z',
      keyId: 'k1',
    };
    const record = { trigger: 'webhook', source: 'gh', traceId: seed.traceId } as const;
    telemetry.settled(aStory({ record, trace: seed, invocation: { webhook, http: null } }));
    await telemetry.shutdown(5000);

    const [producer, consumer, ...more] = spansOf(received);
    expect(more).toEqual([]);
    expect([producer?.name, producer?.kind]).toEqual(['send gh', 4]);
    expect([consumer?.name, consumer?.kind]).toEqual(['process gh', 5]);
    expect(consumer?.traceId).not.toBe(producer?.traceId);
    expect(consumer?.links).toMatchObject([{ traceId: producer?.traceId, spanId: producer?.spanId }]);
    expect(received.some(({ path }) => path === '/v1/metrics')).toBe(false);
  });

  it('is off without an endpoint, while the own store keeps working', async () => {
    const said: string[] = [];
    const telemetry = await started({}, said);
    telemetry.settled(aStory({ record: { cold: true } }));
    expect(telemetry.recent.trace(TRACE_ID)).not.toBeNull();
    await telemetry.shutdown(5000);
    expect(said).toEqual([]);
  });

  it('that fails is said once and disturbs nobody', async () => {
    const { url } = await receiver(400);
    const said: string[] = [];
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/traces`, OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1' };
    const telemetry = await started(env, said);
    for (let n = 0; n < 3; n++) telemetry.settled(aStory({ record: { cold: true } }));
    expect(telemetry.recent.trace(TRACE_ID)).not.toBeNull();
    await telemetry.shutdown(5000);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(`Telemetry export of traces to ${url} failed`);
  });

  it('gives up flushing at its deadline', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    open.push(() => {
      silent.closeAllConnections();
      silent.close();
    });
    const said: string[] = [];
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/v1/traces`;
    const telemetry = await started({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url }, said);
    telemetry.settled(aStory({ record: { cold: true } }));
    await telemetry.shutdown(50);
    expect(said).toEqual(['Telemetry was not all exported within 50 ms of shutting down; the rest is dropped.']);
  });
});
